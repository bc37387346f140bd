"""Tying faces to the subjects of a grant: templates in memory, compared with that one small store, and dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.associated_data import subject_name_aad, subject_template_aad
from countenance.calibrate.calibration import Calibration
from countenance.errors import GrantInvalid, SpaceMismatch
from countenance.permits import Permit
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.erasure.suppression_list import SeenPicture
from countenance.pipeline.live_index import ensure_space_id
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import unpack_vectors
from countenance.protocols import Embedder
from countenance.records.sources.sources import SealedSubject, Source
from countenance.remedies import Remedy
from countenance.rights.subjects import SubjectLine
from countenance.types import AlignedFace, KeyId, Rejected, Vectors

# A stranger's face is wrongly tied to somebody on the list in 1 of 1,000 faces: stricter than a search, since nobody
# looks at each tie, and a false one would make a template without consent.
FALSE_TIES: Final = 1e-3
NAMED: Final = 20  # subjects in one message


@dataclass(frozen=True, slots=True)
class SubjectMatcher:
    """The subjects of one grant, opened."""

    ids: tuple[int, ...]
    templates: Vectors  # (S, D), in memory alone
    threshold: float  # cosine
    embedder: Embedder

    def tie(self, crops: NDArray[np.uint8], permit: Permit) -> list[int | None]:
        """For each crop, as the embedder wants to see it, the id of the subject that it is tied to, or None.

        There is at least one subject.
        """
        scores = self.embedder.embed(crops, permit) @ self.templates.T
        best = scores.argmax(axis=1)
        return [self.ids[column] if scores[row, column] >= self.threshold else None for row, column in enumerate(best)]


class Subjects:
    """The subjects of a source's grant as they stand. Safe to ask from several threads.

    The policy moves with each who comes or goes, and then they are read anew: nothing is tied to a guest who withdrew
    while a run was under way.
    """

    def __init__(self, stores: Stores, source: Source, embedder: Embedder, calibration: Calibration) -> None:
        self._stores = stores
        self._source = source
        self._embedder = embedder
        self._calibration = calibration
        self._kept: tuple[int, SubjectMatcher] | None = None

    def now(self) -> SubjectMatcher:
        """Raises: SpaceMismatch: references were made with another model alone."""
        version = self._stores.records.sources.policy_version()  # first: who comes in between is read a second time
        kept = self._kept
        if kept is None or kept[0] != version:
            matcher = _matcher(self._stores, self._source, self._embedder, self._calibration)
            kept = self._kept = version, matcher
        return kept[1]


def open_subjects(stores: Stores, source: Source, embedder: Embedder, calibration: Calibration) -> Subjects:
    """The subjects of a source's grant. Raises: SpaceMismatch: references were made with another model alone."""
    subjects = Subjects(stores, source, embedder, calibration)
    subjects.now()
    return subjects


def _matcher(stores: Stores, source: Source, embedder: Embedder, calibration: Calibration) -> SubjectMatcher:
    subjects = stores.records.sources.subjects(source.grant.id)
    space = embedder.space
    space_id = ensure_space_id(stores, space)
    lacking = without_reference(stores, source, space_id, guests=False)
    if lacking:
        raise SpaceMismatch(
            f"of {source.name!r} {some_names(lacking)} have no reference of the model {space.model} "
            f"({space.weights_sha256[:12]})",
            Remedy.ENROL_REFERENCES,
            values=(source.name,),
        )
    # A guest without one is in no new picture; of a list's subjects all have theirs, or nothing is taken.
    subjects = tuple(subject for subject in subjects if subject.reference_in(space_id) is not None)
    items = [
        (key_of(source, subject), subject_template_aad(subject.uid), subject.reference_in(space_id) or b"")
        for subject in subjects
    ]
    opened = zip(subjects, stores.keys.open_many(items), strict=True)
    there = {subject.id: plain for subject, plain in opened if plain is not None}  # None: withdrew since it was read
    threshold, _ = calibration.threshold(len(there), FALSE_TIES)
    return SubjectMatcher(tuple(there), unpack_vectors(list(there.values()), space.dimension), threshold, embedder)


def key_of(source: Source, subject: SealedSubject) -> KeyId:
    """The key under which a subject of the source's grant is sealed."""
    return subject.key_id or source.grant_key or b""


def without_reference(stores: Stores, source: Source, space_id: int, *, guests: bool = True) -> tuple[str, ...]:
    """The names of the source's subjects who have no reference in that space; `guests`: of those too."""
    return tuple(
        subject_name(stores, source, subject)
        for subject in stores.records.sources.subjects(source.grant.id)
        if subject.reference_in(space_id) is None and (guests or subject.key_id is None)
    )


def subject_name(stores: Stores, source: Source, subject: SealedSubject) -> str:
    """As the grant's list had it."""
    return stores.keys.open(key_of(source, subject), subject_name_aad(subject.uid), subject.name).decode()


def some_names(names: Sequence[str]) -> str:
    """The first of them, and how many more."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture that shows a subject."""

    where: str  # whose it is, in words
    read: Callable[[], bytes]
    face: int | None = None  # which, where it holds several


def reference_of(line: SubjectLine) -> Reference:
    """That of a line of a list."""
    picture = line.reference
    whose = f"the reference of {line.name!r} (line {line.line}"
    if isinstance(picture, bytes):
        return Reference(f"{whose} of subjects)", lambda: picture, line.face)
    return Reference(f"{whose}, {picture.name})", picture.read_bytes, line.face)


def reference_face(analyser: FaceAnalyser, reference: Reference) -> tuple[SeenPicture, AlignedFace]:
    """A subject's reference picture, and the face of it. Raises GrantInvalid: whose it is and what to do."""
    data = reference.read()
    looked = analyser.analyse(data)
    if isinstance(looked, Rejected):
        reason = looked.reason.replace("_", " ")
        raise GrantInvalid(f"{reference.where} can't be used: {reason}", Remedy.USE_ANOTHER_PICTURE)
    seen = SeenPicture(hashlib.sha256(data).digest(), looked.pdq, looked.width, looked.height)
    return seen, _only_face(looked, reference)


def _only_face(looked: FaceAnalysis, reference: Reference) -> AlignedFace:
    if reference.face is not None:
        if reference.face >= len(looked.faces):
            raise GrantInvalid(
                f"{reference.where} has no face {reference.face}: it holds {len(looked.faces)}", Remedy.NUMBER_FACES
            )
        return looked.faces[reference.face]
    if len(looked.faces) != 1:
        raise GrantInvalid(
            f"{reference.where} holds {len(looked.faces) or 'no'} faces; a column named face says which is meant",
            Remedy.USE_PICTURE_OF_ONE,
        )
    return looked.faces[0]
