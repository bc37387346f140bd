"""`countenance model`: the networks that find faces and make templates."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session


@click.group(cls=CommandGroup, short_help="Manage the models that find faces and make templates.")
def command() -> None:
    """Manage the models that find faces and make templates: the shipped ones and your own."""


@command.command()
@click.argument("entry", type=click.Path(readable=False), metavar="ENTRY.toml")
@pass_session
def add(session: Session, entry: str) -> None:
    """Add your own model to the home.

    ENTRY.toml describes it: ONNX file, sha256, licence, input format. docs/models.md has an example. The model is
    tested in a separate process before it is added. It has no effect until you use it.
    """
    with session.open() as home:
        about = home.models.add(entry)

        def text() -> None:
            click.echo(f"{click.style(about['name'], bold=True)} passed its self-test and was added to the home.")
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
    """List the models, what each does, and which are in use."""
    with session.open() as home:
        session.answer_list("models", home.models.all(), dict, _line)


@command.command()
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show all details of one model."""
    with session.open() as home:
        about = home.models.get(name)

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
    """Use this detector to find faces from now on.

    Faces that were found before do not change.
    """
    with session.open() as home:
        about = home.models.use(name)
        session.answer(about, lambda: click.echo(f"{name} now finds the faces."))


@command.command()
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Remove a model that you added. A model in use can't be removed."""
    with session.open() as home:
        home.models.remove(name)
        session.answer({"removed": name}, lambda: click.echo(f"{name} is removed."))


def _line(about: dict[str, Any]) -> str:
    does = f"makes templates of {about['dimension']} numbers" if about["dimension"] else "finds faces"
    use = f", {click.style('in use', fg='green')}" if about["in_use"] else ""
    calibration = ", not calibrated" if about["dimension"] and about["calibration"] is None else ""
    return f"{click.style(about['name'], bold=True)}  {does}, {about['licence']}{calibration}{use}"
