"""`countenance status`."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import Command, Session, pass_session, several


@click.command(cls=Command, short_help="Show what the home holds, its grants, and what is due.")
@pass_session
def command(session: Session) -> None:
    """Show what the home holds, the state of each grant, and what is due."""
    from countenance.cli.remedies import DOOR

    with session.open() as home:
        found = DOOR.advised_lists(home.health.status(), "due", "waiting")
        session.answer(found, lambda: tell(found))


def tell(found: dict[str, Any]) -> None:
    """The status, for people."""
    click.echo(f"{click.style(found['home'], bold=True)}  ({found['kind']})")
    click.echo(
        f"  {several(found['pictures'], 'picture')}, {several(found['faces'], 'face')}, "
        f"{found['indexed']:,} indexed, "
        f"{several(found['rejected'], 'file')} rejected, "
        f"{'' if found['disk_bytes_exact'] else 'about '}{found['disk_bytes'] / 2**20:,.1f} MB"
    )
    whose = "measured in this home" if found["calibration_own"] else "as shipped"
    click.echo(f"  model {found['model']}, calibration {found['calibration']} ({whose})")
    click.echo(f"  runtime {found['runtime']}; ONNX Runtime offers {', '.join(found['providers'])}")
    if found["reindex"] is not None:
        from countenance.cli.upkeep.reindex import line

        click.echo(f"  {line(found['reindex'])}")
    click.echo(f"  {several(found['log_entries'], 'log entry', 'log entries')}; master key {found['keyfile']}")
    for source in found["sources"]:
        left = "" if source["days_left"] is None else f", {several(max(source['days_left'], 0), 'day')} left"
        state = click.style(source["state"].replace("_", " "), fg="green" if source["state"] == "in_force" else "red")
        click.echo(
            f"  {source['name']}: {source['basis']}, {state}{left}{' (ends soon)' if source['ends_soon'] else ''}"
        )
    for duty in found["due"]:
        when = "OVERDUE" if duty["overdue"] else f"within {several(duty['days_left'], 'day')}"
        click.secho(
            f"  due {when}: erase {duty['source']}, {duty['why']}: {duty['do']}", fg="red", bold=duty["overdue"]
        )
    for request in found["requests"]:
        late = request["overdue"]
        when = f"OVERDUE since {request['due_at'][:10]}" if late else f"within {several(request['days_left'], 'day')}"
        click.secho(
            f"  due {when}: {request['kind']} request {request['request']} ({request['law']}): "
            f"countenance request show {request['request']}",
            fg="red" if late else None, bold=late,
        )  # fmt: skip
    for each in found["waiting"]:
        counts = [several(each[what], what[:-1]) for what in ("uploads", "guests") if each[what]]
        click.echo(f"  waiting in {each['source']}: {', '.join(counts)}")
        for command_line in each["do"]:
            click.echo(f"    {command_line}")
    for order in found["orders"]:
        from countenance.cli.order import STATES, demands
        from countenance.present.labels import visible

        said, colour = STATES[order["state"]]
        left = f"; not finished yet: countenance order apply {order['id'][:8]}" if order["unfinished"] else ""
        click.echo(f"  order {order['id'][:8]} ({visible(demands(order))}): {click.style(said, fg=colour)}{left}")
    if found["probes"]["kept"]:
        late = found["probes"]["due"]
        said = f"; {late:,} overdue: countenance retain --run" if late else ""
        click.secho(
            f"  {several(found['probes']['kept'], 'probe')} stored with cases{said}", fg="red" if late else None
        )
    if found["uncompacted_erasures"]:
        done = several(found["uncompacted_erasures"], "erasure")
        click.echo(f"  {done} since records.db was compacted: countenance doctor --compact")
    if found["unfinished_erasures"]:
        click.secho(f"  {several(found['unfinished_erasures'], 'erasure')} to finish: countenance doctor", fg="red")
    if found["sources"] and not found["pictures"]:
        click.echo("  No picture yet: countenance ingest")
    if not found["sources"]:
        click.echo("  No source yet: countenance source add album ~/Pictures --basis household --jurisdiction CA-ON")
