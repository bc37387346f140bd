"""`countenance compare`."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import Command, Session, pass_session


@click.command(cls=Command)
@click.argument("a", type=click.Path(readable=False))
@click.argument("b", type=click.Path(readable=False))
@click.option("--face-a", type=click.IntRange(0), metavar="N", help="Which face of A, where it holds several; from 0.")
@click.option("--face-b", type=click.IntRange(0), metavar="N", help="Which face of B.")
@click.option("--purpose", metavar="PURPOSE", help="What for. Organisations only.")
@click.option("--case", metavar="REF", help="The reason. Organisations only.")
@click.option("--client", metavar="NAME", help="The client that asks; without it, the operator. Organisations only.")
@pass_session
def command(session: Session, /, a: str, b: str, **question: Any) -> None:
    """Compare the face in picture A with the face in picture B. Keeps neither; the log says that it was done."""
    from countenance.present import labels

    with session.open() as home:
        found = home.compare(a, b, **question)

        def text() -> None:
            click.echo(f"score {found.score:.3f}: {labels.strangers(found.fmr)}")
            click.echo(found.notice)

        session.answer(found.as_dict(), text)
