"""Looking for what an erasure should have left nothing of, in the way of somebody who has the home *and* its key.

By the ids of the erased and never over the whole home, so that an erasure is answered at once in a home of any size:
every sealed template is opened with the ring, every crop asked for, every segment read that could hold a row. No row is
forgotten before that found nothing, so whatever the records have forgotten was looked for, also where a crash came
between. The tests read every byte instead (`tests/support/bytescan.py`); the receipt says which of the two was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from countenance.associated_data import template_aad
from countenance.errors import KeyDestroyed, NotFound, StorageFailed
from countenance.pipeline.stores import Stores
from countenance.records.erasure.erasures import Erasure, HiddenFace
from countenance.remedies import Remedy
from countenance.types import ClassId, FaceId, KeyId

# What a receipt says of each store: (store, how it was looked at).
SCANNED: Final = (
    (
        "records.db",
        "there is no row of an erased face, picture or person; deleted rows are overwritten (secure_delete)",
    ),
    ("keys.db", "no key decrypts any erased template; deleted keys are overwritten"),
    ("index/", "every segment that could hold a row of an erased face was opened, in every embedding space"),
    ("blobs/", "every erased crop, document and stored probe was looked up by its name"),
    ("write-ahead logs of records.db and keys.db", "emptied after the rows were deleted, except what is pending"),
    ("this process's index in memory", "the rows were removed; other processes follow before their next answer"),
)
NOT_SCANNED: Final = (
    "the audit log: it holds no picture, crop or template, and its pseudonyms and hashes stay",
    "free pages of the databases, byte by byte: SQLite overwrites what it deletes",
    "old pages of records.db: until compacted, they may hold a random ID or the hash of a picture",
    "probes stored with a case, if their search showed none of this data; their retention period erases them",
    "freed blocks of the disk, and spare blocks of a flash drive",
    "snapshots of the file system, and copies of the home or of the master key",
    "earlier backups: a restore repeats this erasure, but an old backup can still be opened with its key",
    "swap, hibernation and core dumps",
    "the original files, which are never touched, and what has left the home: exported pages, answers, receipts",
)


def look_for_faces(stores: Stores, faces: Sequence[HiddenFace], rows: Mapping[ClassId, Iterable[FaceId]]) -> None:
    """No key opens a template of these faces, no crop and no row of the index is there. Raises StorageFailed."""
    sealed = [
        (key, template_aad(face.uid), template)
        for face in faces
        for key, template in ((face.key_id, face.template), (face.second_key, face.second))
        if key and template
    ]
    found = {
        "template": sum(plain is not None for plain in stores.keys.open_many(sealed)),
        "crop": _blobs(stores, (face.uid for face in faces if face.key_id)),
        "row of the index": stores.segments.holds(rows),
    }
    _none_of(found)


def look_for_keys(stores: Stores, keys: Iterable[KeyId], blobs: Iterable[str] = ()) -> None:
    """None of these keys and blobs is there. Raises StorageFailed."""
    _none_of({"key": sum(_lives(stores, key) for key in keys), "document": _blobs(stores, blobs)})


def look_for_rows(stores: Stores, erasure: Erasure) -> None:
    """The records hold no row of the erasure's. Raises StorageFailed."""
    _none_of({"record": stores.records.erasures.count_remaining(erasure)})


def account() -> dict[str, Any]:
    """What a receipt says of all this."""
    return {
        "scanned": [{"store": store, "how": how, "found": 0} for store, how in SCANNED],
        "not_scanned": list(NOT_SCANNED),
    }


def _blobs(stores: Stores, names: Iterable[str]) -> int:
    found = 0
    for name in names:
        try:
            stores.blobs.get(name)
        except NotFound:
            continue
        found += 1
    return found


def _lives(stores: Stores, key: KeyId) -> bool:
    try:
        stores.keys.seal(key, "scan", b"")
    except KeyDestroyed:
        return False
    return True


def _none_of(found: Mapping[str, int]) -> None:
    left = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in found.items() if count)
    if left:
        raise StorageFailed(
            f"the erasure is not finished, though nothing of it is shown; this can still be read: {left}",
            Remedy.RUN_DOCTOR,
        )
