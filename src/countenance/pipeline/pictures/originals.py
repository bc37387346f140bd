"""The file of a recorded picture, read where it stands, for somebody who may see it."""

from __future__ import annotations

import hashlib
import os
import stat

from countenance.associated_data import upload_aad
from countenance.errors import KeyDestroyed, NotFound, SealBroken
from countenance.pipeline.address import uploaded_to
from countenance.pipeline.pictures.ingest import MAX_BYTES
from countenance.pipeline.stores import Stores
from countenance.records.pictures.uploads import Upload


def read_original(stores: Stores, location: bytes, place: bytes, sha256: bytes) -> bytes | None:
    """The very bytes that were recorded; None: they have gone, may not be read, or are others by now.

    Of a file never through a link, never from what may block; of what was handed in, what the home keeps.
    """
    source = uploaded_to(location)
    if source is None:
        data = _of_file(location, place)
    else:
        upload = stores.records.uploads.get_by_source_uid(source, place)
        data = None if upload is None else read_upload(stores, upload)
    return data if data is not None and hashlib.sha256(data).digest() == sha256 else None


def read_upload(stores: Stores, upload: Upload) -> bytes | None:
    """The bytes that were handed in; None: they are not kept, or an erasure took them."""
    if upload.key_id is None:
        return None
    try:
        return stores.keys.open(upload.key_id, upload_aad(upload.uid), stores.blobs.get(upload.blob))
    except (NotFound, KeyDestroyed, SealBroken):  # between two lines of an erasure
        return None


def _of_file(location: bytes, place: bytes) -> bytes | None:
    path = os.path.join(location, place)  # noqa: PTH118  # bytes: a file name need not be UTF-8
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
                return None
            return file.read()
    except OSError:  # the answer says that the picture is not there
        return None
