"""Gate 2: from looked-at pictures to sealed templates, of those faces and no others that may have one.

Nothing is recorded here. What `Enrolled` holds is on the disk as sealed crops and data keys that no row names yet;
`undo` removes them again, `confirm` says that rows name them, and after a crash the next run's sweep removes them.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from countenance.associated_data import crop_aad, crop_hash_aad, template_aad
from countenance.decode.pdq import ENOUGH_QUALITY, pdq
from countenance.errors import PolicyDenied, StorageFailed
from countenance.permits import PERMIT_TERM_S, Act, Permit
from countenance.pipeline.analyse import FaceAnalysis, iou
from countenance.pipeline.erasure.suppression_list import SAME_BOX_IOU, SeenPicture, SuppressedBox, SuppressionList
from countenance.pipeline.live_index import ensure_space_id
from countenance.pipeline.sources.subjects import Subjects
from countenance.pipeline.stores import Stores, salted_hash
from countenance.pipeline.vectors import pack_vector
from countenance.policy.gate import PolicyDecision
from countenance.protocols import Embedder
from countenance.records.pictures.batch import Enrolment, FaceRow, PictureRow, PlacementRow
from countenance.records.pictures.pictures import KnownPicture
from countenance.records.sources.sources import Source
from countenance.types import AlignedFace, Box, ClassId, FaceRefusal, KeyId, Vectors

MIN_FACE_PX: Final = 16.0  # below, recall of detection itself falls under 0.95 (docs/detection.md)
MIN_QUALITY: Final = 0.05  # far below what a person would call usable


@dataclass(slots=True)
class PendingPicture:
    """A picture on its way, with every place of this run that holds the same bytes."""

    sha256: bytes
    places: list[PlacementRow]
    known: KnownPicture | None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A batch that may be recorded, if the policy has not moved since `version`."""

    version: int  # of the policy that permitted it
    pictures: tuple[PictureRow, ...]
    faces: int
    indexed: int
    refused: Counter[str]
    keys: list[bytes]
    blobs: list[str]


@dataclass(frozen=True, slots=True)
class _Identity:
    """A picture's names, kept where it is known."""

    uid: uuid.UUID
    salt: bytes
    known: KnownPicture | None

    @classmethod
    def of(cls, job: PendingPicture) -> _Identity:
        if job.known is not None:
            return cls(job.known.uid, job.known.salt, job.known)
        return cls(uuid.uuid4(), secrets.token_bytes(16), None)

    def face_at(self, box: Box) -> FaceRow | None:
        faces = self.known.faces if self.known else ()
        return max(
            (face for face in faces if iou(face.box, box) > SAME_BOX_IOU), key=lambda f: iou(f.box, box), default=None
        )


