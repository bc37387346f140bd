"""`countenance detect`."""

from __future__ import annotations

import click

from countenance.cli.base import Command, Session, pass_session, several


@click.command(cls=Command)
@click.argument("picture", type=click.Path(readable=False))
@pass_session
def command(session: Session, picture: str) -> None:
    """Find the faces in PICTURE: boxes, landmarks, quality. Stores nothing, and needs no home."""
    from countenance.app.home import read_picture
    from countenance.app.models import detector_of
    from countenance.pipeline.look import Looker
    from countenance.pipeline.search import look_at

    with Looker(workers=1, detector=detector_of(session.home)) as looker:
        looked = look_at(looker, read_picture(picture))
    faces = [
        {
            "index": number,
            "box": [round(v, 1) for v in aligned.face.box],
            "landmarks": [[round(x, 1), round(y, 1)] for x, y in aligned.face.landmarks],
            "score": round(aligned.face.score, 3),
            "quality": {name: round(getattr(aligned.quality, name), 3) for name in aligned.quality.__slots__},
        }
        for number, aligned in enumerate(looked.faces)
    ]

    def text() -> None:
        click.echo(f"{several(len(faces), 'face')} in {looked.width} x {looked.height} px {looked.format}")
        for face, aligned in zip(faces, looked.faces, strict=True):
            x1, y1, x2, y2 = (round(v) for v in aligned.face.box)
            q = aligned.quality
            click.echo(
                f"{face['index']:3}. {x2 - x1} x {y2 - y1} px at {x1}, {y1}; quality {q.overall:.2f} (sharpness "
                f"{q.sharpness:.2f}, pose {q.pose:.2f}, exposure {q.exposure:.2f}, detector {q.detector:.2f})"
            )

    session.answer({"width": looked.width, "height": looked.height, "format": looked.format, "faces": faces}, text)
