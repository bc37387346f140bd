"""`countenance doctor`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, pass_session

COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(cls=Command, short_help="Look the home over: what fits, what does not, what to do.")
@click.option("--compact", is_flag=True, help="First write records.db anew: no page keeps what was erased.")
@pass_session
def command(session: Session, compact: bool) -> int:
    """Look the home over: key, databases, erasures, duties, log, index, weights, disk. Ends with 1 on a problem.

    --compact needs memory for a copy of records.db and disk for two; nothing else can be recorded meanwhile.
    """
    from countenance.app.erasure import compaction
    from countenance.app.upkeep.doctor import examine

    with session.open() as home:
        compacted = compaction.compact(home) if compact else None
        if compacted is not None and not session.json:
            left = "; a reader keeps the old pages: run it again" if compacted.pending else ""
            click.echo(f"records.db was written anew: {compacted.bytes_after / 2**20:,.1f} MB{left}")
        findings = []
        for finding in examine(home):
            findings.append(finding)
            if not session.json:
                state = click.style(f"{finding.state:8}", fg=COLOURS[finding.state])
                click.echo(f"{state} {finding.what}: {finding.said}")
                if finding.do:
                    click.echo(f"         {finding.do}")
        problems = sum(finding.state == "problem" for finding in findings)
        session.answer({"findings": [f.as_dict() for f in findings], "problems": problems,
                        "compacted": compacted and compacted.as_dict()}, lambda: None)  # fmt: skip
    return 1 if problems else 0
