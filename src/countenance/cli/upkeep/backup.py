"""`countenance backup`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, note, pass_session


@click.command(cls=Command, short_help="Write an encrypted backup of the home to one file.")
@click.argument("file", type=click.Path())
@click.option("--verify", is_flag=True, help="Test the backup: restore it to a temporary folder and check it.")
@click.option("--log-alone", is_flag=True, help="Back up only the audit log. It is small, and a restore needs it.")
@pass_session
def command(session: Session, file: str, verify: bool, log_alone: bool) -> None:
    """Write an encrypted backup of the home to FILE. The home can be in use.

    The backup does not contain the master key. Keep a copy of the key file elsewhere: without it, no one can open the
    backup. Back up the log more often than the home (--log-alone). A restore needs the newest log, so that erased data
    does not come back.
    """
    with session.open() as home:
        if not session.json:
            note("Writing the backup ...")
        made = home.backups.write(file, verify=verify, log_alone=log_alone)

        def tell() -> None:
            what = "The log" if log_alone else "The home"
            click.echo(f"{what} is in {made.file}: {made.size / 2**20:,.1f} MB, sha256 {made.sha256[:16]}.")
            if verify:
                click.echo(
                    "Test restore passed: the backup is complete."
                    if not log_alone
                    else "The backup opens and is complete."
                )
            click.echo(f"Only the master key {made.master_key} opens it: {home.keyring.keyfile}")
            click.echo("The backup does not contain that key. Keep a copy of the key file elsewhere.")
            click.echo(f"log entry {made.log_entry}")

        session.answer(made.as_dict(), tell)
