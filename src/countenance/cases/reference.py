"""The reason for a search: the reference under which somebody keeps its file. Cases get a life of their own later."""

from __future__ import annotations

from typing import Final

from countenance.errors import WrongUse
from countenance.remedies import Remedy

MAX_LENGTH: Final = 200


def check_reference(text: str) -> str:
    """The reference without outer white space. Raises WrongUse: empty, too long, or not one printable line."""
    reference = text.strip()
    if not reference or len(reference) > MAX_LENGTH or not reference.isprintable():
        raise WrongUse(
            "a case reference is one printable line of 1 to 200 characters", Remedy.ADD_FIELD, field="case",
            values=("2026-0117",),
        )  # fmt: skip
    return reference
