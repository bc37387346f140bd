"""`countenance key`: programs that may ask the service, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session

if TYPE_CHECKING:
    from countenance.records.access.access_keys import AccessKey

RIGHTS = ["search", "collect", "people", "erase", "requests", "orders", "oversee", "manage"]


@click.group(cls=CommandGroup, short_help="Access keys of programs that use the service.")
def command() -> None:
    """Access keys: which programs may use the service, what they may do, and for what."""


@command.command()
@click.argument("name")
@click.option("--right", "rights", multiple=True, metavar="RIGHT", default=["search"], show_default=True,
              help=f"What it may do: {', '.join(RIGHTS)}. Again for more.")  # fmt: skip
@click.option("--source", metavar="NAME", help="The source whose grant stands behind what it indexes.")
@click.option("--purpose", metavar="PURPOSE", help="For which it searches. An organisation's home needs it.")
@click.option("--client", metavar="NAME", help="The client for whom it searches.")
@click.option("--case", metavar="TEXT", help="The reference of its case. An organisation's home needs it.")
@click.option("--expires", metavar="DATE", help="Its last day: 2027-12-31.")
@pass_session
def add(session: Session, /, name: str, **bound: Any) -> None:
    """Make an access key. Its secret is shown this once.

    \b
    countenance key add intake --right collect --source album
    """
    with session.open() as home:
        made = home.access_keys.make(name, **bound)

        def text() -> None:
            click.echo(f"Access key {_line(made.key)}")
            click.echo(f"  secret: {made.secret}")
            click.echo("  It is shown this once. Programs of /v1 send both as `Authorization: Bearer ID.SECRET`.")

        session.answer({**describe(made.key), "secret": made.secret}, text)


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the access keys, each with its rights and whether it counts."""
    with session.open() as home:
        keys = home.access_keys.all()

        def text() -> None:
            for key in keys:
                click.echo(_line(key))
            if not keys:
                click.echo("No access key yet. Make one: countenance key add NAME")

        session.answer({"keys": [describe(key) for key in keys]}, text)


@command.command()
@click.argument("key_id", metavar="ID")
@pass_session
def show(session: Session, key_id: str) -> None:
    """Show one access key; never its secret."""
    from countenance.present.labels import visible

    with session.open() as home:
        key = home.access_keys.get(key_id)

        def text() -> None:
            click.echo(_line(key))
            for what, value in describe(key).items():
                if what not in {"id", "name", "rights", "state"} and value is not None:
                    click.echo(f"  {what.replace('_', ' ')}: {visible(str(value))}")

        session.answer(describe(key), text)


@command.command(short_help="End an access key for good.")
@click.argument("key_id", metavar="ID")
@pass_session
def revoke(session: Session, key_id: str) -> None:
    """End an access key for good: its very next request is refused, and its secret is destroyed."""
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
