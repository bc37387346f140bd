"""`countenance retain`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, on_terminal, pass_session, several
from countenance.cli.erasure.erase import amount, confirm


@click.command(cls=Command, short_help="List and erase what has reached the end of its retention.")
@click.option("--run", is_flag=True, help="Erase what is overdue, with a receipt for each. Default: only list.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def command(session: Session, run: bool, yes: bool) -> None:
    """List what must be erased: ended grants, ended retention periods, old probes of cases.

    With --run, it erases what is overdue. It then compacts records.db if anything was erased since the last time.

    To run it every day, use a timer: `countenance retain --run --yes`.
    """
    from countenance.cli.remedies import DOOR

    with session.open() as home:
        found = home.retention.retain(run=False)
        overdue = [duty for duty in found.duties if duty.overdue]
        if run:
            named = [duty.source for duty in overdue] + _probes(found.probes)
            if named and not yes and on_terminal() and not session.json:
                confirm(f"Erase {', '.join(named)} for good")
            found = home.retention.retain(run=True)

        def tell() -> None:
            for duty in found.duties:
                when = f"due by {duty.deadline:%Y-%m-%d}" if not duty.overdue else "due"
                click.echo(f"{duty.source}: {when}, {duty.why}")
            for probes in _probes(found.probes):
                click.echo(f"{probes}: due, older than COUNTENANCE_PROBE_DAYS")
            for report in found.erased:
                click.echo(f"Erased {amount(report)}. receipt {report.receipt}")
            if not (found.duties or found.probes):
                click.echo("Nothing is due.")
            elif (overdue or found.probes) and not run:
                click.echo("To erase what is due: countenance retain --run")

        session.answer(DOOR.advised_lists(found.as_dict(), "due"), tell)


def _probes(count: int) -> list[str]:
    return [f"{several(count, 'probe')} stored with cases"] if count else []
