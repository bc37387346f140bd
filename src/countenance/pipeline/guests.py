"""Guests of an event: they consent by a link, become a subject of the source's grant, get their pictures, withdraw.

A guest's name, consent and reference are sealed under a key of their own, so that withdrawing destroys it. Their faces
are looked for in pictures that are recorded already (`search_for`): each is opened again, its untied faces are embedded
in memory under `Act.SUBJECT_CHECK`, and those that are a subject's get a template under `Act.EMBED`, as at an ingest.

What an outsider can learn: a link that is unknown, closed, expired or of a source that is not in force gets one answer.
Somebody who is kept out (an opt-out) is taken in like anybody whose face is in no picture: a guest without a
subject, of whom nothing is kept. So nobody can test a photograph of somebody else for an opt-out.

Crash order of a consent: sealed evidence and its key; the log; one transaction with subject and guest. A kill before it
leaves sealed bytes that no row names (swept by the next ingest). Of a withdrawal: `Eraser.guest`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import rfc8785
from numpy.typing import NDArray

from countenance.calibrate.calibration import Calibration
from countenance.errors import BadPicture, NoFace, NotFound, PolicyDenied, SeveralFaces, TooMany
from countenance.permits import Act
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.erasure.erase import Eraser, ErasureReport
from countenance.pipeline.erasure.suppression_list import SeenPicture, SuppressionList
from countenance.pipeline.live_index import ensure_space_id
from countenance.pipeline.pictures.enrol import quality_refusal
from countenance.pipeline.pictures.ingest import Ingest
from countenance.pipeline.pictures.ingest_report import SecondPassProgress
from countenance.pipeline.receipts import rfc3339
from countenance.pipeline.search.probe import analyse_or_raise
from countenance.pipeline.sources.grant import embed_references, references_kept_out, seal_subject
from countenance.pipeline.sources.subjects import open_subjects
from countenance.pipeline.stores import Stores
from countenance.protocols import Embedder
from countenance.records.guests.guests import TRIES_WITHIN, Guest, GuestLink, NewGuest
from countenance.records.pictures.pictures import UntiedPicture
from countenance.records.search.gallery import VisibleFace
from countenance.records.sources.sources import SealedSubject, Source
from countenance.remedies import Remedy
from countenance.rights.guests import (
    PHOTOGRAPHS_AN_HOUR,
    VERSION,
    check_agreed,
    check_link,
    check_photograph,
    consent_text,
)
from countenance.rights.requests import SAME_PERSON_FMR
from countenance.types import AlignedFace, Box, ClassId, KeyId, Purpose

TOKEN_BYTES: Final = 24  # 192 bits
PART: Final = 50  # pictures after which it is noted how far a search is: seconds


@dataclass(frozen=True, slots=True)
class GuestPicture:
    """A picture in which a guest's own face was found."""

    id: str  # uuid
    face_id: str  # uuid, of the guest's own
    name: str  # of its file
    width: int
    height: int
    taken_at: str | None
    box: Box  # of the guest's own face, pixels


@dataclass(frozen=True, slots=True)
class GuestStatus:
    """Where a guest stands, for their page."""

    event: str
    organiser: str
    consented_at: datetime
    withdrawn_at: datetime | None
    searched: int  # pictures that were looked at for them
    to_search: int  # of so many that hold a face tied to nobody
    finished: bool  # all were
    available: bool  # the organiser's right is in force; else nothing is shown
    receipt: str | None  # id, of the erasure, once withdrawn


