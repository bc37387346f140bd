"""Papers that somebody brings: evidence, orders, decisions. Read whole, to be sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

from countenance.errors import WrongUse
from countenance.remedies import Remedy, remedy_of_reading

MAX_DOCUMENT_BYTES: Final = 64 * 2**20
Document: TypeAlias = Path | bytes  # a file, or what somebody handed in


def read_document(document: Document, what: str) -> bytes:
    """Return its bytes; `what` is its name in an error. Raises WrongUse: not a readable file, empty, or over 64 MB."""
    data, path = (document, None) if isinstance(document, bytes) else (None, document)
    try:
        if path is not None and path.is_file():
            data = path.read_bytes()
    except OSError as error:
        raise WrongUse(f"{what} can't be read: {error.strerror}", remedy_of_reading(error), path=path) from error
    if data is None:
        raise WrongUse(f"{what} is not a file", Remedy.USE_EXISTING_FILE, path=path)
    if not 0 < len(data) <= MAX_DOCUMENT_BYTES:
        raise WrongUse(
            f"{what} has {len(data):,} bytes; 1 byte to 64 MB are accepted",
            Remedy.USE_SMALLER_FILE,
            values=("64 MB",),
            path=path,
        )
    return data
