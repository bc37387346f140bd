"""`countenance compare`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, pass_session


@click.command(cls=Command)
@click.argument("a", type=click.Path(readable=False))
@click.argument("b", type=click.Path(readable=False))
@click.option("--purpose", metavar="PURPOSE", help="What for. Organisations only.")
@click.option("--case", metavar="REF", help="The reason. Organisations only.")
@click.option("--client", metavar="NAME", help="The client that asks; without it, the operator. Organisations only.")
@pass_session
def command(session: Session, a: str, b: str, purpose: str | None, case: str | None, client: str | None) -> None:
    """Compare the face in picture A with the face in picture B. Keeps neither; the log says that it was done."""
    from countenance.app import words

    with session.open() as home:
        found = home.compare(a, b, purpose=purpose, case=case, client=client)

        def text() -> None:
            click.echo(f"score {found.score:.3f}: {words.strangers(found.fmr)}")
            click.echo(found.notice)

        session.answer(found.as_dict(), text)
