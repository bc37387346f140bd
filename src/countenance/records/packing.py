"""Packs landmarks and quality as bytes of a fixed layout, which `faces` stores."""

from __future__ import annotations

import struct
from typing import Final

from countenance.types import Landmarks, Quality

_POINTS: Final = struct.Struct("<10f")
_QUALITY: Final = struct.Struct("<6f")


def pack_landmarks(landmarks: Landmarks) -> bytes:
    """Return 40 bytes: x, y of the five points."""
    return _POINTS.pack(*(v for point in landmarks for v in point))


def unpack_landmarks(packed: bytes) -> Landmarks:
    """Return the landmarks that `pack_landmarks` packed, at float32 precision."""
    v = _POINTS.unpack(packed)
    return ((v[0], v[1]), (v[2], v[3]), (v[4], v[5]), (v[6], v[7]), (v[8], v[9]))


def pack_quality(quality: Quality) -> bytes:
    """Return 24 bytes, in the order of the fields."""
    return _QUALITY.pack(
        quality.width_px, quality.sharpness, quality.pose, quality.exposure, quality.detector, quality.overall
    )


def unpack_quality(packed: bytes) -> Quality:
    """Return the quality that `pack_quality` packed, at float32 precision."""
    return Quality(*_QUALITY.unpack(packed))
