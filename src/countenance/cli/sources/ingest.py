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
    from countenance.app.home import Home, Ingested
    from countenance.pipeline.pictures.ingest import IngestReport, Progress

SHOWN_REJECTED = 10  # more are in --json and `source show`


@click.command(cls=Command, short_help="Take the sources' pictures and index their faces.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N", help="Child processes that decode; by default one a core."
)
@click.option("--prune", is_flag=True, help="Erase what has vanished from the folders since the last run.")
@click.option("--watch", is_flag=True, help="Go on: take what changes in the folders, until Ctrl-C.")
@pass_session
def command(session: Session, names: tuple[str, ...], workers: int | None, prune: bool, watch: bool) -> None:
    """Take the pictures of these sources (of all, if none is named) and index their faces.

    Interrupt it when you like: running it again goes on from there, takes nothing twice and loses nothing. A changed
    file is taken anew.

    With --watch a line tells of each later round that did something; with --json each round is a document on a line of
    its own (JSON Lines), the first one included.
    """
    with session.open() as home:
        if watch:
            _watch(session, home, names, workers=workers, prune=prune)
            return
        with progress_bar(quiet=session.json) as progress:
            done = home.ingest(*names, workers=workers, prune=prune, progress=progress)
        session.answer(done.as_dict() if session.json else {}, lambda: tell(done))


def _watch(session: Session, home: Home, names: tuple[str, ...], *, workers: int | None, prune: bool) -> None:
    """Until it is interrupted. The first round is told in full."""
    session.lines = True
    with progress_bar(quiet=session.json) as progress:
        rounds = home.watch(*names, workers=workers, prune=prune, progress=progress, notice=note)
        first = next(rounds)
    session.answer(first.as_dict() if session.json else {}, lambda: tell(first))
    note("watching; Ctrl-C ends it")
    for done in rounds:
        session.answer(done.as_dict() if session.json else {}, partial(_tell_round, done))


def _tell_round(done: Ingested) -> None:
    """A line a source."""
    for report in done.reports:
        parts = [
            (report.taken, "taken"),
            (report.copies, "known from another place"),
            (report.again, "looked at again"),
            (report.erased, "erased"),
            (sum(report.rejected.values()), "rejected"),
            (report.vanished, "vanished"),
        ]
        told = ", ".join(f"{n:,} {what}" for n, what in parts if n) or "as before"
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


def tell(done: Ingested) -> None:
    """The reports, for people."""
    for report in done.reports:
        _tell_one(report)
    for source, why in done.skipped:
        click.echo(f"{source}: skipped, {why}")
    for shown, (source, place, reason, detail) in enumerate(done.rejected):
        if shown == SHOWN_REJECTED:
            note("  ... and more: `countenance ingest --json` lists every one")
            break
        click.echo(f"  rejected {source}/{place}: {reason.replace('_', ' ')}{detail and f' ({detail})'}")
    if any(report.indexed or report.unchanged for report in done.reports):
        click.echo("Next: countenance search PROBE")


def _tell_one(report: IngestReport) -> None:
    speed = report.files / max(report.seconds, 1e-9)
    rate = f", {speed:,.0f} a second" if speed >= 10 else f", {speed:.2g} a second"
    took = f"{report.seconds:.1f} s{rate if report.seconds > 1 else ''}"
    click.echo(f"{click.style(report.source, bold=True)}: {several(report.files, 'file')} in {took}")
    parts = [
        (report.taken, "taken"),
        (report.copies, "known from another place"),
        (report.again, "looked at again"),
        (report.unchanged, "unchanged"),
        (sum(report.rejected.values()), "rejected"),
    ]
    click.echo("  " + (", ".join(f"{n:,} {what}" for n, what in parts if n) or "nothing there"))
    if report.faces:
        refused = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in report.refused.items())
        click.echo(f"  {several(report.faces, 'face')}: {report.indexed:,} indexed{refused and '; ' + refused}")
    if report.vanished:
        click.echo(
            f"  {report.vanished:,} vanished from the folder" + ("" if report.erased else "; --prune erases them")
        )
    if report.erased:
        click.echo(f"  {report.erased:,} erased, since nothing holds them any more")
