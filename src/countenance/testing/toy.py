"""Pictures, faces and templates that a test can write by hand: a picture is a line of text, a face a name in it.

`alice@10,20,60,80 bob@100,20,150,80` holds two faces. The toy analyser reads it, the toy embedder gives each name its
own direction, and `~` behind a name turns it a little: `alice~` is alice on another day. So the whole pipeline runs in
milliseconds, with real records, policy, seals, segments and index between the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from countenance import permits
from countenance.permits import EMBEDDING_ACTS, Permit
from countenance.pipeline.analyse import FaceAnalysis, FaceBlur
from countenance.types import (
    ARCFACE,
    AlignedFace,
    DetectedFace,
    EmbeddingSpace,
    Quality,
    Rejected,
    RejectReason,
    Vectors,
)

SPACE = EmbeddingSpace("toy", "0" * 64, 64)
TURNED = EmbeddingSpace("turned-toy", "1" * 64, 48)
T = TypeVar("T")


def picture(*faces: str) -> bytes:
    """The bytes of a toy picture. A last word `#garden` is what it shows, `#garden+3` the same but for 3 bits."""
    return ("toy " + " ".join(faces)).encode()


class ToyLooker:
    """Reads toy pictures."""

    def __init__(self) -> None:
        self.looked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def analyse(self, data: bytes, *, preview_px: int = 0, veil: FaceBlur | None = None) -> FaceAnalysis | Rejected:
        """What stands in the line; veiled, a preview that names who can be seen."""
        self.looked += 1
        words = data.decode("utf-8", "replace").split()
        if not words or words[0] != "toy":
            return Rejected(RejectReason.NOT_A_PICTURE)
        faces = tuple(_face(word) for word in words[1:] if not word.startswith("#"))
        hidden = () if veil is None else veil.over([face.face.box for face in faces])
        open_ = b" ".join(face.thumbnail for face in faces if face.face.box not in hidden)
        preview = b"\xff\xd8\xff preview: " + open_ if preview_px else None
        return FaceAnalysis(640, 480, "JPEG", None, faces, preview, seen(data))

    def analyse_many(self, pictures: Iterable[tuple[T, bytes]]) -> Iterator[tuple[T, FaceAnalysis | Rejected]]:
        """One after the other."""
        for token, data in pictures:
            yield token, self.analyse(data)


def seen(data: bytes) -> bytes:
    """The perceptual hash of a toy picture, of its view or else its content: half of its bits are another's."""
    view, _, bits = data.decode().rpartition(" ")[2].partition("+")
    view = view if view.startswith("#") else repr(data)
    return (int.from_bytes(hashlib.sha256(view.encode()).digest()) ^ (1 << int(bits or 0)) - 1).to_bytes(32)


def _face(word: str) -> AlignedFace:
    name, _, place = word.partition("@")
    x1, y1, x2, y2 = (float(v) for v in place.split(","))
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    crop = np.zeros((112, 112, 3), np.uint8)
    crop[0, : len(name), 0] = list(name.encode())
    quality = Quality(x2 - x1, 0.0 if "blurred" in name else 1.0, 1.0, 1.0, 1.0, 0.0 if "blurred" in name else 0.9)
    face = DetectedFace((x1, y1, x2, y2), (middle, middle, middle, middle, middle), 0.99)
    return AlignedFace(face, quality, crop, b"thumbnail of " + name.encode())


class ToyEmbedder:
    """A direction a name; the same for the same name, and nearly so for it with a `~`."""

    space = SPACE
    crop = ARCFACE
    runtime = "toy"

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, crops: NDArray[np.uint8], permit: Permit) -> Vectors:
        """(N, 64). Raises PermitRefused."""
        permits.require(permit, *EMBEDDING_ACTS)
        self.embedded += len(crops)
        rows = [vector(bytes(crop[0, :, 0]).rstrip(b"\0").decode()) for crop in crops]
        return np.stack(rows) if rows else np.empty((0, SPACE.dimension), np.float32)


class TurnedEmbedder(ToyEmbedder):
    """The toy's directions, projected: another model, whose scores follow the toy's and mean nothing beside them."""

    space = TURNED

    def embed(self, crops: NDArray[np.uint8], permit: Permit) -> Vectors:
        """(N, 48). Raises PermitRefused."""
        return turned(super().embed(crops, permit))


def turned(rows: Vectors) -> Vectors:
    """(N, 48) unit rows of the second toy model for (N, 64) of the first."""
    across = np.linalg.qr(np.random.RandomState(2).standard_normal((SPACE.dimension, SPACE.dimension)))[0]
    projected = rows @ across[:, : TURNED.dimension]
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    unit: Vectors = (projected / lengths).astype(np.float32)
    return unit


def vector(name: str) -> NDArray[np.float32]:
    """(64,) of unit length."""
    plain = name.rstrip("~")
    found = _direction(plain) + 0.4 * len(name[len(plain) :]) * _direction(name) if name != plain else _direction(plain)
    return (found / np.linalg.norm(found)).astype(np.float32)


def _direction(name: str) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    direction = np.random.default_rng(seed).standard_normal(SPACE.dimension)
    unit: NDArray[np.float64] = direction / np.linalg.norm(direction)
    return unit
