"""The file of a recorded picture, read where it stands, for somebody who may see it."""

from __future__ import annotations

import hashlib
import os
import stat

from countenance.pipeline.ingest import MAX_BYTES


def read_original(location: bytes, place: bytes, sha256: bytes) -> bytes | None:
    """The very bytes that were recorded; None: the file has gone, may not be read, or holds something else by now.

    Never through a link, never from what may block.
    """
    path = os.path.join(location, place)  # noqa: PTH118  # bytes: a file name need not be UTF-8
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
                return None
            data = file.read()
    except OSError:  # the answer says that the picture is not there
        return None
    return data if hashlib.sha256(data).digest() == sha256 else None
