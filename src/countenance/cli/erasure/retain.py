"""`countenance retain`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, on_terminal, pass_session, several
from countenance.cli.erasure.erase import amount, confirm


@click.command(cls=Command, short_help="Erase what has been kept long enough.")
@click.option("--run", is_flag=True, help="Erase what is overdue, with a receipt each; without it, only list.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def command(session: Session, run: bool, yes: bool) -> None:
    """List what is due to be erased: ended grants, terms of retention, probes kept with cases.

    With --run what is overdue is erased; then records.db is written anew, if anything was erased since it last was.

    Fit for a daily timer: `countenance retain --run --yes`.
    """
    from countenance.app.erasure.retention import retain

    with session.open() as home:
        found = retain(home, run=False)
        overdue = [duty for duty in found.duties if duty.overdue]
        if run:
            named = [duty.source for duty in overdue] + _probes(found.probes)
            if named and not yes and on_terminal() and not session.json:
                confirm(f"Erase {', '.join(named)} for good")
            found = retain(home, run=True)

        def tell() -> None:
            for duty in found.duties:
                when = f"due by {duty.deadline:%Y-%m-%d}" if not duty.overdue else "due"
                click.echo(f"{duty.source}: {when}, {duty.why}")
            for probes in _probes(found.probes):
                click.echo(f"{probes}: due, past the term of COUNTENANCE_PROBE_DAYS")
            for report in found.erased:
                click.echo(f"Erased {amount(report)}. receipt {report.receipt}")
            if not (found.duties or found.probes):
                click.echo("Nothing is due.")
            elif (overdue or found.probes) and not run:
                click.echo("Erase what is due now: countenance retain --run")

        session.answer(found.as_dict(), tell)


def _probes(count: int) -> list[str]:
    return [f"{several(count, 'probe')} kept with cases"] if count else []
