"""Paths that somebody names."""

from __future__ import annotations

import os
from pathlib import Path

from countenance.errors import WrongUse


def path_of(path: str | os.PathLike[str]) -> Path:
    """The path that somebody names, with `~` as their folder. Raises: WrongUse: a NUL in it, or no such user."""
    if not os.fspath(path):
        raise WrongUse("a path can't be empty")
    try:
        found = Path(path).expanduser()
    except RuntimeError as error:
        raise WrongUse(
            "the path begins with the home folder of a user who does not exist: write the path in full", path=path
        ) from error
    if "\0" in str(found):
        raise WrongUse("a path can't contain a NUL")
    return found
