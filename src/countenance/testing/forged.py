"""Permits that every seam must refuse, and one that it must accept."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from countenance import permits
from countenance.permits import Act, Permit

DUPLICATES: Final[dict[str, Callable[[Permit], Any]]] = {
    "copied": copy.copy,
    "deeply copied": copy.deepcopy,
    "pickled": lambda permit: pickle.loads(pickle.dumps(permit)),  # noqa: S301  our own bytes
}


def live(act: Act, classes: Iterable[int] = ()) -> Permit:
    """A permit as policy would mint it."""
    return permits.mint(act=act, classes=frozenset(classes), log_entry="test", reasons=("test",))


def refused(act: Act, classes: Iterable[int] = ()) -> dict[str, Any]:
    """What is wrong with it -> the permit, for each way of having none that allows `act`."""
    genuine = live(act, classes)
    fields = {name: getattr(genuine, name) for name in ("act", "classes", "log_entry", "reasons", "expires_s")}
    wrong: dict[str, Any] = {
        "none": None,
        "a word": str(act),
        "hand-made": Permit(**fields),
        "expired": permits.mint(act=act, classes=genuine.classes, log_entry="test", reasons=(), term_s=0),
        **{f"to {other}": live(other, classes) for other in Act if other != act},
    }
    for way, duplicate in DUPLICATES.items():
        with suppress(AttributeError, TypeError):  # it can't even be made
            wrong[way] = duplicate(genuine)
    return wrong
