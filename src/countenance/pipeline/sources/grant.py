"""Recording a source with its grant: terms checked, evidence sealed and hashed into the log, subjects enrolled."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.associated_data import evidence_aad, subject_name_aad, subject_template_aad
from countenance.errors import GrantInvalid, WrongUse
from countenance.permits import Act
from countenance.pipeline.address import upload_location
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.documents import Document, read_document
from countenance.pipeline.erasure.suppression_list import SeenPicture, SuppressionList
from countenance.pipeline.live_index import ensure_space_id
from countenance.pipeline.sources.subjects import Reference, reference_face, reference_of
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import pack_vector
from countenance.policy.facts import BROUGHT
from countenance.protocols import Embedder
from countenance.records.sources.sources import NewGrant, SealedSubject, Source
from countenance.rights.grants import GrantTerms
from countenance.rights.subjects import SubjectLine
from countenance.types import AlignedFace, KeyId, Vectors


@dataclass(frozen=True, slots=True)
class SourceWorkflow:
    """Records sources in one home."""

    stores: Stores
    analyser: FaceAnalyser
    embedder: Embedder
    tenant: str
    kept_out: SuppressionList

    def add(
        self,
        *,
        name: str,
        location: bytes | None,
        terms: GrantTerms,
        evidence: Document | None,
        subjects: Sequence[SubjectLine],
    ) -> Source:
        """The source stands, under its grant. `location`: of its folder; None: its pictures are handed in.

        Sealed evidence and keys first, then the log, then one transaction with source, grant and subjects. A crash
        before that transaction leaves sealed bytes that no row names (swept by the next ingest) and at worst a log
        entry for a source that never came to be.
        Raises: GrantInvalid, WrongUse (the name is taken), LogUnwritable, StorageFailed.
        """
        uid, grant_uid = uuid.uuid4(), uuid.uuid4()
        templates = reference_templates(
            self.stores, self.analyser, self.embedder, [reference_of(line) for line in subjects],
            kept_out=self.kept_out, tenant=self.tenant,
        )  # fmt: skip
        with self.stores.naming_keys():
            key = self.stores.keys.create()[0] if evidence is not None or subjects else None
            blobs: dict[str, bytes] = {}
            evidence_sha256 = None
            if evidence is not None and key is not None:
                evidence_sha256 = _seal_evidence(self.stores, blobs, key, str(grant_uid), read_evidence(evidence))
            space_id = ensure_space_id(self.stores, self.embedder.space)
            sealed = [
                seal_subject(
                    self.stores, blobs, key or b"", uid=str(uuid.uuid4()), name=line.name,
                    evidence=read_evidence(line.evidence), vector=vector, space_id=space_id,
                )
                for line, vector in zip(subjects, templates, strict=True)
            ]  # fmt: skip
            self.stores.keys.create(0, blobs=blobs)
            self.stores.blobs.put_many(blobs)
            self.stores.log.append("source.added", self._record(uid, grant_uid, terms, evidence_sha256, sealed))
            source = self.stores.records.sources.add(
                uid=uid,
                grant_uid=grant_uid,
                tenant_id=self.stores.records.sources.ensure_tenant(self.tenant),
                name=name,
                kind="upload" if location is None else "folder",
                location=upload_location(str(uid)) if location is None else location,
                jurisdictions=terms.default_jurisdictions,
                added_at=self.stores.clock(),
                grant=NewGrant(
                    basis=terms.basis,
                    jurisdictions=terms.jurisdictions,
                    purposes=terms.purposes,
                    terms=terms.terms,
                    starts_at=self.stores.clock(),
                    expires_at=terms.expires_at,
                    erase_within_days=terms.erase_within_days,
                    retention=terms.retention,
                    key_id=key,
                    evidence_sha256=evidence_sha256,
                    evidence_blob=evidence_name(str(grant_uid)) if evidence_sha256 else None,
                ),
                subjects=sealed,
            )
            self.stores.keys.confirm([key] if key else [], blobs=blobs)
        self.stores.records.sources.ensure_class(source.grant, source.jurisdictions)
        return source

    def _record(
        self, uid: uuid.UUID, grant_uid: uuid.UUID, terms: GrantTerms, evidence: str | None,
        subjects: Sequence[SealedSubject],
    ) -> Mapping[str, object]:  # fmt: skip
        return {
            "source": str(uid),
            "grant": str(grant_uid),
            "basis": str(terms.basis),
            "jurisdictions": sorted(terms.jurisdictions),
            "purposes": sorted(terms.purposes),
            "expires_at": terms.expires_at.isoformat() if terms.expires_at else None,
            "erase_within_days": terms.erase_within_days,
            **({"retention": dict(terms.retention)} if terms.retention else {}),
            "terms": [list(term) for term in terms.terms],
            "evidence_sha256": evidence,
            "subjects": [{"subject": s.uid, "evidence_sha256": s.evidence_sha256} for s in subjects],
        }


def seal_subject(
    stores: Stores,
    blobs: dict[str, bytes],
    key: KeyId,
    *,
    uid: str,
    name: str,
    evidence: bytes,
    vector: NDArray[np.float32],
    space_id: int,
    own_key: bool = False,
) -> SealedSubject:
    """A subject under `key`, to be recorded; its sealed evidence joins `blobs`, to be stored.

    Args: vector: (D,) the reference; own_key: the key is this subject's alone, and goes with it.
    """
    return SealedSubject(
        uid=uid,
        name=stores.keys.seal(key, subject_name_aad(uid), name.encode()),
        evidence_sha256=_seal_evidence(stores, blobs, key, uid, evidence),
        evidence_blob=evidence_name(uid),
        template=stores.keys.seal(key, subject_template_aad(uid), pack_vector(vector)),
        space_id=space_id,
        key_id=key if own_key else None,
    )


def evidence_name(owner: str) -> str:
    """The name of the blob that holds the evidence of a grant or subject."""
    return f"evidence-{owner}"


def copied_evidence(stores: Stores, source: Source) -> bytes | None:
    """The evidence of a source's grant, opened, for another source that stands under the same right."""
    if source.evidence_blob is None or source.grant_key is None:
        return None
    sealed = stores.blobs.get(source.evidence_blob)
    return stores.keys.open(source.grant_key, evidence_aad(source.grant_uid), sealed)


