"""`countenance reindex`."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import Command, Session, pass_session, several


@click.command(cls=Command, short_help="Change the model: both side by side, switch, go back, or finish.")
@click.option("--model", metavar="NAME", help="Make templates of this model for every face, beside the old ones.")
@click.option("--switch", "step", flag_value="switch", help="Search with the new model from now on.")
@click.option("--roll-back", "step", flag_value="roll_back", help="Search with the old model again; drop the new one.")
@click.option("--finish", "step", flag_value="finish", help="Destroy all that the old model made. There is no undo.")
@click.option("--accept-loss", is_flag=True, help="Go on though some faces can't get a template and will be lost.")
@pass_session
def command(session: Session, model: str | None, step: str | None, accept_loss: bool) -> None:
    """Change the model that the home is searched with.

    \b
    countenance reindex --model NAME   reads the pictures; searches stay as is
    countenance reindex --switch       searches use it; the old one stays too
    countenance reindex --finish       what the old model made is destroyed
    countenance reindex --roll-back    back to the old one; the new is destroyed

    Interrupt any of them when you like: `countenance reindex` goes on from there.
    """
    from countenance.app import reindex
    from countenance.errors import WrongUse

    if model is not None and step is not None:
        raise WrongUse("--model begins, and --switch, --roll-back and --finish go on", "give one of them")
    with session.open() as home:
        if step == "switch":
            told = reindex.switch(home, accept_loss=accept_loss)
        elif step == "roll_back":
            told = reindex.roll_back(home, accept_loss=accept_loss)
        elif step == "finish":
            told = reindex.finish(home, accept_loss=accept_loss)
        else:
            told = reindex.begin_or_go_on(home, model)
        session.answer(told, lambda: tell(told))


def tell(told: dict[str, Any]) -> None:
    """Where it stands, for people."""
    click.echo(line(told))
    for each in told.get("why", [])[:10]:
        click.echo(f"  {each['source']}/{each['place']}: {each['why'].replace('_', ' ')}")
    for each in told.get("pending", []):
        click.echo(f"  bytes may still lie in {each}, sealed under keys that are destroyed")
    if told["state"] == "building":
        if told["calibration"] is None:
            click.echo(f"  {told['to']} has no calibration yet, which the switch needs: docs/reindex.md")
        click.echo("Next: countenance reindex --switch")
    elif told["state"] == "switched":
        click.echo("Next: countenance reindex --finish, or --roll-back")


def line(told: dict[str, Any]) -> str:
    """One line, also for `status`."""
    if told["state"] == "done":
        return f"Done: the home is searched with {told['model']}, and holds templates of no other model."
    lacking = f", {several(told['lacking'], 'face')} lacking" if told["lacking"] else ""
    state = told["state"].replace("_", " ")
    models = f"{told['from']} to {told['to']}"
    return f"Reindex from {models}: {state}, {told['percent']} %{lacking}; searched with {told['model']}"
