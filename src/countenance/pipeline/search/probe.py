"""The picture that somebody searches with, and which of its faces is meant."""

from __future__ import annotations

from typing import Final

from countenance.errors import BadPicture, NoFace, SeveralFaces, WrongUse
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.remedies import Remedy
from countenance.types import AlignedFace, Rejected, RejectReason

_REMEDIES: Final = {  # of a picture that can't be used; for the others see `analyse_or_raise`
    RejectReason.TOO_MANY_PIXELS: Remedy.SCALE_DOWN,
    RejectReason.TOO_LARGE: Remedy.SCALE_DOWN,
    RejectReason.TIMED_OUT: Remedy.SCALE_DOWN,
    RejectReason.TOO_MANY_FRAMES: Remedy.USE_ANOTHER_PICTURE,
    RejectReason.TOO_SMALL: Remedy.USE_ANOTHER_PICTURE,
}


def analyse_or_raise(analyser: FaceAnalyser, data: bytes, *, preview_px: int = 0) -> FaceAnalysis:
    """What is in a picture that somebody named by hand. Raises BadPicture."""
    looked = analyser.analyse(data, preview_px=preview_px)
    if isinstance(looked, Rejected):
        raise BadPicture(
            f"the picture can't be used: {looked.reason.replace('_', ' ')}{looked.detail and f' ({looked.detail})'}",
            _REMEDIES.get(looked.reason, Remedy.SAVE_AS_JPEG),
            reason=str(looked.reason),
        )
    return looked


def choose_face(
    looked: FaceAnalysis, face: int | None, *, what: str = "the picture", field: str = "face"
) -> AlignedFace:
    """The face that is meant. `what` names its picture for people, `field` the parameter that takes its number.

    Raises: NoFace, SeveralFaces, WrongUse.
    """
    if not looked.faces:
        raise NoFace(f"no face was found in {what}", Remedy.USE_CLEARER_PICTURE)
    if face is None:
        if len(looked.faces) > 1:
            raise SeveralFaces(
                f"{what} holds {len(looked.faces)} faces",
                Remedy.CHOOSE_FACE,
                field=field,
                boxes=tuple(aligned.face.box for aligned in looked.faces),
            )
        return looked.faces[0]
    if not 0 <= face < len(looked.faces):
        raise WrongUse(f"there is no face {face}: {what} holds {len(looked.faces)}", Remedy.NUMBER_FACES, field=field)
    return looked.faces[face]


def largest_face(looked: FaceAnalysis, *, what: str = "the picture") -> AlignedFace:
    """The face with the largest box. Raises NoFace."""
    if not looked.faces:
        return choose_face(looked, None, what=what)
    return max(
        looked.faces, key=lambda face: (face.face.box[2] - face.face.box[0]) * (face.face.box[3] - face.face.box[1])
    )
