"""`countenance init`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, pass_session


@click.command(cls=Command)
@click.option("--kind", type=click.Choice(["household", "organisation"]), show_default="household",
              help="Fixed for good. In an organisation's home, searches need a purpose and a case.")  # fmt: skip
@pass_session
def command(session: Session, kind: str | None) -> None:
    """Create a home for your data. Other commands create a household's home if there is none."""
    with session.open(kind=kind) as home:
        home.sources()  # opens it: what keeps it from opening is told here
        keyfile = home.keyring.keyfile

        def text() -> None:
            click.echo(f"Home at {home.path}, of kind {home.kind}")
            click.echo(f"Its master key: {keyfile}")
            click.secho(
                "Keep a copy of this file elsewhere. If you lose it, nothing can open the home again.", bold=True
            )

        session.answer({"home": str(home.path), "id": home.id, "kind": home.kind, "keyfile": str(keyfile)}, text)
