"""Whose faces a request is about: what it names, and what is like the photographs of whoever asks.

Searched under a permit for a request, over all that is held; templates are made in memory and dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from countenance.associated_data import template_aad
from countenance.calibrate.calibration import Calibration, round_up_searched
from countenance.errors import NotFound, PolicyDenied, WrongUse
from countenance.permits import Act, Permit
from countenance.pipeline.address import address_of
from countenance.pipeline.live_index import LiveIndex, ensure_space_id
from countenance.pipeline.requests.book import Photograph
from countenance.pipeline.search.person_leads import names_of
from countenance.pipeline.search.search import DEFAULT_FPIR, TOP_LIMIT
from countenance.pipeline.sources.subjects import subject_name
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import unpack_vectors
from countenance.policy.facts import BROUGHT
from countenance.protocols import Embedder
from countenance.records.requests.faces import RequestFace
from countenance.records.requests.requests import SealedFace, SubjectRequest
from countenance.remedies import Remedy
from countenance.rights.requests import RequestKind, RequestState
from countenance.types import AlignedFace, FaceId, Purpose, Vectors


@dataclass(frozen=True, slots=True)
class RequestFaces:
    """Finds them in one home."""

    stores: Stores
    embedder: Embedder
    live: LiveIndex
    calibration: Calibration

    def find(
        self, request: SubjectRequest, details: Mapping[str, Any], photographs: Sequence[Photograph]
    ) -> dict[FaceId, float | None]:
        """The person's faces, as far as they can be found, with the best cosine to a photograph of them."""
        named = self.named(details)
        if not photographs:
            return dict.fromkeys(named)
        permit = self._gallery_permit(request)
        if permit is None:
            return {}
        index = self.live.refresh()
        searched = index.count(permit.classes)
        threshold, _ = self.calibration.threshold(round_up_searched(searched), DEFAULT_FPIR)
        probes = self.embed([each.face for each in photographs], permit)
        best: dict[FaceId, float] = {}
        for hits in index.search(probes, TOP_LIMIT, permit):
            for hit in hits:
                best[hit.face] = max(best.get(hit.face, -1.0), hit.score)
        # Of what is named, only what shows the person; and what is restricted, since no index holds that.
        space_id, records = self.space_id(), self.stores.records.requests
        apart = {
            each.id: each
            for each in (*records.templates(space_id), *records.templates(space_id, faces=named))
            if each.id not in best
        }
        if apart:
            scores = (self.templates(list(apart.values())) @ probes.T).max(axis=1)
            best |= dict(zip(apart, map(float, scores), strict=True))
        found = {face: round(score, 3) for face, score in best.items() if round(score, 3) >= round(threshold, 3)}
        shown = list(self.stores.records.requests.uids(found))
        self.stores.log.append(
            "search.shown",
            {"search": permit.log_entry, "searched": searched, "threshold": f"{threshold:.6f}", "faces": shown},
        )
        return dict(found)

    def named(self, details: Mapping[str, Any]) -> tuple[FaceId, ...]:
        """The faces with a template at the id, at the address and under the name that the request gives."""
        found: set[FaceId] = set()
        records = self.stores.records
        if details.get("face"):
            found.update(records.requests.faces_at(face=details["face"]))
        if details.get("address"):
            for source in records.sources.all():
                root = address_of(source.location, b"")
                if details["address"].startswith(root):
                    place = _place_of(details["address"], root)
                    found.update(records.requests.faces_at(address=(source.location, place)))
        if details.get("name"):
            found.update(self._called(details["name"]))
        return tuple(sorted(found))

    def _called(self, name: str) -> set[FaceId]:
        """The faces of the subjects of any grant, and of the persons, who are called that."""
        persons = self.stores.records.persons
        named = [
            uid for uid, found in names_of(self.stores, persons.all()).items() if found.casefold() == name.casefold()
        ]
        subjects = [
            subject.id
            for source in self.stores.records.sources.all()
            for subject in self.stores.records.sources.subjects(source.grant.id)
            if subject_name(self.stores, source, subject).casefold() == name.casefold()
        ]
        faces = {face.id for uid in named for face in persons.faces_of(uid)}
        return faces | set(self.stores.records.requests.faces_of_subjects(subjects))

    def found(self, request: SubjectRequest) -> tuple[RequestFace, ...]:
        """The faces that were found, with every place where each stands; none before it is known who asks."""
        if request.state == RequestState.OPEN:
            return ()
        return self.stores.records.requests.found(request)

    def chosen(self, request: SubjectRequest, faces: Sequence[str] | None) -> list[FaceId] | None:
        """Those of these public ids; None: all that were found. Raises NotFound; WrongUse: nobody told them apart."""
        found = self.found(request)
        if faces is not None:
            ids = self.stores.records.requests.named(faces)
            for uid in faces:
                if uid not in ids:
                    raise NotFound(f"there is no face {uid}", Remedy.SHOW_REQUEST, values=(request.uid,))
            return list(ids.values())
        untold = {each.uid for each in found if each.score is None}
        if len(untold) > 1 and request.kind != RequestKind.CORRECTION:
            raise WrongUse(
                f"{len(untold)} faces are named by the request, and no photograph tells whose is whose",
                Remedy.ADD_FIELD,
                field="faces",
            )
        return None

    def brought_permit(self, act: Act, request: SubjectRequest) -> Permit:
        """For faces that whoever asks brought. Raises PolicyDenied."""
        purpose = Purpose.OWN_DATA if act is Act.SEARCH else None
        ask = self.stores.ask(act, purpose=purpose, brought=True, request=True)
        permit, _ = self.stores.policy.decide(ask, classes=frozenset({BROUGHT}), record={"request": request.uid})
        return permit

    def _gallery_permit(self, request: SubjectRequest) -> Permit | None:
        """None: there is nothing to search."""
        ask = self.stores.ask(Act.SEARCH, purpose=Purpose.OWN_DATA, request=True)
        try:
            permit, _ = self.stores.policy.decide(ask, record={"request": request.uid})
        except PolicyDenied:  # in the log
            return None
        return permit

    def embed(self, faces: Sequence[AlignedFace], permit: Permit) -> Vectors:
        """(N, D) float32 unit rows, in memory alone."""
        return self.embedder.embed(np.stack([face.crop_for(self.embedder.crop) for face in faces]), permit)

    def space_id(self) -> int:
        """Of the embedding space, in the records."""
        return ensure_space_id(self.stores, self.embedder.space)

    def templates(self, faces: Sequence[SealedFace]) -> Vectors:
        """(N, D); of a face that was erased meanwhile a row of zeros, which is like nobody."""
        dimension = self.embedder.space.dimension
        opened = self.stores.keys.open_many([(f.key_id, template_aad(f.uid), f.template) for f in faces])
        return unpack_vectors([plain or bytes(2 * dimension) for plain in opened], dimension)


def _place_of(address: str, root: str) -> bytes:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(address.removeprefix(root))
