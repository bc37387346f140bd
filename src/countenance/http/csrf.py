"""Whether a browser sent a request from our own pages: the defence against forged requests (CSRF) and rebound names.

Three things hold together: the cookie is SameSite=Lax; a browser says where a request comes from (Sec-Fetch-Site, W3C
Fetch Metadata; else Origin, RFC 6454); a form of somebody signed in carries a token that no other site can know.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from countenance.errors import NotAllowed
from countenance.http.authentication import session_token
from countenance.http.context import service_of
from countenance.remedies import Remedy

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 section 9.2.1


def refuse_other_sites(connection: HTTPConnection) -> None:
    """Raises NotAllowed: another site made the browser send this."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site in {"same-origin", "none"}:
            return
    else:
        origin = connection.headers.get("origin")
        if origin is None or urlsplit(origin).netloc == connection.headers.get("host"):
            return
    raise NotAllowed("this was sent from another site", Remedy.RELOAD_PAGE)


def check_form_token(connection: HTTPConnection, said: str) -> None:
    """Raises NotAllowed: the form is not from a page of this session."""
    token = session_token(connection)
    wanted = "" if token is None else service_of(connection).home.sign_in.form_token(token)
    if not wanted or not hmac.compare_digest(wanted.encode(), said.encode("utf-8", "surrogatepass")):
        raise NotAllowed("this form is from another session", Remedy.RELOAD_PAGE)
