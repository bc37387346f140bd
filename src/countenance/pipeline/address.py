"""The address of a place in a source: what a lead shows, and what an opt-out keeps out by."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from countenance.records.search.gallery import VisibleFace

UPLOAD: Final = b"upload://"  # then the source's uid: the location of a source whose pictures are handed in


def upload_location(source_uid: str) -> bytes:
    """Where such a source's pictures stand: nowhere but in the home."""
    return UPLOAD + source_uid.encode("ascii")


def uploaded_to(location: bytes) -> str | None:
    """The uid of the source whose location it is, if its pictures are handed in."""
    return location.removeprefix(UPLOAD).decode("ascii") if location.startswith(UPLOAD) else None


def address_of(location: bytes, place: bytes) -> str:
    """file:// for a place in a folder; upload://SOURCE/PLACE for what was handed in. Percent-encoded bytes."""
    if location.startswith(UPLOAD):
        return f"{location.decode('ascii')}/{quote(place, safe='/')}"
    path = os.path.join(location, place)  # noqa: PTH118  # bytes: a file name need not be UTF-8
    return "file://" + quote(path, safe="/")


def uri_of(face: VisibleFace) -> str:
    """Return the address of the place where a face's picture is."""
    return address_of(face.location, face.place)
