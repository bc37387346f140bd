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
from countenance.api.remedies import DOOR
from countenance.api.shapes import File, Line, Moment, Shape
from countenance.api.upkeep.overview import Duty
from countenance.app.access.identity import Right
from countenance.auditlog.receipt import check
from countenance.errors import LogBroken, NotAllowed, ReceiptRefused
from countenance.remedies import Remedy

router = operations("erasing")
Erasing = Annotated[ApiContext, may(Right.ERASE)]
Overseeing = Annotated[ApiContext, may(Right.OVERSEE)]
ReceiptId = Annotated[UUID, Path(description="The ID of the receipt, or of its erasure, order or request.")]

_NAMES = ("face", "picture", "source", "person", "jurisdiction", "probe", "case")


class Named(Shape):
    """The one thing to erase."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"face": "3f0c7a52-9d3c-4f57-8f6e-0d8c5d7c2a10", "dry_run": True}],
            "oneOf": [{"required": [name]} for name in _NAMES],
        }
    )

    face: UUID | None = Field(None, description="One face: the face_id of a lead.")
    picture: UUID | None = Field(None, description="One picture in every source, with its faces.")
    source: Line | None = Field(None, description="A source by name, with its grant, evidence and pictures.")
    person: UUID | None = Field(None, description="A person, with the name, the history and all faces.")
    jurisdiction: Line | None = Field(
        None, description="All pictures of a jurisdiction and its regions: CA includes CA-ON."
    )
    probe: Line | None = Field(None, description="The stored probe of a search: its log_entry.")
    case: Line | None = Field(None, description="All stored probes of the case with this reference.")
    authority: Line | None = Field(None, description="Who requested it, for the receipt. Default: the operator.")
    dry_run: bool = Field(default=False, description="Count what would be erased. Change nothing.")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if sum(getattr(self, name) is not None for name in _NAMES) != 1:
            raise ValueError(f"name exactly one of these: {', '.join(_NAMES)}")
        return self


class Erasure(Shape):
    """The result of an erasure, or of a dry run."""

    erasure: str | None
    scope: str
    about: str | None
    pictures: int
    faces: int
    placements: int
    persons: int
    probes: int = Field(description="Stored with cases.")
    dry_run: bool
    pending: list[str] = Field(description="Files that may still hold old data. The keys to decrypt it are destroyed.")
    log_entry: str | None
    receipt: str | None
    already: bool = Field(description="It was already erased. This is the report of that erasure.")


class Retained(Shape):
    """The data that is due, and the erasures done."""

    due: list[Duty]
    erased: list[Erasure]
    probes: int = Field(description="Stored with cases, and overdue.")


class ReceiptLine(Shape):
    """A receipt in a list."""

    receipt: str
    kind: str
    about: str
    at: str


class SignedReceipt(Shape):
    """A receipt exactly as signed. docs/erasure.md says how to check it."""

    receipt: dict[str, Any]
    log: dict[str, Any]
    signed_by: str
    signature: str


class ReceiptSent(Shape):
    """A receipt to check."""

    receipt: dict[str, Any] = Field(description="The whole signed document.")
    key: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="The public key of the signer. Default: this home's key."
    )
    about: UUID | None = Field(None, description="The expected subject of the receipt.")


class ReceiptChecked(Shape):
    """Whether a receipt is valid. This proves who signed it and that the log contains it, not that it is true."""

    holds: bool
    why: str | None = Field(description="The reason why it is not valid.")
    position: int | None
    signed_by: str | None


class Recipient(Shape):
    """A client who saw what was erased."""

    client: str
    searches: int
    last_at: str
    told_at: str | None
    answered: bool


class Recipients(Shape):
    """The clients who saw it, by name."""

    recipients: list[Recipient]


class Told(Shape):
    """A client who saw what was erased."""

    client: Line = Field(description="The name of the client, as in the list of recipients.")


class Notice(Shape):
    """The notice for a client."""

    to: str
    at: Moment
    searches: int = Field(description="The number of its searches that showed it.")
    last_shown: Moment
    asked: str
    receipt: SignedReceipt


class ClientsAnswer(Told):
    """A client's own receipt."""

    answer: File = Field(description="JSON or plain text in UTF-8, at most 1 MB. It is stored unchanged.")


