"""`countenance reindex`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import Command, Session, pass_session, several
from countenance.cli.upkeep.evaluate import PATH, progress_bar, tell_table

if TYPE_CHECKING:
    from countenance.app.home import Home


@click.command(cls=Command, short_help="Change the model: both side by side, switch, go back, or finish.")
@click.option("--model", metavar="NAME", help="Make templates of this model for every face, beside the old ones.")
@click.option("--switch", "step", flag_value="switch", help="Search with the new model from now on.")
@click.option("--roll-back", "step", flag_value="roll_back", help="Search with the old model again; drop the new one.")
@click.option("--finish", "step", flag_value="finish", help="Destroy all that the old model made. There is no undo.")
@click.option("--people", type=PATH, metavar="DIR", help="Report how both models do on your labelled pictures: a "
              "folder a person, DIR/person/picture.")  # fmt: skip
@click.option("--pairs", type=PATH, metavar="FILE", help="Or on pairs: a CSV with the columns a, b, same (1 or 0).")
@click.option("--purpose", metavar="PURPOSE", help="What the report is for. Organisations only.")
@click.option("--case", metavar="REF", help="Its reason. Organisations only.")
@click.option("--accept-loss", is_flag=True, help="Go on though some faces can't get a template and will be lost.")
@click.option("--unmeasured", is_flag=True, help="Switch without a report: how the new model does here is not known.")
@pass_session
def command(
    session: Session, /, model: str | None, step: str | None, accept_loss: bool, unmeasured: bool, **measured: Any
) -> None:
    """Change the model that the home is searched with.

    \b
    countenance reindex --model NAME   reads the pictures; searches stay as is
    countenance reindex --people DIR   reports how both do on pictures of yours
    countenance reindex --switch       searches use it; the old one stays too
    countenance reindex --finish       what the old model made is destroyed
    countenance reindex --roll-back    back to the old one; the new is destroyed

    Interrupt any of them when you like: `countenance reindex` goes on from there.
    """
    from countenance.app.upkeep import reindex
    from countenance.errors import WrongUse

    report = measured["people"] is not None or measured["pairs"] is not None
    if sum((model is not None, step is not None, report)) > 1:
        raise WrongUse(
            "--model begins, --people or --pairs measure, and --switch, --roll-back and --finish go on",
            "give one of them",
        )
    with session.open() as home:
        if report:
            _measure(session, home, measured)
            return
        if step == "switch":
            told = reindex.switch(home, accept_loss=accept_loss, unmeasured=unmeasured)
        elif step == "roll_back":
            told = reindex.roll_back(home, accept_loss=accept_loss)
        elif step == "finish":
            told = reindex.finish(home, accept_loss=accept_loss)
        else:
            told = reindex.begin_or_go_on(home, model)
        session.answer(told, lambda: tell(told))


def _measure(session: Session, home: Home, measured: dict[str, Any]) -> None:
    from countenance.app.upkeep.reindex_report import report

    with progress_bar(quiet=session.json) as progress:
        made = report(home, progress=progress, **measured)
    session.answer(made, lambda: tell_report(made))


def tell_report(made: dict[str, Any]) -> None:
    """Both models side by side, for people."""
    from countenance.app.upkeep.reindex_report import table

    tell_table(table(made))


def tell(told: dict[str, Any]) -> None:
    """Where it stands, for people."""
    click.echo(line(told))
    for each in told.get("why", [])[:10]:
        click.echo(f"  {each['source']}/{each['place']}: {each['why'].replace('_', ' ')}")
    for each in told.get("pending", []):
        click.echo(f"  bytes may still lie in {each}, sealed under keys that are destroyed")
    for each in told.get("references_lacking", []):
        names = ", ".join(each["subjects"])
        click.echo(f"  no reference in the other model of {names}: countenance source references {each['source']} LIST")
    if told.get("report"):
        tell_report(told["report"])
    if told["state"] == "building":
        if told["calibration"] is None:
            click.echo(f"  {told['to']} has no calibration yet, which the switch needs: docs/reindex.md")
        measured = told["report"] is not None
        click.echo(f"Next: countenance reindex {'--switch' if measured else '--people DIR, then --switch'}")
    elif told["state"] == "switched":
        click.echo("Next: countenance reindex --finish, or --roll-back")


def line(told: dict[str, Any]) -> str:
    """One line, also for `status`."""
    if told["state"] == "done":
        return f"Done: the home is searched with {told['model']}, and holds templates of no other model."
    lacking = f", {several(told['lacking'], 'face')} lacking" if told["lacking"] else ""
    state = told["state"].replace("_", " ")
    models = f"{told['from']} to {told['to']}"
    measured = "" if told["state"] != "building" else ", measured" if told["report"] else ", not measured here"
    return f"Reindex from {models}: {state}, {told['percent']} %{lacking}{measured}; searched with {told['model']}"
