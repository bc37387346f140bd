"""Public ids, as people hand them in."""

from __future__ import annotations

import uuid

from countenance.errors import WrongUse
from countenance.remedies import Remedy


def checked_uuid(text: str, what: str) -> str:
    """The id in its usual form. Raises WrongUse: it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise WrongUse(
            f"{text!r} is not the id of a {what}", Remedy.USE_FORMAT, values=("6f1c2a34-7b0a-4b8e-9d39-0f4d8d3f3d44",)
        ) from error
