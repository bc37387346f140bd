"""Looking at a picture without a home."""

from __future__ import annotations

import os

from countenance.app.inputs import PictureLike, read_picture
from countenance.app.upkeep.models import detector_of
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.search.probe import analyse_or_raise

PREVIEW_PX = 2048  # of the picture on a page: a face of 60 px in 24 megapixels has 20 there


def detect_faces(
    picture: PictureLike, *, home: str | os.PathLike[str] | None = None, preview: bool = False
) -> FaceAnalysis:
    """Every face of a picture, with box and quality. Stores nothing, and needs and makes no home.

    Args: home: whose detector looks, by default as `countenance.open` has it, or the one shipped where there is no
    home; preview: with the picture itself, for `countenance.export_faces`. Raises: BadPicture, NotFound, StorageFailed.
    """
    with FaceAnalyser(workers=1, detector=detector_of(home)) as analyser:
        return analyse_or_raise(analyser, read_picture(picture), preview_px=PREVIEW_PX if preview else 0)
