"""How Rekognition's protocol words remedies: its errors are one sentence, in which its own parameters are named."""

from __future__ import annotations

from typing import Final

from countenance.remedies import Door

DOOR: Final = Door(
    {},  # the protocol has no place for more than what COMMON says
    {
        "picture": "Image", "top": "MaxFaces", "threshold": "FaceMatchThreshold", "face": "FaceId", "person": "UserId",
        "name": "CollectionId",
    },
    rule=lambda name: name.title().replace("_", ""),
)  # fmt: skip
