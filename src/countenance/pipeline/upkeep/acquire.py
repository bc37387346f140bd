"""From labelled pictures to one template each, in memory, under a permit a batch. Nothing is kept."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.permits import Permit
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.upkeep.labelled_pictures import Labelled
from countenance.protocols import Embedder
from countenance.types import AlignedFace, Rejected, RejectReason, Vectors

BATCH: Final = 250  # pictures a decision: embedding them stays far below a permit's minute
MAX_PICTURE_BYTES: Final = 512 * 2**20
PermitFor = Callable[[Sequence[bytes]], Permit]  # for pictures of these sha256
Progress = Callable[[int, int], None]  # pictures done, of how many


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTemplates:
    """One template a labelled picture that shows a face, in the order of the labels."""

    vectors: Vectors  # (N, D)
    rows: NDArray[np.int64]  # (N,) the place of each row's picture in the labels, rising
    without_face: tuple[int, ...]  # places of pictures in which no face was found
    rejected: tuple[tuple[int, Rejected], ...]  # places of files that are no picture
    several: int  # pictures with more than one face, of which the most central was taken
    sha256: tuple[bytes, ...]  # of each labelled file; b"" of one that can't be read


def acquire(
    labelled: Labelled,
    analyser: FaceAnalyser,
    embedder: Embedder,
    permit_for: PermitFor,
    progress: Progress | None = None,
) -> LabelledTemplates:
    """One template a picture that shows a face. In memory: the templates, and the crops of one batch."""
    total = len(labelled.pictures)
    sha256: list[bytes] = [b""] * total
    rejected: dict[int, Rejected] = {}

    def read() -> Iterator[tuple[int, bytes]]:
        for place, path in enumerate(labelled.pictures):
            data = _read(path)
            if isinstance(data, Rejected):
                rejected[place] = data
            else:
                sha256[place] = hashlib.sha256(data).digest()
                yield place, data

    vectors: dict[int, NDArray[np.float32]] = {}
    waiting: dict[int, NDArray[np.uint8]] = {}
    without_face: list[int] = []
    several = 0

    def embed() -> None:
        if waiting:
            places = sorted(waiting)
            permit = permit_for([sha256[place] for place in places])
            vectors.update(
                zip(places, embedder.embed(np.stack([waiting[place] for place in places]), permit), strict=True)
            )
            waiting.clear()

    for done, (place, looked) in enumerate(analyser.analyse_many(read()), start=1):
        if isinstance(looked, Rejected):
            rejected[place] = looked
        elif not looked.faces:
            without_face.append(place)
        else:
            waiting[place] = most_central(looked).crop_for(embedder.crop)
            several += len(looked.faces) > 1
        if len(waiting) >= BATCH:
            embed()
        if progress is not None:
            progress(done, total)
    embed()
    rows = sorted(vectors)
    return LabelledTemplates(
        vectors=np.stack([vectors[place] for place in rows])
        if rows
        else np.empty((0, embedder.space.dimension), np.float32),
        rows=np.array(rows, np.int64),
        without_face=tuple(sorted(without_face)),
        rejected=tuple(sorted(rejected.items())),
        several=several,
        sha256=tuple(sha256),
    )


def most_central(looked: FaceAnalysis) -> AlignedFace:
    """The face whose box's centre is nearest to the picture's; there is at least one.

    People's pictures are cut around whom they show, so this is the labelled face; a larger one may be a neighbour's.
    """
    centre = (looked.width / 2, looked.height / 2)

    def distance(aligned: AlignedFace) -> float:
        x1, y1, x2, y2 = aligned.face.box
        return math.dist(((x1 + x2) / 2, (y1 + y2) / 2), centre)

    return min(looked.faces, key=distance)


def _read(path: Path) -> bytes | Rejected:
    try:
        if path.stat().st_size > MAX_PICTURE_BYTES:
            return Rejected(RejectReason.TOO_LARGE)
        return path.read_bytes()
    except OSError as error:
        return Rejected(RejectReason.UNREADABLE, (error.strerror or "it can't be read").lower())
