"""`countenance key`: programs that may ask the service, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session

if TYPE_CHECKING:
    from countenance.records.access.access_keys import AccessKey

RIGHTS = ["search", "collect", "people", "erase", "requests", "orders", "oversee", "manage"]


@click.group(cls=CommandGroup, short_help="Manage the access keys of programs that use the service.")
def command() -> None:
    """Manage access keys. A key lets a program use the service, with certain rights and purposes."""


@command.command()
@click.argument("name")
@click.option("--right", "rights", multiple=True, metavar="RIGHT", default=["search"], show_default=True,
              help=f"A right of the key: {', '.join(RIGHTS)}. May be repeated.")  # fmt: skip
@click.option("--source", metavar="NAME", help="The source for the pictures that the program indexes.")
@click.option("--purpose", metavar="PURPOSE", help="The purpose of its searches. Required in an organisation's home.")
@click.option("--client", metavar="NAME", help="The client for whom the program searches.")
@click.option("--case", metavar="TEXT", help="The case reference of its searches. Required in an organisation's home.")
@click.option("--expires", metavar="DATE", help="The last day of the key, such as 2027-12-31.")
@pass_session
def add(session: Session, /, name: str, **bound: Any) -> None:
    """Make an access key. Its secret is shown only once.

    \b
    countenance key add intake --right collect --source album
    """
    from datetime import UTC, datetime

    from countenance.app.access.access_keys import described_once

    with session.open() as home:
        made = home.access_keys.make(name, **bound)

        def text() -> None:
            click.echo(f"Access key {_line(made.key)}")
            click.echo(f"  token: {made.token}")
            click.echo(f"  secret: {made.secret}")
            click.echo("  Both are shown only once. A program of /v1 sends `Authorization: Bearer TOKEN`.")
            click.echo("  A program of Amazon Rekognition signs with the ID and the secret.")

        session.answer(described_once(made, datetime.now(UTC)), text)


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the access keys, each with its rights and its state."""
    with session.open() as home:
        none = "No access key yet. To make one: countenance key add NAME"
        session.answer_list("keys", home.access_keys.all(), describe, _line, none=none)


@command.command()
@click.argument("key_id", metavar="ID")
@pass_session
def show(session: Session, key_id: str) -> None:
    """Show one access key, without its secret."""
    from countenance.present.labels import visible

    with session.open() as home:
        key = home.access_keys.get(key_id)

        def text() -> None:
            click.echo(_line(key))
            for what, value in describe(key).items():
                if what not in {"id", "name", "rights", "state"} and value is not None:
                    click.echo(f"  {what.replace('_', ' ')}: {visible(str(value))}")

        session.answer(describe(key), text)


@command.command(short_help="Revoke an access key for good.")
@click.argument("key_id", metavar="ID")
@pass_session
def revoke(session: Session, key_id: str) -> None:
    """Revoke an access key for good. Its next request is refused, and its secret is destroyed."""
    with session.open() as home:
        key = home.access_keys.revoke(key_id)
        session.answer(describe(key), lambda: click.echo(_line(key)))


def describe(key: AccessKey) -> dict[str, Any]:
    """A key as JSON, without its secret."""
    from datetime import UTC, datetime

    from countenance.app.access.access_keys import described

    return described(key, datetime.now(UTC))


def _line(key: AccessKey) -> str:
    from countenance.present.labels import visible

    about = describe(key)
    return f"{click.style(key.key, bold=True)} {visible(key.name)}: {about['state']}, may {', '.join(key.rights)}"