@operation(router, "POST", "/erasures", answer=Erasure, body=Named)
async def erase(ask: Erasing, named: Annotated[Named, sent(Named)]) -> Response:
    """Erase something from the whole home, with a signed receipt. It can't be undone.

    If it was already erased, the answer is the report of that erasure.
    """
    if ask.who.binding.source not in {None, named.source}:
        raise NotAllowed("a key that is bound to a source can erase only that source", Remedy.USE_ANOTHER_KEY)
    said = named.model_dump(mode="json", exclude_none=True)
    return answer((await ask.call(ask.home.erase, **said)).as_dict())


@operation(router, "POST", "/sources/{name}/takedown", answer=Erasure)
async def take_down_source(ask: Erasing, name: Annotated[str, Path(min_length=1, max_length=200)]) -> Response:
    """End a grant, and erase everything that was added under it."""
    await ask.call(ask.source, name)
    return answer((await ask.call(ask.home.takedown, name)).as_dict())


@operation(router, "GET", "/retention", answer=Retained)
async def show_retention(ask: Erasing) -> Response:
    """Show what must be erased: ended grants and ended retention periods."""
    report = await ask.call(ask.home.retention.retain, run=False)
    return answer(DOOR.advised_lists(report.as_dict(), "due"))


@operation(router, "POST", "/retention/run", answer=Retained)
async def run_retention(ask: Erasing) -> Response:
    """Erase what is overdue, with a receipt for each. It is safe to repeat."""
    report = await ask.call(ask.home.retention.retain, run=True)
    return answer(DOOR.advised_lists(report.as_dict(), "due"))


@operation(router, "GET", "/receipts", answer=Page[ReceiptLine])
async def list_receipts(ask: Overseeing, limit: Limit = 100, after: After = None) -> Response:
    """List the receipts, oldest first."""
    rows = [
        {"receipt": each.uid, "kind": each.kind, "about": each.about, "at": each.at.isoformat(timespec="seconds")}
        for each in await ask.call(ask.home.receipts.all)
    ]
    return answer(page(rows, lambda each: (each["at"], each["receipt"]), limit, after))


@operation(router, "POST", "/receipt-checks", answer=ReceiptChecked, body=ReceiptSent)
async def verify_receipt(ask: Overseeing, said: Annotated[ReceiptSent, sent(ReceiptSent)]) -> Response:
    """Check that a receipt was signed with the key, is unchanged, and is in the log that it names."""
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
    """Show a receipt exactly as signed."""
    found = await ask.call(ask.home.receipts.get, str(receipt_id))
    return answer(json.loads(found.document))


@operation(router, "GET", "/receipts/{receipt_id}/recipients", answer=Recipients)
async def list_recipients(ask: Overseeing, receipt_id: ReceiptId) -> Response:
    """List the clients who saw what was erased, and whether they were notified."""
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
    """Make the notice for a client who saw what was erased. The log records the notice."""
    return answer(await ask.call(ask.home.receipts.tell, str(receipt_id), told.client))


@operation(router, "POST", "/receipts/{receipt_id}/answer", answer=Recipient, body=ClientsAnswer, form=True)
async def keep_answer(
    ask: Erasing, receipt_id: ReceiptId, kept: Annotated[ClientsAnswer, sent(ClientsAnswer)]
) -> Response:
    """Store the answer of a client unchanged."""

    def keep() -> dict[str, Any]:
        ask.home.receipts.answered(str(receipt_id), kept.client, kept.answer)
        [found] = [each for each in _recipients(ask, str(receipt_id)) if each["client"] == kept.client]
        return found

    return answer(await ask.call(keep))
