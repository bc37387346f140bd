"""`countenance detect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from countenance.cli.base import Command, Session, note, pass_session, several

if TYPE_CHECKING:
    from countenance.pipeline.analyse import FaceAnalysis


@click.command(cls=Command)
@click.argument("picture", type=click.Path(readable=False))
@click.option(
    "--export",
    type=click.Path(readable=False),
    metavar="DIR",
    help="Also write to DIR: a page with the numbered faces, the JSON, and the crops.",
)
@pass_session
def command(session: Session, picture: str, export: str | None) -> None:
    """Find the faces in PICTURE: boxes, landmarks, quality. It stores nothing and needs no home.

    Face 0 is the most certain one. The numbers are the ones that `--face` takes.
    """
    import countenance

    looked = countenance.detect_faces(picture, home=session.home, preview=export is not None)
    if export is not None:
        note(f"written: {countenance.export_faces(looked, export, picture_name=Path(picture).name)}")
    session.answer(looked.as_dict(), lambda: tell(looked))


def tell(looked: FaceAnalysis) -> None:
    """A line a face, for a terminal of 80 columns."""
    faces = several(len(looked.faces), "face")
    click.echo(f"{faces} in {looked.width} x {looked.height} px {looked.format}")
    if looked.faces:
        click.echo("face   width x height at x, y    quality  sharpness  pose  exposure  detector")
    for number, aligned in enumerate(looked.faces):
        x1, y1, x2, y2 = (round(v) for v in aligned.face.box)
        q = aligned.quality
        click.echo(
            f"{number:4}   {f'{x2 - x1} x {y2 - y1} at {x1}, {y1}':25} {q.overall:7.2f}  {q.sharpness:9.2f}"
            f"  {q.pose:4.2f}  {q.exposure:8.2f}  {q.detector:8.2f}"
        )
