"""`countenance evaluate`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import Command, Session, note, pass_session
from countenance.cli.progress import bar_on_terminal
from countenance.errors import WrongUse

if TYPE_CHECKING:
    from countenance.pipeline.upkeep.evaluate import Evaluation
    from countenance.present.evaluation_tables import Table

PATH = click.Path(readable=False)


@click.command(cls=Command, short_help="Measure a model on your own labelled pictures.")
@click.option("--people", type=PATH, metavar="DIR", help="The pictures, in one folder per person: DIR/person/picture.")
@click.option(
    "--pairs", type=PATH, metavar="FILE", help="Or pairs of pictures: a CSV file with the columns a, b, same (1 or 0)."
)
@click.option("--groups", type=PATH, metavar="FILE",
              help="Also measure by group: a CSV file with person or picture, and your labels.")  # fmt: skip
@click.option("--model", metavar="NAME", help="The embedding model. Default: the one that this home uses.")
@click.option("--out", type=PATH, metavar="DIR", help="Write a page, its JSON and two plots to DIR.")
@click.option("--use", is_flag=True, help="Use the result as this home's calibration of the model.")
@click.option("--use-shipped", is_flag=True, help="Use the shipped calibration again. Measure nothing.")
@click.option("--purpose", metavar="PURPOSE", help="The purpose. Organisations only.")
@click.option("--case", metavar="REF", help="The case reference. Organisations only.")
@pass_session
def command(session: Session, /, use_shipped: bool, out: str | None, **asked: Any) -> None:
    """Measure a model on your own labelled pictures: its 1:1 and 1:N error rates, with uncertainty and by group.

    \b
    countenance evaluate --people ~/labelled --out report
    countenance evaluate --people ~/labelled --use

    The templates are kept in memory only. The log records the evaluation. If there are too few pictures to show a
    result, the report says "not demonstrated".
    """
    if use_shipped:
        if any(asked[name] for name in ("people", "pairs", "groups", "use")) or out is not None:
            raise WrongUse("--use-shipped measures nothing: use it alone or with --model NAME")
        _go_back(session, asked["model"])
        return
    with session.open() as home:
        with progress_bar(quiet=session.json) as progress:
            found = home.evaluate(progress=progress, **asked)
        if out is not None:
            note(f"written: {home.evaluation.write_report(found, out)}")
        session.answer(found.as_dict() if session.json else {}, lambda: tell(found))


def _go_back(session: Session, model: str | None) -> None:
    with session.open() as home:
        left = home.use_shipped_calibration(model)
        document = {"calibration": None if left is None else left.id}

        def text() -> None:
            if left is None:
                click.echo("This home's own calibration is removed. None is shipped, so searches can't use the model.")
            else:
                click.echo(f"The shipped calibration {left.id} is in use.")

        session.answer(document, text)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar with time left on a terminal; nothing where nobody looks."""
    with bar_on_terminal(quiet=quiet) as bar:
        yield None if bar is None else lambda done, total: bar.show("pictures", done, total, "pictures")


def tell(found: Evaluation) -> None:
    """The measures, for people."""
    from countenance.present import evaluation_tables
    from countenance.present.labels import number, visible

    click.echo(click.style(visible(evaluation_tables.title(found)), bold=True))
    click.echo(evaluation_tables.summary(found))
    for table in evaluation_tables.tables(found):
        click.echo()
        tell_table(table)
    for why, count, names, more in evaluation_tables.excluded(found):
        click.echo()
        click.echo(f"Excluded, {number(count)}: {visible(why)}")
        for name in names:
            click.echo(f"  {visible(name)}")
        if more:
            click.echo(f"  and {number(more)} more: --json and report.json list all of them")
    click.echo()
    if found.calibration is not None:
        click.echo(f"This home now uses calibration {found.calibration.id}. Thresholds beyond its range are marked as")
        click.echo("extrapolated. To go back: countenance evaluate --use-shipped")
    click.echo(f"log entry {found.log_entry}")


def tell_table(table: Table) -> None:
    """A table, as wide as the terminal."""
    from countenance.present.evaluation_tables import as_text
    from countenance.present.labels import visible

    click.echo(click.style(visible(table.title), bold=True))
    for line in as_text(table, min(shutil.get_terminal_size((120, 24)).columns, 120)):
        click.echo(visible(line))
