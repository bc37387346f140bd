"""Every error that Countenance raises on purpose.

A denial, a bug and bad luck are different types, because callers act differently on each. `message` names the thing
and the reason, in the library's terms; `remedy` is how to go on and `field` the parameter that it is about, which each
door words in its own way (remedies.py). `kind` is the stable word that programs compare; `exit_code` is what the
command line returns for it:

    1 failed (bad luck: storage, log, damage)      2 wrong use         3 refused by policy        4 not found
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from countenance.remedies import LIBRARY, Remedy

_Box: TypeAlias = tuple[float, float, float, float]  # types.Box; this file imports nothing of ours but the remedies


class CountenanceError(Exception):
    """Base of all errors raised on purpose; never raised itself."""

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    partly: bool = False  # whether something may have been done before it failed

    def __init__(
        self,
        message: str,
        remedy: Remedy | None = None,
        *,
        field: str = "",
        values: Sequence[object] = (),
        path: str | os.PathLike[str] | None = None,
        partly: bool | None = None,
    ) -> None:
        """Makes the error.

        Args: message: the thing and the reason, without a flag, a command or a path of this machine; remedy: how to go
        on; field: the parameter that it is about, as the library names it;
        values: what is accepted, or what the remedy acts on; path: the file or folder that it is about, which only the
        library and the command line show; partly: whether something may have been done, by default as the class says.
        """
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.field = field
        self.values = tuple(map(str, values))
        self.path = "" if path is None else os.fspath(path)
        if partly is not None:
            self.partly = partly

    @property
    def hint(self) -> str:
        """How to go on, as a user of the library does."""
        return LIBRARY.hint(self.as_dict())

    def __str__(self) -> str:
        """What happened, where, and how to go on, as a user of the library reads it."""
        where = f" ({self.path})" if self.path else ""
        return f"{self.message}{where}" + (f"; {hint}" if (hint := self.hint) else "")

    def as_dict(self) -> dict[str, Any]:
        """The facts that a door words: what is empty is left out. Safe to store as JSON."""
        facts = {
            "kind": self.kind, "message": self.message, "remedy": self.remedy and str(self.remedy),
            "field": self.field, "values": list(self.values), "path": self.path, "partly": self.partly,
        }  # fmt: skip
        return {name: value for name, value in facts.items() if value or name == "message"}


def reason_of(error: Exception) -> str:
    """Why it failed, without a path of this machine and without a way out: for the message of another error."""
    if isinstance(error, CountenanceError):
        return error.message
    return (isinstance(error, OSError) and error.strerror) or str(error)


# --- 1: it should have worked, and did not ---------------------------------------------------------------------------
class StorageFailed(CountenanceError):
    """A disk, database or file could not be read or written (full, read-only, damaged)."""

    kind = "storage_failed"
    partly = True


class LogUnwritable(StorageFailed):
    """The audit log could not be written, so the step that it was to record was not done."""

    kind = "log_unwritable"


class LogBroken(CountenanceError):
    """`log verify` found an entry that does not fit; the message names the first one."""

    kind = "log_broken"


class BackupBroken(CountenanceError):
    """A backup is cut off, changed, of another home, or does not hold what a home needs."""

    kind = "backup_broken"


class ReceiptRefused(CountenanceError):
    """A receipt is forged, cut short, of another home, or about something else; the message says which."""

    kind = "receipt_refused"


class WeightsDamaged(CountenanceError):
    """A weights file is missing, or its sha256 is not the one in the manifest."""

    kind = "weights_damaged"


class SpaceMismatch(CountenanceError):
    """Templates of two embedding spaces were about to be compared; such scores mean nothing."""

    kind = "space_mismatch"


class KeyMissing(CountenanceError):
    """The master key file is missing, is another home's, or others may read it."""

    kind = "key_missing"


class KeyDestroyed(CountenanceError):
    """The data key was destroyed by an erasure; what it sealed is gone for good."""

    kind = "key_destroyed"


