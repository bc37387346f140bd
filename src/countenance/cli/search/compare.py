"""`countenance compare`."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import Command, Session, pass_session


@click.command(cls=Command)
@click.argument("a", type=click.Path(readable=False))
@click.argument("b", type=click.Path(readable=False))
@click.option(
    "--face-a", type=click.IntRange(0), metavar="N", help="The face of A, if A shows several. The first is 0."
)
@click.option("--face-b", type=click.IntRange(0), metavar="N", help="The face of B, if B shows several.")
@click.option("--purpose", metavar="PURPOSE", help="The purpose. Organisations only.")
@click.option("--case", metavar="REF", help="The case reference. Organisations only.")
@click.option("--client", metavar="NAME", help="The client who asks. Default: the operator. Organisations only.")
@pass_session
def command(session: Session, /, a: str, b: str, **question: Any) -> None:
    """Compare the face in picture A with the face in picture B. Neither is stored; the log records it."""
    from countenance.present import labels

    with session.open() as home:
        found = home.compare(a, b, **question)

        def text() -> None:
            click.echo(f"score {found.score:.3f}: {labels.strangers(found.fmr)}")
            click.echo(found.notice)

        session.answer(found.as_dict(), text)
