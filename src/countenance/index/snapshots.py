"""The sealed snapshots of a home: one for each embedding space, in a folder of its own.

One lock for all of them, so that whoever looks for keys that nothing names (`resting`) sees no segment half made. The
folder itself holds a snapshot in homes from before there were several; it is used for its space like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock

from countenance.index import manifest as manifests
from countenance.index.segments import LOCK_TIMEOUT_S, SegmentStore
from countenance.protocols import KeyRing, RemovalResult
from countenance.types import ClassId, EmbeddingSpace, FaceId, KeyId

_UNKNOWN = EmbeddingSpace("", "", 0)  # of a snapshot whose manifest can't be read: it fits none, and is begun anew


class Snapshots:
    """All snapshots under one folder. Nothing is made on disk before the first write."""

    def __init__(self, folder: Path, keys: KeyRing) -> None:
        self._folder = folder
        self._keys = keys
        self._lock = FileLock(folder / "lock", timeout=LOCK_TIMEOUT_S, mode=0o600)

    def of(self, space: EmbeddingSpace) -> SegmentStore:
        """The snapshot of that space."""
        if _space_in(self._folder) == space:
            return self._store(self._folder, space)
        return self._store(self._folder / f"{space.model}-{space.weights_sha256[:16]}", space)

    def remove(self, faces: Mapping[ClassId, Iterable[FaceId]]) -> RemovalResult:
        """None of these rows is in any snapshot. Crash and errors as `SegmentStore.remove`."""
        kept = {class_id: tuple(each) for class_id, each in faces.items()}
        return _all(store.remove(kept) for store in self._stores())

    def holds(self, faces: Mapping[ClassId, Iterable[FaceId]]) -> int:
        """How many of these rows can be read in any snapshot. Raises as `SegmentStore.holds`."""
        kept = {class_id: tuple(each) for class_id, each in faces.items()}
        return sum(store.holds(kept) for store in self._stores())

    def destroy_class(self, class_id: ClassId) -> RemovalResult:
        """No row of the class is in any snapshot. Crash and errors as `SegmentStore.destroy_class`."""
        return _all(store.destroy_class(class_id) for store in self._stores())

    def keep_only(self, space: EmbeddingSpace) -> RemovalResult:
        """There is no snapshot of another space, and no key of one. Safe to repeat."""
        kept = self.of(space).folder
        return _all(store.destroy() for store in self._stores() if store.folder != kept)

    @contextmanager
    def resting(self) -> Iterator[frozenset[KeyId]]:
        """No process writes inside; yields the keys of all segments. For whoever looks for keys that nothing names."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            keys = [stack.enter_context(store.resting()) for store in self._stores()]
            yield frozenset().union(*keys)

    def _stores(self) -> list[SegmentStore]:
        """Every snapshot that is there, or was begun."""
        folders = [self._folder] if (self._folder / manifests.FILE).exists() or self._left_over() else []
        if self._folder.is_dir():
            folders += sorted(each for each in self._folder.iterdir() if each.is_dir())
        return [self._store(each, _space_in(each) or _UNKNOWN) for each in folders]

    def _left_over(self) -> bool:
        return any(self._folder.glob("*.segment"))

    def _store(self, folder: Path, space: EmbeddingSpace) -> SegmentStore:
        return SegmentStore(folder, self._keys, space, lock=self._lock)


def _space_in(folder: Path) -> EmbeddingSpace | None:
    """The space of the snapshot in a folder; None: there is none, or it can't be read."""
    try:
        found = manifests.read(folder)
    except (OSError, ValueError):
        return None
    return None if found is None else found.space


def _all(parts: Iterable[RemovalResult]) -> RemovalResult:
    """What all of them can promise."""
    done = list(parts)
    return RemovalResult(
        all(each.physically for each in done), tuple(dict.fromkeys(p for each in done for p in each.pending))
    )
