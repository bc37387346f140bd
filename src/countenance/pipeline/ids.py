"""Public ids, as people hand them in."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

from countenance.errors import NotFound, WrongUse
from countenance.remedies import Remedy

FEWEST: Final = 4  # characters of an id that stand for it


def is_uuid(text: str) -> bool:
    """Whether it is an id, in whatever form."""
    try:
        uuid.UUID(str(text))
    except ValueError:
        return False
    return True


def checked_uuid(text: str, what: str) -> str:
    """The id in its usual form. Raises WrongUse: it is none."""
    try:
        return str(uuid.UUID(str(text)))
    except ValueError as error:
        raise WrongUse(
            f"{text!r} is not the id of a {what}", Remedy.USE_FORMAT, values=("6f1c2a34-7b0a-4b8e-9d39-0f4d8d3f3d44",)
        ) from error


def beginning_so(text: str, known: Mapping[str, str], what: str, remedy: Remedy) -> str:
    """What is known by that id, or by the only one that begins so. Raises: NotFound; WrongUse: several begin so."""
    begins = text.strip().lower().replace("-", "")
    found = {known[uid] for uid in known if len(begins) >= FEWEST and uid.replace("-", "").startswith(begins)}
    if not found:
        raise NotFound(f"there is no {what} {text}", remedy)
    if len(found) > 1:
        raise WrongUse(f"{len(found)} {what}s begin with {text}", Remedy.GIVE_LONGER_ID)
    return found.pop()