@dataclass(frozen=True, slots=True)
class GuestWorkflow:
    """Takes in the guests of one home. `token` is what stands in a link; it is known by its keyed digest alone."""

    stores: Stores
    analyser: FaceAnalyser
    embedder: Embedder
    calibration: Calibration
    eraser: Eraser
    kept_out: SuppressionList

    # --- links ---------------------------------------------------------------------------------------------------
    def open_link(self, source: Source, *, organiser: str, expires_at: datetime | None = None) -> tuple[GuestLink, str]:
        """(the link, its token, shown this once). Raises: GrantInvalid, WrongUse, LogUnwritable, StorageFailed."""
        now = self.stores.clock()
        organiser, until = check_link(
            source.grant, source=source.name, organiser=organiser, expires_at=expires_at, now=now
        )
        uid, token = uuid.uuid4(), secrets.token_urlsafe(TOKEN_BYTES)
        self.stores.log.append(
            "guest.link_opened", {"link": str(uid), "source": source.uid, "expires_at": until.isoformat()}
        )
        self.stores.records.guests.add_link(
            uid=uid, digest=self._digest("guest link", token), source_id=source.id, organiser=organiser, made_at=now,
            expires_at=until,
        )  # fmt: skip
        return self._named(str(uid)), token

    def close_link(self, uid: str) -> GuestLink:
        """Nobody comes in by it any more; guests who did keep their own link. Raises NotFound."""
        link = self._named(uid)
        if link.closed_at is None:
            self.stores.log.append("guest.link_closed", {"link": link.uid})
            self.stores.records.guests.close_link(link.uid, self.stores.clock())
        return self._named(uid)

    def invitation(self, token: str) -> tuple[GuestLink, tuple[str, ...]]:
        """The link by its token, and what whoever follows it is asked to agree to. Raises NotFound: not in use."""
        link, source = self._in_use(token)
        return link, consent_text(event=source.name, organiser=link.organiser, grant=source.grant)

    def _named(self, uid: str) -> GuestLink:
        found = self.stores.records.guests.link_named(uid)
        if found is None:
            raise NotFound("there is no such link for guests", Remedy.LIST_GUEST_LINKS)
        return found

    def _in_use(self, token: str) -> tuple[GuestLink, Source]:
        link = self.stores.records.guests.link(self._digest("guest link", token))
        if link is None or not link.open_at(self.stores.clock()):
            raise _not_in_use()
        source = self.stores.records.sources.get(link.source)
        embeddable = self.stores.policy.consider(self.stores.ask(Act.EMBED)).allowed
        if not self._deliverable(source) & embeddable.keys():
            raise _not_in_use()
        return link, source

    # --- consent -------------------------------------------------------------------------------------------------
    def consent(self, token: str, photograph: bytes, *, agreed: str) -> tuple[str, str]:
        """(name of the source, token of the guest's own link, shown this once): they are a guest from now on.

        Somebody who is a subject of the grant already becomes no second one. `agreed`: the version of the text.
        Raises: NotFound: the link is not in use; WrongUse: another text; TooMany; BadPicture, NoFace, SeveralFaces.
        """
        link, source = self._in_use(token)
        check_agreed(agreed)
        check_photograph(photograph)
        now = self.stores.clock()
        if not self.stores.records.guests.count_attempt(link, now, PHOTOGRAPHS_AN_HOUR):
            self.stores.log.append("guest.refused", {"link": link.uid, "limit": "photographs"})
            raise TooMany(
                "too many photographs were offered by this link within an hour",
                Remedy.TRY_AGAIN_LATER,
                after_s=TRIES_WITHIN.total_seconds(),
            )
        seen, face = self._only_face(photograph)
        [kept_out] = references_kept_out(self.stores, self.kept_out, source.tenant, [(seen, face)])
        # The same is done for somebody who is kept out, and then nothing of it is used.
        vector = embed_references(self.stores, self.embedder, [face])[0]
        own = secrets.token_urlsafe(TOKEN_BYTES)
        consented = _Consent(uuid.uuid4(), self._digest("guest", own), photograph, vector, now, kept_out)
        while not self._admit(consented, link, source):  # the link was closed, or a subject left, in between
            link, source = self._in_use(token)
        return source.name, own

    def _only_face(self, photograph: bytes) -> tuple[SeenPicture, AlignedFace]:
        looked = analyse_or_raise(self.analyser, photograph)
        if not looked.faces:
            raise NoFace("no face was found in the photograph", Remedy.USE_CLEARER_PICTURE)
        if len(looked.faces) > 1:
            raise SeveralFaces(
                f"the photograph shows {len(looked.faces)} faces",
                Remedy.USE_PICTURE_OF_ONE,
                boxes=tuple(face.face.box for face in looked.faces),
            )
        if quality_refusal(looked.faces[0]) is not None:
            raise BadPicture(
                "the face in the photograph is too small, blurred or dark to compare",
                Remedy.USE_CLEARER_PICTURE,
                reason="low_quality",
            )
        return SeenPicture(hashlib.sha256(photograph).digest(), looked.pdq, looked.width, looked.height), looked.faces[
            0
        ]

    def _admit(self, consented: _Consent, link: GuestLink, source: Source) -> bool:
        """Whether the guest stands; as `Guests.add`."""
        document = _consent_document(consented, link, source)
        same = None if consented.kept_out else self._same_person(source, consented.vector)
        entry = {
            "guest": str(consented.uid),
            "link": link.uid,
            "source": source.uid,
            "grant": source.grant_uid,
            "text": VERSION,
            "evidence_sha256": hashlib.sha256(document).hexdigest(),
        }
        new = NewGuest(consented.uid, consented.digest, link, consented.at, source.grant.id, subject_id=same)
        if consented.kept_out or same is not None:
            self.stores.log.append("guest.consented", entry)
            return self.stores.records.guests.add(new)
        blobs: dict[str, bytes] = {}
        with self.stores.naming_keys():
            key = self.stores.keys.create()[0]
            subject = self._sealed(blobs, key, consented, document)
            self.stores.keys.create(0, blobs=blobs)
            self.stores.blobs.put_many(blobs)
            self.stores.log.append("guest.consented", entry)
            new = NewGuest(consented.uid, consented.digest, link, consented.at, source.grant.id, subject)
            added = self.stores.records.guests.add(new)
            if added:
                self.stores.keys.confirm([key], blobs=blobs)
            else:
                self.stores.blobs.delete_many(blobs)
                self.stores.keys.destroy([key])
        return added

    def _sealed(self, blobs: dict[str, bytes], key: KeyId, consented: _Consent, document: bytes) -> SealedSubject:
        return seal_subject(
            self.stores, blobs, key, uid=str(uuid.uuid4()), name=f"guest {str(consented.uid)[:8]}", evidence=document,
            vector=consented.vector, space_id=ensure_space_id(self.stores, self.embedder.space), own_key=True,
        )  # fmt: skip

    def _same_person(self, source: Source, vector: NDArray[np.float32]) -> int | None:
        """The subject of the grant who this is, so surely that one stranger in 10,000 would be taken for one."""
        matcher = open_subjects(self.stores, source, self.embedder, self.calibration).now()
        if not matcher.ids:
            return None
        scores = matcher.templates @ vector
        best = int(scores.argmax())
        threshold, _ = self.calibration.threshold(len(matcher.ids), SAME_PERSON_FMR)
        return matcher.ids[best] if scores[best] >= threshold else None

    # --- looking for them ----------------------------------------------------------------------------------------
    def match_waiting_guests(
        self, source: Source, run: Ingest, progress: Callable[[SecondPassProgress, int], None] | None = None
    ) -> SecondPassProgress:
        """The source's recorded pictures were looked at for every guest who still waited for it.

        Safe to kill: it goes on behind the last part that was recorded. Only under the ingest lock.
        Args: run: an ingest of the source; progress: told how far it is, and of how many pictures.
        Raises: as `Ingest.look_again`.
        """
        records = self.stores.records
        waiting = records.guests.waiting(source.id)
        if not waiting:
            return SecondPassProgress(0, 0, 0, 0)
        done, of = records.pictures.count_untied(source.id, min(guest.checked_to for guest in waiting))
        last = min(guest.checked_to for guest in waiting)

        def parts() -> Iterator[list[UntiedPicture]]:
            nonlocal last
            while part := records.pictures.untied(source.id, last, PART):
                last = part[-1].id
                yield part

        def on_progress(so_far: SecondPassProgress) -> None:
            records.guests.mark_checked(waiting, last)
            if progress is not None:
                progress(so_far, of - done)

        found = run.look_again(parts(), on_progress)
        records.guests.mark_checked(waiting, last, self.stores.clock())
        self.stores.log.append(
            "guest.searched",
            {
                "source": source.uid,
                "guests": [guest.uid for guest in waiting],
                "pictures": found.pictures,
                "unread": found.unread,
                "faces": found.faces,
                "indexed": found.indexed,
            },
        )
        return found

    # --- a guest's own -------------------------------------------------------------------------------------------
    def guest(self, token: str) -> Guest:
        """Raises NotFound: not in use."""
        found = self.stores.records.guests.of_token(self._digest("guest", token))
        if found is None:
            raise _not_in_use()
        return found

    def standing(self, token: str) -> GuestStatus:
        """Where the guest stands. Raises NotFound: not in use."""
        guest = self.guest(token)
        done, of = self.stores.records.pictures.count_untied(guest.source_id, guest.checked_to)
        finished = guest.checked_at is not None
        return GuestStatus(
            event=guest.source,
            organiser=guest.organiser,
            consented_at=guest.consented_at,
            withdrawn_at=guest.withdrawn_at,
            searched=of if finished else done,
            to_search=of,
            finished=finished,
            available=bool(self._deliverable(self.stores.records.sources.get(guest.source))),
            receipt=self._receipt(guest),
        )

    def pictures(self, token: str) -> tuple[GuestPicture, ...]:
        """Every picture in which the guest's own face was found, the oldest first; in the log, as what is shown is.

        None at all for a guest who withdrew, and while the grant is not in force. Raises NotFound: not in use.
        """
        guest = self.guest(token)
        if guest.withdrawn_at is not None:
            return ()
        try:
            permit, decision = self.stores.policy.decide(
                self._ask(), classes=self._classes(guest), record={"guest": guest.uid}
            )
        except PolicyDenied:  # suspended, over, or stopped by an order: in the log
            return ()
        found = self._visible(guest, permit.classes, decision.version)
        if found is None:  # the policy has moved on: decide again
            return self.pictures(token)
        pictures = [_told(face) for face in found]
        self.stores.log.append(
            "guest.shown", {"guest": guest.uid, "search": permit.log_entry, "pictures": len(pictures)}
        )
        return tuple(sorted(pictures, key=lambda picture: (picture.taken_at or "", picture.name)))

    def face_in(self, token: str, picture_id: str) -> VisibleFace:
        """The guest's own face in a picture that they may see now. Raises NotFound: no such picture of theirs."""
        guest = self.guest(token)
        decision = self.stores.policy.consider(self._ask())
        found = self._visible(guest, self._classes(guest) & decision.allowed.keys(), decision.version)
        if found is None:
            return self.face_in(token, picture_id)
        for face in found:
            if face.picture_uid == picture_id:
                return face
        raise NotFound("there is no such picture of you; your link lists your pictures")

    def log_delivered(self, token: str, pictures: int) -> None:
        """The log says that so many of the guest's pictures are given to them."""
        self.stores.log.append("guest.delivered", {"guest": self.guest(token).uid, "pictures": pictures})

    def withdraw(self, token: str) -> ErasureReport | None:
        """Nothing is shown to the guest from this moment, and all that their consent brought is erased.

        Returns: the account; None: somebody with another link, who is the same person, has done it before.
        Raises: NotFound: not in use; LogUnwritable, StorageFailed.
        """
        guest = self.guest(token)
        if guest.withdrawn_at is None:
            return self.eraser.erase_guest(guest)
        return self.eraser.earlier_guest(guest)

    # --- inside --------------------------------------------------------------------------------------------------
    def _digest(self, kind: str, token: str) -> bytes:
        return self.stores.digest(kind, token.encode("utf-8", "surrogateescape"))

    def _ask(self) -> Any:
        return self.stores.ask(Act.SEARCH, purpose=Purpose.EVENT_DELIVERY, guest=True)

    def _classes(self, guest: Guest) -> frozenset[ClassId]:
        return self.stores.records.sources.classes_of(self.stores.records.sources.get(guest.source).grant)

    def _deliverable(self, source: Source) -> frozenset[ClassId]:
        """The source's classes whose pictures may be given to guests now."""
        allowed = self.stores.policy.consider(self._ask()).allowed
        return self.stores.records.sources.classes_of(source.grant) & allowed.keys()

    def _visible(self, guest: Guest, classes: frozenset[ClassId], policy: int) -> list[VisibleFace] | None:
        """The guest's faces that may be shown, one a picture; None: the policy has moved."""
        faces = self.stores.records.guests.faces(guest)
        visible = self.stores.records.gallery.visible(faces, classes, policy)
        if visible is None:
            return None
        return list({face.picture_uid: face for face in visible.values()}.values())

    def _receipt(self, guest: Guest) -> str | None:
        if guest.withdrawn_at is None:
            return None
        earlier = self.eraser.earlier_guest(guest)
        return None if earlier is None else earlier.receipt


