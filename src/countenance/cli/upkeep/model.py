"""`countenance model`: the networks that find faces and make templates."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session


@click.group(cls=CommandGroup, short_help="The networks that find faces and make templates; your own.")
def command() -> None:
    """The networks that find faces and make templates: those that come with Countenance, and your own."""


@command.command()
@click.argument("entry", type=click.Path(readable=False), metavar="ENTRY.toml")
@pass_session
def add(session: Session, entry: str) -> None:
    """Bring a model of your own into the home.

    ENTRY.toml names its ONNX file, sha256, licence, and what it wants to see; docs/models.md has one to start from. The
    model is tried in a process of its own before it is kept. It changes nothing until it is put to work.
    """
    from countenance.app.upkeep.models import add_model

    with session.open() as home:
        about = add_model(home, entry)

        def text() -> None:
            click.echo(f"{click.style(about['name'], bold=True)} passed its self-test and is kept in the home.")
            if about["task"] == "detect":
                click.echo(f"Next: countenance model use {about['name']}")
            elif about["calibration"] is None:
                click.echo(f"Next: countenance evaluate --model {about['name']} --people DIR --use")
            else:
                click.echo(f"Next: countenance reindex --model {about['name']}")

        session.answer(about, text)


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the models: what each does, and which are at work."""
    from countenance.app.upkeep.models import list_models

    with session.open() as home:
        models = list_models(home)

        def text() -> None:
            for about in models:
                click.echo(_line(about))

        session.answer({"models": models}, text)


@command.command()
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show all that is known of one model."""
    from countenance.app.upkeep.models import show_model

    with session.open() as home:
        about = show_model(home, name)

        def text() -> None:
            click.echo(_line(about))
            for key, value in about.items():
                if key not in {"name", "task", "in_use", "own", "dimension"} and value not in (None, ""):
                    click.echo(f"  {key.replace('_', ' ')}: {value}")

        session.answer(about, text)


@command.command()
@click.argument("name")
@pass_session
def use(session: Session, name: str) -> None:
    """Look at pictures with this detector from now on.

    What was found before stays as it is.
    """
    from countenance.app.upkeep.models import use_detector

    with session.open() as home:
        about = use_detector(home, name)
        session.answer(about, lambda: click.echo(f"{name} finds faces from now on."))


@command.command()
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Remove a model that you brought. One that is at work stays."""
    from countenance.app.upkeep.models import remove_model

    with session.open() as home:
        remove_model(home, name)
        session.answer({"removed": name}, lambda: click.echo(f"{name} is removed."))


def _line(about: dict[str, Any]) -> str:
    does = f"makes templates of {about['dimension']} numbers" if about["dimension"] else "finds faces"
    use = f", {click.style('in use', fg='green')}" if about["in_use"] else ""
    calibration = ", not calibrated" if about["dimension"] and about["calibration"] is None else ""
    return f"{click.style(about['name'], bold=True)}  {does}, {about['licence']}{calibration}{use}"
