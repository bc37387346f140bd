"""The sealed snapshot from which a new process has its index in under a second.

A cache: the records can always rebuild it, so whatever does not fit is dropped, never repaired. The manifest on disk is
the truth about it; any process may write (a file lock keeps writers apart) and any may read (without the lock).

A segment is at most 4,096 rows of one class, sealed under a data key of its own, and its file is named after that key.
Segments never change: a writer makes new ones and destroys the old. The order, at every line of which a crash is safe:

    1. sweep: destroy the key of every segment file that the manifest does not name, then unlink the file
    2. create keys and write the new segments; when all are written, each file is synced and then their folder
    3. replace the manifest
    4. sweep, which takes what 3 left behind; the new keys are in the making no more

A crash before 3 leaves the old snapshot, and new files that no manifest names; after 3 the new snapshot, and old files.
Either way a file's name says which key is to be destroyed, and step 1 of the next writer does it; so a removal that was
cut short is complete when it is run again.
A crash within 2 may leave keys that never sealed anything; the key ring lists them as in the making.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from filelock import BaseFileLock, FileLock, Timeout
from numpy.typing import NDArray

from countenance.associated_data import segment_aad
from countenance.durable import sync_file, sync_folder, write_unsynced
from countenance.errors import HomeBusy, KeyDestroyed, SealBroken, SpaceMismatch, StorageFailed, reason_of
from countenance.index import manifest as manifests
from countenance.index.flat import FlatIndex
from countenance.index.manifest import SEGMENT_ID, Manifest, Segment
from countenance.locking import held
from countenance.protocols import KeyRing, RemovalResult
from countenance.remedies import Remedy, remedy_of_storage
from countenance.types import ClassId, EmbeddingSpace, FaceId, KeyId

log = logging.getLogger(__name__)

SEGMENT_ROWS: Final = 4_096  # docs/design.md: an erasure rewrites this much, a million rows are 245 files
OPENED_AT_ONCE: Final = 16  # segments in memory beside the index while it loads: 17 MB at 128-d
LOCK_TIMEOUT_S: Final = 60.0  # the first snapshot of a million rows takes some seconds
READ_ATTEMPTS: Final = 5  # a reader starts again when a writer replaced what it was reading
SUFFIX: Final = ".segment"

Faces: TypeAlias = NDArray[np.int64]  # (N,)
Codes: TypeAlias = NDArray[np.float16]  # (N, D)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the snapshot lacks, from the records. Rows removed and added in the same class: removed first."""

    seq: int  # the records' change sequence up to which this is complete
    added: Mapping[ClassId, tuple[Iterable[FaceId], NDArray[np.floating]]] = field(default_factory=dict)  # (N, D) unit
    removed: Mapping[ClassId, Iterable[FaceId]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedIndex:
    """An index as of the records' change `seq`; what changed since is still to be added."""

    index: FlatIndex
    seq: int  # 0: nothing was loaded
    dropped: str = ""  # why a snapshot that is there was not taken; empty if there is none, or it was taken


class SegmentStore:
    """The snapshot in one folder. `keys` seals; nothing is made on disk before the first write."""

    def __init__(
        self,
        folder: Path,
        keys: KeyRing,
        space: EmbeddingSpace,
        *,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        lock: BaseFileLock | None = None,
    ) -> None:
        """`lock`: one that snapshots of several spaces share; by default one in the folder."""
        self.folder = self._folder = folder
        self._keys = keys
        self._space = space
        self._lock = lock or FileLock(folder / "lock", timeout=lock_timeout_s, mode=0o600)

    def load(self) -> LoadedIndex:
        """A new index that holds the snapshot's rows; an empty one, and why, if the snapshot is not whole.

        Writes nothing and waits for no writer. Raises: nothing of its own; what `keys` raises when it can't be read.
        """
        reason = ""
        for _ in range(READ_ATTEMPTS):
            manifest, reason = self._manifest()
            if manifest is None:
                break
            try:
                return LoadedIndex(self._filled(manifest), manifest.seq)
            except _BrokenError as broken:
                reason = str(broken)
                if self._manifest()[0] == manifest:  # else a writer was faster, and what is named now is there
                    break
        return LoadedIndex(FlatIndex(self._space), 0, reason)

    def save(self, gather: Callable[[int], Changes]) -> int:
        """The snapshot holds all that `gather` gave, and the change sequence it is complete to is returned.

        `gather(seq)` is called with what the snapshot is complete to, again and again until its answer has no higher
        seq, so that it may hand over a million rows in portions. It is called while this process alone may write: what
        it reads from the records can't be erased between its reading and the writing, if erasing hides in the records
        first and calls `remove` next. Rows of a (face, class) that is there are replaced.

        A damaged or foreign snapshot is destroyed, and gather(0) begins a new one. A crash leaves the snapshot as it
        was, or with one or more portions in. Raises: HomeBusy; StorageFailed.
        """
        with self._writing() as (on_disk, _):
            current = on_disk
            started_anew = current.seq == 0
            while (changes := gather(current.seq)).seq > current.seq:
                try:
                    current = self._changed(current, changes)
                except _BrokenError as broken:
                    if started_anew:
                        raise StorageFailed(
                            f"the folder of the index does not keep what is written: {broken}", path=self._folder
                        ) from broken
                    self._begin_anew()
                    current, started_anew = self._empty(), True
                else:
                    self._replace(current)
            return current.seq

    def remove(self, faces: Mapping[ClassId, Iterable[FaceId]]) -> RemovalResult:
        """None of these rows is in the snapshot, and no living key opens a file that held one.

        Only the segments that hold one are written anew, under new keys. Unknown rows are ignored; a damaged or foreign
        snapshot is destroyed whole. After a crash, run it again. Raises: HomeBusy; StorageFailed.
        """
        if not self._folder.is_dir():
            return RemovalResult(physically=True)
        with self._writing() as (current, swept):
            try:
                changed = self._changed(current, Changes(current.seq, removed=faces))
            except _BrokenError:
                return _both(swept, self._begin_anew())
            return swept if changed == current else _both(swept, self._replace(changed))

    def holds(self, faces: Mapping[ClassId, Iterable[FaceId]]) -> int:
        """How many of these rows can be read in the snapshot. Opens only the segments that may hold one.

        Raises: StorageFailed: one of those can't be opened.
        """
        wanted = {class_id: np.unique(np.fromiter(each, np.int64)) for class_id, each in faces.items()}
        reason = ""
        for _ in range(READ_ATTEMPTS):
            manifest, _ = self._manifest()
            if manifest is None:
                return 0
            try:
                doubtful = [each for each in manifest.segments if _may_hold(each, wanted.get(each.class_id))]
                return sum(
                    int(np.isin(rows, wanted[segment.class_id]).sum()) for segment, rows, _ in self._opened(doubtful)
                )
            except _BrokenError as broken:  # a writer was faster, and what is named now is there
                reason = str(broken)
        raise StorageFailed(f"the index could not be checked: {reason}", Remedy.RUN_DOCTOR)

    def destroy_class(self, class_id: ClassId) -> RemovalResult:
        """No row of the class is in the snapshot. Crash and errors as `remove`."""
        if not self._folder.is_dir():
            return RemovalResult(physically=True)
        with self._writing() as (current, swept):
            kept = tuple(each for each in current.segments if each.class_id != class_id)
            if kept == current.segments:
                return swept
            return _both(swept, self._replace(replace(current, segments=kept)))

    @contextmanager
    def resting(self) -> Iterator[frozenset[KeyId]]:
        """No process writes inside; yields the keys of all segments. For whoever looks for keys that nothing names."""
        with self._writing() as (manifest, _):  # makes the folder, or a first save could begin meanwhile
            yield frozenset(each.key for each in manifest.segments)

    def destroy(self) -> RemovalResult:
        """There is no snapshot, and no key of one. A crash leaves it whole or begun anew; run it again."""
        if not self._folder.is_dir():
            return RemovalResult(physically=True)
        with self._writing() as (_, swept):
            return _both(swept, self._begin_anew())

    # --- reading -----------------------------------------------------------------------------------------------------
    def _manifest(self) -> tuple[Manifest | None, str]:
        """The manifest on disk if it can be used, else None and why; no reason where there is none."""
        try:
            manifest = manifests.read(self._folder)
        except (ValueError, OSError) as error:
            return None, str(error)
        if manifest is not None and manifest.space != self._space:
            return None, f"the snapshot is of {manifest.space.model} ({manifest.space.weights_sha256[:12]})"
        return manifest, ""

    def _filled(self, manifest: Manifest) -> FlatIndex:
        index = FlatIndex(self._space)
        for segment, faces, codes in self._opened(manifest.segments):
            index.add_codes(segment.class_id, faces, codes)
        return index

    def _opened(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Faces, Codes]]:
        """Each segment's rows. Raises: _BrokenError: one is missing, damaged, or its key is destroyed."""
        some = iter(segments)
        while portion := list(islice(some, OPENED_AT_ONCE)):
            try:
                sealed = [(each.key, segment_aad(each.id), self._file(each.id).read_bytes()) for each in portion]
                opened = self._keys.open_many(sealed)
            except (OSError, SealBroken, KeyDestroyed) as error:
                raise _BrokenError(f"a segment of the index can't be opened: {reason_of(error)}") from error
            for segment, plain in zip(portion, opened, strict=True):
                yield segment, *self._rows(segment, plain)

    def _rows(self, segment: Segment, plain: bytes | None) -> tuple[Faces, Codes]:
        if plain is None:
            raise _BrokenError("the key of a segment of the index is destroyed")
        if len(plain) != segment.rows * (8 + 2 * self._space.dimension):
            raise _BrokenError("a segment of the index is not of the length that its manifest says")
        faces = np.frombuffer(plain, "<i8", segment.rows)
        codes = np.frombuffer(plain, "<f2", offset=8 * segment.rows)
        return faces, codes.reshape(segment.rows, self._space.dimension)

    # --- writing -----------------------------------------------------------------------------------------------------
    @contextmanager
    def _writing(self) -> Iterator[tuple[Manifest, RemovalResult]]:
        """Only this process writes inside. The usable manifest, and what became of all that it does not name."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with held(self._lock, "index"):
                manifest, reason = self._manifest()
                if reason:
                    log.info("the snapshot of the index is made again: %s", reason)
                swept = self._begin_anew() if reason else self._sweep(manifest or self._empty())
                yield manifest or self._empty(), swept
        except Timeout as error:
            raise HomeBusy("another process is writing the index", Remedy.WAIT_FOR_OTHER) from error
        except OSError as error:
            raise StorageFailed(
                f"the index can't be written: {error.strerror or error}", remedy_of_storage(error), path=self._folder
            ) from error

    def _changed(self, manifest: Manifest, changes: Changes) -> Manifest:
        """The manifest after `changes`, with its new segments durable but not yet named on disk.

        Raises: _BrokenError: a segment that must be read can't be.
        """
        added = {each: _rows_of(*rows, self._space) for each, rows in changes.added.items()}
        kept: list[Segment] = []
        pieces: list[tuple[ClassId, Faces, Codes]] = []
        classes = {*added, *changes.removed}
        held: dict[ClassId, list[Segment]] = {class_id: [] for class_id in classes}
        for each in manifest.segments:
            held.get(each.class_id, kept).append(each)
        for class_id in sorted(classes):
            mine = held[class_id]
            new = added.get(class_id)
            gone = np.fromiter(changes.removed.get(class_id, ()), np.int64)
            if new is not None:
                gone = np.concatenate([gone, new[0]])
            untouched, rows = self._without(mine, np.unique(gone), [] if new is None else _roomy(mine))
            kept += untouched
            pieces += _cut(class_id, rows if new is None else [*rows, new])
        return Manifest(self._space, changes.seq, tuple(sorted([*kept, *self._written(pieces)], key=_order)))

    def _without(
        self, segments: list[Segment], gone: Faces, rewritten: list[Segment]
    ) -> tuple[list[Segment], list[tuple[Faces, Codes]]]:
        """The segments that stay as they are, and the rows that stay of those that don't.

        `gone` is sorted. A segment stays unless it holds one of `gone` or is in `rewritten`.
        """
        first, last = ([getattr(each, end) for each in segments] for end in ("lowest", "highest"))
        may_hold = np.searchsorted(gone, first, "left") < np.searchsorted(gone, last, "right")
        doubtful: list[Segment] = []
        stay: list[Segment] = []
        for segment, may in zip(segments, may_hold, strict=True):
            (doubtful if may or segment in rewritten else stay).append(segment)
        rows = []
        for segment, faces, codes in self._opened(doubtful):
            left = ~np.isin(faces, gone)
            if left.all() and segment not in rewritten:
                stay.append(segment)
            else:
                rows.append((faces[left], codes[left]))
        return stay, rows

    def _written(self, pieces: list[tuple[ClassId, Faces, Codes]]) -> list[Segment]:
        """A durable segment for each piece, each under a new key. On an error (disk full) none of them is there."""
        if not pieces:
            return []
        keys = self._keys.create(len(pieces))
        segments = []
        try:
            for key, (class_id, faces, codes) in zip(keys, pieces, strict=True):
                plain = faces.astype("<i8").tobytes() + codes.astype("<f2").tobytes()
                segment = Segment(key.hex(), class_id, len(faces), int(faces[0]), int(faces[-1]))
                write_unsynced(self._file(segment.id), self._keys.seal(key, segment_aad(segment.id), plain))
                segments.append(segment)
            for segment in segments:
                sync_file(self._file(segment.id))
            sync_folder(self._folder)
        except OSError:
            self._keys.destroy(keys)
            for key in keys:
                self._file(key.hex()).unlink(missing_ok=True)
            raise
        return segments

    def _replace(self, manifest: Manifest) -> RemovalResult:
        manifests.write(self._folder, manifest)
        gone = self._sweep(manifest)
        self._keys.confirm(each.key for each in manifest.segments)
        return gone

    def _begin_anew(self) -> RemovalResult:
        (self._folder / manifests.FILE).unlink(missing_ok=True)
        sync_folder(self._folder)
        return self._sweep(self._empty())

    def _sweep(self, manifest: Manifest) -> RemovalResult:
        """What the manifest on disk does not name is gone: keys first, because a file's name says which is its key."""
        named = {each.id for each in manifest.segments}
        stale = [each for each in self._folder.glob(f"*{SUFFIX}") if each.stem not in named]
        stale = [each for each in stale if SEGMENT_ID.fullmatch(each.stem)]
        if not stale:
            return RemovalResult(physically=True)
        gone = self._keys.destroy([bytes.fromhex(each.stem) for each in stale])
        for each in stale:
            each.unlink(missing_ok=True)
        sync_folder(self._folder)
        return gone

    def _empty(self) -> Manifest:
        return Manifest(self._space, 0, ())

    def _file(self, segment_id: str) -> Path:
        return self._folder / f"{segment_id}{SUFFIX}"


