"""The seams. Each has a contract suite in `countenance.testing` that every implementation passes.

The record store's seam is the database: `countenance.records` is one body of SQLAlchemy Core that runs on SQLite and
is to run on PostgreSQL, so it has a contract suite (`tests/support/records.py`) and no protocol class of forty methods.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from countenance.permits import Permit
from countenance.types import (
    ClassId,
    CropSpec,
    DetectedFace,
    EmbeddingSpace,
    FaceId,
    Hit,
    KeyId,
    Recall,
    Rejected,
    Rgb,
    Vectors,
)


@runtime_checkable
class Detector(Protocol):
    """Finds faces. Stores nothing, makes no template, needs no permit."""

    name: str

    def detect(self, rgb: Rgb, *, min_face_px: float | None = None) -> tuple[DetectedFace, ...]:
        """Faces of one picture, best score first, boxes and landmarks in pixels of `rgb`.

        Args: rgb: (H, W, 3) uint8 RGB, any size from 1 x 1; min_face_px: narrower faces are not looked for.
        Raises: ValueError: not (H, W, 3) uint8.
        """


@runtime_checkable
class Embedder(Protocol):
    """Makes templates. Making one is the legal event, so every call needs a live permit."""

    space: EmbeddingSpace
    crop: CropSpec  # what it wants to see

    def embed(self, crops: NDArray[np.uint8], permit: Permit) -> Vectors:
        """(N, D) float32 unit rows for (N, height, width, 3) uint8 RGB crops, aligned as `crop` says; N may be 0.

        Deterministic, and a row does not depend on its neighbours beyond float rounding (cosine >= 0.9999).
        Raises: PermitRefused: no live permit for EMBED, SEARCH, SUBJECT_CHECK or SUPPRESSION_CHECK;
        ValueError: wrong shape or dtype.
        """


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """What a removal can promise about the bytes.

    `pending` names each place where they may still lie, and until when; empty where they are physically gone.
    """

    physically: bool
    pending: tuple[str, ...] = ()


@runtime_checkable
class VectorIndex(Protocol):
    """Exact or approximate nearest templates within permitted policy classes. A cache: rebuilt from the records.

    A row is (face, class, vector); one face may stand in several classes, once in each.
    """

    space: EmbeddingSpace
    exact: bool

    @property
    def recall(self) -> Recall | None:
        """Measured on the gallery as it is, within a quarter of its size; None where `exact`."""

    def add(self, class_id: ClassId, faces: Sequence[FaceId], vectors: Vectors) -> None:
        """The rows are found by the next search. Adding a (face, class) that is there replaces it.

        Raises: SpaceMismatch: vectors are not (N, D) of this space; ValueError: rows not of unit length or not finite.
        """

    def remove(self, faces: Iterable[FaceId], class_id: ClassId | None = None) -> RemovalResult:
        """The faces are in no search that starts after this returns, in one class or in all.

        Unknown ids are ignored.
        """

    def search(self, probes: Vectors, top: int, permit: Permit) -> list[list[Hit]]:
        """For each probe the best `top` rows of the classes of `permit`, best first, ties by face id.

        The scan reads rows of those classes and no others.
        Raises: PermitRefused: no live permit to SEARCH; SpaceMismatch; ValueError: top < 1.
        """

    def count(self, classes: Iterable[ClassId]) -> int:
        """Rows in these classes."""

    def __len__(self) -> int:
        """All rows."""


@runtime_checkable
class BlobStore(Protocol):
    """Sealed bytes by name. Deleting is final."""

    def put_many(self, blobs: Mapping[str, bytes]) -> None:
        """All durable on return; a crash before leaves some or none, each whole. Names: [a-z0-9-]{1,64}.

        Raises: StorageFailed (disk full, read-only): those of this call are removed again.
        """

    def get(self, name: str) -> bytes:
        """Raises: NotFound."""

    def delete_many(self, names: Iterable[str]) -> RemovalResult:
        """None of them can be read again, durably. Unknown names are ignored."""

    def names(self) -> Iterator[str]:
        """Every blob's name, in no order."""


