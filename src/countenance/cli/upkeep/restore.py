"""`countenance restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, on_terminal, pass_session, several

if TYPE_CHECKING:
    from countenance.app.upkeep.restore import RestoredHome


@click.command(cls=Command, short_help="Make a home from a backup; what was erased since stays erased.")
@click.argument("file", type=click.Path())
@click.option("--log", type=click.Path(), help="The newest log: a home's folder, its log.db, or `backup --log-alone`.")
@click.option("--log-lost", is_flag=True, help="Nobody has a later log: every source starts suspended.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def command(session: Session, file: str, log: str | None, log_lost: bool, yes: bool) -> None:
    """Make the home of the backup FILE at --home, which must not be there or be empty.

    Every erasure, opt-out, order and withdrawal that the log knows of and the backup does not is done again before the
    home can be used. The log must be the continuation of the backup's own. If it is lost with the disk, nobody can
    know what was erased since: then every source is suspended, and you decide on each (`source resume NAME`).
    """
    from countenance.app.settings import Settings
    from countenance.app.upkeep.restore import restore

    if log_lost and not yes and on_terminal() and not session.json:
        click.confirm(
            "Without the log, what was erased or opted out after the backup is in it again. Go on, all suspended?",
            abort=True, err=True,
        )  # fmt: skip
    done = restore(file, Settings.read(session.home).home, log=log, without_log=log_lost)
    session.answer(done.as_dict(), lambda: _tell(done))


def _tell(done: RestoredHome) -> None:
    click.echo(f"The home of the backup of {done.made_at} is at {done.home}.")
    again = done.replayed
    click.echo(
        f"Done again from the log: {several(again.faces, 'face')} and {several(again.pictures, 'picture')} erased, "
        f"{several(again.suppressions, 'mark')} that keep them out,"
    )
    click.echo(f"  {several(again.sources, 'source')} brought to the last state,")
    click.echo(
        f"  {several(again.requests, 'request')} of pictured people, {several(again.orders, 'order')} and contracts."
    )
    if done.suspended:
        click.echo("No later log was at hand, so nothing can be searched until you have decided on each source:")
        for name in done.suspended:
            click.echo(f"  countenance source resume {name}")
    click.echo("What was ingested after the backup is not there: `countenance ingest` takes it again.")
    click.echo(f"log entry {done.log_entry}")
