"""Erasing, terms of retention, and the receipts that account for what was done."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Path
from pydantic import ConfigDict, Field, model_validator
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import File, Line, Moment, Shape
from countenance.api.upkeep.overview import Duty
from countenance.app.access.identity import Right
from countenance.app.erasure.retention import retain
from countenance.auditlog.receipt import check
from countenance.errors import LogBroken, NotAllowed, ReceiptRefused

router = operations("erasing")
Erasing = Annotated[ApiContext, may(Right.ERASE)]
Overseeing = Annotated[ApiContext, may(Right.OVERSEE)]
ReceiptId = Annotated[UUID, Path(description="The receipt's id, or that of the erasure, order or request it is of.")]

_NAMES = ("face", "picture", "source", "person", "jurisdiction", "probe", "case")


class Named(Shape):
    """What is to be erased: one thing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"face": "3f0c7a52-9d3c-4f57-8f6e-0d8c5d7c2a10", "dry_run": True}],
            "oneOf": [{"required": [name]} for name in _NAMES],
        }
    )

    face: UUID | None = Field(None, description="One face; a lead's face_id.")
    picture: UUID | None = Field(None, description="One picture wherever it stands, with its faces.")
    source: Line | None = Field(None, description="A source with its grant, evidence and pictures, by name.")
    person: UUID | None = Field(None, description="A person: name, history and all their faces.")
    jurisdiction: Line | None = Field(None, description="Every place in it, or in a part of it: CA takes CA-ON too.")
    probe: Line | None = Field(None, description="The probe kept of a search, by its log_entry.")
    case: Line | None = Field(None, description="Every probe that is kept with the case of this reference.")
    authority: Line | None = Field(None, description="On whose word; for the receipt. By default the operator's.")
    dry_run: bool = Field(default=False, description="Count what would go, and change nothing.")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if sum(getattr(self, name) is not None for name in _NAMES) != 1:
            raise ValueError(f"one of {' and '.join(_NAMES)} is to be named")
        return self


class Erasure(Shape):
    """What an erasure removed, or would."""

    erasure: str | None
    scope: str
    about: str | None
    pictures: int
    faces: int
    placements: int
    persons: int
    probes: int = Field(description="Kept with cases.")
    dry_run: bool
    pending: list[str] = Field(description="Where bytes may still lie, sealed under a key that is destroyed.")
    log_entry: str | None
    receipt: str | None
    already: bool = Field(description="It was erased before; this is the account of then.")


class Retained(Shape):
    """What is due, and what was erased."""

    due: list[Duty]
    erased: list[Erasure]
    probes: int = Field(description="Kept with cases, and past their term.")


class ReceiptLine(Shape):
    """A receipt, in a line."""

    receipt: str
    kind: str
    about: str
    at: str


class Receipts(Page[ReceiptLine]):
    """Receipts, oldest first."""


class SignedReceipt(Shape):
    """A receipt as it was signed; docs/erasure.md says how anybody checks it."""

    receipt: dict[str, Any]
    log: dict[str, Any]
    signed_by: str
    signature: str


class ReceiptSent(Shape):
    """A receipt to check."""

    receipt: dict[str, Any] = Field(description="The whole signed document.")
    key: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="The public key that it must be signed with; by default this home's."
    )
    about: UUID | None = Field(None, description="What it must be of.")


class ReceiptChecked(Shape):
    """Whether a receipt holds. It shows who signed what, and that it stands in that log; not that it is true."""

    holds: bool
    why: str | None = Field(description="What does not fit.")
    position: int | None
    signed_by: str | None


class Recipient(Shape):
    """A client who was shown what was erased."""

    client: str
    searches: int
    last_at: str
    told_at: str | None
    answered: bool


class Recipients(Shape):
    """Clients who were shown it, by name."""

    recipients: list[Recipient]


class Told(Shape):
    """A client who was shown what was erased."""

    client: Line = Field(description="Its name, as the recipients have it.")


class Notice(Shape):
    """What to send to the client."""

    to: str
    at: Moment
    searches: int = Field(description="So many of its searches showed it.")
    last_shown: Moment
    asked: str
    receipt: SignedReceipt


class ClientsAnswer(Told):
    """A client's own receipt."""

    answer: File = Field(description="JSON or plain text in UTF-8, at most 1 MB; kept as it comes.")


