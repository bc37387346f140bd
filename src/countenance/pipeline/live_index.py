"""Keeping an index in step with the records: from sealed segments, then by the change list.

Everything is loaded anew only where a process stands before what the list still tells (`records/changes.py`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.associated_data import template_aad
from countenance.index.coded import CodedIndex
from countenance.index.flat import FlatIndex
from countenance.index.segments import Changes
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import unpack_vectors
from countenance.protocols import VectorIndex
from countenance.records.changes import Change, ChangesForgotten
from countenance.types import ClassId, EmbeddingSpace, FaceId, Recall, Vectors

log = logging.getLogger(__name__)

PORTION: Final = 65_536  # rows gathered at once for a snapshot: 32 MB at 128-d


@dataclass(frozen=True, slots=True)
class ChangeRun:
    """A run of changes of one kind in one class. `vectors` None: the faces leave it."""

    class_id: ClassId
    faces: tuple[FaceId, ...]
    vectors: Vectors | None


class LiveIndex:
    """An index with its place in the records' change list. Safe to refresh from several threads."""

    def __init__(self, stores: Stores, space: EmbeddingSpace, *, approximate_above: int | None = None) -> None:
        """`approximate_above`: rows from which on a newly loaded index is an approximate one; None: never."""
        self._stores = stores
        self._approximate_above = approximate_above
        self._space = space
        self._index: VectorIndex | None = None  # not loaded yet: most commands never need it
        self._space_id: int | None = None
        self._seq = 0
        self._lock = threading.Lock()

    def refresh(self) -> VectorIndex:
        """The index, with every face in it that was enrolled before this call and none that was erased before it."""
        with self._lock:
            if self._space_id is None:  # it never changes
                self._space_id = ensure_space_id(self._stores, self._space)
            if self._index is not None:
                with suppress(ChangesForgotten):  # what this process holds is older than what the list still tells
                    return self._caught_up(self._index, self._space_id)
            self._index, self._seq = self._loaded()
            with suppress(ChangesForgotten):  # so is the snapshot
                return self._caught_up(self._index, self._space_id)
            while True:
                log.info("the snapshot is older than the change list: reading every row")
                self._index, self._seq = FlatIndex(self._space), 0
                with suppress(ChangesForgotten):  # the list was compacted meanwhile
                    return self._caught_up(self._index, self._space_id)

    def _loaded(self) -> tuple[VectorIndex, int]:
        loaded = self._stores.segments.of(self._space).load()
        log.info("loaded the index: %d rows, as of change %d", len(loaded.index), loaded.seq)
        if self._approximate_above is not None and len(loaded.index) > self._approximate_above:
            return CodedIndex.over(loaded.index), loaded.seq
        return loaded.index, loaded.seq

    def _caught_up(self, index: VectorIndex, space_id: int) -> VectorIndex:
        """The index as the records have it. Raises: ChangesForgotten: it must be loaded anew."""
        for seq, steps in changes(self._stores, self._seq, self._space, space_id):
            for step in steps:
                if step.vectors is None:
                    index.remove(step.faces, step.class_id)
                else:
                    index.add(step.class_id, step.faces, step.vectors)
            self._seq = seq
        return index

    @property
    def space(self) -> EmbeddingSpace:
        """Whose rows it holds."""
        return self._space

    @property
    def exact(self) -> bool:
        """Whether the index, as last refreshed, misses nothing."""
        return self._index is None or self._index.exact

    @property
    def recall(self) -> Recall | None:
        """How much the index, as last refreshed, finds; None where it is exact."""
        return None if self._index is None else self._index.recall

    def remove(self, faces: Sequence[FaceId]) -> None:
        """The faces are not in this process's memory. Other processes hear of it by the change list."""
        with self._lock:
            if self._index is not None:
                self._index.remove(faces)


def ensure_space_id(stores: Stores, space: EmbeddingSpace) -> int:
    """The records' id of an embedding space."""
    return stores.records.sources.ensure_space(space.model, space.weights_sha256, space.dimension)


def changes(
    stores: Stores, after: int, space: EmbeddingSpace, space_id: int, *, since: int | None = None
) -> Iterator[tuple[int, tuple[ChangeRun, ...]]]:
    """(seq reached, steps in order) of the change list after `after`, a few thousand rows at a time.

    Args: since: as of `ChangeList.after`, where an earlier call began from nothing.
    Raises: ChangesForgotten.
    """
    if since is None:
        since = 0 if after else stores.records.changes.forgotten()
    more = True
    while more:
        rows, more = stores.records.changes.after(after, space_id, since=since)
        if not rows:
            return
        after = rows[-1].seq
        yield after, tuple(_steps(stores, rows, space))


def _steps(stores: Stores, rows: tuple[Change, ...], space: EmbeddingSpace) -> Iterator[ChangeRun]:
    """Consecutive changes of one class and kind as one step. A row whose face has gone is a removal."""
    wanted = [row for row in rows if row.sealed is not None]
    opened = dict(
        zip(
            (row.seq for row in wanted),
            stores.keys.open_many(
                [(row.key_id or b"", template_aad(row.face_uid), row.sealed or b"") for row in wanted]
            ),
            strict=True,
        )
    )
    run: list[Change] = []
    for row in rows:
        if run and _kind(row, opened) != _kind(run[0], opened):
            yield _step(run, opened, space)
            run = []
        run.append(row)
    yield _step(run, opened, space)  # the records gave at least one row


def _kind(row: Change, opened: dict[int, bytes | None]) -> tuple[ClassId, bool]:
    return row.class_id, opened.get(row.seq) is None


def _step(run: list[Change], opened: dict[int, bytes | None], space: EmbeddingSpace) -> ChangeRun:
    packed = [plain for row in run if (plain := opened.get(row.seq)) is not None]
    vectors = unpack_vectors(packed, space.dimension) if packed else None
    return ChangeRun(run[0].class_id, tuple(row.face for row in run), vectors)


def snapshot(stores: Stores, space: EmbeddingSpace) -> None:
    """The sealed segments hold every change so far, so that the next process need not rebuild.

    Gathered from the records under the segments' own lock: what an erasure hid is not in it. A crash leaves the
    snapshot before, or a part of the way to the new one; both are caught up with by the change list.
    """
    space_id = ensure_space_id(stores, space)
    since = 0

    def gather(after: int) -> Changes:
        """What one segment portion after `after` comes to: the last word on each (class, face)."""
        nonlocal since
        if not after:
            since = stores.records.changes.forgotten()
        last: dict[tuple[ClassId, FaceId], NDArray[np.float32] | None] = {}
        seq = after
        for reached, steps in changes(stores, after, space, space_id, since=since):
            seq = reached
            for step in steps:
                for row, face in enumerate(step.faces):
                    last[step.class_id, face] = None if step.vectors is None else step.vectors[row]
            if len(last) >= PORTION:
                break
        added: dict[ClassId, tuple[list[FaceId], list[NDArray[np.float32]]]] = {}
        removed: dict[ClassId, list[FaceId]] = {}
        for (class_id, face), vector in last.items():
            if vector is None:
                removed.setdefault(class_id, []).append(face)
            else:
                faces, vectors = added.setdefault(class_id, ([], []))
                faces.append(face)
                vectors.append(vector)
        return Changes(seq, {c: (faces, np.stack(vectors)) for c, (faces, vectors) in added.items()}, removed)

    segments = stores.segments.of(space)
    try:
        segments.save(gather)
    except ChangesForgotten:  # of a space that was left aside, or of a rebuilding that was killed
        segments.destroy()
        segments.save(gather)
