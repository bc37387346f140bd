"""`countenance reindex`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import Command, Session, pass_session, several
from countenance.cli.upkeep.evaluate import PATH, progress_bar, tell_table

if TYPE_CHECKING:
    from countenance.app.home import Home


@click.command(cls=Command, short_help="Change the model: build, compare, switch, finish.")
@click.option("--model", metavar="NAME", help="Make templates of this model for every face. Keep the old ones.")
@click.option("--switch", "step", flag_value="switch", help="Search with the new model from now on.")
@click.option(
    "--roll-back", "step", flag_value="roll_back", help="Search with the old model again, and delete the new templates."
)
@click.option(
    "--finish", "step", flag_value="finish", help="Destroy the templates of the old model. It can't be undone."
)
@click.option("--people", type=PATH, metavar="DIR", help="Measure both models on your labelled pictures, in one "
              "folder per person: DIR/person/picture.")  # fmt: skip
@click.option(
    "--pairs", type=PATH, metavar="FILE", help="Or on pairs: a CSV file with the columns a, b, same (1 or 0)."
)
@click.option("--purpose", metavar="PURPOSE", help="The purpose of the report. Organisations only.")
@click.option("--case", metavar="REF", help="The case reference of the report. Organisations only.")
@click.option("--accept-loss", is_flag=True, help="Continue although some faces get no template and will be lost.")
@click.option("--unmeasured", is_flag=True, help="Switch without a report: the new model was not measured here.")
@pass_session
def command(
    session: Session, /, model: str | None, step: str | None, accept_loss: bool, unmeasured: bool, **measured: Any
) -> None:
    """Change the model that searches use.

    \b
    countenance reindex --model NAME   makes templates; searches do not change
    countenance reindex --people DIR   measures both models on your pictures
    countenance reindex --switch       searches use the new model
    countenance reindex --finish       destroys the templates of the old model
    countenance reindex --roll-back    goes back, and destroys the new templates

    You can interrupt any step. `countenance reindex` continues from there.
    """
    from countenance.errors import WrongUse

    report = measured["people"] is not None or measured["pairs"] is not None
    if sum((model is not None, step is not None, report)) > 1:
        raise WrongUse(
            "--model, --people or --pairs, --switch, --roll-back and --finish are separate steps: give only one of them"
        )
    with session.open() as home:
        if report:
            _measure(session, home, measured)
            return
        if step == "switch":
            told = home.reindexing.switch(accept_loss=accept_loss, unmeasured=unmeasured)
        elif step == "roll_back":
            told = home.reindexing.roll_back(accept_loss=accept_loss)
        elif step == "finish":
            told = home.reindexing.finish(accept_loss=accept_loss)
        else:
            told = home.reindexing.begin_or_go_on(model)
        session.answer(told, lambda: tell(told))


def _measure(session: Session, home: Home, measured: dict[str, Any]) -> None:

    with progress_bar(quiet=session.json) as progress:
        made = home.reindexing.report(progress=progress, **measured)
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
        click.echo(f"  {each} may still hold old data, but the keys to decrypt it are destroyed")
    for each in told.get("references_lacking", []):
        names = ", ".join(each["subjects"])
        click.echo(
            f"  no reference for the other model: {names}. Run: countenance source references {each['source']} LIST"
        )
    if told.get("report"):
        tell_report(told["report"])
    if told["state"] == "building":
        if told["calibration"] is None:
            click.echo(f"  {told['to']} has no calibration yet. The switch needs one: see docs/reindex.md")
        measured = told["report"] is not None
        click.echo(f"Next: countenance reindex {'--switch' if measured else '--people DIR, then --switch'}")
    elif told["state"] == "switched":
        click.echo("Next: countenance reindex --finish, or --roll-back")


def line(told: dict[str, Any]) -> str:
    """One line, also for `status`."""
    if told["state"] == "done":
        return f"Done: searches use {told['model']}. The home holds no templates of other models."
    lacking = f", {several(told['lacking'], 'face')} lacking" if told["lacking"] else ""
    state = told["state"].replace("_", " ")
    models = f"{told['from']} to {told['to']}"
    measured = "" if told["state"] != "building" else ", measured" if told["report"] else ", not measured here"
    return f"Reindex from {models}: {state}, {told['percent']} %{lacking}{measured}; searches use {told['model']}"
