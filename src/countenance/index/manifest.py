"""What a snapshot of the index consists of: one small JSON file, replaced whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from countenance.durable import sync_file, sync_folder, write_unsynced
from countenance.types import ClassId, EmbeddingSpace, FaceId, KeyId

FILE: Final = "manifest.json"
VERSION: Final = 1
SEGMENT_ID: Final = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Segment:
    """One sealed file of rows of one class. Its id is that of the key it is sealed under, 32 hex digits."""

    id: str
    class_id: ClassId
    rows: int
    lowest: FaceId  # of the faces in it; a face outside [lowest, highest] is not in it
    highest: FaceId

    def __post_init__(self) -> None:
        if not SEGMENT_ID.fullmatch(self.id):  # it becomes a file name
            raise ValueError(f"{self.id!r} is not the id of a segment")

    @property
    def key(self) -> KeyId:
        """The data key."""
        return bytes.fromhex(self.id)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The segments that together hold every row as of the records' change `seq`."""

    space: EmbeddingSpace
    seq: int
    segments: tuple[Segment, ...]


def read(folder: Path) -> Manifest | None:
    """The manifest in `folder`; None if there is none.

    Raises: ValueError: it is damaged, or of another version; OSError: it can't be read.
    """
    try:
        raw = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return None
    try:
        return _parsed(raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the index manifest is damaged: {error!r}") from error


def write(folder: Path, manifest: Manifest) -> None:
    """`manifest` is what `folder` holds, durably. A crash leaves the old one or the new one, whole.

    Every file that it names must be durable before. Raises: OSError.
    """
    text = json.dumps({"version": VERSION, **asdict(manifest)}, separators=(",", ":"))
    new = folder / f"{FILE}.new"  # one name, since the folder's lock is held: what a crash left is written over
    write_unsynced(new, text.encode())
    sync_file(new)
    new.replace(folder / FILE)
    sync_folder(folder)


def _parsed(raw: Mapping[str, Any]) -> Manifest:
    if raw["version"] != VERSION:
        raise ValueError(f"the index manifest is of version {raw['version']}, not {VERSION}")
    return Manifest(EmbeddingSpace(**raw["space"]), int(raw["seq"]), tuple(Segment(**each) for each in raw["segments"]))
