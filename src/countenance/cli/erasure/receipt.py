"""`countenance receipt`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session, several

if TYPE_CHECKING:
    from countenance.auditlog.receipt import VerifiedReceipt


@click.group("receipt", cls=CommandGroup, short_help="Signed accounts of what was erased, ordered, decided.")
def command() -> None:
    """Signed accounts of what was done, which anybody can check with the public key alone."""


@command.command("list", short_help="List the receipts.")
@pass_session
def list_receipts(session: Session) -> None:
    """List the receipts, oldest first."""
    with session.open() as home:
        rows = [
            {"receipt": r.uid, "kind": r.kind, "about": r.about, "at": r.at.isoformat(timespec="seconds")}
            for r in home.receipts.all()
        ]

        def tell() -> None:
            for row in rows:
                click.echo(f"{row['receipt']}  {row['at'][:19]}  {row['kind']}")
                click.echo(click.style(f"  of {row['about']}", dim=True))
            if not rows:
                click.echo("No receipt yet.")

        session.answer({"receipts": rows}, tell)


@command.command("show", short_help="Print a receipt as it was signed.")
@click.argument("receipt", metavar="ID")
@pass_session
def show(session: Session, receipt: str) -> None:
    """Print a receipt as it was signed. ID is its own, or that of the erasure, order or request."""
    with session.open() as home:
        click.echo(home.receipts.get(receipt).document, nl=False)


@command.command("export", short_help="Write a receipt to a file, or as a page.")
@click.argument("receipt", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path))
@pass_session
def export(session: Session, receipt: str, file: Path) -> None:
    """Write a receipt to FILE: as a page that a person can read, if its name ends in .html, else as it was signed."""
    from countenance.app.erasure.receipts import page
    from countenance.errors import WrongUse

    with session.open() as home:
        document = home.receipts.get(receipt).document
        if file.exists():
            raise WrongUse(f"{file} is there already", "name a file that is not there")
        file.write_text(page(document) if file.suffix == ".html" else document, encoding="utf-8")
        key = home.receipts.verifier_key()

        def tell() -> None:
            click.echo(f"written: {file}")
            click.echo(f"It is checked with: countenance receipt verify FILE --key {key}")

        session.answer({"file": str(file), "key": key}, tell)


@command.command("verify", short_help="Check a receipt with the public key alone.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", metavar="KEY", help="The public key that it must be signed with; by default this home's.")
@click.option("--about", metavar="ID", help="What it must be of: an erasure, order or request, or what was erased.")
@pass_session
def verify(session: Session, file: Path, key: str | None, about: str | None) -> None:
    """Check that a receipt was signed with KEY and is whole, and that the log it names holds what it says.

    With --key no home is needed: it works on any machine, offline. It does not show that the account is true.
    """
    from countenance.app.erasure.receipts import check_file, key_of_home

    found = check_file(file, key or key_of_home(session.home), about=about)
    document = {
        "receipt": dict(found.receipt), "position": found.position, "entry": found.entry["id"],
        "checkpoint": found.checkpoint, "signed_by": found.signed_by,
    }  # fmt: skip
    session.answer(document, lambda: _tell(found))


@command.command("recipients", short_help="Clients who were shown what was erased.")
@click.argument("receipt", metavar="ID")
@pass_session
def recipients(session: Session, receipt: str) -> None:
    """List the clients who were shown what an erasure took, and whether they were told."""
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
                told = "answered" if row["answered"] else f"told {row['told_at']}" if row["told_at"] else "not told yet"
                click.echo(f"{row['client']}: {several(int(str(row['searches'])), 'search', 'searches')}, {told}")
            if not rows:
                click.echo("No client was shown it.")

        session.answer({"recipients": rows}, tell)


@command.command("tell", short_help="Write the notice for a client, and record that it was told.")
@click.argument("receipt", metavar="ID")
@click.argument("client", metavar="CLIENT")
@click.argument("file", type=click.Path(path_type=Path))
@pass_session
def tell_client(session: Session, receipt: str, client: str, file: Path) -> None:
    """Write to FILE what to send to CLIENT: what is erased, and the receipt. That it was told is recorded."""
    import json

    from countenance.errors import WrongUse

    with session.open() as home:
        if file.exists():
            raise WrongUse(f"{file} is there already", "name a file that is not there")
        notice = home.receipts.tell(receipt, client)
        file.write_text(json.dumps(notice, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        session.answer({"file": str(file), **notice}, lambda: click.echo(f"written: {file}. Send it to {client}."))


@command.command("answer", short_help="Keep a client's own receipt.")
@click.argument("receipt", metavar="ID")
@click.argument("client", metavar="CLIENT")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def answer(session: Session, receipt: str, client: str, file: Path) -> None:
    """Keep what CLIENT answered, as it came."""
    with session.open() as home:
        home.receipts.answered(receipt, client, file.read_bytes())
        session.answer({"client": client, "kept": True}, lambda: click.echo(f"Kept: the answer of {client}."))


def _tell(found: VerifiedReceipt) -> None:
    receipt = found.receipt
    click.echo(f"The receipt holds: {receipt['kind']} {receipt['about']}, {receipt['at']}.")
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
    click.echo("It shows who signed what, and that it stands in that log; not that it is true.")


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
