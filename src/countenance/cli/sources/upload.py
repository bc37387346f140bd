"""`countenance upload`: pictures are uploaded to a source that has no folder."""

from __future__ import annotations

from pathlib import Path

import click

from countenance.cli.base import Command, Session, pass_session, several


@click.command(cls=Command, short_help="Upload pictures to a source without a folder, and ingest them.")
@click.argument("source")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def command(session: Session, source: str, files: tuple[Path, ...]) -> None:
    """Upload FILES to SOURCE, and ingest them.

    The home stores encrypted copies, each under its own key. The files themselves are not changed.

    \b
    countenance source add event --upload --basis household --jurisdiction CA-ON
    countenance upload event ~/Downloads/*.jpg
    """
    from countenance.cli.sources.ingest import tell

    with session.open() as home:
        for file in files:
            home.uploads.put(source, file.name, file)
        done = home.ingest(source)

        def text() -> None:
            click.echo(f"{several(len(files), 'picture')} uploaded to {source}")
            tell(done, home.kind)

        session.answer({"uploaded": len(files), **done.as_dict()}, text)
