"""Requests of pictured people: opened by anybody, verified, decided, carried out, withdrawn.

What an outsider can learn: `open` looks at nothing but what it is given, so its answer and its cost are the same
whether or not the person is in the gallery. Faces are looked for once it is known who asks, in `verify`: a search for
the purpose `own-data` under a permit for a request (policy/rules/base.cedar), over all that is held.

Crash order of a decision: the log; one transaction with the outcome and whatever keeps out from then on; the erasure,
in its own order; blobs and key of the proof; the receipt, signed; one transaction that says it is done and keeps it. A
crash after the first transaction leaves the request `deciding`, and `resume` goes on: before any other step, and before
an ingest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from countenance.calibrate.calibration import Calibration, round_up_searched
from countenance.errors import KeyDestroyed, NotFound, PolicyDenied, WrongUse
from countenance.index.near import distance
from countenance.permits import Act, Permit
from countenance.pipeline.act_detail import seal_act
from countenance.pipeline.address import address_of
from countenance.pipeline.corrections import Correction, put_right
from countenance.pipeline.erase import Eraser, ErasureReport, picture_digest
from countenance.pipeline.look import Looked, Looker
from countenance.pipeline.person_leads import names_of
from countenance.pipeline.receipts import sign_receipt
from countenance.pipeline.refresh import LiveIndex, space_id_of
from countenance.pipeline.replay_requests import request_act
from countenance.pipeline.request_receipts import account_of
from countenance.pipeline.sealing import pack_vector, template_binding, unpack_vectors
from countenance.pipeline.search import DEFAULT_FPIR, TOP_LIMIT, choose_face, look_at
from countenance.pipeline.stack import NEAR_BITS
from countenance.pipeline.stores import Stores
from countenance.pipeline.subjects import subject_name
from countenance.pipeline.suppress import address_digest, hash_binding, hash_digest, person_binding
from countenance.policy.facts import BROUGHT
from countenance.protocols import Embedder, LogEntry
from countenance.records.erasures import Suppression
from countenance.records.request_faces import FoundFace
from countenance.records.requests import PHOTOGRAPH, NewPerson, NewRequest, Request, SealedFace, WrongState
from countenance.records.suppressions import KeepOut
from countenance.rights.deadlines import Law, law_for, laws
from countenance.rights.requests import (
    CODE_TERM,
    SAME_PERSON_FMR,
    Asked,
    Limits,
    Outcome,
    RequestKind,
    RequestState,
    check_proof,
    is_tracking,
    new_code,
    new_tracking,
    plain_code,
)
from countenance.types import AlignedFace, Box, FaceId, Purpose, Vectors

DAY: Final = timedelta(days=1)
_ERASING: Final = frozenset({RequestKind.OPT_OUT, RequestKind.ERASURE, RequestKind.OBJECTION})


@dataclass(frozen=True, slots=True)
class Receipted:
    """What whoever asks is told. The tracking code is shown this once."""

    uid: str
    tracking: str
    kind: str
    tier: int | None
    law: Law
    due_at: datetime
    confirm_by: datetime | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision did."""

    request: Request
    erased: int  # faces
    hidden: int  # faces kept and out of every search
    kept_out: int  # pictures and addresses that are not taken again
    pending: tuple[str, ...]  # where bytes may still lie, sealed under a key that is destroyed
    receipt: str  # its id
    erasure_receipt: str | None  # of what was erased


@dataclass(frozen=True, slots=True)
class _Photograph:
    """A photograph that somebody brought, with the face that is meant."""

    sha256: bytes
    looked: Looked
    face: AlignedFace


