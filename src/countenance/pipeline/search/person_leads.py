"""Which persons of a home a probe is like: scored by the fused template of each person's faces.

A person's template is the mean of its faces' unit templates, of unit length again; made in memory for one answer, of
the faces that this search may show and no others, and dropped with it. Averaging lifts the score of another picture of
the same person. It lifts strangers' a little too, which counts the more the higher a score is: so the odds told are
those of a single template that scores FUSED_LIFT less, as a bound (measured: docs/people.md).

FaceAnalysis at are the persons of the NEAREST faces.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.associated_data import person_name_aad, template_aad
from countenance.calibrate.calibration import Calibration, round_up_searched
from countenance.permits import Permit
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import unpack_vectors
from countenance.protocols import VectorIndex
from countenance.records.people.persons import PersonRow, SealedTemplate
from countenance.types import EmbeddingSpace, FaceId, Odds, PersonLead, Vectors

NEAREST: Final = 1_000
FUSED_LIFT: Final = 0.05  # strangers reach a score with a fused template at most as often as this much less with one


def fused(templates: Vectors) -> NDArray[np.float32]:
    """(D,) the normalised mean of (N, D) unit rows, N > 0."""
    mean = templates.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def opened_templates(
    stores: Stores, sealed: list[SealedTemplate], space: EmbeddingSpace
) -> tuple[list[SealedTemplate], Vectors]:
    """(those whose key lives, (N, D) their templates), in memory alone."""
    plain = stores.keys.open_many([(each.key_id, template_aad(each.uid), each.sealed) for each in sealed])
    living = [each for each, data in zip(sealed, plain, strict=True) if data is not None]
    return living, unpack_vectors([data for data in plain if data is not None], space.dimension)


def names_of(stores: Stores, persons: Iterable[PersonRow]) -> dict[str, str]:
    """Uid -> name, of those of these persons that have one."""
    named = [(person, person.name) for person in persons if person.name is not None]
    plain = stores.keys.open_many([(p.key_id, person_name_aad(p.uid), name) for p, name in named])
    return {p.uid: data.decode() for (p, _), data in zip(named, plain, strict=True) if data is not None}


def person_leads(
    stores: Stores, index: VectorIndex, space: EmbeddingSpace, calibration: Calibration, template: Vectors, *,
    permit: Permit, version: int, threshold: float, top: int,
) -> tuple[PersonLead, ...] | None:  # fmt: skip
    """Persons at or above `threshold`, best first, at most `top`; None: the policy moved, decide again.

    Args: template: (1, D) unit row of the probe; version: of the policy that the permit was decided under.
    """
    persons = stores.records.persons
    compared = round_up_searched(persons.count())
    if not compared:
        return ()
    near = [hit.face for hit in index.search(template, NEAREST, permit)[0]]
    members = persons.members(set(persons.person_of(near).values()))
    visible = stores.records.gallery.visible(
        [face for faces in members.values() for face in faces], permit.classes, version
    )
    if visible is None:
        return None
    space_id = stores.records.sources.ensure_space(space.model, space.weights_sha256, space.dimension)
    living, vectors = opened_templates(stores, persons.templates(list(visible), space_id), space)
    row_of: dict[FaceId, int] = {each.face: row for row, each in enumerate(living)}
    scored: list[tuple[float, int, int, str]] = []
    for person, faces in members.items():
        rows = [row_of[face] for face in faces if face in row_of]
        if rows:
            score = round(float(fused(vectors[rows]) @ template[0]), 3)
            if score >= round(threshold, 3):
                best = max(rows, key=lambda row: float(vectors[row] @ template[0]))
                scored.append((score, person, len(rows), living[best].uid))
    scored.sort(key=lambda each: (-each[0], each[1]))
    known = persons.by_id(person for _, person, _, _ in scored[:top])
    names = names_of(stores, known.values())
    return tuple(
        PersonLead(
            rank=rank,
            person_id=known[person].uid,
            name=names.get(known[person].uid),
            faces=faces,
            face_id=face_uid,
            score=score,
            band=calibration.band(score - FUSED_LIFT, compared),
            fmr=Odds(calibration.fmr(score - FUSED_LIFT).value, bound=True),
            expected_false=Odds(calibration.expected_false(score - FUSED_LIFT, compared).value, bound=True),
        )
        for rank, (score, person, faces, face_uid) in enumerate(
            (each for each in scored[:top] if each[1] in known), start=1
        )
    )
