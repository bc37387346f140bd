"""Who is this, and what may they do: the one place that answers it, whichever door they come through.

A door turns a cookie, a key or a link into a `Who` (app/access/sign_in.py, app/access/access_keys.py) and asks it for
a right before it calls the home. That is about persons and programs; what the law and a grant allow is decided
afterwards, by the gates, whoever asks. Seats and roles of clients join here: a role is a set of rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countenance.errors import NotAllowed, SignInNeeded
from countenance.remedies import Remedy


class Right(StrEnum):
    """A right at the service, from a closed list."""

    SEARCH = "search"  # detect, compare, search; see leads and the pictures that they are in
    COLLECT = "collect"  # sources and their grants, ingest, uploads, guest links
    PEOPLE = "people"  # group, name, merge and split persons
    ERASE = "erase"  # erasure, retention
    REQUESTS = "requests"  # answer what pictured people ask for
    ORDERS = "orders"  # draft, simulate, apply, lift
    OVERSEE = "oversee"  # log, receipts, status: reads, changes nothing
    MANAGE = "manage"  # access keys, accounts, clients, models


class WhoKind(StrEnum):
    """By what one is known."""

    OWNER = "owner"  # signed in
    KEY = "key"  # a program's access key
    NOBODY = "nobody"  # anyone at all: what is public takes no right


@dataclass(frozen=True, slots=True)
class Binding:
    """What an access key adds to whatever its program asks, since its protocol has no words for it."""

    source: str | None = None  # name of the source under whose grant it indexes
    purpose: str | None = None
    client: str | None = None  # name of the client that it searches for; None: the operator
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Who:
    """One asker. `id` is opaque and may stand in the audit log; `name` is for the page's corner alone."""

    kind: WhoKind
    id: str
    name: str
    rights: frozenset[Right]
    binding: Binding = Binding()

    def may(self, right: Right) -> bool:
        """Whether this asker has that right."""
        return right in self.rights

    def require(self, right: Right) -> None:
        """Raises: SignInNeeded: nobody asks; NotAllowed: somebody without this right."""
        if self.may(right):
            return
        if self.kind is WhoKind.NOBODY:
            raise SignInNeeded("this needs an account or an access key", Remedy.SIGN_IN)
        raise NotAllowed(f"this {self.kind} does not have the right {right}", Remedy.ASK_KEY_MANAGER)


NOBODY: Final = Who(WhoKind.NOBODY, "nobody", "", frozenset())
EVERYTHING: Final = frozenset(Right)
