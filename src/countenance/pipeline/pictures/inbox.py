"""Pictures that are handed in: sealed at once, then taken by an ingest as if they stood in a folder.

Crash order: a data key, noted as in the making with the blob's name; the sealed blob; one transaction with the row. A
crash before it leaves a key and a blob that no row names, which the next ingest sweeps; after it, a picture that waits
for an ingest. What an ingest refuses is not kept: blob, key, row, in this order, safe to repeat.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from countenance.associated_data import upload_aad
from countenance.errors import WrongUse
from countenance.pipeline.pictures.originals import read_upload
from countenance.pipeline.sources.gate_collect import decide_collect
from countenance.pipeline.stores import Stores
from countenance.protocols import FoundFile
from countenance.records.pictures.uploads import Upload
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy

MAX_PLACE_BYTES: Final = 1024  # as long as object stores allow a name to be


@dataclass(frozen=True, slots=True)
class Inbox:
    """What is handed in to one source."""

    stores: Stores
    source: Source

    def put(self, place: str, data: bytes) -> Upload:
        """The picture waits, sealed, for the next ingest of the source. The same bytes at the same place: no change.

        Args: place: its name, "/" between parts; data, never a path.
        Raises: WrongUse: no name for a picture; PolicyDenied: nothing is collected from this source now;
        LogUnwritable, StorageFailed.
        """
        name = checked_place(place)
        if not data:
            raise WrongUse(f"{place!r} is empty", Remedy.SEND_PICTURE)
        before = self.stores.records.uploads.get(self.source.id, name)
        sha256 = hashlib.sha256(data).digest()
        if before is not None and before.sha256 == sha256 and before.key_id is not None:
            return before
        decide_collect(self.stores, self.source)
        uid = str(uuid.uuid4())
        with self.stores.naming_keys():
            [key] = self.stores.keys.create(blobs=[f"upload-{uid}"])
            upload = Upload(0, uid, name, len(data), time.time_ns(), sha256, key)
            self.stores.blobs.put_many({upload.blob: self.stores.keys.seal(key, upload_aad(uid), data)})
            replaced = self.stores.records.uploads.put(self.source.id, upload)
            self.stores.keys.confirm([key], blobs=[upload.blob])
        if replaced is not None:
            self._destroy(replaced)
        return upload

    def listed(self) -> Iterator[FoundFile]:
        """Every place, for the collector."""
        for upload in self.stores.records.uploads.walk(self.source.id):
            yield FoundFile(upload.place.decode("utf-8"), upload.size, upload.mtime_ns)

    def one(self, upload: Upload) -> Iterator[FoundFile]:
        """That place alone."""
        yield FoundFile(upload.place.decode("utf-8"), upload.size, upload.mtime_ns)

    def opened(self, place: str) -> bytes | None:
        """The bytes at that place."""
        upload = self.stores.records.uploads.get(self.source.id, place.encode("utf-8"))
        return None if upload is None else read_upload(self.stores, upload)

    def drop_refused(self) -> int:
        """What the ingest refused is not kept. Returns how many."""
        refused = self.stores.records.uploads.rejected(self.source.id)
        for upload in refused:
            self._destroy(upload)
        self.stores.records.uploads.forget(refused)
        return len(refused)

    def drop_bytes(self, upload: Upload) -> None:
        """Its faces stay as they were taken; its bytes are not kept any more."""
        self._destroy(upload)
        self.stores.records.uploads.forget([upload])

    def _destroy(self, upload: Upload) -> None:
        if upload.key_id is not None:
            self.stores.blobs.delete_many([upload.blob])
            self.stores.keys.destroy([upload.key_id])


def checked_place(place: str) -> bytes:
    """The name as bytes. Raises WrongUse: empty, too long, no text, or parts that are empty, "." or ".."."""
    try:
        name = place.encode("utf-8")
    except UnicodeEncodeError as error:
        raise WrongUse("a picture's name must be text", Remedy.CHOOSE_ANOTHER_NAME, field="place") from error
    parts = place.split("/")
    if len(name) > MAX_PLACE_BYTES or "\0" in place or any(part in {"", ".", ".."} for part in parts):
        raise WrongUse(
            f"{place[:80]!r} can't name a picture: up to {MAX_PLACE_BYTES} bytes, folders separated by /, no part "
            "empty, . or ..",
            Remedy.CHOOSE_ANOTHER_NAME,
            field="place",
        )
    return name
