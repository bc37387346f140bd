"""`countenance init`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, pass_session


@click.command(cls=Command)
@click.option("--kind", type=click.Choice(["household", "organisation"]), show_default="household",
              help="Fixed for good. A household asks for nothing a family would not know; an organisation's searches "
              "name a purpose and a case.")  # fmt: skip
@pass_session
def command(session: Session, kind: str | None) -> None:
    """Make a home for your data. The first command in a new place does it by itself, as a household."""
    with session.open(kind=kind) as home:
        home.parts.stores  # noqa: B018  # opens the home
        keyfile = home.parts.keyfile

        def text() -> None:
            click.echo(f"A home of kind {home.kind} at {home.path}")
            click.echo(f"Its master key: {keyfile}")
            click.secho("Keep a copy of that file elsewhere: losing it loses the home, and nobody can help.", bold=True)

        session.answer({"home": str(home.path), "id": home.id, "kind": home.kind, "keyfile": str(keyfile)}, text)
