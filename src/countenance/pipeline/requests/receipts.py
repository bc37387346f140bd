"""What the receipt of a decided request tells: what was asked, on which kind of proof, what came of it, what is kept.

It names no person, no face and no picture, holds nothing of the proof and no word of what was said, so that it may be
shown to anybody who is to believe that the request was dealt with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from countenance.pipeline.receipts import rfc3339
from countenance.records.requests.requests import SubjectRequest
from countenance.rights.requests import TIERS, RequestKind, RequestOutcome

_ERASED: Final = (
    "A keyed hash of each picture file in which a face was erased, so that the face is not added from the same file "
    "again. Nothing of the face is kept."
)
_KEPT: Final[Mapping[str, str]] = {  # of a request that was granted, by its kind; of an opt-out its tier says it
    RequestKind.ACCESS: "The same data as before: the answer lists it. An access request erases nothing.",
    RequestKind.CORRECTION: "The same data as before, corrected.",
    RequestKind.ERASURE: _ERASED,
    RequestKind.OBJECTION: _ERASED,
    RequestKind.RESTRICTION: "The same data as before, hidden from every search, because the person asked to keep it "
    "but not use it. This ends when the request is withdrawn.",
}
_REFUSED: Final = "The same data as before. The person received the reasons."
_RECORD: Final = "The encrypted request, and when and how it was decided, to prove that the law was obeyed."
_BARE_RECORD: Final = (
    "When and how the request was decided, to prove that the law was obeyed. No details of the request."
)


def account_of(
    request: SubjectRequest,
    *,
    erased: int,
    hidden: int,
    kept_out: int,
    pending: Sequence[str],
    erasure_receipt: str | None,
) -> dict[str, Any]:
    """The account of a decision that was carried out.

    Args: erased, hidden: faces; kept_out: codes of pictures and addresses that are not taken again; pending: where
    bytes may still lie, sealed under a key that is destroyed, and until when; erasure_receipt: id of the receipt of
    what was erased.
    """
    return {
        "asked": request.kind,
        "tier": request.tier,
        "law": request.law,
        "asked_at": rfc3339(request.opened_at),
        "due_at": rfc3339(request.due_at),
        "verified_by": request.verified_by.split("+") if request.verified_by else [],
        "outcome": request.outcome,
        "did": {"erased_faces": erased, "hidden_faces": hidden, "codes_that_keep_out": kept_out},
        "erasure_receipt": erasure_receipt,
        "kept": list(_kept(request)),
        "pending": list(pending),
    }


def _kept(request: SubjectRequest) -> tuple[str, str]:
    if request.outcome != RequestOutcome.GRANTED:
        return _REFUSED, _RECORD
    if request.kind == RequestKind.OPT_OUT:
        assert request.tier is not None  # `check_asked` sees to it
        return TIERS[request.tier], _RECORD if request.tier else _BARE_RECORD
    return _KEPT[request.kind], _RECORD
