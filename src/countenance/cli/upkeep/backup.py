"""`countenance backup`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, note, pass_session


@click.command(cls=Command, short_help="Write the home to one sealed file.")
@click.argument("file", type=click.Path())
@click.option("--verify", is_flag=True, help="Restore it beside itself, look it over, and remove that again.")
@click.option("--log-alone", is_flag=True, help="Only the audit log: small, and what a restore needs besides.")
@pass_session
def command(session: Session, file: str, verify: bool, log_alone: bool) -> None:
    """Write the home to FILE, sealed under its master key, while it is in use.

    The master key is not in it: keep a copy of the key file elsewhere, or the backup opens for nobody. Keep newer
    copies of the log than of the home (--log-alone): a restore asks for the newest, so that nothing that was erased,
    opted out or ordered after the backup comes back.
    """
    from countenance.app.upkeep.backup import back_up

    with session.open() as home:
        if not session.json:
            note("Writing the backup ...")
        made = back_up(home, file, verify=verify, log_alone=log_alone)

        def tell() -> None:
            what = "The log" if log_alone else "The home"
            click.echo(f"{what} is in {made.file}: {made.size / 2**20:,.1f} MB, sha256 {made.sha256[:16]}.")
            if verify:
                click.echo("Restored beside itself and looked over: whole." if not log_alone else "It opens, whole.")
            click.echo(f"It opens with the master key {made.master_key} alone, which is not in it.")
            click.echo(f"log entry {made.log_entry}")

        session.answer(made.as_dict(), tell)
