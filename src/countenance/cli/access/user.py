"""`countenance user`: who may sign in to an organisation's service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from countenance.cli.base import CommandGroup, Session, on_terminal, pass_session

if TYPE_CHECKING:
    from countenance.app.access.sign_in import NewAccount

_password = click.option("--password-stdin", is_flag=True, help="Read the password from one line of standard input.")


@click.group(cls=CommandGroup, short_help="Manage the accounts of an organisation's service.")
def command() -> None:
    """Manage accounts. To sign in, people need a password and a code from an authenticator app."""


@command.command()
@click.argument("name")
@_password
@pass_session
def add(session: Session, name: str, password_stdin: bool) -> None:
    """Make an account. The code for the authenticator app is shown only once."""
    password = _asked(password_stdin)
    with session.open() as home:
        _show(session, home.sign_in.add(name, password))


@command.command()
@click.argument("name")
@_password
@pass_session
def renew(session: Session, name: str, password_stdin: bool) -> None:
    """Set a new password and second factor for an account."""
    with session.open() as home:
        home.sign_in.get(name)
        _show(session, home.sign_in.renew(name, _asked(password_stdin)))


@command.command()
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Remove an account. Its sessions end at once, in every process."""
    with session.open() as home:
        home.sign_in.remove(name)
        session.answer({"removed": name}, lambda: click.echo(f"{name} can no longer sign in."))


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the accounts."""
    with session.open() as home:
        session.answer_list(
            "accounts", home.sign_in.accounts(),
            lambda one: {"id": one.uid, "name": one.name, "made_at": one.made_at.isoformat()},
            lambda one: f"{one.name}  since {one.made_at:%Y-%m-%d}", none="No account yet.",
        )  # fmt: skip


def _asked(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not on_terminal():
        raise click.UsageError(
            "a password can't be typed here; --password-stdin reads it from standard input", click.get_current_context()
        )
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _show(session: Session, new: NewAccount) -> None:
    import segno

    document = {
        "id": new.account.uid, "name": new.account.name, "totp_secret": new.totp_secret, "totp_uri": new.totp_uri,
    }  # fmt: skip

    def text() -> None:
        click.echo(f"{new.account.name} can sign in. Scan this with an authenticator app; it is not shown again:")
        segno.make(new.totp_uri, micro=False).terminal(compact=True)
        click.echo(f"Or type it there: {new.totp_secret}")

    session.answer(document, text)
