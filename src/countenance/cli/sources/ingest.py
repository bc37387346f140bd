"""`countenance ingest`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, note, pass_session, several
from countenance.cli.progress import bar_on_terminal

if TYPE_CHECKING:
    from countenance.app.home import Home
    from countenance.app.sources.ingests import Ingested
    from countenance.pipeline.pictures.ingest_report import IngestReport, Progress
    from countenance.types import HomeKind

SHOWN_REJECTED = 10  # more are in --json and `source show`


@click.command(cls=Command, short_help="Read the sources' pictures and index their faces.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="The number of decoding processes. Default: one per core.",
)
@click.option("--prune", is_flag=True, help="Erase pictures that were removed from the folders since the last run.")
@click.option("--watch", is_flag=True, help="Watch the folders and ingest what changes, until Ctrl-C.")
@pass_session
def command(session: Session, names: tuple[str, ...], workers: int | None, prune: bool, watch: bool) -> None:
    """Read the pictures of these sources and index their faces. Without NAME, ingest all sources.

    You can interrupt it at any time. The next run continues from there: it reads nothing twice and loses nothing. It
    reads a changed file again.

    With --watch, it prints a line for each later round that changed something. With --watch and --json, it prints one
    JSON document per line for each round, the first one included (JSON Lines).
    """
    with session.open() as home:
        if watch:
            _watch(session, home, names, workers=workers, prune=prune)
            return
        with progress_bar(quiet=session.json) as progress:
            done = home.ingest(*names, workers=workers, prune=prune, progress=progress)
        session.answer(done.as_dict() if session.json else {}, lambda: tell(done, home.kind))


def _watch(session: Session, home: Home, names: tuple[str, ...], *, workers: int | None, prune: bool) -> None:
    """Until it is interrupted. The first round is told in full."""
    session.lines = True
    with progress_bar(quiet=session.json) as progress:
        rounds = home.watch(*names, workers=workers, prune=prune, progress=progress, notice=note)
        first = next(rounds)
    session.answer(first.as_dict() if session.json else {}, lambda: tell(first, home.kind))
    note("watching the folders; press Ctrl-C to stop")
    for done in rounds:
        session.answer(done.as_dict() if session.json else {}, partial(_tell_round, done))


def _tell_round(done: Ingested) -> None:
    """A line a source."""
    for report in done.reports:
        parts = [
            (report.taken, "added"),
            (report.copies, f"cop{'y' if report.copies == 1 else 'ies'} of known pictures"),
            (report.again, "analysed again"),
            (report.erased, "erased"),
            (sum(report.rejected.values()), "rejected"),
            (report.vanished, "no longer in the folder"),
        ]
        told = ", ".join(f"{n:,} {what}" for n, what in parts if n) or "no change"
        faces = f"; {several(report.faces, 'face')}, {report.indexed:,} indexed" if report.faces else ""
        click.echo(f"{click.style(report.source, bold=True)}: {told}{faces}")
    for source, why in done.skipped:
        click.echo(f"{source}: skipped, {why}")


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Callable[[str, Progress], None] | None]:
    """A bar with rate and time left on a terminal; nothing where nobody looks."""
    with bar_on_terminal(quiet=quiet) as bar:
        yield (
            None
            if bar is None
            else lambda source, at: bar.show(source, at.done, at.total, "files", several(at.indexed, "face"))
        )


def tell(done: Ingested, kind: HomeKind) -> None:
    """The reports, for people."""
    for report in done.reports:
        _tell_one(report)
    for source, why in done.skipped:
        click.echo(f"{source}: skipped, {why}")
    for shown, (source, place, reason, detail) in enumerate(done.rejected):
        if shown == SHOWN_REJECTED:
            note("  ... and more: `countenance ingest --json` lists all of them")
            break
        click.echo(f"  rejected {source}/{place}: {reason.replace('_', ' ')}{detail and f' ({detail})'}")
    if any(report.indexed or report.unchanged for report in done.reports):
        reason = "" if kind == "household" else " --purpose PURPOSE --case CASE"
        click.echo(f"Next: countenance search PROBE{reason}")


def _tell_one(report: IngestReport) -> None:
    speed = report.files / max(report.seconds, 1e-9)
    rate = f", {speed:,.0f} a second" if speed >= 10 else f", {speed:.2g} a second"
    took = f"{report.seconds:.1f} s{rate if report.seconds > 1 else ''}"
    click.echo(f"{click.style(report.source, bold=True)}: {several(report.files, 'file')} in {took}")
    parts = [
        (report.taken, "added"),
        (report.copies, "copies of known pictures"),
        (report.again, "analysed again"),
        (report.unchanged, "unchanged"),
        (sum(report.rejected.values()), "rejected"),
    ]
    click.echo("  " + (", ".join(f"{n:,} {what}" for n, what in parts if n) or "no files"))
    if report.faces:
        refused = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in report.refused.items())
        click.echo(f"  {several(report.faces, 'face')}: {report.indexed:,} indexed{refused and '; ' + refused}")
    if report.vanished:
        click.echo(
            f"  {report.vanished:,} no longer in the folder" + ("" if report.erased else "; --prune erases them")
        )
    if report.erased:
        click.echo(f"  {report.erased:,} erased, because no source holds them now")
