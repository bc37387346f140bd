"""`countenance duplicates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, pass_session, several

if TYPE_CHECKING:
    from countenance.pipeline.pictures.duplicates import Duplicates


@click.command(cls=Command, short_help="List pictures that show the same photograph.")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--top", type=click.IntRange(1), metavar="K", help="Show only the K largest groups. Default: all.")
@pass_session
def command(session: Session, sources: tuple[str, ...], top: int | None) -> None:
    """List groups of pictures that show the same photograph: copies, recompressed, resized and cropped versions.

    Without SOURCE, it compares the pictures of all sources. It changes nothing; you decide which pictures to keep. It
    omits pictures that searches can't see now, such as those of a suspended source.

    \b
    countenance duplicates album --top 20
    countenance duplicates --json
    """
    with session.open() as home:
        found = home.duplicates(*sources, top=top)
        if session.json:
            session.answer(found.as_dict(), lambda: None)
        else:
            tell(found)


def tell(found: Duplicates) -> None:
    """The groups, for people, as they are read."""
    from countenance.present import labels

    click.echo(f"{several(found.groups_found, 'group')} of duplicates among {several(found.pictures, 'picture')}")
    shown = 0
    for number, group in enumerate(found.groups, start=1):
        shown = number
        click.secho(f"{number:3}. {several(len(group), 'file')}", bold=True)
        for copy in group:
            bits = f", {copy.distance} of 256 bits differ" if copy.distance else ""
            click.echo(f"     {labels.visible(labels.path(copy.uri))}")
            click.echo(
                f"       {copy.width} x {copy.height} px, {copy.bytes / 1000:,.0f} kB; {copy.source}; "
                f"{labels.LINKS[copy.link]}{bits}"
            )
    if shown < found.groups_found:
        click.echo(f"     ... and {several(found.groups_found - shown, 'group')} more")
    if found.unhashed:
        click.echo(
            f"{several(found.unhashed, 'picture')} added by an earlier version: only identical files are found among "
            "them until the next `countenance ingest`"
        )
    if found.plain:
        click.echo(
            f"{several(found.plain, 'picture')} with too little detail: only identical files are found among them"
        )