class SealBroken(CountenanceError):
    """Sealed bytes do not open: damaged, or moved from the record they were bound to."""

    kind = "seal_broken"


class HomeBusy(CountenanceError):
    """Another process holds the lock that this act needs."""

    kind = "home_busy"


class HomeTooNew(CountenanceError):
    """The home was written by a newer version of Countenance."""

    kind = "home_too_new"


class UnderWay(CountenanceError):
    """The same write, under the same idempotency key, is being done; or was done and its answer is kept no longer."""

    kind = "under_way"


class SandboxFailed(CountenanceError):
    """The decoder's child process could not be started at all (one bad picture is a Rejected, not this)."""

    kind = "sandbox_failed"


# --- 2: wrong use ----------------------------------------------------------------------------------------------------
class WrongUse(CountenanceError):
    """An argument, option or file of the caller's does not fit; the message names it."""

    kind = "wrong_use"
    exit_code = 2


class OtherRequest(WrongUse):
    """An idempotency key was sent before, with another request."""

    kind = "other_request"


class GrantInvalid(WrongUse):
    """A grant cannot be recorded as asked (basis, evidence, purposes, jurisdictions, limits)."""

    kind = "grant_invalid"


class BadPicture(WrongUse):
    """The probe, or a picture named by hand, cannot be decoded; `reason` is a `RejectReason`."""

    kind = "bad_picture"

    def __init__(self, message: str, remedy: Remedy | None = None, *, reason: str = "", **more: Any) -> None:
        super().__init__(message, remedy, **more)
        self.reason = reason

    def as_dict(self) -> dict[str, Any]:
        """Adds `reason`."""
        return {**super().as_dict(), "reason": self.reason}


class SeveralFaces(WrongUse):
    """The probe holds several faces and none was chosen; `boxes` lists them, in the order that `field` counts."""

    kind = "several_faces"

    def __init__(
        self, message: str, remedy: Remedy | None = None, *, boxes: tuple[_Box, ...] = (), **more: Any
    ) -> None:
        super().__init__(message, remedy, **more)
        self.boxes = boxes

    def as_dict(self) -> dict[str, Any]:
        """Adds `boxes`: [[x1, y1, x2, y2], ...] in pixels of the upright picture."""
        return {**super().as_dict(), "boxes": [list(box) for box in self.boxes]}


# --- 3: refused ------------------------------------------------------------------------------------------------------
class PolicyDenied(CountenanceError):
    """A gate refused the act; `rules` names the rules that decided (empty: no rule permits it)."""

    kind = "policy_denied"
    exit_code = 3

    def __init__(self, message: str, remedy: Remedy | None = None, *, rules: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(message, remedy, **more)
        self.rules = rules

    def as_dict(self) -> dict[str, Any]:
        """Adds `rules`."""
        return {**super().as_dict(), "rules": list(self.rules)}


class PermitRefused(PolicyDenied):
    """An Embedder or VectorIndex was called without a live permit for that act. A caller's bug, never a user's."""

    kind = "permit_refused"


class SignInNeeded(PolicyDenied):
    """The service does not know who asks: no session, no key, or one that is over, revoked or forged."""

    kind = "sign_in_needed"


class NotAllowed(PolicyDenied):
    """Whoever asks is known and lacks the right for it."""

    kind = "not_allowed"


class TooMany(PolicyDenied):
    """Asked too often; `after_s` is when it may be asked again."""

    kind = "too_many"

    def __init__(self, message: str, remedy: Remedy | None = None, *, after_s: float = 1.0, **more: Any) -> None:
        super().__init__(message, remedy, **more)
        self.after_s = after_s


# --- 4: not there ----------------------------------------------------------------------------------------------------
class NotFound(CountenanceError):
    """No such source, face, picture or home; the same answer whether it never was or was erased."""

    kind = "not_found"
    exit_code = 4


class NoFace(NotFound):
    """The probe holds no face that the detector finds."""

    kind = "no_face"
