"""`countenance retain`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, on_terminal, pass_session
from countenance.cli.erase import amount, confirm


@click.command(cls=Command, short_help="Erase what has been kept long enough.")
@click.option("--run", is_flag=True, help="Erase what is overdue, with a receipt each; without it, only list.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def command(session: Session, run: bool, yes: bool) -> None:
    """List what is due to be erased: ended grants, and terms of retention; with --run, erase what is overdue.

    Fit for a daily timer: `countenance retain --run --yes`.
    """
    from countenance.app.retention import retain

    with session.open() as home:
        found = retain(home, run=False)
        overdue = [duty for duty in found.duties if duty.overdue]
        if run:
            if overdue and not yes and on_terminal() and not session.json:
                confirm(f"Erase {', '.join(duty.source for duty in overdue)} for good")
            found = retain(home, run=True)

        def tell() -> None:
            for duty in found.duties:
                when = f"due by {duty.deadline:%Y-%m-%d}" if not duty.overdue else "due"
                click.echo(f"{duty.source}: {when}, {duty.why}")
            for report in found.erased:
                click.echo(f"Erased {amount(report)}. receipt {report.receipt}")
            if not found.duties:
                click.echo("Nothing is due.")
            elif overdue and not run:
                click.echo("Erase what is due now: countenance retain --run")

        session.answer(found.as_dict(), tell)
