"""Which faces may be one person: suggested, never decided, and only where policy permits to group.

In a household home faces with templates are clustered; among the subjects of a consent or licence grant the faces that
were tied to one subject are one group, and nothing need be compared. Across an organisation's gallery: refused.

Clustering is Chinese whispers (Biemann 2006, TextGraphs-1) over the pairs at or above the cosine at which 1 in 100,000
pairs of strangers would be one, of each face the NEIGHBOURS nearest; visited in order of ids with ties to the older
label, so that the same faces give the same groups. Faces that somebody has parted ("not this person") are not suggested
for that person again; several of them that are alike may be somebody else.
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
from countenance.pipeline.address import uri_of
from countenance.pipeline.search.person_leads import opened_templates
from countenance.pipeline.stores import Stores
from countenance.records.people.persons import SealedTemplate
from countenance.records.search.gallery import VisibleFace
from countenance.types import ClassId, EmbeddingSpace, FaceId, HomeKind, Vectors

PAIR_FMR: Final = 1e-5
ROUNDS: Final = 20  # it settles in a handful
NEIGHBOURS: Final = 128  # a person of 10,000 pictures has 100,000,000 pairs, and these hold it together as well
BLOCK: Final = 2**24  # scores of one matrix product: 64 MB
SHOWN_AT_ONCE: Final = 1_000  # faces asked for in one snapshot of the records, which are to be short


@dataclass(frozen=True, slots=True)
class SuggestedGroup:
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


def suggest(stores: Stores, space: EmbeddingSpace, calibration: Calibration) -> tuple[SuggestedGroup, ...]:
    """The groups, largest first. Logged. Raises: PolicyDenied, LogUnwritable, StorageFailed."""
    space_id = stores.records.sources.ensure_space(space.model, space.weights_sha256, space.dimension)
    record: dict[str, str] = {}
    while True:
        permit, decision = stores.policy.decide(stores.ask(Act.GROUP), record=record)
        faces = [face for page in stores.records.persons.enrolled(permit.classes, space_id) for face in page]
        if stores.kind is HomeKind.HOUSEHOLD:
            faces, vectors = opened_templates(stores, faces, space)
            labels = clusters(vectors, calibration.threshold(1, PAIR_FMR)[0])
        else:
            labels = np.array([-1 if face.subject_id is None else face.subject_id for face in faces], np.int64)
        grouped = [face.face for face, label in zip(faces, labels, strict=True) if label >= 0]
        visible = _visible(stores, grouped, permit.classes, decision.version)
        if visible is not None:
            break
        record = {"again": permit.log_entry}  # the policy moved meanwhile: what is in force now binds this too
    groups = sorted(_groups(stores, faces, labels, visible), key=lambda group: (-len(group.faces), group.id))
    named = {face.source for face in visible.values()}
    sources = sorted(source.uid for source in stores.records.sources.all() if source.name in named)
    stores.log.append("persons.suggested", {"sources": sources, "groups": len(groups)})
    return tuple(groups)


def clusters(vectors: Vectors, threshold: float) -> NDArray[np.int64]:
    """(N,) a label for each of (N, D) unit rows; -1 for a row that is like no other."""
    starts, columns, weights = _edges(vectors, threshold)
    count = len(vectors)
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


def _edges(vectors: Vectors, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The nearest NEIGHBOURS of each row that reach `threshold`, without itself.

    Returns: (N + 1,) where each row's begin, and (E,) which rows those are with their cosines, falling.
    """
    count = len(vectors)
    block = max(1, BLOCK // max(count, 1))
    starts = np.zeros(count + 1, np.int64)
    columns, weights = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for first in range(0, count, block):
        scores = vectors[first : first + block] @ vectors.T
        for row, of in enumerate(scores, start=first):
            of[row] = -2.0
            near = np.flatnonzero(of >= threshold)
            near = near[np.argsort(-of[near], kind="stable")[:NEIGHBOURS]]
            starts[row + 1] = starts[row] + len(near)
            columns.append(near.astype(np.int32))
            weights.append(of[near])
    return starts, np.concatenate(columns), np.concatenate(weights)


def _visible(
    stores: Stores, faces: Sequence[FaceId], classes: frozenset[ClassId], version: int
) -> dict[FaceId, VisibleFace] | None:
    """Those of these faces that may be shown; None: the policy moved."""
    found: dict[FaceId, VisibleFace] = {}
    for start in range(0, len(faces), SHOWN_AT_ONCE):
        part = stores.records.gallery.visible(faces[start : start + SHOWN_AT_ONCE], classes, version)
        if part is None:
            return None
        found.update(part)
    return found


def _groups(
    stores: Stores, faces: Sequence[SealedTemplate], labels: NDArray[np.int64], visible: dict[FaceId, VisibleFace]
) -> Iterator[SuggestedGroup]:
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
        free = [face for face in group if face.face not in belongs]
        parted = [face for face in free if person is not None and (person, face.face) in refused]
        asked = [face for face in free if face not in parted]
        if len(asked) >= (2 if person is None else 1):
            yield _group(asked, None if person is None else uids[person], visible)
        if len(parted) > 1:
            yield _group(parted, None, visible)


def _group(faces: Sequence[SealedTemplate], person: str | None, visible: dict[FaceId, VisibleFace]) -> SuggestedGroup:
    names = " ".join([person or "new", *sorted(face.uid for face in faces)])
    return SuggestedGroup(
        id=hashlib.sha256(names.encode()).hexdigest()[:12],
        person_id=person,
        faces=tuple((face.uid, uri_of(visible[face.face])) for face in faces),
    )
