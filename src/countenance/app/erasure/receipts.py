"""Receipts for those who ask: given out as JSON or as a page, checked offline, and what clients were told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from countenance.app.paths import about_file, new_file, path_of, read_file
from countenance.app.wiring import Parts
from countenance.auditlog import receipt as receipts
from countenance.auditlog.checkpoint import parse_verifier_key
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.ids import beginning_so, checked_uuid
from countenance.records.erasure.receipts import Receipt, Recipient
from countenance.remedies import Remedy

MAX_ANSWER: Final = 2**20  # bytes of a client's own receipt


@dataclass(frozen=True, slots=True)
class ReceiptService:
    """The receipts of one home."""

    parts: Parts

    def all(self) -> tuple[Receipt, ...]:
        """Every receipt, oldest first."""
        return self.parts.stores.records.receipts.all()

    def get(self, text: str) -> Receipt:
        """By its id, or that of the erasure, order or request that it is of, or a beginning that is its alone.

        Raises: NotFound; WrongUse: several begin so.
        """
        records = self.parts.stores.records.receipts
        ids = records.ids()
        known = {**{about: uid for uid, about in ids}, **{uid: uid for uid, _ in ids}}  # the newest about each
        found = records.get(beginning_so(text, known, "receipt", Remedy.LIST_RECEIPTS))
        if found is None:
            raise NotFound(f"there is no receipt {text}", Remedy.LIST_RECEIPTS)
        return found

    def of(self, about: str) -> Receipt | None:
        """That of an erasure, order or request; None: there is none. Raises: WrongUse: no uuid."""
        return self.parts.stores.records.receipts.of(checked_uuid(about, "receipt"))

    def export(self, text: str, file: str | os.PathLike[str]) -> bool:
        """A receipt is in a new file; whether it can be verified from there.

        It is the receipt as it was signed, or, where the name of the file ends in .html, a page for reading.
        Raises: NotFound; WrongUse: several begin so, or the file is there; StorageFailed.
        """
        document, path = self.get(text).document, path_of(file)
        reading = path.suffix.lower() == ".html"
        shown = page(document) if reading else document
        with new_file(path) as out:
            out.write(shown)
        return not reading

    def verify(
        self, file: str | os.PathLike[str], *, key: str | None = None, about: str | None = None
    ) -> receipts.VerifiedReceipt:
        """The receipt in a file, checked with a public key, by default this home's: `check_file`."""
        return check_file(file, key or self.verifier_key(), about=about)

    def verifier_key(self) -> str:
        """The public key that checks them."""
        return self.parts.log.signer.verifier_key()

    def recipients(self, text: str) -> tuple[Recipient, ...]:
        """Clients who were shown what was erased, by name. Raises NotFound."""
        return self.parts.stores.records.receipts.recipients(self.get(text).about)

    def tell(self, text: str, client: str) -> dict[str, Any]:
        """What to send to a client who was shown what is erased; that it was told is recorded. Raises NotFound."""
        receipt, recipient = self._recipient(text, client)
        at = self.parts.stores.clock()
        self._log(receipt, recipient, "told")
        self.parts.stores.records.receipts.update_recipient(receipt.about, recipient.client_id, told_at=at)
        return {
            "to": recipient.client,
            "at": at.isoformat(timespec="seconds"),
            "searches": recipient.searches,
            "last_shown": recipient.last_at.isoformat(timespec="seconds"),
            "asked": "Erase what these searches showed you of it, and answer with your own receipt.",
            "receipt": json.loads(receipt.document),
        }

    def answered(self, text: str, client: str, answer: bytes) -> None:
        """The client's own receipt is kept as it came. Raises: NotFound; WrongUse: empty, too large or no text."""
        receipt, recipient = self._recipient(text, client)
        try:
            said = answer.decode()
        except UnicodeDecodeError as error:
            raise WrongUse("the client's receipt is not JSON or plain text", Remedy.SAVE_AS_UTF8) from error
        if not said.strip() or len(answer) > MAX_ANSWER:
            raise WrongUse(
                f"the client's receipt has {len(answer):,} bytes; it must have 1 byte to 1 MB", field="receipt"
            )
        self._log(receipt, recipient, "answered")
        self.parts.stores.records.receipts.update_recipient(receipt.about, recipient.client_id, answer=said)

    def _recipient(self, text: str, client: str) -> tuple[Receipt, Recipient]:
        receipt = self.get(text)
        for recipient in self.parts.stores.records.receipts.recipients(receipt.about):
            if recipient.client == client:
                return receipt, recipient
        raise NotFound(f"{client!r} was shown nothing of it", Remedy.LIST_RECIPIENTS)

    def _log(self, receipt: Receipt, recipient: Recipient, what: str) -> None:
        self.parts.stores.log.append(
            "recipient.told", {"erasure": receipt.about, "client": recipient.client_uid, "what": what}
        )


def check_file(file: str | os.PathLike[str], key: str, *, about: str | None = None) -> receipts.VerifiedReceipt:
    """The receipt in a file, checked with the public key alone. Needs no home.

    about: uid of the erasure, order or request, or of what was erased, that it must be of.
    Raises: ReceiptRefused, NotFound; LogBroken: `key` is no public key.
    """
    path = path_of(file)
    parse_verifier_key(key)  # what is wrong with it is not wrong with the file
    text = read_file(path, receipts.MAX_BYTES)
    with about_file(path):
        return receipts.check(text, key, about=about)


def page(document: str) -> str:
    """A receipt as a page for people: whole in one file, no script, no request; the signed text is at its end."""
    from markupsafe import escape

    from countenance.present.page import environment, style

    css, css_hash = style("page.css", "receipt.css")
    signed = json.loads(document)
    receipt: Mapping[str, Any] = signed["receipt"]
    rendered: str = (
        environment()
        .get_template("receipt.html.jinja")
        .render(
            receipt=receipt,
            log=signed["log"],
            entry=json.loads(signed["log"]["record"]),
            signed_by=signed["signed_by"],
            document=escape(document),  # line by line as it was signed, so that a copy of it verifies
            at=datetime.fromisoformat(receipt["at"]).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
            css=css,
            css_hash=css_hash,
        )
    )
    return rendered
