"""What every request of one worker process shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection

from countenance.app.home import Home
from countenance.app.settings import core_count
from countenance.http.rates import Rates

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE_A_CORE = 4  # calls of the home under way: two compute, the others wait for a disk or a decoder


@dataclass(frozen=True, slots=True)
class Service:
    """One home at one address, as one worker process serves it."""

    home: Home
    secure: bool  # reached by TLS: cookies are marked so
    rates: Rates
    _seats: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(AT_ONCE_A_CORE * core_count()))

    async def call(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`act`, in a thread: the home's calls block. More than a few wait for a seat, in order."""
        return await to_thread.run_sync(lambda: act(*args, **kwargs), limiter=self._seats)


def service_of(connection: HTTPConnection) -> Service:
    """The service that this request reached."""
    return cast("Service", connection.scope["state"]["service"])