@dataclass(frozen=True, slots=True, eq=False)
class _Consent:
    """Somebody who agreed, before they are recorded. In memory alone."""

    uid: uuid.UUID
    digest: bytes
    photograph: bytes
    vector: NDArray[np.float32]  # (D,)
    at: datetime
    kept_out: bool


def _consent_document(consented: _Consent, link: GuestLink, source: Source) -> bytes:
    """What is kept as evidence: what was agreed to, when, by which link, and the photograph. Canonical JSON."""
    return rfc8785.dumps(
        {
            "consent": "guest",
            "version": VERSION,
            "text": list(consent_text(event=source.name, organiser=link.organiser, grant=source.grant)),
            "guest": str(consented.uid),
            "link": link.uid,
            "source": source.uid,
            "grant": source.grant_uid,
            "at": rfc3339(consented.at),
            "photograph_sha256": hashlib.sha256(consented.photograph).hexdigest(),
            "photograph": base64.b64encode(consented.photograph).decode(),
        }
    )


def _told(face: VisibleFace) -> GuestPicture:
    name = PurePosixPath(os.fsdecode(face.place)).name
    return GuestPicture(
        id=face.picture_uid, face_id=face.uid, name=name, width=face.width, height=face.height, taken_at=face.taken_at,
        box=face.box,
    )  # fmt: skip


def _not_in_use() -> NotFound:
    """The one answer for a token that is unknown, closed, expired or of a source that is not in force."""
    return NotFound("this link is not in use", Remedy.ASK_FOR_LINK)
