"""What a run of an ingest counts and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. `total` is what a first quick walk counted."""

    done: int
    total: int | None
    indexed: int
    rejected: int


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one run did. Every file is in exactly one of the first six counts."""

    source: str
    files: int
    unchanged: int
    taken: int  # pictures new to the home
    copies: int  # the same content as a picture that is there
    again: int  # known pictures looked at again: changed rights, a face that policy had refused, no hash yet
    rejected: Mapping[str, int]  # by RejectReason
    faces: int  # found in pictures taken or looked at again
    indexed: int  # of these, searchable in a class
    refused: Mapping[str, int]  # of these, by FaceRefusal as the enroller may know it
    vanished: int  # places seen by an earlier run and not by this one
    erased: int  # pictures whose last place holds something else by now, or vanished and --prune was given
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {name: (dict(v) if isinstance(v := getattr(self, name), Mapping) else v) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class SecondPassProgress:
    """How far a second look at recorded pictures has come."""

    pictures: int
    unread: int  # of these, could not be read, or hold something else by now
    faces: int  # found in the others
    indexed: int  # of these, searchable in a class


@dataclass(slots=True)
class IngestTally:
    """The counts of a run so far."""

    files: int = 0
    unchanged: int = 0
    taken: int = 0
    copies: int = 0
    again: int = 0
    faces: int = 0
    indexed: int = 0
    erased: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
