"""`countenance erase`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, note, on_terminal, pass_session, several

if TYPE_CHECKING:
    from countenance.pipeline.erase import ErasureReport


@click.command(cls=Command, short_help="Erase a face, a picture or a source for good.")
@click.option("--face", metavar="ID", help="One face; a lead's face_id.")
@click.option("--picture", metavar="ID", help="One picture wherever it stands, with its faces; a lead's picture_id.")
@click.option("--source", metavar="NAME", help="A source with its grant, evidence and pictures.")
@click.option("--dry-run", is_flag=True, help="Count what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def command(
    session: Session, face: str | None, picture: str | None, source: str | None, dry_run: bool, yes: bool
) -> None:
    """Erase a face, a picture or a source from everything that the home keeps. There is no undo.

    Your own files are not touched. An erased face or picture is not taken again by a later ingest.
    """
    with session.open() as home:
        if not dry_run and asks(session, yes):
            would = home.erase(face=face, picture=picture, source=source, dry_run=True)
            confirm(f"Erase {amount(would)} for good")
        report = home.erase(face=face, picture=picture, source=source, dry_run=dry_run)
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
    click.echo(f"Erased {what}: from records, index, blobs and keys.")
    for place in report.pending:
        click.echo(f"  pending: {place}")
    click.echo(f"log entry {report.log_entry}")


def amount(report: ErasureReport) -> str:
    """'2 pictures and 3 faces'."""
    pictures, faces = several(report.pictures, "picture"), several(report.faces, "face")
    return faces if report.scope == "face" else f"{pictures} and {faces}"
