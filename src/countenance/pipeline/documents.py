"""Papers that somebody brings: evidence, orders, decisions. Read whole, to be sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from countenance.errors import WrongUse

MAX_DOCUMENT_BYTES: Final = 64 * 2**20


def read_document(path: Path, what: str, hint: str) -> bytes:
    """Its bytes. Raises WrongUse: not a readable file, empty, or over 64 MB.

    Args: what: "the evidence", as the error calls it; hint: the way out where it is no file.
    """
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise WrongUse(f"{what} {path} can't be read: {error.strerror}", "name a file you may read") from error
    if data is None:
        raise WrongUse(f"{what} {path} is not a file", hint)
    if not 0 < len(data) <= MAX_DOCUMENT_BYTES:
        raise WrongUse(f"{what} {path} has {len(data):,} bytes", "a document of 1 byte to 64 MB")
    return data
