"""Tying faces to the subjects of a grant: templates in memory, compared with that one small store, and dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.calibration import Calibration
from countenance.errors import GrantInvalid, SpaceMismatch
from countenance.permits import Permit
from countenance.pipeline.look import Looked, Looker
from countenance.pipeline.sealing import subject_template_binding, unpack_vectors
from countenance.pipeline.stores import Stores
from countenance.protocols import Embedder
from countenance.records.sources import Source
from countenance.rights.subjects import SubjectLine
from countenance.types import AlignedFace, Rejected, Vectors

# A stranger's face is wrongly tied to somebody on the list in 1 of 1,000 faces: stricter than a search, since nobody
# looks at each tie, and a false one would make a template without consent.
FALSE_TIES: Final = 1e-3


@dataclass(frozen=True, slots=True)
class SubjectMatcher:
    """The subjects of one grant, opened for one run."""

    ids: tuple[int, ...]
    templates: Vectors  # (S, D), in memory alone
    threshold: float  # cosine
    embedder: Embedder

    def tie(self, crops: NDArray[np.uint8], permit: Permit) -> list[int | None]:
        """For each crop, as the embedder wants to see it, the id of the subject that it is tied to, or None."""
        scores = self.embedder.embed(crops, permit) @ self.templates.T
        best = scores.argmax(axis=1)
        return [self.ids[column] if scores[row, column] >= self.threshold else None for row, column in enumerate(best)]


def open_subjects(stores: Stores, source: Source, embedder: Embedder, calibration: Calibration) -> SubjectMatcher:
    """The matcher of a source's grant. Raises: SpaceMismatch: its references were made with another model."""
    subjects = stores.records.sources.subjects(source.grant.id)
    space = embedder.space
    for space_id in {subject.space_id for subject in subjects}:
        model, sha256, _ = stores.records.sources.spaces()[space_id]
        if (model, sha256) != (space.model, space.weights_sha256):
            raise SpaceMismatch(
                f"the subjects of {source.name!r} were enrolled with {model} ({sha256[:12]}), "
                f"and this is {space.model} ({space.weights_sha256[:12]})",
                "add the source anew under the same grant",
            )
    packed = [
        stores.keys.open(source.grant_key or b"", subject_template_binding(subject.uid), subject.template)
        for subject in subjects
    ]
    threshold, _ = calibration.threshold(len(subjects), FALSE_TIES)
    return SubjectMatcher(
        tuple(subject.id for subject in subjects), unpack_vectors(packed, space.dimension), threshold, embedder
    )


def reference_face(looker: Looker, line: SubjectLine) -> AlignedFace:
    """The face of a subject's reference picture. Raises GrantInvalid: with the line and what to do."""
    looked = looker.look_one(line.reference.read_bytes())
    where = f"the reference of {line.name!r} (line {line.line}, {line.reference.name})"
    if isinstance(looked, Rejected):
        raise GrantInvalid(f"{where} can't be used: {looked.reason.replace('_', ' ')}", "give another picture")
    return _only_face(looked, line, where)


def _only_face(looked: Looked, line: SubjectLine, where: str) -> AlignedFace:
    if line.face is not None:
        if line.face >= len(looked.faces):
            raise GrantInvalid(f"{where} has no face {line.face}: it holds {len(looked.faces)}", "faces count from 0")
        return looked.faces[line.face]
    if len(looked.faces) != 1:
        raise GrantInvalid(
            f"{where} holds {len(looked.faces) or 'no'} faces",
            "give a picture of that person alone, or point out the face in a column named face (`countenance detect`)",
        )
    return looked.faces[0]
