"""Receipts: listed, shown, checked in the page, taken away; and the clients who are to be told of an erasure."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.erasure import receipts as pages
from countenance.auditlog import receipt as signed
from countenance.errors import CountenanceError, LogBroken, ReceiptRefused
from countenance.web.context import PageContext, download, page

ANSWER_BYTES: Final = 2**20


@page(Right.OVERSEE, max_files=1)
async def check_file(ask: PageContext) -> Response:
    """A receipt that somebody brings, checked with this home's key or the one given."""
    try:
        data = await ask.file("receipt", max_bytes=signed.MAX_BYTES)
        said = ask.field("key")
        key = said if said is not None else await ask.call(ask.home.receipts.verifier_key)
        checked = await ask.call(signed.check, data, key)
    except (ReceiptRefused, LogBroken) as error:
        return await _list(ask, error=error)
    return await _list(ask, checked=checked)


async def _show(
    ask: PageContext, error: CountenanceError | None = None, *, checked: signed.VerifiedReceipt | None = None
) -> Response:
    found = await ask.call(ask.home.receipts.get, ask.id)
    told: dict[str, Any] = json.loads(found.document)
    recipients = await ask.call(ask.home.receipts.recipients, found.uid) if found.kind == "erasure" else ()
    return ask.page(
        "receipt.html.jinja", uid=found.uid,
        receipt=told["receipt"], log=told["log"], entry=json.loads(told["log"]["record"]),
        signed_by=told["signed_by"], document=found.document, recipients=recipients, checked=checked, error=error,
    )  # fmt: skip


show = page(Right.OVERSEE)(_show)  # one receipt


@page(Right.OVERSEE)
async def verify(ask: PageContext) -> Response:
    """Its signature and its proof of inclusion, checked now."""
    receipts = ask.home.receipts
    receipt = await ask.call(receipts.get, ask.id)
    key = await ask.call(receipts.verifier_key)
    try:
        checked: signed.VerifiedReceipt | None = await ask.call(signed.check, receipt.document, key)
    except (ReceiptRefused, LogBroken) as error:
        return await _show(ask, error)
    if ask.partial:
        return ask.page("receipt_checked.html.jinja", checked=checked, error=None)
    return await _show(ask, checked=checked)


@page(Right.OVERSEE)
async def document(ask: PageContext) -> Response:
    """As it was signed."""
    found = await ask.call(ask.home.receipts.get, ask.id)
    return download(found.document, "receipt.json", "application/json")


@page(Right.OVERSEE)
async def as_page(ask: PageContext) -> Response:
    """As a page for people, whole in one file."""
    found = await ask.call(ask.home.receipts.get, ask.id)
    return download(await ask.call(pages.page, found.document), "receipt.html", "text/html")


@page(Right.ERASE, refused=_show)
async def tell(ask: PageContext) -> Response:
    """What to send to a client who was shown what is erased; that it was told is recorded."""
    notice = await ask.call(ask.home.receipts.tell, ask.id, ask.field("client") or "")
    return download(json.dumps(notice, indent=2, ensure_ascii=False) + "\n", "notice.json", "application/json")


@page(Right.ERASE, max_files=1, refused=_show)
async def answered(ask: PageContext) -> Response:
    """The client's own receipt is kept."""
    data = await ask.file("answer", max_bytes=ANSWER_BYTES)
    await ask.call(ask.home.receipts.answered, ask.id, ask.field("client") or "", data)
    return ask.go(f"/receipts/{ask.param('id')}", ask.text("The answer is stored."))


async def _list(
    ask: PageContext, *, checked: signed.VerifiedReceipt | None = None, error: CountenanceError | None = None
) -> Response:
    found = await ask.call(ask.home.receipts.all)
    return ask.page("receipts.html.jinja", receipts=found[::-1], checked=checked, error=error)


listed = page(Right.OVERSEE)(_list)  # every receipt, the newest first, and a form to check one that somebody brings


routes = [
    Route("/receipts", listed, methods=["GET"]),
    Route("/receipts/check", check_file, methods=["POST"]),
    Route("/receipts/{id:uuid}", show, methods=["GET"]),
    Route("/receipts/{id:uuid}/verify", verify, methods=["POST"]),
    Route("/receipts/{id:uuid}/receipt.json", document, methods=["GET"]),
    Route("/receipts/{id:uuid}/receipt.html", as_page, methods=["GET"]),
    Route("/receipts/{id:uuid}/tell", tell, methods=["POST"]),
    Route("/receipts/{id:uuid}/answer", answered, methods=["POST"]),
]