@runtime_checkable
class KeyRing(Protocol):
    """Data keys wrapped by a master key. Destroying one is final.

    `aad` is the associated data of the AEAD (`associated_data.py`), so that sealed bytes do not open elsewhere.
    """

    def create(self, count: int = 1, *, blobs: Iterable[str] = ()) -> list[KeyId]:
        """New keys, durable on return, and noted in the same commit as in the making: until `confirm` is told of them.

        Args: blobs: names of what will be sealed and put in the blob store before a row names it, noted as well.
        """

    def confirm(self, keys: Iterable[KeyId] = (), *, blobs: Iterable[str] = ()) -> None:
        """Rows name these now; they are in the making no more. Need not be durable: being told so twice is harmless."""

    def unconfirmed(self) -> tuple[list[KeyId], list[str]]:
        """(living keys, names of blobs) noted by `create` and not confirmed: at work, or left by a crash."""

    def seal(self, key: KeyId, aad: str, plaintext: bytes) -> bytes:
        """Raises: KeyDestroyed: no such key."""

    def seal_many(self, items: Sequence[tuple[KeyId, str, bytes]]) -> list[bytes]:
        """Like `seal` in one pass. Raises: KeyDestroyed: one of the keys does not exist, and nothing is sealed."""

    def open(self, key: KeyId, aad: str, sealed: bytes) -> bytes:
        """Raises: KeyDestroyed; SealBroken: damaged, or bound to something else."""

    def open_many(self, items: Sequence[tuple[KeyId, str, bytes]]) -> list[bytes | None]:
        """Like `open` in one pass; None where the key is destroyed. Raises: SealBroken."""

    def destroy(self, keys: Iterable[KeyId]) -> RemovalResult:
        """The keys are gone from the store's pages and write-ahead log, or `pending` says what may still hold them."""

    def ids(self) -> Iterator[KeyId]:
        """Every living key's id."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A place in a source where a picture may stand, as its collector found it. Not opened yet."""

    place: str  # relative to the source, "/" between parts, undecodable bytes as surrogateescape
    size: int  # bytes
    mtime_ns: int
    jurisdictions: frozenset[str] | None = None  # the picture's own value (sidecar or manifest); None: the source's


@runtime_checkable
class Collector(Protocol):
    """Walks one source inside what its grant names."""

    def walk(self, permit: Permit) -> Iterator[FoundFile | tuple[str, Rejected]]:
        """Every place once, sorted within a folder, holding one folder in memory; (place, Rejected) for what cannot be.

        Raises: PermitRefused: no live permit to COLLECT when the walk starts; NotFound: the source's root is not there.
        """

    def read(self, found: FoundFile, permit: Permit, *, max_bytes: int) -> bytes | Rejected:
        """The bytes at that place. Never follows a link, never blocks on a FIFO.

        Raises: PermitRefused: no live permit to COLLECT.
        """

    def uri(self, place: str) -> str:
        """The address that a lead shows: file:// or https://."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry as stored."""

    position: int  # 0, 1, 2, ...
    id: str  # opaque, random; what answers show
    at: str  # RFC 3339 UTC with microseconds
    kind: str  # from the closed list in auditlog/kinds.py
    record: Mapping[str, Any]  # canonical JSON (RFC 8785): pseudonyms and hashes only


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry with all that shows that it is in the log, for somebody who has not got the log."""

    position: int
    record: bytes  # canonical JSON of id, at, kind and body
    salt: bytes  # leaf = SHA-256(0x00 || salt || record)
    path: tuple[bytes, ...]  # inclusion proof (RFC 9162, 2.1.3), 32 bytes each
    checkpoint: str  # what it leads to, signed


@runtime_checkable
class AuditLog(Protocol):
    """An append-only transparency log (RFC 9162 Merkle tree, C2SP signed checkpoints)."""

    def append(self, kind: str, record: Mapping[str, Any], *, detail: bytes | None = None) -> LogEntry:
        """Durable on return (fsync), or nothing was written. `detail` is sealed bytes, kept beside the tree.

        Raises: LogUnwritable; ValueError: unknown kind, or a record without canonical form.
        """

    def detail(self, position: int) -> bytes | None:
        """The sealed detail of an entry; None where it has none, or no more."""

    def erase_details(self, positions: Collection[int], record: Mapping[str, Any]) -> LogEntry:
        """The details of these entries are gone, and an entry names them. Raises LogUnwritable."""

    def checkpoint(self) -> str:
        """The newest signed checkpoint, as text (C2SP tlog-checkpoint)."""

    def prove_entry(self, position: int) -> EntryProof:
        """The entry, proven against the newest checkpoint. Raises ValueError: no such entry."""

    def entries(self, start: int = 0) -> Iterator[LogEntry]:
        """In order of position."""

    def __len__(self) -> int:
        """Entries so far."""