def _seal_evidence(stores: Stores, blobs: dict[str, bytes], key: KeyId, owner: str, data: bytes) -> str:
    blobs[evidence_name(owner)] = stores.keys.seal(key, evidence_aad(owner), data)
    return hashlib.sha256(data).hexdigest()


def reference_templates(
    stores: Stores,
    analyser: FaceAnalyser,
    embedder: Embedder,
    references: Sequence[Reference],
    *,
    kept_out: SuppressionList,
    tenant: str,
) -> Vectors:
    """(S, D); a row a subject, made in memory under a permit of its own. Raises: GrantInvalid: names the line."""
    if not references:
        return np.empty((0, embedder.space.dimension), np.float32)
    found = [reference_face(analyser, reference) for reference in references]
    for reference, refused in zip(references, references_kept_out(stores, kept_out, tenant, found), strict=True):
        if refused:
            raise GrantInvalid(
                f"{reference.where} is not permitted: remove the line; the data-protection officer knows why"
            )
    return embed_references(stores, embedder, [face for _, face in found])


def embed_references(stores: Stores, embedder: Embedder, faces: Sequence[AlignedFace]) -> Vectors:
    """(S, D); a row a face that somebody brought as a subject's, made in memory under a permit of its own."""
    crops = np.stack([face.crop_for(embedder.crop) for face in faces])
    permit, _ = stores.policy.decide(
        stores.ask(Act.SUBJECT_CHECK, brought=True), classes=frozenset({BROUGHT}), record={"references": len(faces)}
    )
    return embedder.embed(crops, permit)


def references_kept_out(
    stores: Stores, kept_out: SuppressionList, tenant: str, found: Sequence[tuple[SeenPicture, AlignedFace]]
) -> list[bool]:
    """For each face that somebody brought as a subject's whether it is kept out: nobody who is becomes a subject."""
    whole = kept_out.whole(tenant, [seen.sha256 for seen, _ in found])
    boxes = kept_out.boxes(tenant, [seen for seen, _ in found])
    refused = [
        seen.sha256 in whole or any(each.covers(face.face.box) for each in kept)
        for (seen, face), kept in zip(found, boxes, strict=True)
    ]
    if kept_out.has_persons:
        permit, _ = stores.policy.decide(
            stores.ask(Act.SUPPRESSION_CHECK, brought=True), classes=frozenset({BROUGHT}),
            record={"references": len(found)},
        )  # fmt: skip
        persons = kept_out.persons([face for _, face in found], permit)
        refused = [one or other for one, other in zip(refused, persons, strict=True)]
    return refused


def read_evidence(document: Document) -> bytes:
    """The document. Raises GrantInvalid: not a readable file, empty, or over 64 MB."""
    try:
        return read_document(document, "the evidence")
    except WrongUse as error:
        raise GrantInvalid(
            error.message, error.remedy, field=error.field, values=error.values, path=error.path
        ) from error
