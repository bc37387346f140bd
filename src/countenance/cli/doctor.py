"""`countenance doctor`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, pass_session

COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(cls=Command, short_help="Look the home over: what fits, what does not, what to do.")
@pass_session
def command(session: Session) -> int:
    """Look the home over: key, databases, erasures, duties, log, index, weights, disk. Ends with 1 on a problem."""
    from countenance.app.doctor import examine

    with session.open() as home:
        findings = []
        for finding in examine(home):
            findings.append(finding)
            if not session.json:
                state = click.style(f"{finding.state:8}", fg=COLOURS[finding.state])
                click.echo(f"{state} {finding.what}: {finding.said}")
                if finding.do:
                    click.echo(f"         {finding.do}")
        problems = sum(finding.state == "problem" for finding in findings)
        session.answer({"findings": [f.as_dict() for f in findings], "problems": problems}, lambda: None)
    return 1 if problems else 0
