"""`countenance keyring`."""

from __future__ import annotations

import click

from countenance.cli.base import CommandGroup, Session, on_terminal, pass_session


@click.group("keyring", cls=CommandGroup, short_help="Manage the home's master key.")
def command() -> None:
    """Manage the home's master key."""


@command.command("rotate", short_help="Make a new master key and stop using the old one.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def rotate(session: Session, yes: bool) -> None:
    """Make a new master key and wrap every data key with it. It replaces the old one in the key file.

    The old key no longer opens this home, and the new key does not open older backups. Rotate the key if someone may
    have copied the key file. Then copy the new key file to a safe place, and make a new backup at once.
    """
    with session.open() as home:
        if not yes and on_terminal() and not session.json:
            click.confirm(
                "Older backups will still need the old key file. Make a new master key?", abort=True, err=True
            )
        done = home.keyring.rotate()

        def tell() -> None:
            click.echo(f"The master key is now {done.after}, in {done.keyfile}. {done.before} was overwritten.")
            click.echo("Copy that file to a safe place, then run `countenance backup`. Older backups need the old key:")
            click.echo("when you no longer need them, destroy every copy of it.")
            click.echo(f"log entry {done.log_entry}")

        session.answer(done.as_dict(), tell)
