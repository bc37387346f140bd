"""`countenance doctor`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, pass_session

COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(cls=Command, short_help="Check the home and say how to fix what is wrong.")
@click.option("--compact", is_flag=True, help="First compact records.db, so that no page holds erased data.")
@pass_session
def command(session: Session, compact: bool) -> int:
    """Check the home and say how to fix what is wrong. The exit code is 1 if there is a problem.

    It checks the key, databases, erasures, deadlines, log, index, weights and disk. --compact needs memory for one copy
    of records.db, and disk space for two. Other commands can't write until it is done.
    """
    from countenance.cli.remedies import DOOR

    with session.open() as home:
        compacted = home.retention.compact() if compact else None
        if compacted is not None and not session.json:
            left = "; another process still uses the old pages: run it again" if compacted.pending else ""
            click.echo(f"records.db is compacted: {compacted.bytes_after / 2**20:,.1f} MB{left}")
        findings = []
        for finding in home.health.examine():
            findings.append(finding)
            if not session.json:
                state = click.style(f"{finding.state:8}", fg=COLOURS[finding.state])
                where = f" ({finding.path})" if finding.path else ""
                click.echo(f"{state} {finding.what}: {finding.said}{where}")
                if finding.do:
                    click.echo(f"         {DOOR.hint(finding.do)}")
        problems = sum(finding.state == "problem" for finding in findings)
        session.answer({"findings": [DOOR.advised(f.as_dict()) for f in findings], "problems": problems,
                        "compacted": compacted and compacted.as_dict()}, lambda: None)  # fmt: skip
    return 1 if problems else 0
