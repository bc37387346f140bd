"""Which faces may be one person: suggested, never decided, and only where policy permits to group.

In a household home faces with templates are clustered; among the subjects of a consent or licence grant the faces that
were tied to one subject are one group, and nothing need be compared. Across an organisation's gallery: refused.

Clustering is Chinese whispers (Biemann 2006, TextGraphs-1) over the pairs at or above the cosine at which 1 in 100,000
pairs of strangers would be one; visited in order of ids with ties to the older label, so that the same faces give the
same groups. Faces that somebody has parted ("not this person") are not suggested for that person again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.calibration import Calibration
from countenance.permits import Act
from countenance.pipeline.person_leads import opened_templates
from countenance.pipeline.search import uri_of
from countenance.pipeline.stores import Stores
from countenance.records.gallery import VisibleFace
from countenance.records.persons import SealedTemplate
from countenance.types import EmbeddingSpace, FaceId, HomeKind, Vectors

PAIR_FMR: Final = 1e-5
ROUNDS: Final = 20  # it settles in a handful
BLOCK: Final = 2_048  # rows of one matrix product


@dataclass(frozen=True, slots=True)
class Group:
    """Faces that may be one person."""

    id: str  # of exactly these faces: 12 hex digits
    person_id: str | None  # whom they may belong to; None: nobody yet
    faces: tuple[tuple[str, str], ...]  # (face id, address of its picture), those that belong to nobody yet

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "group": self.id,
            "person_id": self.person_id,
            "faces": [{"face_id": face, "uri": uri} for face, uri in self.faces],
        }


def suggest(stores: Stores, space: EmbeddingSpace, calibration: Calibration) -> tuple[Group, ...]:
    """The groups, largest first. Logged. Raises: PolicyDenied, LogUnwritable, StorageFailed."""
    permit, decision = stores.policy.decide(stores.ask(Act.GROUP), record={})
    space_id = stores.records.sources.ensure_space(space.model, space.weights_sha256, space.dimension)
    faces = [face for page in stores.records.persons.enrolled(permit.classes, space_id) for face in page]
    if stores.kind is HomeKind.HOUSEHOLD:
        faces, vectors = opened_templates(stores, faces, space)
        labels = clusters(vectors, calibration.threshold(1, PAIR_FMR)[0])
    else:
        labels = np.array([-1 if face.subject_id is None else face.subject_id for face in faces], np.int64)
    visible = stores.records.gallery.visible([face.face for face in faces], permit.classes, decision.version) or {}
    groups = sorted(_groups(stores, faces, labels, visible), key=lambda group: (-len(group.faces), group.id))
    named = {face.source for face in visible.values()}
    sources = sorted(source.uid for source in stores.records.sources.all() if source.name in named)
    stores.log.append("persons.suggested", {"sources": sources, "groups": len(groups)})
    return tuple(groups)


def clusters(vectors: Vectors, threshold: float) -> NDArray[np.int64]:
    """(N,) a label for each of (N, D) unit rows; -1 for a row that is like no other."""
    rows, columns, weights = _edges(vectors, threshold)
    count = len(vectors)
    starts = np.searchsorted(rows, np.arange(count + 1))
    labels = np.arange(count)
    for _ in range(ROUNDS):
        moved = 0
        for row in range(count):
            span = slice(starts[row], starts[row + 1])
            if span.start == span.stop:
                continue
            of, where = np.unique(labels[columns[span]], return_inverse=True)
            best = int(of[np.bincount(where, weights[span]).argmax()])  # of equals the lowest, which is the oldest
            moved += best != labels[row]
            labels[row] = best
        if not moved:
            break
    sizes = np.bincount(labels, minlength=count)
    return np.where(sizes[labels] > 1, labels, -1)


def _edges(vectors: Vectors, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """(row, column, cosine) of every ordered pair of two rows at or above `threshold`, by row."""
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    for start in range(0, len(vectors), BLOCK):
        scores = vectors[start : start + BLOCK] @ vectors.T
        row, column = np.nonzero(scores >= threshold)
        other = row + start != column
        row, column = row[other], column[other]
        found.append((row + start, column, scores[row, column]))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))  # type: ignore[return-value]  # three


def _groups(
    stores: Stores, faces: Sequence[SealedTemplate], labels: NDArray[np.int64], visible: dict[FaceId, VisibleFace]
) -> Iterator[Group]:
    persons = stores.records.persons
    belongs = persons.person_of([face.face for face in faces])
    refused = persons.refusals()
    uids = {person.id: person.uid for person in persons.all()}
    members: dict[int, list[SealedTemplate]] = {}
    for face, label in zip(faces, labels, strict=True):
        if label >= 0 and face.face in visible:
            members.setdefault(int(label), []).append(face)
    for group in members.values():
        known = Counter(belongs[face.face] for face in group if face.face in belongs)
        person = known.most_common(1)[0][0] if known else None
        free = [f for f in group if f.face not in belongs and (person is None or (person, f.face) not in refused)]
        if len(free) >= (2 if person is None else 1):
            ids = sorted(face.uid for face in free)
            yield Group(
                id=hashlib.sha256(" ".join([uids.get(person or 0, "new"), *ids]).encode()).hexdigest()[:12],
                person_id=None if person is None else uids[person],
                faces=tuple((face.uid, uri_of(visible[face.face])) for face in free),
            )
