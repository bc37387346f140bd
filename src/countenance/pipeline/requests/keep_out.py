"""What a granted request keeps out from then on: pictures by their bytes and looks, addresses, and the person."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countenance.associated_data import suppressed_hash_aad, suppressed_person_aad
from countenance.permits import Act
from countenance.pipeline.address import address_of
from countenance.pipeline.erasure.erase import picture_digest
from countenance.pipeline.erasure.suppression_list import address_digest, hash_digest
from countenance.pipeline.requests.book import Photograph, RequestBook
from countenance.pipeline.requests.faces import RequestFaces
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import pack_vector
from countenance.records.erasure.suppressions import Suppression
from countenance.records.requests.requests import NewPerson, SubjectRequest
from countenance.rights.requests import RequestKind
from countenance.types import Box, FaceId


@dataclass(frozen=True, slots=True)
class RequestSuppressions:
    """Makes the rows that keep it out, for whoever decides to record."""

    stores: Stores
    book: RequestBook
    faces: RequestFaces
    tenant: str

    def make_for_opt_out(
        self, request: SubjectRequest, details: Mapping[str, Any], chosen: Sequence[FaceId] | None
    ) -> tuple[tuple[Suppression, ...], NewPerson | None]:
        """(rows, template of the person) of an opt-out; of what else, and at tier 0, there are none."""
        if request.kind != RequestKind.OPT_OUT or not request.tier:
            return (), None
        rows: dict[tuple[str, bytes], Suppression] = {}
        for face in self.faces.found(request):
            if chosen is None or face.id in chosen:
                relative = _relative(face.box, face.width, face.height)
                self._add(rows, request, face.tenant, face.sha256, face.pdq, face.box, relative)
                self._add_address(rows, face.tenant, address_of(face.location, face.place))
        if details.get("address"):
            self._add_address(rows, self.tenant, details["address"])
        photograph = self.book.first_photograph(request, details)
        if photograph is not None:
            box, looked = photograph.face.face.box, photograph.looked
            relative = _relative(box, looked.width, looked.height)
            self._add(rows, request, self.tenant, photograph.sha256, looked.pdq, box, relative)
        return tuple(rows.values()), self._person(request, photograph) if request.tier == 2 else None

    def _add(
        self, rows: dict[tuple[str, bytes], Suppression], request: SubjectRequest, tenant: str, sha256: bytes,
        pdq: bytes | None, box: Box, relative: Box,
    ) -> None:  # fmt: skip
        """The picture's bytes, and its looks where there is enough to see, keep out the face at that box."""
        digest = picture_digest(self.stores, tenant, sha256)
        rows["bytes", digest + repr(box).encode()] = Suppression("bytes", digest, box)
        if pdq:
            digest = hash_digest(self.stores, pdq)
            sealed = self.stores.keys.seal(request.key_id or b"", suppressed_hash_aad(digest), pdq)
            rows["pdq", digest + repr(relative).encode()] = Suppression("pdq", digest, relative, sealed)

    def _add_address(self, rows: dict[tuple[str, bytes], Suppression], tenant: str, address: str) -> None:
        digest = address_digest(self.stores, tenant, address)
        rows["address", digest] = Suppression("address", digest)

    def _person(self, request: SubjectRequest, photograph: Photograph | None) -> NewPerson:
        """The template that keeps the person out, under a key of its own. Held by `naming_keys` until a row stands."""
        assert photograph is not None  # `check_asked` sees to it
        permit = self.faces.brought_permit(Act.SUPPRESSION_CHECK, request)
        [vector] = self.faces.embed([photograph.face], permit)
        [key] = self.stores.keys.create()
        aad = suppressed_person_aad(uuid.UUID(request.uid).hex)
        return NewPerson(self.faces.space_id(), key, self.stores.keys.seal(key, aad, pack_vector(vector)))

    def make_for_erasure(self, request: SubjectRequest) -> list[Suppression]:
        """What an erasure leaves so that the same picture is not taken again; an opt-out's own rows stand already."""
        if request.kind == RequestKind.OPT_OUT:
            return []
        found = {(face.id, face.sha256): face for face in self.faces.found(request)}
        return [
            Suppression("bytes", picture_digest(self.stores, face.tenant, face.sha256), face.box)
            for face in found.values()
        ]


def _relative(box: Box, width: int, height: int) -> Box:
    x1, y1, x2, y2 = box
    return x1 / width, y1 / height, x2 / width, y2 / height
