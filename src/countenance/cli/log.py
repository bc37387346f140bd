"""`countenance log`: what was done, in an order that cannot be changed unseen."""

from __future__ import annotations

import click

from countenance.cli.base import Group, Session, pass_session, several


@click.group(cls=Group)
def command() -> None:
    """Every search, change and erasure, in a tamper-evident log."""


@command.command(short_help="Check every entry; name the first that does not fit.")
@pass_session
def verify(session: Session) -> None:
    """Check every entry, the tree over them and its signatures; name the first that does not fit.

    It proves that nothing was changed since it was written, as far as this machine's owner has not rewritten the whole
    log: keep a checkpoint elsewhere (`countenance log checkpoint`) to rule that out too.
    """
    with session.open() as home:
        found = home.verify_log()
        session.answer(
            found,
            lambda: click.echo(
                f"The log is whole: {several(found['entries'], 'entry', 'entries')}, root {found['root']}"
            ),
        )


@command.command(short_help="Show the newest entries: pseudonyms and hashes.")
@click.option(
    "--last", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="So many, newest last."
)
@pass_session
def show(session: Session, last: int) -> None:
    """Show the newest entries. They hold pseudonyms and hashes, no names and no pictures."""
    import json

    with session.open() as home:
        log = home.parts.stores.log
        entries = list(log.entries(max(0, len(log) - last)))
        document = [
            {"position": e.position, "id": e.id, "at": e.at, "kind": e.kind, "record": dict(e.record)} for e in entries
        ]

        def text() -> None:
            for entry in entries:
                about = json.dumps(dict(entry.record), ensure_ascii=False)
                click.echo(f"{entry.position:6}  {entry.at}  {click.style(entry.kind, bold=True)}  {about}")

        session.answer({"entries": document}, text)


@command.command(short_help="Print the newest signed checkpoint.")
@pass_session
def checkpoint(session: Session) -> None:
    """Print the newest signed checkpoint. Kept by somebody else, it shows any later rewriting of what it covers."""
    with session.open() as home:
        text = home.parts.stores.log.checkpoint()
        session.answer({"checkpoint": text}, lambda: click.echo(text, nl=False))
