"""`countenance erase`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, note, on_terminal, pass_session, several

if TYPE_CHECKING:
    from countenance.pipeline.erasure.erase import ErasureReport


@click.command(cls=Command, short_help="Erase a face, picture, source, person or stored probe.")
@click.option("--face", metavar="ID", help="One face: the face_id of a lead.")
@click.option("--picture", metavar="ID", help="One picture in every source, with its faces: the picture_id of a lead.")
@click.option("--source", metavar="NAME", help="A source, with its grant, evidence and pictures.")
@click.option("--person", metavar="PERSON",
              help="A person, with the name, the history and all faces. Give the ID, or a unique name.")  # fmt: skip
@click.option(
    "--jurisdiction", metavar="CODE", help="All pictures of a jurisdiction and its regions: CA includes CA-ON."
)
@click.option("--probe", metavar="ENTRY", help="The stored probe of a search: its log_entry.")
@click.option("--case", metavar="REF", help="All stored probes of a case.")
@click.option("--authority", metavar="TEXT", help="Who requested it, for the receipt. Default: the operator.")
@click.option("--dry-run", is_flag=True, help="Count what would be erased. Change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def command(session: Session, /, dry_run: bool, yes: bool, authority: str | None, **named: str | None) -> None:
    """Erase something from the whole home. It can't be undone.

    Your own files are not changed. A later ingest does not add an erased face or picture again. A signed receipt
    records the erasure: see `countenance receipt`.
    """
    with session.open() as home:
        if not dry_run and asks(session, yes):
            would = home.erase(**named, dry_run=True)
            if not would.already:
                confirm(f"Erase {amount(would)} for good")
            if named["person"] is not None:  # who was counted goes, whatever is renamed meanwhile
                named["person"] = would.about
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
        click.echo(f"It was already erased: {what}.")
    else:
        click.echo(f"Erased {what} from records, index, files and keys.")
    for place in report.pending:
        click.echo(f"  pending: {place}")
    if report.receipt:
        click.echo(f"receipt {report.receipt}; to write it as a page, and as the file that can be verified:")
        click.echo(f"  countenance receipt export {report.receipt} receipt.html")
        click.echo(f"  countenance receipt export {report.receipt} receipt.json")
    click.echo(f"log entry {report.log_entry}")


def amount(report: ErasureReport) -> str:
    """'2 pictures and 3 faces'."""
    if report.scope == "probe":
        return several(report.probes, "probe")
    pictures, faces = several(report.pictures, "picture"), several(report.faces, "face")
    said = faces if report.scope in {"face", "person", "request"} else f"{pictures} and {faces}"
    said = f"{said} of {several(report.persons, 'person', 'people')}" if report.persons else said
    return f"{said}, and {several(report.probes, 'probe')} stored with cases" if report.probes else said
