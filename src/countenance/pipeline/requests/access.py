"""What is held of a person, gathered for them: each picture with every other face veiled, its rights, who was shown it.

Never a template, and never another person's face. The veil is drawn where the picture is decoded, in the child. Of a
file that has gone or changed the home holds no picture; then the thumbnail of the person's own face, unless another
face on record reaches into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from countenance.align.thumbnail import MARGIN
from countenance.associated_data import crop_aad
from countenance.errors import KeyDestroyed, NotFound, SealBroken
from countenance.pipeline.address import address_of
from countenance.pipeline.analyse import FaceAnalyser, FaceBlur
from countenance.pipeline.pictures.originals import read_original
from countenance.pipeline.stores import Stores
from countenance.records.requests.faces import RequestFace
from countenance.types import Box, FaceId, Rejected

PREVIEW_PX: Final = 2048


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """One place where a picture stands, and the right under which it is held there."""

    address: str
    source: str
    basis: str
    purposes: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    searchable: bool


@dataclass(frozen=True, slots=True)
class HeldPicture:
    """A picture of the person. `jpeg`: itself, veiled (`whole`), or the person's face alone; None: neither is there."""

    id: str
    boxes: tuple[Box, ...]  # the person's faces, pixels of the whole picture
    width: int
    height: int
    taken_at: str | None
    places: tuple[HeldPlace, ...]
    shown: tuple[tuple[datetime, str, str], ...]  # (when, purpose, by whom searched), oldest first
    jpeg: bytes | None
    whole: bool


def gather(stores: Stores, analyser: FaceAnalyser, found: Sequence[RequestFace]) -> tuple[HeldPicture, ...]:
    """Every picture that one of these faces stands in, in the order of the faces."""
    by_picture: dict[int, list[RequestFace]] = {}
    for face in found:
        by_picture.setdefault(face.picture_id, []).append(face)
    return tuple(_held(stores, analyser, faces) for faces in by_picture.values())


def _held(stores: Stores, analyser: FaceAnalyser, faces: Sequence[RequestFace]) -> HeldPicture:
    first = faces[0]
    mine = {face.id: face for face in faces}
    others = stores.records.requests.boxes_beside(first.picture_id, list(mine))
    shown = stores.records.requests.shown(list(mine))
    places = {(face.location, face.place): face for face in faces}
    veil = FaceBlur(tuple(face.box for face in mine.values()), others)
    jpeg = next((found for place in places.values() if (found := _veiled(stores, analyser, place, veil))), None)
    return HeldPicture(
        id=first.picture_uid,
        boxes=veil.keep,
        width=first.width,
        height=first.height,
        taken_at=first.taken_at,
        places=tuple(_place(face, faces) for face in places.values()),
        shown=tuple(dict.fromkeys((each.at, each.purpose, each.client or "the operator") for each in shown)),
        jpeg=jpeg or _thumbnail(stores, mine, others),
        whole=jpeg is not None,
    )


def _place(place: RequestFace, faces: Sequence[RequestFace]) -> HeldPlace:
    here = [face for face in faces if (face.location, face.place) == (place.location, place.place)]
    return HeldPlace(
        address=address_of(place.location, place.place),
        source=place.source,
        basis=place.basis,
        purposes=place.purposes,
        jurisdictions=place.jurisdictions,
        searchable=any(face.state is None for face in here),
    )


def _veiled(stores: Stores, analyser: FaceAnalyser, place: RequestFace, veil: FaceBlur) -> bytes | None:
    data = read_original(stores, place.location, place.place, place.sha256)
    if data is None:
        return None
    looked = analyser.analyse(data, preview_px=PREVIEW_PX, veil=veil)
    return None if isinstance(looked, Rejected) else looked.preview


def _thumbnail(stores: Stores, mine: dict[FaceId, RequestFace], others: Sequence[Box]) -> bytes | None:
    for face in mine.values():
        if face.key_id is None or any(_touches(_around(face.box), other) for other in others):
            continue
        try:
            return stores.keys.open(face.key_id, crop_aad(face.uid), stores.blobs.get(face.uid))
        except (NotFound, KeyDestroyed, SealBroken):
            continue
    return None


def _around(box: Box) -> Box:
    """The square that a thumbnail shows (align/thumbnail.py), and a little more for other faces' margins."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max(box[2] - box[0], box[3] - box[1]) * (1 + 4 * MARGIN) / 2
    return x - half, y - half, x + half, y + half


def _touches(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
