"""Large homes, written through the pipeline's own path: only pictures, faces and templates are made up.

Policy, log, keys, seals, crops, records, change list and segments are the product's, as `app` wires them. The rest are
stand-ins: a collector whose places are numbers, an analyser that sees one face in each, and an embedder that draws a
unit row for the number, in the space of the model that the home was made with, so that the real
program opens such a home.

    rows(seed, numbers)         the template of each picture's face, so that a test knows what stands where
    SOURCES                     three sources of 90, 9 and 1 % of the pictures, in nine policy classes
    grow(home, seed, first, last)    the pictures numbered from `first` up to `last` are in the home
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from countenance import permits
from countenance.app.home import Home
from countenance.permits import EMBEDDING_ACTS, Act, Permit
from countenance.pipeline.analyse import FaceAnalysis
from countenance.pipeline.pictures.ingest import Ingest
from countenance.pipeline.pictures.ingest_report import IngestReport
from countenance.protocols import FoundFile
from countenance.types import ARCFACE, AlignedFace, CropSpec, DetectedFace, EmbeddingSpace, Quality, Rejected, Vectors

T = TypeVar("T")
EVIDENCE: Final = b"%PDF-1.4 made up"
CROP_BYTES: Final = 3_000  # a thumbnail of a face 100 px wide
KINSHIP: Final = 0.3  # of a direction that all rows of one person share; a stranger's cosine stays near 0
FACES_A_PERSON: Final = 4


@dataclass(frozen=True, slots=True)
class MadeUpSource:
    """One source: its grant, and which of a hundred pictures in turn are its."""

    name: str
    purposes: tuple[str, ...]
    jurisdictions: tuple[str, ...]  # a picture is in one of them: a policy class each
    turns: range  # of number % 100


SOURCES: Final = (
    MadeUpSource("archive", ("research",), ("CA-ON", "CA-QC", "US-NY"), range(90)),
    MadeUpSource("press", ("research", "editorial-verification"), ("DE", "FR", "NL"), range(90, 99)),
    MadeUpSource(
        "village", ("research", "editorial-verification", "archive-description"), ("NO", "SE", "FI"), range(99, 100)
    ),
)


def rows(seed: int, numbers: Sequence[int] | NDArray[np.int64], dimension: int) -> Vectors:
    """(N, dimension) float32 unit rows, always the same for the same numbers; a person's four lie near each other."""
    found = np.empty((len(numbers), dimension), np.float32)
    for row, number in enumerate(numbers):
        person = np.random.Generator(np.random.Philox(key=[seed, int(number) // FACES_A_PERSON]))
        own = np.random.Generator(np.random.Philox(key=[seed + 1, int(number)]))
        found[row] = person.standard_normal(dimension, np.float32) + KINSHIP * own.standard_normal(
            dimension, np.float32
        )
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def grow(home: Home, seed: int, first: int, last: int) -> tuple[IngestReport, ...]:
    """The pictures numbered from `first` up to `last` are in the home, an ingest a source.

    The home is an organisation's; its sources are added with the first pictures.
    """
    folder = home.path.parent / f"{home.path.name}-pictures"  # nothing stands in it: what is read is made up
    folder.mkdir(exist_ok=True)
    evidence = folder / "evidence.pdf"
    evidence.write_bytes(EVIDENCE)
    there = {source.name for source in home.sources()}
    for source in SOURCES:
        if source.name not in there:
            home.add_source(
                source.name, folder, basis="historical", jurisdiction=source.jurisdictions[0],
                within=",".join(source.jurisdictions), purposes=source.purposes, evidence=evidence,
            )  # fmt: skip
    parts = home.parts
    embedder = MadeUpEmbedder(parts.engine().embedder.space, seed)
    reports = []
    with parts.ingest_lock():
        for source in SOURCES:
            run = _PartOfASource(
                stores=parts.stores, analyser=MadeUpLooker(), embedder=embedder,  # type: ignore[arg-type]  # a stand-in
                eraser=parts.engine().eraser, collector=MadeUpCollector(folder, source, first, last),
                source=home.source(source.name), subjects=None, kept_out=parts.kept_out,
            )  # fmt: skip
            reports.append(run.run())
    return tuple(reports)


class _PartOfASource(Ingest):
    """A walk over some of a source's places: those that it does not come by have not vanished."""

    def _prune(self, *, prune: bool) -> int:
        del prune
        return 0


@dataclass(frozen=True, slots=True)
class MadeUpCollector:
    """Places named by number; the bytes at one say its number."""

    folder: Path
    source: MadeUpSource
    first: int
    last: int

    def walk(self, permit: Permit) -> Iterator[FoundFile | tuple[str, Rejected]]:
        """The source's numbers in order."""
        permits.require(permit, Act.COLLECT)
        places = self.source.jurisdictions
        for number in range(self.first, self.last):
            if number % 100 in self.source.turns:
                where = frozenset({places[number // 100 % len(places)]})
                yield FoundFile(f"{number // 1000:06d}/{number:09d}.jpg", 9, 1_700_000_000_000_000_000 + number, where)

    def read(self, found: FoundFile, permit: Permit, *, max_bytes: int) -> bytes | Rejected:
        """Nine digits."""
        permits.require(permit, Act.COLLECT)
        return found.place[-13:-4].encode()[:max_bytes]

    def uri(self, place: str) -> str:
        """As of a folder."""
        return f"file://{self.folder}/{place}"


class MadeUpLooker:
    """Sees one face in each picture, whose crop says the picture's number and nothing else."""

    def analyse_many(self, pictures: Iterable[tuple[T, bytes]]) -> Iterator[tuple[T, FaceAnalysis | Rejected]]:
        """One after the other."""
        for token, data in pictures:
            yield token, self.analyse(data)

    def analyse(self, data: bytes, *, preview_px: int = 0) -> FaceAnalysis | Rejected:
        """A picture of one face somewhere."""
        del preview_px
        chance = np.random.Generator(np.random.Philox(key=[0, int(data)]))
        crop = np.zeros((112, 112, 3), np.uint8)
        crop[0, : len(data), 0] = np.frombuffer(data, np.uint8)
        x, y = (float(v) for v in chance.uniform(0, 1000, 2).round(2))
        side = 100.0
        eye = (x + side / 3, y + side / 3)
        face = DetectedFace((x, y, x + side, y + side), (eye, eye, eye, eye, eye), 0.9)
        return FaceAnalysis(
            1200, 1200, "JPEG", None,
            (AlignedFace(face, Quality(side, 0.8, 0.8, 0.8, 0.9, 0.7), crop, chance.bytes(CROP_BYTES)),), None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MadeUpEmbedder:
    """The row of the number that a crop says."""

    space: EmbeddingSpace
    seed: int
    crop: CropSpec = ARCFACE

    def embed(self, crops: NDArray[np.uint8], permit: Permit) -> Vectors:
        """(N, D). Raises PermitRefused."""
        permits.require(permit, *EMBEDDING_ACTS)
        return rows(self.seed, [int(bytes(crop[0, :9, 0])) for crop in crops], self.space.dimension)
