"""`countenance client`: organisations that may search while their contract lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session

if TYPE_CHECKING:
    from countenance.types import Client

CLASSES = ["private-company", "state-agency", "law-enforcement", "newsroom", "archive", "research", "non-profit"]


@click.group(cls=CommandGroup, short_help="Manage the clients for whom an organisation searches.")
def command() -> None:
    """Manage the clients of an organisation's home. A client may search while its contract is active."""


@command.command()
@click.argument("name")
@click.option("--class", "client_class", required=True, metavar="CLASS", help=f"One of: {', '.join(CLASSES)}.")
@click.option("--jurisdiction", required=True, metavar="CODE",
              help="Where the client is established: CA-ON, FR, US-IL, or unknown.")  # fmt: skip
@pass_session
def add(session: Session, name: str, client_class: str, jurisdiction: str) -> None:
    """Add a client with an active contract."""
    with session.open() as home:
        client = home.clients.add(name, client_class=client_class, jurisdiction=jurisdiction)

        def text() -> None:
            click.echo(f"Client {_line(client)}")
            click.echo(f"To search for this client: countenance search PROBE --client {_quoted(client.name)} ...")

        session.answer(describe(client), text)


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the clients, each with its class, jurisdiction and contract."""
    with session.open() as home:
        session.answer_list("clients", home.clients.all(), describe, _line, none="No client yet.")


@command.command()
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show one client."""
    with session.open() as home:
        client = home.clients.get(name)

        def text() -> None:
            click.echo(_line(client))
            for key, value in describe(client).items():
                if key in {"id", "added_at", "ended_at", "ended_by"} and value is not None:
                    click.echo(f"  {key.replace('_', ' ')}: {value}")

        session.answer(describe(client), text)


@command.command()
@click.argument("name")
@pass_session
def end(session: Session, name: str) -> None:
    """End a client's contract for good. Its next search is refused."""
    with session.open() as home:
        client = home.clients.end(name)
        session.answer(describe(client), lambda: click.echo(_line(client)))


def describe(client: Client) -> dict[str, Any]:
    """A client as JSON."""
    from countenance.app.access.clients import described

    return described(client)


def _line(client: Client) -> str:
    from countenance.present.labels import visible

    contract = "contract active"
    if client.ended_at is not None:
        by = f" by order {client.ended_by}" if client.ended_by else ""
        contract = f"contract ended on {client.ended_at.date()}{by}"
    name = click.style(visible(client.name), bold=True)
    return f"{name}: {client.client_class}, {client.jurisdiction}, {contract}"


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(name)
