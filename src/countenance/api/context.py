"""One request of a program: who asks, in what bounds, and calling the home for them.

By an access key in the Authorization header; or, for our own pages, by the session's cookie, and then a write carries
the form token that no other site can know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, ParamSpec, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from countenance.app.access.identity import Right, Who, WhoKind
from countenance.app.home import Home
from countenance.errors import NotAllowed, NotFound, SignInNeeded
from countenance.http import authentication
from countenance.http.context import Service, service_of
from countenance.http.csrf import SAFE, check_form_token, refuse_other_sites
from countenance.http.rates import RateLimit
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy

P = ParamSpec("P")
T = TypeVar("T")

BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="access key",
    description="The token of an access key, as `countenance key add` prints it: its ID, a full stop, its secret.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ApiContext:
    """A request whose asker is known."""

    service: Service
    who: Who

    @property
    def home(self) -> Home:
        """The home that is served."""
        return self.service.home

    async def call(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """An act of the home's, in a thread."""
        return await self.service.call(act, *args, **kwargs)

    def bound(self, purpose: str | None, case: str | None, client: str | None) -> dict[str, str | None]:
        """What is searched for, with what the key adds. Raises NotAllowed: it names another than the key is for."""
        bound, said = self.who.binding, {"purpose": purpose, "case": case, "client": client}
        return {name: _narrowed(name, getattr(bound, name), value) for name, value in said.items()}

    def source(self, name: str) -> Source:
        """The source of that name. Raises NotFound: there is none, or it is none of this key's."""
        if self.who.binding.source not in {None, name}:
            raise NotFound(f"there is no source {name!r}", Remedy.LIST_SOURCES)
        return self.home.source(name)


def _narrowed(what: str, bound: str | None, said: str | None) -> str | None:
    if bound is not None and said not in {None, bound}:
        raise NotAllowed(f"this key is bound to another {what}", Remedy.OMIT_FIELD, field=what)
    return said if bound is None else bound


async def known(request: Request) -> ApiContext:
    """The request with its asker. Raises: SignInNeeded, TooMany; NotAllowed: another site's form."""
    if (found := getattr(request.state, "ask", None)) is not None:
        return found  # type: ignore[no-any-return]  # set below
    service = service_of(request)
    if "authorization" in request.headers:
        who = await _by_key(request, service)
    else:
        service.rates.take(RateLimit.PAGES, authentication.address(request))
        who = await authentication.signed_in(request)
        if who.kind is WhoKind.NOBODY:
            raise SignInNeeded("this needs an access key", Remedy.SIGN_IN)
        refuse_other_sites(request)
        if request.method not in SAFE:
            check_form_token(request, request.headers.get(authentication.FORM_HEADER, ""))
    request.state.who = str(who.kind)
    request.state.ask = ApiContext(service, who)
    return request.state.ask  # type: ignore[no-any-return]  # just set


async def _by_key(request: Request, service: Service) -> Who:
    scheme, _, token = request.headers["authorization"].partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise SignInNeeded("only access keys are accepted here", Remedy.SIGN_IN)
        who = await service.call(service.home.access_keys.bearer, token.strip())
    except SignInNeeded:
        service.rates.take(RateLimit.PAGES, authentication.address(request))
        raise
    service.rates.take(RateLimit.PROGRAM, who.id)
    return who


def may(right: Right, *others: Right) -> Any:
    """A dependency: the asker, who has this right, or one of the others."""

    async def allowed(request: Request, _key: Annotated[object, Depends(BEARER)]) -> ApiContext:
        ask = await known(request)
        if not any(map(ask.who.may, others)):
            ask.who.require(right)
            if right is Right.MANAGE and ask.who.binding.source is not None:
                raise NotAllowed("a key that is bound to a source manages nothing else", Remedy.USE_ANOTHER_KEY)
        return ask

    return Depends(allowed)
