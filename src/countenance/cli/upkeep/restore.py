"""`countenance restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, on_terminal, pass_session, several

if TYPE_CHECKING:
    from countenance.app.upkeep.restore import RestoredHome


@click.command(cls=Command, short_help="Restore a home from a backup; erased data stays erased.")
@click.argument("file", type=click.Path())
@click.option("--log", type=click.Path(), help="The newest log: a home's folder, its log.db, or a log backup.")
@click.option("--log-lost", is_flag=True, help="There is no later log: suspend every source.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def command(session: Session, file: str, log: str | None, log_lost: bool, yes: bool) -> None:
    """Restore the backup FILE to --home. The folder must not exist, or must be empty.

    The restore repeats every erasure, opt-out, order and withdrawal that the log has after the backup. The log must
    continue the log of the backup. If the log is lost, no one can know what was erased since. Every source is then
    suspended, and you decide on each one (`source resume NAME`).
    """
    import countenance

    if log_lost and not yes and on_terminal() and not session.json:
        click.confirm(
            "Without the log, data erased after the backup comes back. Continue, with every source suspended?",
            abort=True, err=True,
        )  # fmt: skip
    done = countenance.restore(file, session.home, log=log, without_log=log_lost)
    session.answer(done.as_dict(), lambda: _tell(done))


def _tell(done: RestoredHome) -> None:
    click.echo(f"The backup of {done.made_at} is restored to {done.home}.")
    again = done.replayed
    click.echo(
        f"Repeated from the log: {several(again.faces, 'face')} and {several(again.pictures, 'picture')} erased, "
        f"{several(again.suppressions, 'mark')} to keep them out,"
    )
    click.echo(f"  {several(again.sources, 'source')} set to the latest state,")
    click.echo(
        f"  {several(again.requests, 'request')} of pictured people, {several(again.orders, 'order')} and contracts."
    )
    if done.suspended:
        click.echo("There was no later log, so every source is suspended. Decide on each source:")
        for name in done.suspended:
            click.echo(f"  countenance source resume {name}")
    click.echo("Pictures ingested after the backup are missing. `countenance ingest` adds them again.")
    click.echo(f"log entry {done.log_entry}")
