"""Papers that somebody brings: evidence, orders, decisions. Read whole, to be sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

from countenance.errors import WrongUse

MAX_DOCUMENT_BYTES: Final = 64 * 2**20
Document: TypeAlias = Path | bytes  # a file, or what somebody handed in


def read_document(document: Document, what: str, hint: str) -> bytes:
    """Its bytes. Raises WrongUse: not a readable file, empty, or over 64 MB.

    Args: what: "the evidence", as the error calls it; hint: the way out where it is no file.
    """
    if isinstance(document, bytes):
        return _of_a_size(document, what)
    path = document
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise WrongUse(f"{what} {path} can't be read: {error.strerror}", "name a file you may read") from error
    if data is None:
        raise WrongUse(f"{what} {path} is not a file", hint)
    return _of_a_size(data, f"{what} {path}")


def _of_a_size(data: bytes, what: str) -> bytes:
    if not 0 < len(data) <= MAX_DOCUMENT_BYTES:
        raise WrongUse(f"{what} has {len(data):,} bytes", "a document of 1 byte to 64 MB")
    return data
