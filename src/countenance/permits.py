"""The permit: one act allowed, by policy, for a minute.

A permit is known by identity, not by content: `mint` remembers the object it made, and `require` accepts that very
object and no other. A hand-made, copied, unpickled, expired or wrong-act permit is therefore refused, without secrets
and without signatures. This keeps honest code honest inside one process; it is no defence against code that rewrites
this module (docs/threat-model.md says what is).

Only `countenance.policy` may call `mint`; `tests/test_architecture.py` reads the source to hold that.
"""

from __future__ import annotations

import time
import weakref
from enum import StrEnum
from typing import Final, NoReturn, final

from countenance.errors import PermitRefused
from countenance.remedies import Remedy

PERMIT_TERM_S: Final = 60.0  # docs/design.md: a permit lives a minute


class Act(StrEnum):
    """What a permit can allow. A closed list."""

    COLLECT = "collect"
    EMBED = "embed"
    SEARCH = "search"
    GROUP = "group"
    SUBJECT_CHECK = "subject_check"
    SUPPRESSION_CHECK = "suppression_check"


EMBEDDING_ACTS: Final = frozenset({Act.EMBED, Act.SEARCH, Act.SUBJECT_CHECK, Act.SUPPRESSION_CHECK})


@final
class Permit:
    """The decision that allows one act. Immutable; valid only as the very object that policy handed out.

    act:         the act allowed.
    classes:     frozenset[int], the policy classes that may be collected, embedded or searched.
    log_entry:   opaque id of the durable log entry that holds the decision.
    reasons:     the names of the rules that permitted it.
    expires_s:   time.monotonic() after which it is refused.
    """

    __slots__ = ("__weakref__", "act", "classes", "expires_s", "log_entry", "reasons")

    act: Act
    classes: frozenset[int]
    log_entry: str
    reasons: tuple[str, ...]
    expires_s: float

    def __init__(
        self, *, act: Act, classes: frozenset[int], log_entry: str, reasons: tuple[str, ...], expires_s: float
    ) -> None:
        for name, value in (
            ("act", act), ("classes", classes), ("log_entry", log_entry), ("reasons", reasons), ("expires_s", expires_s)
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a permit does not change after birth ({name})")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a permit does not change after birth ({name})")

    def __repr__(self) -> str:
        return f"Permit({self.act}, {len(self.classes)} classes, log entry {self.log_entry})"


_minted: weakref.WeakValueDictionary[int, Permit] = weakref.WeakValueDictionary()


def mint(
    *, act: Act, classes: frozenset[int], log_entry: str, reasons: tuple[str, ...], term_s: float = PERMIT_TERM_S
) -> Permit:
    """A live permit. For `countenance.policy` alone, after the decision is durably logged."""
    permit = Permit(act=act, classes=classes, log_entry=log_entry, reasons=reasons, expires_s=time.monotonic() + term_s)
    _minted[id(permit)] = permit
    return permit


def require(permit: object, *acts: Act) -> Permit:
    """The same permit, now known to be live and for one of `acts`.

    Raises:
        PermitRefused: not a Permit, not minted by policy, for another act, or older than its term.
    """
    if not isinstance(permit, Permit) or _minted.get(id(permit)) is not permit:
        raise PermitRefused("no permit, no call: this permit was not minted by policy", Remedy.MAKE_PERMIT)
    if permit.act not in acts:
        raise PermitRefused(f"a permit to {permit.act} does not allow to {' or '.join(acts)}")
    if time.monotonic() >= permit.expires_s:
        raise PermitRefused(f"the permit to {permit.act} has expired", Remedy.MAKE_PERMIT)
    return permit
