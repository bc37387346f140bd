"""Public ids, as people hand them in."""

from __future__ import annotations

import uuid

from countenance.errors import WrongUse


def checked_uuid(text: str, what: str) -> str:
    """The id in its usual form. Raises WrongUse: it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise WrongUse(f"{text!r} is not the id of a {what}", "ids are uuids, as leads and lists show them") from error
