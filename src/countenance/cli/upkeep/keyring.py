"""`countenance keyring`."""

from __future__ import annotations

import click

from countenance.cli.base import CommandGroup, Session, on_terminal, pass_session


@click.group("keyring", cls=CommandGroup, short_help="The master key: wrap everything under a new one.")
def command() -> None:
    """The home's master key."""


@command.command("rotate", short_help="Wrap every key anew; the old master key opens nothing more.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def rotate(session: Session, yes: bool) -> None:
    """Make a new master key, wrap every data key under it, and overwrite the old one in the key file.

    From then on neither the old key nor a copy of it opens this home, and backups made before open no more by the new
    one: this is how you shorten the life of an old backup that may have been stolen with its key. Copy the new key
    file to where you keep keys, and make a new backup, at once.
    """
    from countenance.app.upkeep.keyring import rotate as rotate_keys

    with session.open() as home:
        if not yes and on_terminal() and not session.json:
            click.confirm(
                "Backups made before will need the old key file. Make a new master key?", abort=True, err=True
            )
        done = rotate_keys(home)

        def tell() -> None:
            click.echo(f"The master key is now {done.after}, in {done.keyfile}; {done.before} is overwritten.")
            click.echo("Copy that file to where you keep keys, then run `countenance backup`: older backups need the")
            click.echo("old key, which you should destroy wherever you kept a copy.")
            click.echo(f"log entry {done.log_entry}")

        session.answer(done.as_dict(), tell)
