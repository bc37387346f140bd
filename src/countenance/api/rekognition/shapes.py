"""Faces in the shapes of the protocol. What cannot be said honestly is left out: docs/rekognition.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from countenance.app.search.rekognition_collections import external_id
from countenance.records.people.rekognition_collections import CollectionFace
from countenance.types import AlignedFace, Box, FaceRefusal, Landmarks, Quality

POLICY: Final = "LOW_CONFIDENCE"  # the one reason for every face that policy keeps out, whatever the rule
_REASONS: Final = {FaceRefusal.TOO_SMALL: "SMALL_BOUNDING_BOX", FaceRefusal.LOW_QUALITY: "LOW_FACE_QUALITY"}
_POINTS: Final = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")  # as they stand in the picture


def bounding_box(box: Box, width: int, height: int) -> dict[str, float]:
    """Ratios of the picture as displayed."""
    x1, y1, x2, y2 = box
    return {"Left": x1 / width, "Top": y1 / height, "Width": (x2 - x1) / width, "Height": (y2 - y1) / height}


def detail(aligned: AlignedFace, width: int, height: int) -> dict[str, Any]:
    """FaceDetail of a face that was just looked at."""
    return {
        "BoundingBox": bounding_box(aligned.face.box, width, height),
        "Confidence": 100 * aligned.face.score,
        **_seen(aligned.face.landmarks, aligned.quality, width, height),
    }


def stored_detail(face: CollectionFace) -> dict[str, Any]:
    """FaceDetail of a face of a collection."""
    found = {"BoundingBox": bounding_box(face.box, face.width, face.height), "Confidence": _confidence(face)}
    if face.landmarks is None or face.quality is None:
        return found
    return {**found, **_seen(face.landmarks, face.quality, face.width, face.height)}


def compared(aligned: AlignedFace, width: int, height: int) -> dict[str, Any]:
    """ComparedFace: the same fields as a FaceDetail of ours."""
    return detail(aligned, width, height)


def face(found: CollectionFace, users: dict[str, str]) -> dict[str, Any]:
    """Face. users: person -> UserId."""
    external, user = external_id(found), users.get(found.person or "")
    return {
        "FaceId": found.uid,
        "BoundingBox": bounding_box(found.box, found.width, found.height),
        "ImageId": found.picture_uid,
        "Confidence": _confidence(found),
        **({"ExternalImageId": external} if external else {}),
        **({"UserId": user} if user else {}),
    }


def unindexed(aligned: AlignedFace, width: int, height: int, reason: str) -> dict[str, Any]:
    """UnindexedFace."""
    return {"Reasons": [reason], "FaceDetail": detail(aligned, width, height)}


def reason_of(row: CollectionFace | None) -> str:
    """Why a wanted face is not in the collection; None: nothing was recorded of it."""
    refusal = None if row is None else row.refusal
    return POLICY if refusal is None else _REASONS.get(refusal, POLICY)


def area(aligned: AlignedFace) -> float:
    """Of the box, in square pixels."""
    x1, y1, x2, y2 = aligned.face.box
    return (x2 - x1) * (y2 - y1)


def largest_first(faces: Sequence[AlignedFace]) -> list[AlignedFace]:
    """By the area of their boxes."""
    return sorted(faces, key=area, reverse=True)


def _confidence(found: CollectionFace) -> float:
    return 100 * (found.quality.detector if found.quality is not None else 0.0)


def _seen(landmarks: Landmarks, quality: Quality, width: int, height: int) -> dict[str, Any]:
    return {
        "Landmarks": [
            {"Type": name, "X": x / width, "Y": y / height} for name, (x, y) in zip(_POINTS, landmarks, strict=True)
        ],
        "Quality": {"Sharpness": 100 * quality.sharpness},
    }