class _BrokenError(Exception):
    """The snapshot can't be used as it is. Never leaves this file."""


def _may_hold(segment: Segment, faces: Faces | None) -> bool:
    """`faces` is sorted."""
    if faces is None:
        return False
    return bool(np.searchsorted(faces, segment.lowest, "left") < np.searchsorted(faces, segment.highest, "right"))


def _order(segment: Segment) -> tuple[ClassId, FaceId, str]:
    return segment.class_id, segment.lowest, segment.id


def _roomy(segments: list[Segment]) -> list[Segment]:
    """Those of one class that new rows are put into: all less than half full, and the emptiest unless it is full.

    So a class never has more than twice the segments it needs, and adding rewrites few of the full ones.
    """
    emptiest = min(segments, key=lambda each: each.rows, default=None)
    return [
        each for each in segments if each.rows < SEGMENT_ROWS // 2 or (each is emptiest and each.rows < SEGMENT_ROWS)
    ]


def _rows_of(faces: Iterable[FaceId], vectors: NDArray[np.floating], space: EmbeddingSpace) -> tuple[Faces, Codes]:
    """The rows in float16, one a face (the last one given). Raises: SpaceMismatch: vectors are not (len(faces), D)."""
    ids = np.fromiter(faces, np.int64)
    if vectors.shape != (len(ids), space.dimension):
        raise SpaceMismatch(f"{vectors.shape} are not templates of {space.model} for {len(ids)} faces")
    kept, last = np.unique(ids[::-1], return_index=True)
    return kept, vectors[::-1][last].astype(np.float16)


def _cut(class_id: ClassId, rows: list[tuple[Faces, Codes]]) -> list[tuple[ClassId, Faces, Codes]]:
    """The rows in order of face, in pieces that fit a segment each."""
    if not rows:
        return []
    faces = np.concatenate([each for each, _ in rows])
    codes = np.concatenate([each for _, each in rows])
    order = np.argsort(faces)
    return [
        (class_id, faces[piece], codes[piece])
        for piece in (order[start : start + SEGMENT_ROWS] for start in range(0, len(order), SEGMENT_ROWS))
    ]


def _both(first: RemovalResult, second: RemovalResult) -> RemovalResult:
    return RemovalResult(first.physically and second.physically, first.pending + second.pending)
