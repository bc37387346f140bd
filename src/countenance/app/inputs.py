"""What people hand in, before anything is done with it: pictures, folders, names, purposes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from countenance.app.paths import path_of
from countenance.errors import BadPicture, NotFound, WrongUse
from countenance.pipeline.documents import Document
from countenance.remedies import Remedy, remedy_of_reading
from countenance.types import Purpose

DocumentLike: TypeAlias = str | os.PathLike[str] | bytes
PictureLike: TypeAlias = str | os.PathLike[str] | bytes | NDArray[np.uint8]
MAX_PROBE_BYTES: Final = 512 * 2**20


def read_picture(picture: PictureLike) -> bytes:
    """The bytes of a picture file. Raises BadPicture: no such file, too large, or an array that is no RGB picture."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
            raise BadPicture(
                f"an array of shape {picture.shape} and type {picture.dtype} is not a picture: it must be "
                "(H, W, 3) uint8, RGB"
            )
        return _as_png(picture)
    if "://" in str(picture):
        raise BadPicture("nothing is fetched from an address", Remedy.USE_EXISTING_FILE, reason="unreadable")
    path = path_of(picture)
    try:
        if not path.is_file():  # a FIFO or device would block or never end
            raise BadPicture(
                f"the picture {_what_it_is(path)}", Remedy.USE_EXISTING_FILE, reason="unreadable", path=path
            )
        if path.stat().st_size > MAX_PROBE_BYTES:
            raise BadPicture(
                "the picture file is too large",
                Remedy.USE_SMALLER_FILE,
                reason="too_large",
                path=path,
                values=("512 MB",),
            )
        return path.read_bytes()
    except OSError as error:
        raise BadPicture(
            f"the picture can't be read: {error.strerror}", remedy_of_reading(error), reason="unreadable", path=path
        ) from error


def _what_it_is(path: Path) -> str:
    if path.is_dir():
        return "is a folder"
    if path.exists():
        return "is not a file"
    return "is a link that leads nowhere" if path.is_symlink() else "is not there"


def _as_png(rgb: NDArray[np.uint8]) -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG", compress_level=1)
    return out.getvalue()


def document_of(document: DocumentLike) -> Document:
    """A document that somebody names by its path, or hands in."""
    return document if isinstance(document, bytes) else path_of(document)


def source_folder(path: str | os.PathLike[str], home: Path) -> Path:
    """The folder that is to be a source. Raises: WrongUse: an address, or in the home itself; NotFound."""
    text = os.fspath(path)
    if "://" in text:
        raise WrongUse(f"{text} is a web address, and only folders can be collected", Remedy.USE_EXISTING_FOLDER)
    folder = path_of(text).absolute()
    if not folder.is_dir():
        raise NotFound("the folder does not exist", Remedy.USE_EXISTING_FOLDER, path=folder)
    if folder == home or home in folder.parents:
        raise WrongUse(
            "the folder is inside the home; a source is the folder that holds the pictures",
            Remedy.USE_EXISTING_FOLDER,
            path=folder,
        )
    return folder


def source_name(text: str) -> str:
    """The name of a source. Raises WrongUse."""
    if not text.strip() or len(text) > 200 or not text.isprintable():
        raise WrongUse(
            "the name of a source is one printable line of 1 to 200 characters, for example album", field="name"
        )
    return text.strip()


def purpose_of(text: str | None) -> Purpose | None:
    """The purpose of that name; None stays None. Raises: WrongUse: there is no such purpose."""
    if text is None:
        return None
    try:
        return Purpose(text)
    except ValueError as error:
        raise WrongUse(
            f"{text!r} is not a purpose on the list", Remedy.USE_ONE_OF, field="purpose", values=tuple(Purpose)
        ) from error