@operation(router, "POST", "/erasures", answer=Erasure, body=Named)
async def erase(ask: Erasing, named: Annotated[Named, sent(Named)]) -> Response:
    """It is gone from everything that the home keeps, and a signed receipt says so. There is no undo.

    Erased again, it is answered with the account of then.
    """
    if ask.who.binding.source not in {None, named.source}:
        raise NotAllowed("this key is bound to a source, and may erase that source alone", "use another key")
    said = named.model_dump(mode="json", exclude_none=True)
    return answer((await ask.call(ask.home.erase, **said)).as_dict())


@operation(router, "POST", "/sources/{name}/takedown", answer=Erasure)
async def take_down_source(ask: Erasing, name: Annotated[str, Path(min_length=1, max_length=200)]) -> Response:
    """The grant is over, and everything taken under it is erased now."""
    await ask.call(ask.source, name)
    return answer((await ask.call(ask.home.takedown, name)).as_dict())


@operation(router, "GET", "/retention", answer=Retained)
async def show_retention(ask: Erasing) -> Response:
    """What is due to be erased: ended grants, and terms of retention."""
    return answer((await ask.call(retain, ask.home, run=False)).as_dict())


@operation(router, "POST", "/retention/run", answer=Retained)
async def run_retention(ask: Erasing) -> Response:
    """What is overdue is erased, with a receipt each. Safe to repeat."""
    return answer((await ask.call(retain, ask.home, run=True)).as_dict())


@operation(router, "GET", "/receipts", answer=Receipts)
async def list_receipts(ask: Overseeing, limit: Limit = 100, after: After = None) -> Response:
    """The receipts, oldest first."""
    rows = [
        {"receipt": each.uid, "kind": each.kind, "about": each.about, "at": each.at.isoformat(timespec="seconds")}
        for each in await ask.call(ask.home.receipts.all)
    ]
    return answer(page(rows, lambda each: (each["at"], each["receipt"]), limit, after))


@operation(router, "POST", "/receipt-checks", answer=ReceiptChecked, body=ReceiptSent)
async def verify_receipt(ask: Overseeing, said: Annotated[ReceiptSent, sent(ReceiptSent)]) -> Response:
    """Whether a receipt was signed with the key, is whole, and stands in the log that it names."""
    ours = await ask.call(ask.home.receipts.verifier_key)
    key = said.key or ours
    about = str(said.about) if said.about else None
    try:
        found = await ask.call(lambda: check(json.dumps(said.receipt), key, about=about))
    except (ReceiptRefused, LogBroken) as error:
        return answer({"holds": False, "why": error.message, "position": None, "signed_by": None})
    return answer({"holds": True, "why": None, "position": found.position, "signed_by": found.signed_by})


@operation(router, "GET", "/receipts/{receipt_id}", answer=SignedReceipt)
async def show_receipt(ask: Overseeing, receipt_id: ReceiptId) -> Response:
    """A receipt as it was signed."""
    found = await ask.call(ask.home.receipts.get, str(receipt_id))
    return answer(json.loads(found.document))


@operation(router, "GET", "/receipts/{receipt_id}/recipients", answer=Recipients)
async def list_recipients(ask: Overseeing, receipt_id: ReceiptId) -> Response:
    """Clients who were shown what an erasure took, and whether they were told."""
    return answer({"recipients": await ask.call(_recipients, ask, str(receipt_id))})


def _recipients(ask: ApiContext, receipt_id: str) -> list[dict[str, Any]]:
    return [
        {"client": each.client, "searches": each.searches, "last_at": each.last_at.isoformat(timespec="seconds"),
         "told_at": each.told_at.isoformat(timespec="seconds") if each.told_at else None,
         "answered": each.answer is not None}
        for each in ask.home.receipts.recipients(receipt_id)
    ]  # fmt: skip


@operation(router, "POST", "/receipts/{receipt_id}/tell", answer=Notice, body=Told)
async def tell_recipient(ask: Erasing, receipt_id: ReceiptId, told: Annotated[Told, sent(Told)]) -> Response:
    """What to send to a client who was shown what is erased. That it was told is recorded."""
    return answer(await ask.call(ask.home.receipts.tell, str(receipt_id), told.client))


@operation(router, "POST", "/receipts/{receipt_id}/answer", answer=Recipient, body=ClientsAnswer, form=True)
async def keep_answer(
    ask: Erasing, receipt_id: ReceiptId, kept: Annotated[ClientsAnswer, sent(ClientsAnswer)]
) -> Response:  # fmt: skip
    """The client's own receipt is kept as it came."""

    def keep() -> dict[str, Any]:
        ask.home.receipts.answered(str(receipt_id), kept.client, kept.answer)
        [found] = [each for each in _recipients(ask, str(receipt_id)) if each["client"] == kept.client]
        return found

    return answer(await ask.call(keep))