@dataclass(slots=True)
class _Candidate:
    """A face on its way through the embed gate."""

    job: PendingPicture
    aligned: AlignedFace
    known: FaceRow | None
    uid: uuid.UUID
    outcome: dict[ClassId, FaceRefusal | None]
    subject_id: int | None = None
    key_id: bytes | None = None
    template: bytes | None = None
    crop_hash: bytes | None = None  # sealed under the face's key

    @property
    def refusal(self) -> FaceRefusal | None:
        """None: some class may have it; else the first class's reason."""
        return None if None in self.outcome.values() else next(iter(self.outcome.values()))

    @property
    def needs_template(self) -> bool:
        return self.refusal is None and (self.known is None or self.known.template is None)

    def set_refusal(self, reason: FaceRefusal) -> None:
        """No class may have it, where none had said why before."""
        self.outcome = {class_id: before or reason for class_id, before in self.outcome.items()}

    def row(self, space_id: int) -> FaceRow:
        """As it is recorded: of a face that no class may have, the box and the reason alone."""
        enrolments = tuple(
            Enrolment(class_id, reason, None if reason else self.subject_id)
            for class_id, reason in self.outcome.items()
        )
        if self.known is not None and self.known.template is not None:
            return FaceRow(
                uid=self.uid, box=self.known.box, enrolments=enrolments, landmarks=self.known.landmarks,
                quality=self.known.quality, key_id=self.known.key_id, template=self.known.template,
                space_id=self.known.space_id, crop_hash=self.crop_hash or self.known.crop_hash,
            )  # fmt: skip
        if self.template is None:
            return FaceRow(uid=self.uid, box=self.aligned.face.box, enrolments=enrolments)
        return FaceRow(
            uid=self.uid, box=self.aligned.face.box, enrolments=enrolments, landmarks=self.aligned.face.landmarks,
            quality=self.aligned.quality, key_id=self.key_id, template=self.template, space_id=space_id,
            crop_hash=self.crop_hash,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enroller:
    """The embed gate of one run over one source."""

    stores: Stores
    embedder: Embedder
    source: Source
    subjects: Subjects | None  # of a consent or licence grant
    kept_out: SuppressionList

    def embeddable(self) -> frozenset[ClassId]:
        """The classes in which a template may be made now; a hint for what to look at, not a permit."""
        return frozenset(self.stores.policy.consider(self.stores.ask(Act.EMBED)).allowed)

    def undo(self, enrolled: Enrolled) -> None:
        """What `enrol` put on the disk is gone."""
        self.stores.blobs.delete_many(enrolled.blobs)
        self.stores.keys.destroy(enrolled.keys)

    def confirm(self, enrolled: Enrolled) -> None:
        """Rows name what `enrol` put on the disk; no sweep need look at it."""
        self.stores.keys.confirm(enrolled.keys, blobs=enrolled.blobs)

    def enrol(self, looked_at: Sequence[tuple[PendingPicture, FaceAnalysis]]) -> Enrolled:
        """Templates of what may be embedded, sealed, with their crops stored; not recorded yet."""
        identities = [_Identity.of(job) for job, _ in looked_at]
        classes = frozenset(p.class_id for job, _ in looked_at for p in job.places)
        permit, decision = self._decide_embed(classes, identities, [job for job, _ in looked_at])
        kept_out = self.kept_out.boxes(self.source.tenant, [seen(job, looked) for job, looked in looked_at])
        candidates = [
            candidate
            for (job, looked), identity, boxes in zip(looked_at, identities, kept_out, strict=True)
            for candidate in self._candidates(job, looked, identity, decision, boxes)
        ]
        if self.subjects is not None:
            self._tie(candidates, permit)
        self._keep_out_persons(candidates, permit)
        wanted = [c for c in candidates if c.needs_template]
        if permit is not None and time.monotonic() > permit.expires_s - PERMIT_TERM_S / 2:
            # The checks of a crowd took so long, on a slow machine, that the permit might not last.
            permit, again = self._decide_embed(classes, identities, [job for job, _ in looked_at])
            if (again.version, again.allowed) != (decision.version, decision.allowed):
                return self.enrol(looked_at)
        vectors = self._embed([c.aligned for c in wanted], permit)
        keys = self.stores.keys.create(len(wanted), blobs=[str(c.uid) for c in wanted]) if wanted else []
        uids = [str(candidate.uid) for candidate in wanted]
        templates = zip(keys, map(template_aad, uids), map(pack_vector, vectors), strict=True)
        thumbnails = zip(keys, map(crop_aad, uids), (c.aligned.thumbnail for c in wanted), strict=True)
        sealed = self.stores.keys.seal_many([*templates, *thumbnails])
        for candidate, key, template in zip(wanted, keys, sealed[: len(wanted)], strict=True):
            candidate.key_id, candidate.template = key, template
        crops = dict(zip(uids, sealed[len(wanted) :], strict=True))
        try:
            self.stores.blobs.put_many(crops)
        except StorageFailed:
            self.stores.keys.destroy(keys)
            raise
        self._hash_crops(candidates)
        space_id = ensure_space_id(self.stores, self.embedder.space)
        rows: dict[int, list[FaceRow]] = {}
        for candidate in candidates:
            rows.setdefault(id(candidate.job), []).append(candidate.row(space_id))
        refused = Counter(str(reason.public) for candidate in candidates if (reason := candidate.refusal) is not None)
        return Enrolled(
            version=decision.version,
            pictures=tuple(
                _picture_row(job, looked, identity, rows.get(id(job), []))
                for (job, looked), identity in zip(looked_at, identities, strict=True)
            ),
            faces=len(candidates),
            indexed=len(candidates) - sum(refused.values()),
            refused=refused,
            keys=keys,
            blobs=list(crops),
        )

    def _decide_embed(
        self, classes: frozenset[ClassId], identities: Sequence[_Identity], jobs: Sequence[PendingPicture]
    ) -> tuple[Permit | None, PolicyDecision]:
        ask = self.stores.ask(Act.EMBED)
        if not classes:
            return None, self.stores.policy.consider(ask)
        hashes = [salted_hash(i.salt, job.sha256) for i, job in zip(identities, jobs, strict=True)]
        record = {"source": self.source.uid, "pictures": hashes}
        try:
            permit, decision = self.stores.policy.decide(ask, classes=classes, record=record)
        except PolicyDenied:  # in the log; the faces get their box and the reason, and the run goes on
            return None, self.stores.policy.consider(ask)
        return permit, decision

    def _candidates(
        self,
        job: PendingPicture,
        looked: FaceAnalysis,
        identity: _Identity,
        decision: PolicyDecision,
        kept_out: Sequence[SuppressedBox],
    ) -> Iterator[_Candidate]:
        classes = sorted({p.class_id for p in job.places})
        for aligned in looked.faces:
            known = identity.face_at(aligned.face.box)
            reason = quality_refusal(aligned)
            reason = next((each.refusal for each in kept_out if each.covers(aligned.face.box)), reason)
            reason = _standing_refusal(known) or reason
            yield _Candidate(
                job=job,
                aligned=aligned,
                known=known,
                uid=known.uid if known else uuid.uuid4(),
                outcome={c: reason or (None if c in decision.allowed else FaceRefusal.NOT_PERMITTED) for c in classes},
            )

    def _tie(self, candidates: Sequence[_Candidate], permit: Permit | None) -> None:
        """Consent and licence: only faces tied to a subject go on. The templates for the check are dropped here."""
        assert self.subjects is not None
        subjects = self.subjects.now()
        for candidate in candidates:
            candidate.subject_id = _tied_already(candidate, subjects.ids)
        open_to_it = [c for c in candidates if c.refusal is None and c.subject_id is None]
        if not open_to_it or permit is None:
            return
        if not subjects.ids:  # guests are yet to come: nothing need be embedded to know
            for candidate in open_to_it:
                candidate.set_refusal(FaceRefusal.NOT_A_SUBJECT)
            return
        check, _ = self.stores.policy.decide(
            self.stores.ask(Act.SUBJECT_CHECK), classes=permit.classes,
            record={"source": self.source.uid, "faces": len(open_to_it)},
        )  # fmt: skip
        crops = np.stack([c.aligned.crop_for(subjects.embedder.crop) for c in open_to_it])
        for candidate, subject in zip(open_to_it, subjects.tie(crops, check), strict=True):
            candidate.subject_id = subject
            if subject is None:
                candidate.set_refusal(FaceRefusal.NOT_A_SUBJECT)

    def _keep_out_persons(self, candidates: Sequence[_Candidate], permit: Permit | None) -> None:
        """Faces of people who asked to be kept out go no further. The templates for the check are dropped there."""
        open_to_it = [c for c in candidates if c.refusal is None]
        if not open_to_it or permit is None or not self.kept_out.has_persons:
            return
        check, _ = self.stores.policy.decide(
            self.stores.ask(Act.SUPPRESSION_CHECK), classes=permit.classes,
            record={"source": self.source.uid, "faces": len(open_to_it)},
        )  # fmt: skip
        kept_out = self.kept_out.persons([c.aligned for c in open_to_it], check)
        for candidate, refused in zip(open_to_it, kept_out, strict=True):
            if refused:
                candidate.set_refusal(FaceRefusal.OPTED_OUT)

    def _hash_crops(self, candidates: Sequence[_Candidate]) -> None:
        """Faces with a template get the hash of their crop, sealed under their key. Others must have none."""
        hashed: list[_Candidate] = []
        items: list[tuple[KeyId, str, bytes]] = []
        for candidate in candidates:
            known = candidate.known
            key = candidate.key_id or (known.key_id if known is not None and known.crop_hash is None else None)
            if key is not None:
                found, quality = pdq(candidate.aligned.crop)
                if quality >= ENOUGH_QUALITY:
                    hashed.append(candidate)
                    items.append((key, crop_hash_aad(str(candidate.uid)), found))
        for candidate, sealed in zip(hashed, self.stores.keys.seal_many(items), strict=True):
            candidate.crop_hash = sealed

    def _embed(self, faces: Sequence[AlignedFace], permit: Permit | None) -> Vectors:
        if not faces or permit is None:
            return np.empty((0, self.embedder.space.dimension), np.float32)
        return self.embedder.embed(np.stack([face.crop_for(self.embedder.crop) for face in faces]), permit)


def _picture_row(
    job: PendingPicture, looked: FaceAnalysis, identity: _Identity, faces: Sequence[FaceRow]
) -> PictureRow:
    return PictureRow(
        uid=identity.uid, sha256=job.sha256, salt=identity.salt, width=looked.width, height=looked.height,
        format=looked.format, taken_at=looked.taken_at, faces=tuple(faces), pdq=looked.pdq,
        known_id=None if job.known is None else job.known.id,
    )  # fmt: skip


def seen(job: PendingPicture, looked: FaceAnalysis) -> SeenPicture:
    """The picture as what keeps out knows it."""
    return SeenPicture(job.sha256, looked.pdq, looked.width, looked.height)


def _standing_refusal(known: FaceRow | None) -> FaceRefusal | None:
    """What a person had done about this very face: it holds in every class, for as long as its record stands."""
    stands = (FaceRefusal.ERASED, FaceRefusal.OPTED_OUT, FaceRefusal.RESTRICTED)
    return next((e.refusal for e in known.enrolments if e.refusal in stands), None) if known is not None else None


def _tied_already(candidate: _Candidate, subjects: Collection[int]) -> int | None:
    """The subject that the face is tied to in one of these classes: that stands for as long as the subject does."""
    if candidate.known is None or candidate.known.template is None:
        return None
    ties = (e.subject_id for e in candidate.known.enrolments if e.refusal is None and e.class_id in candidate.outcome)
    return next((subject for subject in ties if subject in subjects), None)


def quality_refusal(aligned: AlignedFace) -> FaceRefusal | None:
    """Why a face is not worth a template, if so. The bounds are far below what a person would call usable."""
    if aligned.quality.width_px < MIN_FACE_PX:
        return FaceRefusal.TOO_SMALL
    if aligned.quality.overall < MIN_QUALITY:
        return FaceRefusal.LOW_QUALITY
    return None