@dataclass(frozen=True, slots=True)
class RequestDesk:
    """Takes up and decides the requests of one home."""

    stores: Stores
    looker: Looker
    embedder: Embedder
    live: LiveIndex
    calibration: Calibration
    eraser: Eraser
    tenant: str
    limits: Limits = field(default_factory=Limits)

    # --- open ----------------------------------------------------------------------------------------------------
    def open(
        self, asked: Asked, *, photo: bytes | None = None, law: str | None = None, jurisdiction: str | None = None
    ) -> Receipted:
        """The request stands. Nothing is looked for in the gallery, so the answer says nothing of it.

        Sealed photograph and keys first, then the log, then one transaction. A crash before it leaves sealed bytes that
        no row names (swept by the next ingest).
        Raises: PolicyDenied: as many were taken up as may be (logged); BadPicture, NoFace, SeveralFaces, WrongUse.
        """
        now = self.stores.clock()
        counts = law_for(now, law=law, jurisdiction=jurisdiction)
        contact = self.stores.digest("request contact", asked.contact.casefold().encode()) if asked.contact else None
        self._refuse_if(self.stores.records.requests.limit_met(contact, **self._limits(now)))
        details: dict[str, Any] = {
            "name": asked.name, "contact": asked.contact, "text": asked.text, "address": asked.address,
            "face": asked.face,
        }  # fmt: skip
        if photo is not None:
            details["face_number"] = choose_face_number(look_at(self.looker, photo), asked.face_number)
        uid, tracking = uuid.uuid4(), new_tracking()
        with self.stores.naming_keys():
            blob = f"request-{uid}"
            files = ((PHOTOGRAPH, blob),) if photo is not None else ()
            key, proof_key = self.stores.keys.create(2, blobs=[name for _, name in files])
            if photo is not None:
                self.stores.blobs.put_many({blob: self.stores.keys.seal(proof_key, _photo_binding(str(uid)), photo)})
            self.stores.log.append(
                "request.opened",
                {"request": str(uid), "kind": str(asked.kind), "tier": asked.tier, "law": counts.id},
            )
            met = self.stores.records.requests.add(
                NewRequest(
                    uid=uid, tracking=self._tracking_digest(tracking), kind=str(asked.kind), tier=asked.tier,
                    law=counts.id, opened_at=now, due_at=counts.due(now), key_id=key,
                    details=self._sealed(key, str(uid), details), proof_key_id=proof_key, contact=contact, files=files,
                ),
                **self._limits(now),
            )  # fmt: skip
            if met is None:
                self.stores.keys.made([key, proof_key], blobs=[name for _, name in files])
            else:
                self.stores.blobs.delete_many([name for _, name in files])
                self.stores.keys.destroy([key, proof_key])
        self._refuse_if(met)
        return Receipted(
            str(uid), tracking, str(asked.kind), asked.tier, counts, counts.due(now), counts.confirm_by(now)
        )

    def _limits(self, now: datetime) -> dict[str, Any]:
        limits = self.limits
        most = {"a_day": limits.a_day, "waiting": limits.waiting, "a_contact": limits.a_contact}
        return {"since": now - DAY, "limits": most}

    def _refuse_if(self, limit: str | None) -> None:
        if limit is not None:
            self._refuse(limit)
            raise PolicyDenied(f"no more requests are taken up now: {_LIMITS[limit]}", "try again another day")

    def _refuse(self, limit: str, request: Request | None = None) -> None:
        about = {} if request is None else {"request": request.uid}
        self.stores.log.append("request.refused", {"limit": limit, **about})

    # --- who asks ------------------------------------------------------------------------------------------------
    def get(self, name: str) -> Request:
        """The request of that id or tracking code. Raises NotFound, the same for both."""
        found = None
        if is_tracking(name):
            found = self.stores.records.requests.tracked(self._tracking_digest(name))
        else:
            try:
                found = self.stores.records.requests.get(str(uuid.UUID(name)))
            except ValueError as error:
                raise WrongUse(
                    f"{name!r} is neither the id of a request nor a tracking code", "`countenance request list`"
                ) from error
        if found is None:
            raise NotFound("there is no such request", "`countenance request list` names them")
        return found

    def details(self, request: Request) -> dict[str, Any]:
        """What the request says; empty where that is destroyed."""
        if request.details is None or request.key_id is None:
            return {}
        found = json.loads(self.stores.keys.open(request.key_id, _details_binding(request.uid), request.details))
        return dict(found)

    def send_code(self, name: str) -> tuple[str, datetime]:
        """(a one-time code, until when it counts). An earlier one counts no more. Raises WrongUse, PolicyDenied."""
        request = self._at(name, RequestState.OPEN)
        code, now = new_code(), self._now(request)
        with self._step(request):
            sent = self.stores.records.requests.send_code(
                request, self._code_digest(request, code), now, self.limits.codes
            )
        if not sent:
            self._refuse("codes", request)
            raise PolicyDenied(
                f"{self.limits.codes} codes were made for this request, and that is all",
                "another proof (--photo, --document), or refuse the request and say why",
            )
        return code, now + CODE_TERM

    def verify(
        self, name: str, *, code: str | None = None, photo: bytes | None = None, photo_face: int | None = None,
        document: str | None = None,
    ) -> Request:  # fmt: skip
        """It is known who asks, and by which proof, and the person's faces are found; an objection hides them.

        All proofs offered must fit; what was offered is not kept. Each try counts, fit or not.
        Raises: PolicyDenied: a proof does not fit, or there were too many tries; WrongUse: not open, no proof, a
        government ID alone; BadPicture, NoFace, SeveralFaces.
        """
        proofs = check_proof(code=code, has_photo=photo is not None, document=document)
        self.resume()
        request = self._at(name, RequestState.OPEN)
        details = self.details(request)
        second = None if photo is None else self._photograph(photo, photo_face)
        if not self.stores.records.requests.take_try(request, self.limits.proofs):
            self._refuse("proofs", request)
            raise PolicyDenied(
                f"{self.limits.proofs} proofs were offered for this request, and that is all",
                f"refuse it and say why: countenance request decide {request.uid} --refuse --reason TEXT",
            )
        first = self._first_photograph(request, details)
        if code is not None:
            self._check_code(request, code)
        if second is not None:
            self._check_same_person(request, details, first, second)
        found = self._find(request, details, [each for each in (first, second) if each is not None])
        hide = request.kind == RequestKind.OBJECTION
        self.stores.log.append(
            "request.verified",
            {"request": request.uid, "proofs": [str(proof) for proof in proofs], "faces": len(found)},
            detail=self._act(request, RequestState.VERIFIED, hides=found if hide else ()),
        )
        with self._step(request):
            self.stores.records.requests.verified(request, "+".join(proofs), self.stores.clock(), found, hide=hide)
        return self.get(request.uid)

    def _check_code(self, request: Request, code: str) -> None:
        now = self.stores.clock()
        # A clock that was set back to before the code was made proves nothing either.
        in_time = request.code_at is not None and request.code_at <= now < request.code_at + CODE_TERM
        fits = hmac.compare_digest(request.code or b"", self._code_digest(request, code))
        if not (fits and in_time):
            raise _does_not_fit("the code is not the one that was sent last, was used, or is older than a week")

    def _check_same_person(
        self, request: Request, details: Mapping[str, Any], first: _Photograph | None, second: _Photograph
    ) -> None:
        """The second photograph shows the person of the first, or of what the request names."""
        if first is not None:
            again = first.sha256 == second.sha256 or (
                bool(first.looked.pdq and second.looked.pdq)
                and distance(first.looked.pdq, second.looked.pdq) <= NEAR_BITS
            )
            if again:
                raise _does_not_fit("the second photograph is the first again; a proof is one taken for it")
        shown = [each.face for each in (first, second) if each is not None]
        permit = self._brought_permit(Act.SEARCH, request)
        templates = self._embed(shown, permit)
        if first is not None:
            others = templates[:1]
        else:
            others = self._templates(
                self.stores.records.requests.templates(self._space_id(), faces=self._named(details))
            )
        best = float(np.max(others @ templates[-1])) if len(others) else -1.0
        self.stores.log.append("compare.shown", {"search": permit.log_entry})
        if self.calibration.fmr(round(best, 3)).value > SAME_PERSON_FMR:
            raise _does_not_fit("the second photograph is not near enough to the first, or to what the request names")

    # --- whose faces ---------------------------------------------------------------------------------------------
    def _find(
        self, request: Request, details: Mapping[str, Any], photographs: Sequence[_Photograph]
    ) -> dict[FaceId, float | None]:
        """The person's faces, as far as they can be found, with the best cosine to a photograph of them."""
        named = self._named(details)
        if not photographs:
            return dict.fromkeys(named)
        permit = self._gallery_permit(request)
        if permit is None:
            return {}
        index = self.live.refreshed()
        searched = index.count(permit.classes)
        threshold, _ = self.calibration.threshold(round_up_searched(searched), DEFAULT_FPIR)
        probes = self._embed([each.face for each in photographs], permit)
        best: dict[FaceId, float] = {}
        for hits in index.search(probes, TOP_LIMIT, permit):
            for hit in hits:
                best[hit.face] = max(best.get(hit.face, -1.0), hit.score)
        # Of what is named, only what shows the person; and what is restricted, since no index holds that.
        space_id, records = self._space_id(), self.stores.records.requests
        apart = {
            each.id: each
            for each in (*records.templates(space_id), *records.templates(space_id, faces=named))
            if each.id not in best
        }
        if apart:
            scores = (self._templates(list(apart.values())) @ probes.T).max(axis=1)
            best |= dict(zip(apart, map(float, scores), strict=True))
        found = {face: round(score, 3) for face, score in best.items() if round(score, 3) >= round(threshold, 3)}
        shown = list(self.stores.records.requests.uids(found))
        self.stores.log.append(
            "search.shown",
            {"search": permit.log_entry, "searched": searched, "threshold": f"{threshold:.6f}", "faces": shown},
        )
        return dict(found)

    def _named(self, details: Mapping[str, Any]) -> tuple[FaceId, ...]:
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

    def found(self, request: Request) -> tuple[FoundFace, ...]:
        """The faces that were found, with every place where each stands; none before it is known who asks."""
        if request.state == RequestState.OPEN:
            return ()
        return self.stores.records.requests.found(request)

    # --- decide --------------------------------------------------------------------------------------------------
    def decide(self, name: str, *, grant: bool, faces: Sequence[str] | None = None, reason: str = "",
        correction: Correction | None = None,
    ) -> Decided:  # fmt: skip
        """It is decided and carried out; what it keeps out is kept out, in every process, before this returns.

        Args: faces: public ids of those that are the person's; None: all that were found; reason: for a refusal;
        correction: of a correction that is granted, what is right.
        Raises: WrongUse: not verified yet, decided already, a refusal without a reason, faces that must be told apart;
        NotFound: no such face.
        """
        self.resume()
        request = self._at(name, RequestState.VERIFIED, *(() if grant else (RequestState.OPEN,)))
        if not grant and not reason.strip():
            raise WrongUse(
                "a refusal says why (GDPR art. 12(4))", "--reason TEXT, in words that the person will understand"
            )
        chosen = self._chosen(request, faces) if grant else None
        if (correction is not None) != (grant and request.kind == RequestKind.CORRECTION):
            raise WrongUse(
                "a correction that is granted says what is right, and no other decision does",
                "--rename, --jurisdiction",
            )
        right = {} if correction is None else correction.as_details()
        outcome = Outcome.GRANTED if grant else Outcome.REFUSED
        details = {**self.details(request), "reason": reason.strip(), **right}
        with self.stores.naming_keys():
            keep_out, person = self._keep_out(request, details, chosen) if grant else ((), None)
            hide = grant and request.kind == RequestKind.RESTRICTION
            hides = (self.stores.records.requests.faces(request) if chosen is None else chosen) if hide else ()
            entry = self.stores.log.append(
                "request.decided",
                {
                    "request": request.uid,
                    "kind": request.kind,
                    "tier": request.tier,
                    "outcome": str(outcome),
                    "keeps_out": len(keep_out),
                    "person": person is not None,
                },
                detail=self._act(request, RequestState.DECIDED, str(outcome), keep_out=keep_out, hides=hides),
            )
            details["entry"] = entry.position
            with self._step(request):
                self.stores.records.requests.begin_deciding(
                    request,
                    outcome=str(outcome),
                    details=self._sealed(request.key_id or b"", request.uid, details),
                    faces=chosen,
                    keep_out=keep_out,
                    person=person,
                    hide=hide,
                )
            if person is not None:
                self.stores.keys.made([person.key_id])
        return self._carry_out(self.get(request.uid))

    def picked(self, name: str, faces: Sequence[str] | None) -> tuple[Request, tuple[FoundFace, ...]]:
        """A verified request, and the faces that granting it would be about. Raises: as `decide`."""
        request = self._at(name, RequestState.VERIFIED)
        chosen = self._chosen(request, faces)
        return request, tuple(face for face in self.found(request) if chosen is None or face.id in chosen)

    def answered(self, request: Request, *, pictures: int, sha256: str) -> None:
        """It is in the log what is about to be given out. Raises LogUnwritable."""
        self.stores.log.append("request.answered", {"request": request.uid, "pictures": pictures, "sha256": sha256})

    def resume(self) -> tuple[Decided, ...]:
        """Every decision that was begun is carried out."""
        begun = self.stores.records.requests.all(states=[RequestState.DECIDING])
        return tuple(self._carry_out(request) for request in begun)

    def _carry_out(self, request: Request) -> Decided:
        erased, hidden, erasure_receipt = 0, 0, None
        pending: set[str] = set()
        records, decision = self.stores.records.requests, self._decision(request)
        if request.outcome == Outcome.REFUSED:
            records.lift(request)
        elif request.kind in _ERASING:
            self.eraser.resume()
            faces = records.faces(request)
            if faces:
                report: ErasureReport | None = self.eraser.faces(
                    faces, scope=_scope(request), about=request.uid, authority=f"request {request.uid}",
                    suppressions=self._erasure_keeps_out(request),
                    guests=self.stores.records.guests.of_faces(faces),  # of an event: so their link has its end too
                )  # fmt: skip
            else:  # there were none, or a run that a crash ended erased them
                report = self.eraser.earlier(_scope(request), request.uid)
            if report is not None:
                erased, erasure_receipt = report.faces, report.receipt
                pending.update(report.pending)
        elif request.kind == RequestKind.CORRECTION:
            put_right(self.stores, self.tenant, records.faces(request), self.details(request))
        elif request.kind == RequestKind.RESTRICTION:
            hidden = len(records.faces(request))
        forgotten = request.kind == RequestKind.OPT_OUT and request.tier == 0
        pending.update(self.stores.blobs.delete_many(records.files(request).values()).pending)
        keys = [request.proof_key_id, request.key_id if forgotten else None]
        pending.update(self.stores.keys.destroy([key for key in keys if key is not None]).pending)
        kept_out, still = records.kept_out(request), tuple(sorted(pending))
        account = account_of(
            request, erased=erased, hidden=hidden, kept_out=kept_out, pending=still, erasure_receipt=erasure_receipt
        )
        receipt = sign_receipt(self.stores, kind="request", about=request.uid, account=account, entry=decision)
        records.decided(request, self.stores.clock(), receipt, forget=forgotten)
        return Decided(self.get(request.uid), erased, hidden, kept_out, still, receipt.uid, erasure_receipt)

    def _decision(self, request: Request) -> LogEntry:
        """The log's entry. Looked for where the details are destroyed already: by a run that a crash ended."""
        try:
            start = self.details(request).get("entry", 0)
        except KeyDestroyed:
            start = 0
        return next(
            entry
            for entry in self.stores.log.entries(start)
            if entry.kind == "request.decided" and entry.record["request"] == request.uid
        )

    def _chosen(self, request: Request, faces: Sequence[str] | None) -> list[FaceId] | None:
        found = self.found(request)
        if faces is not None:
            ids = self.stores.records.requests.named(faces)
            for uid in faces:
                if uid not in ids:
                    raise NotFound(f"there is no face {uid}", f"countenance request show {request.uid}")
            return list(ids.values())
        untold = {each.uid for each in found if each.score is None}
        if len(untold) > 1 and request.kind != RequestKind.CORRECTION:
            raise WrongUse(
                f"{len(untold)} faces are named by the request, and no photograph tells whose is whose",
                f"name those of the person: --face ID; see countenance request show {request.uid}",
            )
        return None

    # --- what it keeps out ---------------------------------------------------------------------------------------
    def _keep_out(
        self, request: Request, details: Mapping[str, Any], chosen: Sequence[FaceId] | None
    ) -> tuple[tuple[KeepOut, ...], NewPerson | None]:
        if request.kind != RequestKind.OPT_OUT or not request.tier:
            return (), None
        rows: dict[tuple[str, bytes], KeepOut] = {}
        for face in self.found(request):
            if chosen is None or face.id in chosen:
                relative = _relative(face.box, face.width, face.height)
                self._add(rows, request, face.tenant, face.sha256, face.pdq, face.box, relative)
                self._add_address(rows, face.tenant, address_of(face.location, face.place))
        if details.get("address"):
            self._add_address(rows, self.tenant, details["address"])
        photograph = self._first_photograph(request, details)
        if photograph is not None:
            box, looked = photograph.face.face.box, photograph.looked
            relative = _relative(box, looked.width, looked.height)
            self._add(rows, request, self.tenant, photograph.sha256, looked.pdq, box, relative)
        return tuple(rows.values()), self._person(request, photograph) if request.tier == 2 else None

    def _add(
        self, rows: dict[tuple[str, bytes], KeepOut], request: Request, tenant: str, sha256: bytes, pdq: bytes | None,
        box: Box, relative: Box,
    ) -> None:  # fmt: skip
        """The picture's bytes, and its looks where there is enough to see, keep out the face at that box."""
        digest = picture_digest(self.stores, tenant, sha256)
        rows["bytes", digest + repr(box).encode()] = KeepOut("bytes", digest, box)
        if pdq:
            digest = hash_digest(self.stores, pdq)
            sealed = self.stores.keys.seal(request.key_id or b"", hash_binding(digest), pdq)
            rows["pdq", digest + repr(relative).encode()] = KeepOut("pdq", digest, relative, sealed)

    def _add_address(self, rows: dict[tuple[str, bytes], KeepOut], tenant: str, address: str) -> None:
        digest = address_digest(self.stores, tenant, address)
        rows["address", digest] = KeepOut("address", digest)

    def _person(self, request: Request, photograph: _Photograph | None) -> NewPerson:
        """The template that keeps the person out, under a key of its own. Held by `naming_keys` until a row stands."""
        assert photograph is not None  # `check_asked` sees to it
        permit = self._brought_permit(Act.SUPPRESSION_CHECK, request)
        [vector] = self._embed([photograph.face], permit)
        [key] = self.stores.keys.create()
        binding = person_binding(uuid.UUID(request.uid).hex)
        return NewPerson(self._space_id(), key, self.stores.keys.seal(key, binding, pack_vector(vector)))

    def _erasure_keeps_out(self, request: Request) -> list[Suppression]:
        """What an erasure leaves so that the same picture is not taken again; an opt-out's own rows stand already."""
        if request.kind == RequestKind.OPT_OUT:
            return []
        found = {(face.id, face.sha256): face for face in self.found(request)}
        return [Suppression(picture_digest(self.stores, face.tenant, face.sha256), face.box) for face in found.values()]

    # --- afterwards ----------------------------------------------------------------------------------------------
    def extend(self, name: str, reasons: str) -> Request:
        """The term is as long as the law allows. Raises WrongUse: no reasons, extended or decided already, too late."""
        self.resume()
        request = self._at(name, RequestState.OPEN, RequestState.VERIFIED)
        law, now = laws()[request.law], self._now(request)
        if not reasons.strip():
            raise WrongUse("a term is extended with reasons, which the person is told", "--reasons TEXT")
        if request.extended_at is not None:
            raise WrongUse("the term was extended before, and can be only once", f"by {law.name}: {law.cite}")
        if now > request.due_at:
            raise WrongUse(
                "the first term is over, and only within it can it be extended", f"by {law.name}: {law.cite}"
            )
        details = self._sealed(request.key_id or b"", request.uid, {**self.details(request), "extension": reasons})
        self.stores.log.append("request.extended", {"request": request.uid, "law": law.id})
        with self._step(request):
            self.stores.records.requests.extend(request, law.due_extended(request.opened_at), now, details)
        return self.get(request.uid)

    def withdraw(self, name: str) -> Request:
        """What it keeps out, it keeps out no more; what it hides is shown; its template and details are destroyed.

        The log, one transaction, then blobs and keys: after the transaction nothing opens them, and a crash leaves them
        to the sweep. Raises WrongUse: it is withdrawn already.
        """
        self.resume()
        request = self._at(name, RequestState.OPEN, RequestState.VERIFIED, RequestState.DECIDED)
        blobs = self.stores.records.requests.files(request).values()
        entry = self.details(request).get("entry")
        self.stores.log.append("request.withdrawn", {"request": request.uid})
        if entry is not None:  # what a restore would do again it must not, and what the entry holds is to go
            self.stores.log.erase_details([entry], {"request": request.uid})
        with self._step(request), self.stores.naming_keys():
            keys = self.stores.records.requests.withdraw(request)
            self.stores.blobs.delete_many(blobs)
            self.stores.keys.destroy(keys)
        self.stores.records.database.truncate_wal()
        return self.get(request.uid)

    # --- inside --------------------------------------------------------------------------------------------------
    def _at(self, name: str, *states: RequestState) -> Request:
        request = self.get(name)
        if request.state not in states:
            raise self._moved(request)
        return request

    @contextmanager
    def _step(self, request: Request) -> Iterator[None]:
        """Whoever else took the step at the same moment was faster: told as if they had come later."""
        try:
            yield
        except (WrongState, KeyDestroyed) as error:
            raise self._moved(request) from error

    def _moved(self, request: Request) -> WrongUse:
        now = self.get(request.uid)
        return WrongUse(
            f"the request is {now.state}{f' ({now.outcome})' if now.outcome else ''}, and this step is not for that",
            f"countenance request show {request.uid}",
        )

    def _now(self, request: Request) -> datetime:
        """The clock. Raises WrongUse: it stands before the request was opened."""
        now = self.stores.clock()
        if now < request.opened_at:
            raise WrongUse(
                f"this machine's clock says {now:%Y-%m-%d %H:%M}, before the request was opened",
                "set the clock right: terms are counted by it",
            )
        return now

    def _photograph(self, data: bytes, number: int | None) -> _Photograph:
        looked = look_at(self.looker, data)
        return _Photograph(hashlib.sha256(data).digest(), looked, choose_face(looked, number))

    def _first_photograph(self, request: Request, details: Mapping[str, Any]) -> _Photograph | None:
        blob = self.stores.records.requests.files(request).get(PHOTOGRAPH)
        if blob is None or request.proof_key_id is None:
            return None
        sealed = self.stores.blobs.get(blob)
        photo = self.stores.keys.open(request.proof_key_id, _photo_binding(request.uid), sealed)
        return self._photograph(photo, details.get("face_number"))

    def thumbnail(self, name: str) -> bytes | None:
        """JPEG of the face of the photograph that came with a request, to decide by; None: there is none (any more)."""
        request = self.get(name)
        found = self._first_photograph(request, self.details(request))
        return None if found is None else found.face.thumbnail

    def _brought_permit(self, act: Act, request: Request) -> Permit:
        purpose = Purpose.OWN_DATA if act is Act.SEARCH else None
        ask = self.stores.ask(act, purpose=purpose, brought=True, request=True)
        permit, _ = self.stores.policy.decide(ask, classes=frozenset({BROUGHT}), record={"request": request.uid})
        return permit

    def _gallery_permit(self, request: Request) -> Permit | None:
        """None: there is nothing to search."""
        ask = self.stores.ask(Act.SEARCH, purpose=Purpose.OWN_DATA, request=True)
        try:
            permit, _ = self.stores.policy.decide(ask, record={"request": request.uid})
        except PolicyDenied:  # in the log
            return None
        return permit

    def _embed(self, faces: Sequence[AlignedFace], permit: Permit) -> Vectors:
        return self.embedder.embed(np.stack([face.crop_for(self.embedder.crop) for face in faces]), permit)

    def _space_id(self) -> int:
        return space_id_of(self.stores, self.embedder.space)

    def _templates(self, faces: Sequence[SealedFace]) -> Vectors:
        """(N, D); of a face that was erased meanwhile a row of zeros, which is like nobody."""
        dimension = self.embedder.space.dimension
        opened = self.stores.keys.open_many([(f.key_id, template_binding(f.uid), f.template) for f in faces])
        return unpack_vectors([plain or bytes(2 * dimension) for plain in opened], dimension)

    def _act(
        self,
        request: Request,
        state: RequestState,
        outcome: str | None = None,
        *,
        keep_out: Sequence[KeepOut] = (),
        hides: Iterable[FaceId] = (),
    ) -> bytes:
        """What a restore from an older backup needs, sealed. The hashes are opened, since their key is not in it."""
        records = self.stores.records.requests
        key = request.key_id or b""
        rows = [
            (row, None if row.sealed is None else self.stores.keys.open(key, hash_binding(row.digest), row.sealed))
            for row in keep_out
        ]
        act = request_act(
            request,
            tracking=records.tracking_of(request),
            state=str(state),
            outcome=outcome,
            keep_out=rows,
            hides=records.uids(hides),
        )
        return seal_act(self.stores, act)

    def _sealed(self, key: bytes, uid: str, details: Mapping[str, Any]) -> bytes:
        return self.stores.keys.seal(key, _details_binding(uid), json.dumps(details).encode())

    def _tracking_digest(self, code: str) -> bytes:
        return self.stores.digest("request tracking", plain_code(code).encode())

    def _code_digest(self, request: Request, code: str) -> bytes:
        return self.stores.digest("request code", f"{request.uid}|{plain_code(code)}".encode())


_LIMITS: Final = {
    "a_day": "as many came today as are taken up in a day",
    "waiting": "as many are waiting as can be",
    "a_contact": "there are undecided requests with the same address to answer to",
}


def _scope(request: Request) -> str:
    """What its erasure is called, and by that what is left of a face in a group picture (records/erasures.py)."""
    return "forgotten" if request.kind == RequestKind.OPT_OUT and request.tier == 0 else request.kind


def choose_face_number(looked: Looked, number: int | None) -> int:
    """Which face is meant. Raises NoFace, SeveralFaces, WrongUse."""
    return looked.faces.index(choose_face(looked, number))


def _does_not_fit(why: str) -> PolicyDenied:
    return PolicyDenied(f"the proof does not fit: {why}", "another proof, or refuse the request and say why")


def _relative(box: Box, width: int, height: int) -> Box:
    x1, y1, x2, y2 = box
    return x1 / width, y1 / height, x2 / width, y2 / height


def _place_of(address: str, root: str) -> bytes:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(address.removeprefix(root))


def _details_binding(request_uid: str) -> str:
    return f"request|{request_uid}|details"


def _photo_binding(request_uid: str) -> str:
    return f"request|{request_uid}|photograph"
