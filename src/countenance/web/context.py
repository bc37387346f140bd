"""One request for a page: who asks, what they sent, how they are answered. Every handler gets a `PageContext`."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import quote, unquote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from countenance.app.access.identity import NOBODY, Right, Who, WhoKind
from countenance.app.home import Home
from countenance.errors import CountenanceError
from countenance.http import authentication
from countenance.http.context import Service, service_of
from countenance.http.csrf import SAFE, check_form_token, refuse_other_sites
from countenance.http.forms import read_file, read_form
from countenance.http.problems import headers_of, status_of
from countenance.http.rates import RateLimit
from countenance.remedies import Remedy
from countenance.web.remedies import door
from countenance.web.render import render
from countenance.web.texts import chosen, translations

P = ParamSpec("P")
T = TypeVar("T")
_SAID: Final = "countenance-said"


@dataclass(slots=True)
class PageContext:
    """A request, read."""

    request: Request
    service: Service
    who: Who
    public: bool = False  # whether the page is for those who have no account, whoever opens it
    form: FormData = field(default_factory=FormData)

    @property
    def home(self) -> Home:
        """The home that is served."""
        return self.service.home

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of a page, to put it in place."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def language(self) -> str:
        """As the browser prefers, of those that there are."""
        return chosen(self.request.headers.get("accept-language", ""))

    def text(self, english: str) -> str:
        """A text of the code's, in the reader's language."""
        return translations(self.language).gettext(english)

    async def call(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """An act of the home's, in a thread."""
        return await self.service.call(act, *args, **kwargs)

    def param(self, name: str) -> str:
        """A part of the page's address, by its name in the route."""
        return str(self.request.path_params[name])

    @property
    def id(self) -> str:
        """The id in the page's address."""
        return self.param("id")

    def number(self, name: str, *, most: int) -> int | None:
        """A whole number from 0 to `most`, of the form or the query; None: it is absent or something else."""
        found = self.field(name) or self.request.query_params.get(name, "")
        number = int(found) if found.isascii() and found.isdecimal() and len(found) <= len(str(most)) else None
        return number if number is not None and number <= most else None

    def field(self, name: str) -> str | None:
        """A field of the form, trimmed; None: empty or absent."""
        found = self.form.get(name)
        return (found.strip() or None) if isinstance(found, str) else None

    async def file(self, name: str, *, max_bytes: int) -> bytes:
        """The bytes of a file of the form; b"" if none was chosen. Raises BodyRefused."""
        return await read_file(self.form, name, max_bytes=max_bytes)

    def page(
        self,
        template: str,
        /,
        *,
        error: CountenanceError | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """The template, in the frame that all pages share; an error sets headers and, without `status`, the status."""
        token = authentication.session_token(self.request)
        said = self.request.cookies.get(_SAID)
        frame_values = {
            "ask": self,
            "who": self.who,
            "home": self.home,
            "path": self.request.url.path,
            "may": lambda right: self.who.may(Right(right)),
            "form_token": self.home.sign_in.form_token(token) if token and self.who.kind is not WhoKind.NOBODY else "",
            "said": unquote(said) if said else "",
        }
        if error is not None:
            status, headers = int(status_of(error)) if status is None else status, headers_of(error)
        values |= {**frame_values, "error": error}
        answer = HTMLResponse(render(template, self.language, values), status or 200, headers)
        answer.headers["content-language"] = self.language
        answer.headers["vary"] = "Accept-Language, Cookie, HX-Request"
        if said:
            answer.delete_cookie(_SAID, path="/", httponly=True, samesite="lax", secure=self.service.secure)
        return answer

    def worded(self, error: CountenanceError | Mapping[str, Any]) -> dict[str, Any]:
        """The error, or the facts of one that were kept, as the page tells them: `message`, `hint`, `partly`.

        Public pages and those who are not signed in tell nothing of the machine: the message of a failure may name a
        database.
        """
        facts = dict(error.as_dict() if isinstance(error, CountenanceError) else error)
        signed_in = self.who.kind is not WhoKind.NOBODY and not self.public
        if isinstance(error, CountenanceError):
            facts["partly"] = error.partly and self.request.method not in SAFE
            if not signed_in and int(status_of(error)) >= HTTPStatus.INTERNAL_SERVER_ERROR:
                facts |= {"message": self.text("this can't be done now"), "remedy": Remedy.TRY_AGAIN_LATER}
        if facts.get("partly"):
            facts["partly"] = self.text("Part of it may have been done. Open the page again to see the result.")
        return door(self.language, signed_in=signed_in).document(facts)

    def go(self, url: str, said: str = "") -> Response:
        """On to another page of ours, which says `said` once. 303: the form is not sent again by going back."""
        answer = RedirectResponse(url, 303)
        if said:
            answer.set_cookie(_SAID, quote(said), max_age=60, path="/", httponly=True, samesite="lax",
                              secure=self.service.secure)  # fmt: skip
        return answer


def download(data: bytes | str | Iterable[str] | AsyncIterable[bytes], name: str, media_type: str) -> Response:
    """A file that a browser saves under `name` (RFC 6266, RFC 8187); what can be iterated is sent as it is made."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    saved_as = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    headers = {"content-disposition": saved_as}
    if isinstance(data, bytes | str):
        return Response(data, media_type=media_type, headers=headers)
    return StreamingResponse(data, media_type=media_type, headers=headers)


Handler = Callable[[PageContext], Awaitable[Response]]
ErrorPage = Callable[[PageContext, CountenanceError], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def page(
    right: Right | None, *, rate: RateLimit = RateLimit.PAGES, max_files: int = 16, refused: ErrorPage | None = None
) -> Callable[[Handler], Endpoint]:
    """A handler of pages, behind: the rate; who asks; their right (None: anybody); our own forms alone.

    refused: the page that shows an error of the handler's; by default a page of its own.
    """

    def wrap(handler: Handler) -> Endpoint:
        @functools.wraps(handler)
        async def answer(request: Request) -> Response:
            service = service_of(request)
            ask = PageContext(request, service, NOBODY, public=right is None)
            try:
                service.rates.take(RateLimit.PAGES, authentication.address(request))
                if rate is not RateLimit.PAGES and request.method not in SAFE:
                    service.rates.take(rate, authentication.address(request))
                ask.who = await authentication.signed_in(request)
                request.state.who = str(ask.who.kind)
                if right is not None and ask.who.kind is WhoKind.NOBODY and request.method in SAFE:
                    return _sign_in_first(request)
                if right is not None:
                    ask.who.require(right)
                if request.method not in SAFE:
                    refuse_other_sites(request)
                    ask.form = await read_form(request, max_files=max_files)
                    if ask.who.kind is not WhoKind.NOBODY:
                        token = ask.form.get(authentication.FORM_FIELD)
                        said = token if isinstance(token, str) else request.headers.get(authentication.FORM_HEADER, "")
                        check_form_token(request, said)
                try:
                    return await handler(ask)
                except CountenanceError as error:
                    if refused is None:
                        raise
                    return await refused(ask, error)
            except CountenanceError as error:
                return error_page(ask, error)
            finally:
                await ask.form.close()  # its files

        return answer

    return wrap


def error_page(ask: PageContext, error: CountenanceError) -> Response:
    """The error, as a page or as the part of one that htmx puts in place: what happened, and the way out."""
    template = "part_error.html.jinja" if ask.partial else "error.html.jinja"
    return ask.page(template, error=error)


def _sign_in_first(request: Request) -> Response:
    path = request.url.path
    return RedirectResponse("/sign-in" if path == "/" else f"/sign-in?next={quote(path)}", 303)


def own_path(said: str | None) -> str:
    """A path of ours to go on to; "/" for whatever else is said, so that no link leads elsewhere through us."""
    if not said or not said.startswith("/") or said.startswith("//") or "\\" in said or not said.isprintable():
        return "/"
    return said
