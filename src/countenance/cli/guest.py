"""`countenance guest`: links by which guests of an event find their pictures."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session


@click.group(cls=CommandGroup, short_help="Make links for guests of an event to find their own pictures.")
def command() -> None:
    """Let guests of an event consent by a link, find pictures of themselves, and withdraw (docs/guests.md)."""


@command.command()
@click.argument("source")
@click.option("--organiser", required=True, metavar="TEXT",
              help="Who is responsible, and how to reach them. Guests see this text.")  # fmt: skip
@click.option("--expires", metavar="DATE", help="The last day of the link. Default: 30 days from now.")
@pass_session
def link(session: Session, source: str, organiser: str, expires: str | None) -> None:
    """Make a link for the guests of a source. Its token is shown only once."""
    with session.open() as home:
        made = home.guests.open_link(source, organiser=organiser, expires=expires)

        def text() -> None:
            click.echo(f"Link {made['link']} for guests of {_shown(source)}, until {made['expires_at']}.")
            click.echo(f"Its page, where `countenance serve` runs: /guest/{made['token']}")
            click.echo(
                "The token is not stored: copy it now. To close the link: countenance guest close " + made["link"]
            )

        session.answer(made, text)


@command.command("list")
@click.argument("source")
@pass_session
def list_(session: Session, source: str) -> None:
    """List the links of a source, and how many guests used each."""
    with session.open() as home:
        links, waiting = home.guests.links(source), home.guests.waiting(source)

        def text() -> None:
            for each in links:
                click.echo(_line(each))
            if not links:
                click.echo("No link for guests yet.")
            if waiting:
                click.echo(
                    f"{waiting} guests are waiting for their pictures: countenance guest search {_quoted(source)}"
                )

        session.answer({"links": links, "waiting": waiting}, text)


@command.command()
@click.argument("link")
@pass_session
def close(session: Session, link: str) -> None:
    """Close a link to new guests. Guests who already used it keep their own links."""
    with session.open() as home:
        closed = home.guests.close_link(link)
        session.answer(closed, lambda: click.echo(_line(closed)))


@command.command()
@click.argument("source")
@pass_session
def search(session: Session, source: str) -> None:
    """Find pictures for guests who are waiting. `countenance serve` does this automatically."""
    with session.open() as home:
        found = home.search_for_guests(source)
        answer = {"source": source, "pictures": found.pictures, "unread": found.unread, "indexed": found.indexed}

        def text() -> None:
            click.echo(f"{found.pictures:,} pictures were searched; {found.unread:,} of them could not be read.")

        session.answer(answer, text)


def _line(link: dict[str, Any]) -> str:
    state = "open" if link["open"] else "closed" if link["closed_at"] else "expired"
    gone = f", {link['withdrawn']} of them withdrew" if link["withdrawn"] else ""
    return f"{link['link']}: {state}, until {link['expires_at']}, {link['guests']} guests{gone}"


def _shown(text: str) -> str:
    from countenance.present.labels import visible

    return visible(text)


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(name)
