"""`countenance erase`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, note, on_terminal, pass_session, several

if TYPE_CHECKING:
    from countenance.pipeline.erasure.erase import ErasureReport


@click.command(cls=Command, short_help="Erase a face, picture, source, person or kept probe for good.")
@click.option("--face", metavar="ID", help="One face; a lead's face_id.")
@click.option("--picture", metavar="ID", help="One picture wherever it stands, with its faces; a lead's picture_id.")
@click.option("--source", metavar="NAME", help="A source with its grant, evidence and pictures.")
@click.option("--person", metavar="ID", help="A person: name, history and all their faces.")
@click.option("--jurisdiction", metavar="CODE", help="Every place in it, or in a part of it: CA takes CA-ON too.")
@click.option("--probe", metavar="ENTRY", help="The probe kept of a search; its log_entry.")
@click.option("--case", metavar="REF", help="Every probe that is kept with a case.")
@click.option("--authority", metavar="TEXT", help="On whose word; for the receipt. By default the operator's.")
@click.option("--dry-run", is_flag=True, help="Count what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def command(session: Session, /, dry_run: bool, yes: bool, authority: str | None, **named: str | None) -> None:
    """Erase something from everything that the home keeps. There is no undo.

    Your own files are not touched. An erased face or picture is not taken again by a later ingest. A signed receipt
    says what was done: `countenance receipt`.
    """
    with session.open() as home:
        if not dry_run and asks(session, yes):
            would = home.erase(**named, dry_run=True)
            if not would.already:
                confirm(f"Erase {amount(would)} for good")
        report = home.erase(**named, authority=authority, dry_run=dry_run)
        session.answer(report.as_dict(), lambda: tell(report))


def asks(session: Session, yes: bool) -> bool:
    """On a terminal, unless --yes; a script that says erase means it."""
    return not yes and on_terminal() and not session.json


def confirm(question: str) -> None:
    """Somebody said yes; with any other answer the command ends here, with 1."""
    if not click.confirm(f"{question}?", err=True):
        note("Nothing was erased.")
        raise click.exceptions.Exit(1)


def tell(report: ErasureReport) -> None:
    """The report, for people."""
    what = amount(report)
    if report.dry_run:
        click.echo(f"Would erase {what}. Nothing was changed.")
        return
    if report.already:
        click.echo(f"That was erased before: {what}.")
    else:
        click.echo(f"Erased {what}: from records, index, blobs and keys.")
    for place in report.pending:
        click.echo(f"  pending: {place}")
    if report.receipt:
        click.echo(f"receipt {report.receipt}; as a page for people:")
        click.echo(f"  countenance receipt export {report.receipt} receipt.html")
    click.echo(f"log entry {report.log_entry}")


def amount(report: ErasureReport) -> str:
    """'2 pictures and 3 faces'."""
    if report.scope == "probe":
        return several(report.probes, "probe")
    pictures, faces = several(report.pictures, "picture"), several(report.faces, "face")
    said = faces if report.scope in {"face", "person", "request"} else f"{pictures} and {faces}"
    said = f"{said} of {several(report.persons, 'person', 'people')}" if report.persons else said
    return f"{said}, and {several(report.probes, 'probe')} kept with cases" if report.probes else said
