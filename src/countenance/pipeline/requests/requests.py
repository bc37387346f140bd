"""Requests of pictured people: opened by anybody, verified, decided, carried out, withdrawn.

What an outsider can learn: `open` looks at nothing but what it is given, so its answer and its cost are the same
whether or not the person is in the gallery. Faces are looked for once it is known who asks, in `verify`: a search for
the purpose `own-data` under a permit for a request (policy/rules/base.cedar), over all that is held.

Crash order of a decision: the log; one transaction with the outcome and whatever keeps out from then on; the erasure,
in its own order; blobs and key of the proof; the receipt, signed; one transaction that says it is done and keeps it. A
crash after the first transaction leaves the request `deciding`, and `resume` goes on: before any other step, and before
an ingest.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from countenance.associated_data import photograph_aad
from countenance.calibrate.calibration import Calibration
from countenance.errors import KeyDestroyed, PolicyDenied, WrongUse
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.erasure.erase import Eraser, ErasureReport
from countenance.pipeline.live_index import LiveIndex
from countenance.pipeline.receipts import sign_receipt
from countenance.pipeline.requests.book import RequestBook
from countenance.pipeline.requests.corrections import Correction, apply_correction
from countenance.pipeline.requests.faces import RequestFaces
from countenance.pipeline.requests.keep_out import RequestSuppressions
from countenance.pipeline.requests.proofs import RequestProofs
from countenance.pipeline.requests.receipts import account_of
from countenance.pipeline.search.probe import analyse_or_raise, choose_face
from countenance.pipeline.stores import Stores
from countenance.protocols import Embedder, LogEntry
from countenance.records.requests.faces import RequestFace
from countenance.records.requests.requests import PHOTOGRAPH, NewRequest, SubjectRequest
from countenance.remedies import Remedy
from countenance.rights.deadlines import Law, law_for, laws
from countenance.rights.requests import (
    RequestedThings,
    RequestKind,
    RequestLimits,
    RequestOutcome,
    RequestState,
    new_tracking,
)

DAY: Final = timedelta(days=1)
_ERASING: Final = frozenset({RequestKind.OPT_OUT, RequestKind.ERASURE, RequestKind.OBJECTION})


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """What whoever asks is told. The tracking code is shown this once."""

    uid: str
    tracking: str
    kind: str
    tier: int | None
    law: Law
    due_at: datetime
    confirm_by: datetime | None


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """What a decision did."""

    request: SubjectRequest
    erased: int  # faces
    hidden: int  # faces kept and out of every search
    kept_out: int  # pictures and addresses that are not taken again
    pending: tuple[str, ...]  # where bytes may still lie, sealed under a key that is destroyed
    receipt: str  # its id
    erasure_receipt: str | None  # of what was erased


@dataclass(frozen=True, slots=True)
class RequestWorkflow:
    """Takes up and decides the requests of one home."""

    stores: Stores
    analyser: FaceAnalyser
    embedder: Embedder
    live: LiveIndex
    calibration: Calibration
    eraser: Eraser
    tenant: str
    limits: RequestLimits = field(default_factory=RequestLimits)

    @property
    def book(self) -> RequestBook:
        """The requests one by one: what each says, where it stands."""
        return RequestBook(self.stores, self.analyser)

    @property
    def _faces(self) -> RequestFaces:
        return RequestFaces(self.stores, self.embedder, self.live, self.calibration)

    @property
    def _proofs(self) -> RequestProofs:
        return RequestProofs(self.stores, self.book, self._faces, self.limits)

    @property
    def _keeps_out(self) -> RequestSuppressions:
        return RequestSuppressions(self.stores, self.book, self._faces, self.tenant)

    # --- open ----------------------------------------------------------------------------------------------------
    def open(
        self,
        asked: RequestedThings,
        *,
        photo: bytes | None = None,
        law: str | None = None,
        jurisdiction: str | None = None,
    ) -> OpenedRequest:
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
            details["face_number"] = choose_face_number(analyse_or_raise(self.analyser, photo), asked.face_number)
        uid, tracking = uuid.uuid4(), new_tracking()
        with self.stores.naming_keys():
            blob = f"request-{uid}"
            files = ((PHOTOGRAPH, blob),) if photo is not None else ()
            key, proof_key = self.stores.keys.create(2, blobs=[name for _, name in files])
            if photo is not None:
                self.stores.blobs.put_many({blob: self.stores.keys.seal(proof_key, photograph_aad(str(uid)), photo)})
            self.stores.log.append(
                "request.opened", {"request": str(uid), "kind": str(asked.kind), "tier": asked.tier, "law": counts.id}
            )
            met = self.stores.records.requests.add(
                NewRequest(
                    uid=uid, tracking=self.book.tracking_digest(tracking), kind=str(asked.kind), tier=asked.tier,
                    law=counts.id, opened_at=now, due_at=counts.due(now), key_id=key,
                    details=self.book.sealed(key, str(uid), details), proof_key_id=proof_key, contact=contact,
                    files=files,
                ),
                **self._limits(now),
            )  # fmt: skip
            if met is None:
                self.stores.keys.confirm([key, proof_key], blobs=[name for _, name in files])
            else:
                self.stores.blobs.delete_many([name for _, name in files])
                self.stores.keys.destroy([key, proof_key])
        self._refuse_if(met)
        return OpenedRequest(
            str(uid), tracking, str(asked.kind), asked.tier, counts, counts.due(now), counts.confirm_by(now)
        )

    def _limits(self, now: datetime) -> dict[str, Any]:
        limits = self.limits
        most = {"a_day": limits.a_day, "waiting": limits.waiting, "a_contact": limits.a_contact}
        return {"since": now - DAY, "limits": most}

    def _refuse_if(self, limit: str | None) -> None:
        if limit is not None:
            self.book.log_refusal(limit)
            raise PolicyDenied(f"new requests are not accepted now: {_LIMITS[limit]}", Remedy.TRY_AGAIN_LATER)

    # --- who asks, and whose faces -------------------------------------------------------------------------------
    def get(self, name: str) -> SubjectRequest:
        """The request of that id or tracking code. Raises NotFound, the same for both."""
        return self.book.get(name)

    def details(self, request: SubjectRequest) -> dict[str, Any]:
        """What the request says; empty where that is destroyed."""
        return self.book.details(request)

    def send_code(self, name: str) -> tuple[str, datetime]:
        """(a one-time code, until when it counts). An earlier one counts no more. Raises WrongUse, PolicyDenied."""
        return self._proofs.send_code(name)

    def verify(
        self, name: str, *, code: str | None = None, photo: bytes | None = None, photo_face: int | None = None,
        document: str | None = None,
    ) -> SubjectRequest:  # fmt: skip
        """It is known who asks, and by which proof (`RequestProofs.verify`), after whatever was begun is done."""
        self.resume()
        return self._proofs.verify(name, code=code, photo=photo, photo_face=photo_face, document=document)

    def found(self, request: SubjectRequest) -> tuple[RequestFace, ...]:
        """The faces that were found, with every place where each stands; none before it is known who asks."""
        return self._faces.found(request)

    def thumbnail(self, name: str) -> bytes | None:
        """JPEG of the face of the photograph that came with a request, to decide by; None: there is none (any more)."""
        request = self.get(name)
        found = self.book.first_photograph(request, self.details(request))
        return None if found is None else found.face.thumbnail

    # --- decide --------------------------------------------------------------------------------------------------
    def decide(self, name: str, *, grant: bool, faces: Sequence[str] | None = None, reason: str = "",
        correction: Correction | None = None,
    ) -> CarriedOut:  # fmt: skip
        """It is decided and carried out; what it keeps out is kept out, in every process, before this returns.

        Args: faces: public ids of those that are the person's; None: all that were found; reason: for a refusal;
        correction: of a correction that is granted, what is right.
        Raises: WrongUse: not verified yet, decided already, a refusal without a reason, faces that must be told apart;
        NotFound: no such face.
        """
        self.resume()
        request = self.book.get_at(name, RequestState.VERIFIED, *(() if grant else (RequestState.OPEN,)))
        if not grant and not reason.strip():
            raise WrongUse(
                "a refusal needs a reason that the person will understand (GDPR art. 12(4))", Remedy.ADD_FIELD,
                field="reason",
            )  # fmt: skip
        chosen = self._faces.chosen(request, faces) if grant else None
        if (correction is not None) != (grant and request.kind == RequestKind.CORRECTION):
            raise WrongUse(
                "a correction that is granted says what is right, and no other decision does",
                Remedy.ADD_SOME_OF if correction is None else Remedy.OMIT_FIELD,
                values=("rename", "jurisdiction"),
            )
        right = {} if correction is None else correction.as_details()
        outcome = RequestOutcome.GRANTED if grant else RequestOutcome.REFUSED
        details = {**self.details(request), "reason": reason.strip(), **right}
        with self.stores.naming_keys():
            keep_out, person = self._keeps_out.make_for_opt_out(request, details, chosen) if grant else ((), None)
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
                detail=self.book.redo_detail(
                    request, RequestState.DECIDED, str(outcome), keep_out=keep_out, hides=hides
                ),
            )
            details["entry"] = entry.position
            with self.book.taking_step(request):
                self.stores.records.requests.begin_deciding(
                    request,
                    outcome=str(outcome),
                    details=self.book.sealed(request.key_id or b"", request.uid, details),
                    faces=chosen,
                    keep_out=keep_out,
                    person=person,
                    hide=hide,
                )
            if person is not None:
                self.stores.keys.confirm([person.key_id])
        return self._carry_out(self.get(request.uid))

    def picked(self, name: str, faces: Sequence[str] | None) -> tuple[SubjectRequest, tuple[RequestFace, ...]]:
        """A verified request, and the faces that granting it would be about. Raises: as `decide`."""
        request = self.book.get_at(name, RequestState.VERIFIED)
        chosen = self._faces.chosen(request, faces)
        return request, tuple(face for face in self.found(request) if chosen is None or face.id in chosen)

    def log_answered(self, request: SubjectRequest, *, pictures: int, sha256: str) -> None:
        """It is in the log what is about to be given out. Raises LogUnwritable."""
        self.stores.log.append("request.answered", {"request": request.uid, "pictures": pictures, "sha256": sha256})

    def resume(self) -> tuple[CarriedOut, ...]:
        """Every decision that was begun is carried out."""
        begun = self.stores.records.requests.all(states=[RequestState.DECIDING])
        return tuple(self._carry_out(request) for request in begun)

    def _carry_out(self, request: SubjectRequest) -> CarriedOut:
        erased, hidden, erasure_receipt = 0, 0, None
        pending: set[str] = set()
        records, decision = self.stores.records.requests, self._decision(request)
        if request.outcome == RequestOutcome.REFUSED:
            records.lift_restriction(request)
        elif request.kind in _ERASING:
            self.eraser.resume()
            faces = records.faces(request)
            if faces:
                report: ErasureReport | None = self.eraser.erase_faces(
                    faces, scope=_scope(request), about=request.uid, authority=f"request {request.uid}",
                    suppressions=self._keeps_out.make_for_erasure(request),
                    guests=self.stores.records.guests.of_faces(faces),  # of an event: so their link has its end too
                )  # fmt: skip
            else:  # there were none, or a run that a crash ended erased them
                report = self.eraser.earlier(_scope(request), request.uid)
            if report is not None:
                erased, erasure_receipt = report.faces, report.receipt
                pending.update(report.pending)
        elif request.kind == RequestKind.CORRECTION:
            apply_correction(self.stores, self.tenant, records.faces(request), self.details(request))
        elif request.kind == RequestKind.RESTRICTION:
            hidden = len(records.faces(request))
        forgotten = request.kind == RequestKind.OPT_OUT and request.tier == 0
        pending.update(self.stores.blobs.delete_many(records.files(request).values()).pending)
        keys = [request.proof_key_id, request.key_id if forgotten else None]
        pending.update(self.stores.keys.destroy([key for key in keys if key is not None]).pending)
        kept_out, still = records.count_suppressions(request), tuple(sorted(pending))
        account = account_of(
            request, erased=erased, hidden=hidden, kept_out=kept_out, pending=still, erasure_receipt=erasure_receipt
        )
        receipt = sign_receipt(self.stores, kind="request", about=request.uid, account=account, entry=decision)
        records.mark_decided(request, self.stores.clock(), receipt, forget=forgotten)
        return CarriedOut(self.get(request.uid), erased, hidden, kept_out, still, receipt.uid, erasure_receipt)

    def _decision(self, request: SubjectRequest) -> LogEntry:
        """The log's entry. FaceAnalysis for where the details are destroyed already: by a run that a crash ended."""
        try:
            start = self.details(request).get("entry", 0)
        except KeyDestroyed:
            start = 0
        return next(
            entry
            for entry in self.stores.log.entries(start)
            if entry.kind == "request.decided" and entry.record["request"] == request.uid
        )

    # --- afterwards ----------------------------------------------------------------------------------------------
    def extend(self, name: str, reasons: str) -> SubjectRequest:
        """The term is as long as the law allows. Raises WrongUse: no reasons, extended or decided already, too late."""
        self.resume()
        request = self.book.get_at(name, RequestState.OPEN, RequestState.VERIFIED)
        law, now = laws()[request.law], self.book.checked_now(request)
        if not reasons.strip():
            raise WrongUse(
                "to extend the deadline, give reasons; the person sees them", Remedy.ADD_FIELD, field="reasons"
            )
        if request.extended_at is not None:
            raise WrongUse(f"the term can be extended only once, and was before, by {law.name}: {law.cite}")
        if now > request.due_at:
            raise WrongUse(f"the first deadline has passed; {law.name} allows an extension only before it: {law.cite}")
        details = self.book.sealed(request.key_id or b"", request.uid, {**self.details(request), "extension": reasons})
        self.stores.log.append("request.extended", {"request": request.uid, "law": law.id})
        with self.book.taking_step(request):
            self.stores.records.requests.extend(request, law.due_extended(request.opened_at), now, details)
        return self.get(request.uid)

    def withdraw(self, name: str) -> SubjectRequest:
        """What it keeps out, it keeps out no more; what it hides is shown; its template and details are destroyed.

        The log, one transaction, then blobs and keys: after the transaction nothing opens them, and a crash leaves them
        to the sweep. Raises WrongUse: it is withdrawn already.
        """
        self.resume()
        request = self.book.get_at(name, RequestState.OPEN, RequestState.VERIFIED, RequestState.DECIDED)
        blobs = self.stores.records.requests.files(request).values()
        entry = self.details(request).get("entry")
        self.stores.log.append("request.withdrawn", {"request": request.uid})
        if entry is not None:  # what a restore would do again it must not, and what the entry holds is to go
            self.stores.log.erase_details([entry], {"request": request.uid})
        with self.book.taking_step(request), self.stores.naming_keys():
            keys = self.stores.records.requests.withdraw(request)
            self.stores.blobs.delete_many(blobs)
            self.stores.keys.destroy(keys)
        self.stores.records.database.truncate_wal()
        return self.get(request.uid)


_LIMITS: Final = {
    "a_day": "as many came today as are taken up in a day",
    "waiting": "as many are waiting as can be",
    "a_contact": "there are undecided requests with the same address to answer to",
}


def _scope(request: SubjectRequest) -> str:
    """What its erasure is called, and by that what is left of a face in a group picture."""
    return "forgotten" if request.kind == RequestKind.OPT_OUT and request.tier == 0 else request.kind


def choose_face_number(looked: FaceAnalysis, number: int | None) -> int:
    """Which face is meant. Raises NoFace, SeveralFaces, WrongUse."""
    return looked.faces.index(choose_face(looked, number, field="face_number"))
