"""`countenance receipt`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session, several
from countenance.remedies import Remedy

if TYPE_CHECKING:
    from countenance.auditlog.receipt import VerifiedReceipt


@click.group("receipt", cls=CommandGroup, short_help="Show and check receipts: signed records of what was done.")
def command() -> None:
    """Show, send and check receipts: signed records of what was done. Anyone can check them with the public key."""


@command.command("list", short_help="List the receipts.")
@pass_session
def list_receipts(session: Session) -> None:
    """List the receipts, oldest first."""
    with session.open() as home:
        rows = [
            {"receipt": r.uid, "kind": r.kind, "about": r.about, "at": r.at.isoformat(timespec="seconds")}
            for r in home.receipts.all()
        ]
        session.answer_list("receipts", rows, dict, _line, none="No receipt yet.")


def _line(row: dict[str, str]) -> str:
    about = click.style(f"  of {row['about']}", dim=True)
    return f"{row['receipt']}  {row['at'][:19]}  {row['kind']}\n{about}"


@command.command("show", short_help="Print a receipt exactly as signed.")
@click.argument("receipt", metavar="ID")
@pass_session
def show(session: Session, receipt: str) -> None:
    """Print a receipt exactly as signed. ID is the ID of the receipt, erasure, order or request, or its beginning."""
    with session.open() as home:
        click.echo(home.receipts.get(receipt).document, nl=False)


@command.command("export", short_help="Write a receipt to a file, or as a page.")
@click.argument("receipt", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path))
@pass_session
def export(session: Session, receipt: str, file: Path) -> None:
    """Write a receipt to FILE, exactly as signed. If FILE ends in .html, write a page for reading.

    Only the file exactly as signed can be verified, such as receipt.json. ID is as in `receipt show`.
    """
    import shlex

    with session.open() as home:
        verifiable = home.receipts.export(receipt, file)
        key = home.receipts.verifier_key()

        def tell() -> None:
            if verifiable:
                click.echo(f"written: {file}")
                click.echo(f"To check it: countenance receipt verify {shlex.quote(str(file))} --key {key}")
            else:
                signed = shlex.quote(str(file.with_suffix(".json")))
                click.echo(f"written: {file}, a page for reading")
                click.echo(f"For the file that can be verified: countenance receipt export {receipt} {signed}")

        session.answer({"file": str(file), "verifiable": verifiable, "key": key}, tell)


@command.command("verify", short_help="Check a receipt with the public key.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", metavar="KEY", help="The public key of the signer. Default: this home's key.")
@click.option("--about", metavar="ID", help="The expected subject: an erasure, order or request, or what was erased.")
@pass_session
def verify(session: Session, file: Path, key: str | None, about: str | None) -> None:
    """Check that a receipt was signed with KEY, is unchanged, and matches the log that it names.

    FILE is the receipt exactly as signed, such as receipt.json. With --key, it needs no home and works offline on any
    machine. It does not prove that the statements are true.
    """
    import countenance

    found = countenance.verify_receipt(file, key or session.public_key(), about=about)
    document = {
        "receipt": dict(found.receipt), "position": found.position, "entry": found.entry["id"],
        "checkpoint": found.checkpoint, "signed_by": found.signed_by,
    }  # fmt: skip
    session.answer(document, lambda: _tell(found))


@command.command("recipients", short_help="List the clients who saw what was erased.")
@click.argument("receipt", metavar="ID")
@pass_session
def recipients(session: Session, receipt: str) -> None:
    """List the clients who saw what was erased, and whether they were notified."""
    with session.open() as home:
        found = home.receipts.recipients(receipt)
        rows = [
            {"client": r.client, "searches": r.searches, "last_at": r.last_at.isoformat(timespec="seconds"),
             "told_at": r.told_at.isoformat(timespec="seconds") if r.told_at else None,
             "answered": r.answer is not None}
            for r in found
        ]  # fmt: skip

        def tell() -> None:
            for row in rows:
                told = (
                    "answered"
                    if row["answered"]
                    else f"notified {row['told_at']}"
                    if row["told_at"]
                    else "not notified yet"
                )
                click.echo(f"{row['client']}: {several(int(str(row['searches'])), 'search', 'searches')}, {told}")
            if not rows:
                click.echo("No client saw it.")

        session.answer({"recipients": rows}, tell)


@command.command("tell", short_help="Write the notice for a client, and record it.")
@click.argument("receipt", metavar="ID")
@click.argument("client", metavar="CLIENT")
@click.argument("file", type=click.Path(path_type=Path))
@pass_session
def tell_client(session: Session, receipt: str, client: str, file: Path) -> None:
    """Write the notice for CLIENT to FILE: what was erased, and the receipt. The log records the notice."""
    import json

    from countenance.errors import WrongUse

    with session.open() as home:
        if file.exists():
            raise WrongUse("the file exists already", Remedy.USE_NEW_FILE, path=file)
        notice = home.receipts.tell(receipt, client)
        file.write_text(json.dumps(notice, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        session.answer({"file": str(file), **notice}, lambda: click.echo(f"written: {file}. Send it to {client}."))


@command.command("answer", short_help="Store a client's answer.")
@click.argument("receipt", metavar="ID")
@click.argument("client", metavar="CLIENT")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def answer(session: Session, receipt: str, client: str, file: Path) -> None:
    """Store the answer of CLIENT unchanged."""
    with session.open() as home:
        home.receipts.answered(receipt, client, file.read_bytes())
        session.answer({"client": client, "kept": True}, lambda: click.echo(f"The answer of {client} is stored."))


def _tell(found: VerifiedReceipt) -> None:
    receipt = found.receipt
    click.echo(f"The receipt is valid: {receipt['kind']} {receipt['about']}, {receipt['at']}.")
    counts = receipt.get("counts")
    if isinstance(counts, dict):
        told = (
            several(count, what.removesuffix("s"), what) for what, count in counts.items() if isinstance(count, int)
        )
        click.echo("  " + ", ".join(told))
    if receipt["kind"] == "request":
        _tell_request(receipt)
    for place in receipt.get("pending", ()):
        click.echo(f"  pending: {place}")
    click.echo(f"  entry {found.position} of the log of {receipt['home']}")
    click.echo("This proves who signed it and that the log contains it. It does not prove that it is true.")


def _tell_request(receipt: Mapping[str, Any]) -> None:
    proof = f", verified by {' and '.join(receipt['verified_by'])}" if receipt["verified_by"] else ""
    click.echo(f"  {receipt['asked']} of {receipt['asked_at']}, {receipt['outcome']}{proof}")
    for what, count in receipt["did"].items():
        if count:
            click.echo(f"  {what.replace('_', ' ')}: {count}")
    if receipt["erasure_receipt"]:
        click.echo(f"  receipt of what was erased: {receipt['erasure_receipt']}")
    for kept in receipt["kept"]:
        click.echo(click.wrap_text(f"kept: {kept}", 78, "  ", "    "))
