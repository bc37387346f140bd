"""`countenance demo`."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, on_terminal, pass_session

if TYPE_CHECKING:
    from countenance.app.home import Home
    from countenance.app.sources.ingests import Ingested


@click.command(cls=Command, short_help="Try the search on photographs that come with Countenance.")
@click.option("--pictures", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="Use your own folder of pictures.")  # fmt: skip
@click.option("--probe", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="With --pictures: a picture of the face to search for.")  # fmt: skip
@click.option("--jurisdiction", metavar="CODE", help="With --pictures: where the people live, such as CA-ON.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-out"), show_default=True,
              metavar="DIR", help="The folder for the page.")  # fmt: skip
@click.option("--serve/--no-serve", default=None,
              help="Serve the pages until Ctrl-C. Default: only on a terminal, and not if CI is set.")  # fmt: skip
@pass_session
def command(
    session: Session, pictures: Path | None, probe: Path | None, jurisdiction: str | None, out: Path, serve: bool | None
) -> None:
    """Index an album and search it, in a temporary home that is deleted at the end.

    The photographs that come with Countenance show only people who have died.
    """
    from countenance.app.demo import demo
    from countenance.cli.search import search
    from countenance.cli.sources.ingest import progress_bar
    from countenance.cli.sources.ingest import tell as tell_ingest

    started = time.monotonic()
    if serve is None:
        serve = sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI") and not session.json
    if pictures is not None:
        probe, jurisdiction = _asked(probe, jurisdiction)

    def say(text: str) -> None:
        if not session.json:
            click.secho(text, bold=True)

    with demo.throwaway_home() as home, ExitStack() as bar:
        progress = bar.enter_context(progress_bar(quiet=session.json))

        def told(done: Ingested) -> None:
            bar.close()
            if not session.json:
                tell_ingest(done, home.kind)

        if pictures is None or probe is None or jurisdiction is None:
            found = demo.shipped_demo(home, out, say, progress, told)
        else:
            found = (demo.folder_demo(home, pictures, probe, jurisdiction, out, progress, told),)

        def text() -> None:
            for number, one in enumerate(found, start=3):
                click.secho(f"{number}. A search for {one.title}", bold=True)
                search.tell(one.result, most=3)
                if one.remark:
                    click.echo(one.remark)
            fate = "" if serve else "; the temporary home is deleted"
            click.secho(f"\nDone in {time.monotonic() - started:.1f} s{fate}. Open these pages:", bold=True)
            for one in found:
                click.echo(f"  {one.page}")
            click.secho("Next, use your own pictures:", bold=True)
            if shutil.which("countenance") is None:
                click.echo(f"  # lets the shell find countenance\n  . {Path(sys.executable).with_name('activate')}")
            for step in demo.NEXT:
                click.echo(f"  # {step.does}\n  {step.command}")

        document = [{"probe": str(one.probe), "page": str(one.page), **one.result.as_dict()} for one in found]
        session.answer({"searches": document}, text)
        if serve:
            _serve(home, session)


def _serve(home: Home, session: Session) -> None:
    """The pages over the demo's home, until Ctrl-C; then it is thrown away."""
    from countenance.service.server import Address, free_port_or, serve

    token = home.sign_in.link()

    def started(url: str) -> None:
        if not session.json:
            click.secho("\nOpen this link in a browser. It works once, within ten minutes:", bold=True)
            click.echo(f"  {url}/in/{token}\nPress Ctrl-C to stop and delete the home.")

    serve(home, Address(port=free_port_or()), started=started)


def _asked(probe: Path | None, jurisdiction: str | None) -> tuple[Path, str]:
    """What --pictures needs besides, from the options or the terminal."""
    from countenance.cli.sources.source import parse_places

    if on_terminal():
        probe = probe or click.prompt(
            "A picture of the face to search for",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            err=True,
        )
        jurisdiction = jurisdiction or click.prompt(
            "Where do the people live? A country or province code, such as CA-ON or FR",
            value_proc=parse_places,
            err=True,
        )
    if probe is None or jurisdiction is None:
        raise click.UsageError(
            "--pictures needs --probe FILE and --jurisdiction CODE when there is no terminal",
            click.get_current_context(),
        )
    return probe, jurisdiction
