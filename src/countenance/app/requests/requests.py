"""Requests of pictured people at a home's door: what was typed becomes values, and answers become documents."""

from __future__ import annotations

import hashlib
import math
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_to_bytes, urldefrag

from countenance import jurisdictions
from countenance.app.paths import path_of
from countenance.app.requests.access_answers import FETCH_FOR, AccessAnswers
from countenance.app.wiring import OPERATOR, Parts
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.address import address_of
from countenance.pipeline.requests.corrections import Correction
from countenance.pipeline.requests.requests import CarriedOut, OpenedRequest, RequestWorkflow
from countenance.records.requests.faces import RequestFace
from countenance.records.requests.requests import SubjectRequest
from countenance.remedies import Remedy
from countenance.rights.deadlines import laws
from countenance.rights.requests import TIERS, RequestKind, RequestOutcome, RequestState, check_asked, is_tracking

if TYPE_CHECKING:
    from countenance.app.inputs import PictureLike

UNDECIDED: Final = (RequestState.OPEN, RequestState.VERIFIED, RequestState.DECIDING)


@dataclass(frozen=True, slots=True)
class RequestService:
    """Everything that can be done with requests in one home. `name` is a request's id or its tracking code."""

    parts: Parts

    @property
    def desk(self) -> RequestWorkflow:
        """With the model that the home is searched with at this moment."""
        engine = self.parts.engine()
        return RequestWorkflow(
            self.parts.stores, engine.analyser, engine.embedder, engine.live, engine.calibration, engine.eraser,
            OPERATOR,
        )  # fmt: skip

    def open(
        self,
        kind: str,
        *,
        tier: int | None = None,
        photo: PictureLike | None = None,
        face_number: int | None = None,
        address: str = "",
        face: str = "",
        name: str = "",
        contact: str = "",
        text: str = "",
        law: str | None = None,
        jurisdiction: str | None = None,
    ) -> dict[str, Any]:
        """A request stands; the answer, with its tracking code, is the same whoever is in the gallery.

        Args: kind: opt-out, access, erasure, correction, restriction, objection; tier: of an opt-out; photo, address,
        face, name: whom it is about, one or more of them; face_number: which face of the photograph; contact: where to
        answer; law or jurisdiction: whose deadlines count, by default the first to end.
        Raises: WrongUse, BadPicture, NoFace, SeveralFaces, PolicyDenied: as many were taken up as may be.
        """
        asked = check_asked(
            kind=kind, tier=tier, name=name, contact=contact, text=text, address=_address(address), face=_face(face),
            has_photo=photo is not None, face_number=face_number,
        )  # fmt: skip
        opened = self.desk.open(asked, photo=self._read(photo), law=law, jurisdiction=jurisdiction)
        return _receipted(opened)

    def send_code(self, name: str) -> dict[str, Any]:
        """A one-time code to send to an address that was on file before the request came."""
        code, until = self.desk.send_code(name)
        return {"code": code, "until": _at(until)}

    def verify(
        self, name: str, *, code: str | None = None, photo: PictureLike | None = None, face_number: int | None = None,
        document: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """It is known who asks, and their faces are found."""
        desk = self.desk
        found = desk.verify(name, code=code, photo=self._read(photo), photo_face=face_number, document=document)
        return self._described(desk, found)

    def decide(
        self,
        name: str,
        *,
        grant: bool,
        faces: Sequence[str] | None = None,
        reason: str = "",
        out: str | os.PathLike[str] | None = None,
        rename: str = "",
        jurisdiction: str = "",
        to_fetch: bool = False,
    ) -> dict[str, Any]:
        """It is decided and carried out.

        Args: faces: public ids of those that are the person's, by default all found; reason: for a refusal; out: of an
        access request the new file for the answer. Its passphrase is in what this returns, and nowhere else. rename,
        jurisdiction: of a correction, what is right; to_fetch: instead of `out`, the answer waits in the home, and the
        person fetches it by their tracking code (`answer`).
        """
        desk = self.desk
        faces = None if faces is None else [_face(face) for face in faces]
        answering = grant and desk.get(name).kind == RequestKind.ACCESS
        waits = self._answers.part() if answering and to_fetch else None
        out = waits or out
        if answering != (out is not None):
            if answering:
                raise WrongUse(
                    "the answer to an access request goes to a new file",
                    Remedy.ADD_FIELD, field="out", values=("answer.zip",),
                )  # fmt: skip
            raise WrongUse("only a granted access request has an answer to write", Remedy.OMIT_FIELD, field="out")
        correction = None
        if rename or jurisdiction or (grant and desk.get(name).kind == RequestKind.CORRECTION):
            codes = jurisdictions.parse_set(jurisdiction) if jurisdiction else frozenset()
            correction = Correction(codes, rename.strip())
        path = None if out is None else path_of(out)
        answer = {} if path is None else self._write_answer(desk, name, faces, path)
        try:
            decided = desk.decide(name, grant=grant, faces=faces, reason=reason, correction=correction)
        except BaseException:
            if path is not None:
                path.unlink(missing_ok=True)  # nobody has its passphrase
            raise
        if waits is not None:
            self._answers.keep(waits, decided.request)
            del answer["answer"]
        self.sweep_answers()
        return {**self._described(desk, decided.request), **_done(decided), **answer}

    def _write_answer(
        self, desk: RequestWorkflow, name: str, faces: Sequence[str] | None, path: Path
    ) -> dict[str, Any]:
        """The sealed bundle lies at `path`."""
        from countenance.app.requests.access_archive import bundle, new_passphrase, write_new
        from countenance.pipeline.requests.access import gather

        stores = self.parts.stores
        request, found = desk.picked(name, faces)
        pictures = gather(stores, desk.analyser, found)
        passphrase = new_passphrase()
        data = bundle(pictures, made_at=stores.clock(), passphrase=passphrase)
        desk.log_answered(request, pictures=len(pictures), sha256=hashlib.sha256(data).hexdigest())
        write_new(path, data)
        return {"answer": str(path), "passphrase": passphrase, "pictures": len(pictures)}

    def extend(self, name: str, reasons: str) -> dict[str, Any]:
        """The term is as long as the law allows."""
        desk = self.desk
        return self._described(desk, desk.extend(name, reasons))

    def withdraw(self, name: str) -> dict[str, Any]:
        """What it keeps out or hides, it does no more."""
        desk = self.desk
        withdrawn = desk.withdraw(name)
        self._answers.forget(withdrawn.uid)
        return self._described(desk, withdrawn)

    # --- by whoever asks, who has the tracking code alone --------------------------------------------------------
    def public_view(self, tracking: str) -> dict[str, Any]:
        """What the person who asks may know of their request; nothing of any gallery. Raises NotFound."""
        desk = self.desk
        request, stores = self._tracked(desk, tracking), self.parts.stores
        now = stores.clock()
        details, waits = desk.details(request), request.state in UNDECIDED
        return {
            **_told(request, now),
            "overdue": waits and now > request.due_at,
            "reason": details.get("reason") if request.outcome == RequestOutcome.REFUSED else None,
            "why_later": details.get("extension"),
            "verified": request.verified_by is not None,
            "photograph": request.state == RequestState.OPEN and _brought(desk, request),
            "withdrawable": waits or request.state == RequestState.DECIDED,
            "answer_until": (
                _at(request.decided_at + FETCH_FOR)
                if request.decided_at is not None and self._answers.ready(request, now)
                else None
            ),
        }

    def prove(self, tracking: str, *, code: str | None = None, photo: PictureLike | None = None) -> dict[str, Any]:
        """The person proves that it is they who ask, without anybody's help.

        A second photograph is taken only beside a first of the same request: against a face or a picture that is named
        it would tell whoever brings both that they belong together.
        Raises: NotFound; PolicyDenied: it does not fit, or too many tries; WrongUse, BadPicture, NoFace, SeveralFaces.
        """
        desk = self.desk
        request = self._tracked(desk, tracking)
        if photo is not None and request.state == RequestState.OPEN and not _brought(desk, request):
            raise WrongUse(
                "a photograph proves nothing for a request that came without one; use a code, show a "
                "document, or make a new request with a photograph"
            )
        desk.verify(request.uid, code=code, photo=self._read(photo))
        return self.public_view(tracking)

    def end(self, tracking: str) -> dict[str, Any]:
        """The person withdraws. Raises NotFound; WrongUse: it is withdrawn already."""
        desk = self.desk
        withdrawn = desk.withdraw(self._tracked(desk, tracking).uid)
        self._answers.forget(withdrawn.uid)
        return self.public_view(tracking)

    def answer(self, tracking: str) -> bytes:
        """The sealed answer to an access request, as long as it waits. Raises NotFound."""
        request = self._tracked(self.desk, tracking)
        path = self._answers.ready(request, self.parts.stores.clock())
        if path is None:
            raise NotFound(f"there is no answer: one is kept for {FETCH_FOR.days} days; after that, ask again")
        return path.read_bytes()

    def _tracked(self, desk: RequestWorkflow, tracking: str) -> SubjectRequest:
        if not is_tracking(tracking):
            raise NotFound("no request has this code", Remedy.CHECK_TRACKING_CODE)
        try:
            return desk.get(tracking)
        except NotFound as error:
            raise NotFound("no request has this code", Remedy.CHECK_TRACKING_CODE) from error

    @property
    def _answers(self) -> AccessAnswers:
        return AccessAnswers(self.parts.path / "answers")

    def sweep_answers(self) -> None:
        """Deletes the answers that nobody may fetch any more. Raises StorageFailed."""
        if self._answers.folder.is_dir():
            stores = self.parts.stores
            self._answers.sweep(stores.records.requests.get, stores.clock())

    def finish(self) -> int:
        """Carries out what a crash left half done, and deletes answers past their term; how many decisions that was."""
        self.sweep_answers()
        if not self.parts.stores.records.requests.all(states=[RequestState.DECIDING]):
            return 0  # no model is looked for in vain
        return len(self.desk.resume())

    # --- read ----------------------------------------------------------------------------------------------------
    def listed(self, *, every: bool = False) -> list[dict[str, Any]]:
        """Requests in a line each, the first due first; `every`: the decided and withdrawn too."""
        stores = self.parts.stores
        now = stores.clock()
        found = stores.records.requests.all(states=() if every else UNDECIDED)
        return [_line(request, now) for request in sorted(found, key=lambda each: (each.due_at, each.id))]

    def duties(self) -> list[dict[str, Any]]:
        """Every undecided request with its deadline, the first due first, for `status`."""
        names = ("request", "kind", "state", "law", "due_at", "days_left", "overdue")
        return [{name: line[name] for name in names} for line in self.listed()]

    def show(self, name: str) -> dict[str, Any]:
        """By its id, all that is known of a request; by its tracking code, what the person who asks may know."""
        desk = self.desk
        request = desk.get(name)
        if is_tracking(name):
            return _told(request, self.parts.stores.clock())
        return self._described(desk, request)

    def photograph(self, name: str) -> bytes | None:
        """The face of the photograph that came with a request that is not decided, as a JPEG; None: none came."""
        return self.desk.thumbnail(name)

    def _described(self, desk: RequestWorkflow, request: SubjectRequest) -> dict[str, Any]:
        receipt = self.parts.stores.records.receipts.of(request.uid)
        return {
            **_line(request, self.parts.stores.clock()),
            "receipt": None if receipt is None else receipt.uid,
            "verified_by": request.verified_by,
            "details": {k: v for k, v in desk.details(request).items() if v and k not in _INSIDE},
            "faces": [_found(face) for face in desk.found(request)],
        }

    def _read(self, photo: PictureLike | None) -> bytes | None:
        from countenance.app.inputs import read_picture

        return None if photo is None else read_picture(photo)


# --- documents -------------------------------------------------------------------------------------------------------
def _receipted(opened: OpenedRequest) -> dict[str, Any]:
    return {
        "request": opened.uid,
        "tracking": opened.tracking,
        "kind": opened.kind,
        "tier": opened.tier,
        "tier_says": None if opened.tier is None else TIERS[opened.tier],
        "law": opened.law.name,
        "law_says": opened.law.cite,
        "confirm_by": None if opened.confirm_by is None else _at(opened.confirm_by),
        "due_at": _at(opened.due_at),
    }


def _line(request: SubjectRequest, now: datetime) -> dict[str, Any]:
    undecided = request.state in UNDECIDED
    return {
        "request": request.uid,
        "kind": request.kind,
        "tier": request.tier,
        "state": request.state,
        "outcome": request.outcome,
        "law": laws()[request.law].name,
        "opened_at": _at(request.opened_at),
        "due_at": _at(request.due_at),
        "days_left": math.ceil((request.due_at - now) / timedelta(days=1)) if undecided else None,
        "overdue": undecided and now > request.due_at,
        "extended": request.extended_at is not None,
        "decided_at": None if request.decided_at is None else _at(request.decided_at),
    }


def _told(request: SubjectRequest, now: datetime) -> dict[str, Any]:
    """What a tracking code shows: where the request stands and what is kept for it; nothing of any gallery."""
    line = _line(request, now)
    in_force = (request.state, request.outcome, request.kind) == (
        RequestState.DECIDED, RequestOutcome.GRANTED, RequestKind.OPT_OUT,
    )  # fmt: skip
    kept = TIERS[request.tier] if in_force and request.tier is not None else None
    return {**{name: line[name] for name in _TOLD}, "what_is_kept": kept}


def _brought(desk: RequestWorkflow, request: SubjectRequest) -> bool:
    """Whether a photograph came with the request."""
    return "face_number" in desk.details(request)


_INSIDE: Final = {"face_number", "entry"}  # of what is kept with a request, what nobody asked to see
_TOLD: Final = ("kind", "tier", "state", "outcome", "law", "opened_at", "due_at", "extended", "decided_at")


def _found(face: RequestFace) -> dict[str, Any]:
    return {
        "face_id": face.uid,
        "score": face.score,
        "picture_id": face.picture_uid,
        "uri": address_of(face.location, face.place),
        "box": [round(v, 1) for v in face.box],
        "source": face.source,
        "basis": face.basis,
        "purposes": list(face.purposes),
        "jurisdictions": list(face.jurisdictions),
        "hidden": face.state is not None,
    }


def _done(decided: CarriedOut) -> dict[str, Any]:
    return {
        "erased": decided.erased,
        "hidden": decided.hidden,
        "kept_out": decided.kept_out,
        "pending": list(decided.pending),
        "receipt": decided.receipt,
        "erasure_receipt": decided.erasure_receipt,
    }


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


# --- what was typed --------------------------------------------------------------------------------------------------
def _face(text: str) -> str:
    if not text:
        return ""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise WrongUse(f"{text!r} is not the id of a face", Remedy.FIND_ID) from error


def _address(text: str) -> str:
    """The address as a lead shows it. Whether anything stands there is not looked at. Raises WrongUse."""
    if not text:
        return ""
    try:
        if "://" in text and not text.startswith("file://"):
            return urldefrag(text).url
        path = (
            unquote_to_bytes(text.removeprefix("file://")) if "://" in text else os.fsencode(path_of(text).absolute())
        )
    except (ValueError, RuntimeError) as error:  # brackets of no IPv6, half a character, somebody's ~ who is not there
        raise WrongUse("this is not the address of a picture: copy the whole address", field="address") from error
    return "file://" + quote(path, safe="/")
