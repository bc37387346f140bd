"""Who asks: the code that was sent, a second photograph, a document; and what follows once it is known."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from countenance.errors import PolicyDenied
from countenance.index.near import distance
from countenance.permits import Act
from countenance.pipeline.requests.book import Photograph, RequestBook
from countenance.pipeline.requests.faces import RequestFaces
from countenance.pipeline.search.group_duplicates import NEAR_BITS
from countenance.pipeline.stores import Stores
from countenance.records.requests.requests import SubjectRequest
from countenance.remedies import Remedy
from countenance.rights.requests import (
    CODE_TERM,
    SAME_PERSON_FMR,
    RequestKind,
    RequestLimits,
    RequestState,
    check_proof,
    new_code,
)


@dataclass(frozen=True, slots=True)
class RequestProofs:
    """Takes the proofs of whoever asks."""

    stores: Stores
    book: RequestBook
    faces: RequestFaces
    limits: RequestLimits

    def send_code(self, name: str) -> tuple[str, datetime]:
        """(a one-time code, until when it counts). An earlier one counts no more. Raises WrongUse, PolicyDenied."""
        request = self.book.get_at(name, RequestState.OPEN)
        code, now = new_code(), self.book.checked_now(request)
        with self.book.taking_step(request):
            sent = self.stores.records.requests.record_code(
                request, self.book.code_digest(request, code), now, self.limits.codes
            )
        if not sent:
            self.book.log_refusal("codes", request)
            raise PolicyDenied(
                f"{self.limits.codes} codes were made for this request, which is the limit", Remedy.USE_OTHER_PROOF
            )
        return code, now + CODE_TERM

    def verify(
        self, name: str, *, code: str | None = None, photo: bytes | None = None, photo_face: int | None = None,
        document: str | None = None,
    ) -> SubjectRequest:  # fmt: skip
        """It is known who asks, and by which proof, and the person's faces are found; an objection hides them.

        All proofs offered must fit; what was offered is not kept. Each try counts, fit or not.
        Raises: PolicyDenied: a proof does not fit, or there were too many tries; WrongUse: not open, no proof, a
        government ID alone; BadPicture, NoFace, SeveralFaces.
        """
        proofs = check_proof(code=code, has_photo=photo is not None, document=document)
        request = self.book.get_at(name, RequestState.OPEN)
        details = self.book.details(request)
        second = None if photo is None else self.book.photograph(photo, photo_face)
        if not self.stores.records.requests.count_attempt(request, self.limits.proofs):
            self.book.log_refusal("proofs", request)
            raise PolicyDenied(
                f"{self.limits.proofs} proofs were offered for this request, which is the limit",
                Remedy.REFUSE_REQUEST,
                values=(request.uid,),
            )
        first = self.book.first_photograph(request, details)
        if code is not None:
            self._check_code(request, code)
        if second is not None:
            self._check_same_person(request, details, first, second)
        found = self.faces.find(request, details, [each for each in (first, second) if each is not None])
        hide = request.kind == RequestKind.OBJECTION
        self.stores.log.append(
            "request.verified",
            {"request": request.uid, "proofs": [str(proof) for proof in proofs], "faces": len(found)},
            detail=self.book.redo_detail(request, RequestState.VERIFIED, hides=found if hide else ()),
        )
        with self.book.taking_step(request):
            self.stores.records.requests.mark_verified(request, "+".join(proofs), self.stores.clock(), found, hide=hide)
        return self.book.get(request.uid)

    def _check_code(self, request: SubjectRequest, code: str) -> None:
        now = self.stores.clock()
        # A clock that was set back to before the code was made proves nothing either.
        in_time = request.code_at is not None and request.code_at <= now < request.code_at + CODE_TERM
        fits = hmac.compare_digest(request.code or b"", self.book.code_digest(request, code))
        if not (fits and in_time):
            raise _does_not_fit("the code is not the one that was sent last, was used, or is older than a week")

    def _check_same_person(
        self, request: SubjectRequest, details: Mapping[str, Any], first: Photograph | None, second: Photograph
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
        permit = self.faces.brought_permit(Act.SEARCH, request)
        templates = self.faces.embed(shown, permit)
        if first is not None:
            others = templates[:1]
        else:
            others = self.faces.templates(
                self.stores.records.requests.templates(self.faces.space_id(), faces=self.faces.named(details))
            )
        best = float(np.max(others @ templates[-1])) if len(others) else -1.0
        self.stores.log.append("compare.shown", {"search": permit.log_entry})
        if self.faces.calibration.fmr(round(best, 3)).value > SAME_PERSON_FMR:
            raise _does_not_fit("the second photograph is not near enough to the first, or to what the request names")


def _does_not_fit(why: str) -> PolicyDenied:
    return PolicyDenied(f"the proof does not fit: {why}", Remedy.USE_OTHER_PROOF)
