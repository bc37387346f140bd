"""The part of the embed gate that keeps out: pictures, addresses and persons that an erasure or opt-out names.

Three tiers, by what is kept (docs/requests.md). Bytes and addresses are known by keyed digests. A perceptual hash must
be compared by distance, so it is sealed, and opened here in memory. A person is a sealed template, opened here too and
compared with faces under a permit of its own (`Act.SUPPRESSION_CHECK`); nothing else ever opens it.

The rule for one picture at one place, the first that fits:
    the same bytes, or nearly the same picture    the faces at the boxes kept out get no template, the others do
    other bytes at an address that is kept out    nothing of it is taken
    anything else                                 no face of a kept-out person gets a template
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.associated_data import suppressed_hash_aad, suppressed_person_aad
from countenance.calibrate.calibration import Calibration
from countenance.errors import CountenanceError, SpaceMismatch
from countenance.permits import Permit
from countenance.pipeline.analyse import iou
from countenance.pipeline.erasure.erase import picture_digest
from countenance.pipeline.search.group_duplicates import NEAR_BITS, SAME_PLACE_IOU
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import unpack_vectors
from countenance.protocols import Embedder
from countenance.records.erasure.suppressions import SealedPerson, SuppressionRows
from countenance.remedies import Remedy
from countenance.types import AlignedFace, Box, CropSpec, EmbeddingSpace, FaceRefusal, Vectors

SAME_BOX_IOU: Final = 0.5
# A stranger's face is wrongly taken for somebody kept out in 1 of 100: as a search shows false leads. The other error,
# a kept-out person in the gallery, breaks a promise; this one only leaves a face out.
FALSE_REFUSALS: Final = 0.01


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """A picture as this gate knows it. `pdq`: empty or None where there is no hash."""

    sha256: bytes
    pdq: bytes | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SuppressedBox:
    """A face of a picture that gets no template."""

    box: Box  # pixels
    refusal: FaceRefusal
    same: float  # from which intersection over union on a face is that face

    def covers(self, box: Box) -> bool:
        """Whether that is the face."""
        return iou(box, self.box) > self.same


@dataclass(frozen=True, slots=True)
class _Opened:
    """The rows, opened. In memory alone, for as long as their stamp is the newest."""

    stamp: int
    addresses: Mapping[bytes, frozenset[int]]  # digest -> requests
    words: NDArray[np.uint64]  # (N, 4): the hashes
    boxes: tuple[Box, ...]  # of each, in parts of width and height
    requests: tuple[int, ...]
    persons: tuple[tuple[int, Vectors], ...]  # (space id, (S, D))


class SuppressionList:
    """What one home keeps out. Safe to ask from several threads; it reads anew what has changed."""

    def __init__(
        self,
        stores: Stores,
        embedders: Callable[[str], Embedder],
        calibrations: Callable[[EmbeddingSpace], Calibration],
    ) -> None:
        """`embedders`: by a model's name; `calibrations`: what a score is worth in a space."""
        self._stores = stores
        self._embedders = embedders
        self._calibrations = calibrations
        self._kept: _Opened | None = None

    def boxes(self, tenant: str, pictures: Sequence[SeenPicture]) -> list[list[SuppressedBox]]:
        """For each picture the faces of it that get no template."""
        opened = self._opened()
        digests = [picture_digest(self._stores, tenant, picture.sha256) for picture in pictures]
        by_bytes = self._stores.records.suppressions.of_pictures(digests)
        found = []
        for picture, digest in zip(pictures, digests, strict=True):
            kept = [
                SuppressedBox(box, FaceRefusal.ERASED if request is None else FaceRefusal.OPTED_OUT, SAME_BOX_IOU)
                for box, request in by_bytes.get(digest, ())
                if box is not None
            ]
            kept += [
                SuppressedBox(_in_pixels(opened.boxes[row], picture), FaceRefusal.OPTED_OUT, SAME_PLACE_IOU)
                for row in _near(opened, picture.pdq)
            ]
            found.append(kept)
        return found

    def whole(self, tenant: str, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of these contents of which nothing is taken."""
        digests = {picture_digest(self._stores, tenant, sha256): sha256 for sha256 in hashes}
        found = self._stores.records.suppressions.of_pictures(list(digests))
        return {digests[digest] for digest, kept in found.items() if any(box is None for box, _ in kept)}

    def address_kept_out(self, tenant: str, address: str) -> bool:
        """Whether some request names that address."""
        opened = self._opened()
        return bool(opened.addresses) and address_digest(self._stores, tenant, address) in opened.addresses

    def places_refused(self, tenant: str, places: Sequence[tuple[str, SeenPicture]]) -> list[bool]:
        """For each (address, picture that stands there) whether it is other bytes at an address that is kept out."""
        opened = self._opened()
        if not opened.addresses:
            return [False] * len(places)
        digests = [picture_digest(self._stores, tenant, picture.sha256) for _, picture in places]
        by_bytes = self._stores.records.suppressions.of_pictures(digests)
        refused = []
        for (address, picture), digest in zip(places, digests, strict=True):
            requests = opened.addresses.get(address_digest(self._stores, tenant, address), frozenset())
            same = {request for _, request in by_bytes.get(digest, ())}
            same.update(opened.requests[row] for row in _near(opened, picture.pdq))
            refused.append(bool(requests) and requests.isdisjoint(same))
        return refused

    @property
    def crops(self) -> tuple[CropSpec, ...]:
        """What the models of the persons' templates want to see; of a model that is not at hand nothing."""
        found = []
        for space_id, _ in self._opened().persons:
            with suppress(SpaceMismatch):  # `persons` raises it, before anything is embedded
                found.append(self._embedder_of(space_id).crop)
        return tuple(found)

    @property
    def has_persons(self) -> bool:
        """Somebody asked to be kept out of new pictures too."""
        return bool(self._opened().persons)

    def persons(self, faces: Sequence[AlignedFace], permit: Permit) -> list[bool]:
        """For each face whether it is a kept-out person's. Templates made for it are dropped here.

        Raises: PermitRefused; SpaceMismatch: a person's template is of a model that is not at hand.
        """
        refused = np.zeros(len(faces), np.bool_)
        for space_id, templates in self._opened().persons:
            embedder = self._embedder_of(space_id)
            crops = np.stack([_crop(face, embedder) for face in faces])
            scores = embedder.embed(crops, permit) @ templates.T
            threshold, _ = self._calibrations(embedder.space).threshold(len(templates), FALSE_REFUSALS)
            refused |= scores.max(axis=1) >= threshold
        return [bool(each) for each in refused]

    def _embedder_of(self, space_id: int) -> Embedder:
        model, sha256, _ = self._stores.records.sources.spaces()[space_id]
        try:
            embedder = self._embedders(model)
        except CountenanceError as error:
            raise _no_model(model, sha256) from error
        if embedder.space.weights_sha256 != sha256:
            raise _no_model(model, sha256)
        return embedder

    def _opened(self) -> _Opened:
        stamp = self._stores.records.suppressions.version()
        kept = self._kept
        if kept is None or kept.stamp != stamp:
            kept = self._kept = self._open(self._stores.records.suppressions.rows())
        return kept

    def _open(self, rows: SuppressionRows) -> _Opened:
        items = [(each.key_id, suppressed_hash_aad(each.digest), each.sealed) for each in rows.hashes]
        pairs = zip(rows.hashes, self._stores.keys.open_many(items), strict=True)
        hashes = [
            (each, plain) for each, plain in pairs if plain is not None
        ]  # None: withdrawn since the rows were read
        addresses: dict[bytes, set[int]] = {}
        for digest, request in rows.addresses:
            addresses.setdefault(digest, set()).add(request)
        return _Opened(
            stamp=rows.stamp,
            addresses={digest: frozenset(requests) for digest, requests in addresses.items()},
            words=np.frombuffer(b"".join(plain for _, plain in hashes), "<u8").reshape(-1, 4),
            boxes=tuple(each.box for each, _ in hashes),
            requests=tuple(each.request_id for each, _ in hashes),
            persons=tuple(self._persons(rows.persons)),
        )

    def _persons(self, rows: Sequence[SealedPerson]) -> list[tuple[int, Vectors]]:
        by_space: dict[int, list[bytes]] = {}
        items = [(row.key_id, suppressed_person_aad(row.request_uid), row.template) for row in rows]
        for row, plain in zip(rows, self._stores.keys.open_many(items), strict=True):
            if plain is not None:
                by_space.setdefault(row.space_id, []).append(plain)
        spaces = self._stores.records.sources.spaces()
        return [(space_id, unpack_vectors(packed, spaces[space_id][2])) for space_id, packed in by_space.items()]


# --- names -----------------------------------------------------------------------------------------------------------
def address_digest(stores: Stores, tenant: str, address: str) -> bytes:
    """What a suppression knows an address by."""
    return stores.digest("suppressed address", tenant.encode() + b"\0" + address.encode("utf-8", "surrogateescape"))


def hash_digest(stores: Stores, pdq: bytes) -> bytes:
    """By which the row of a sealed perceptual hash is told from others. It can't be compared by distance."""
    return stores.digest("suppressed hash", pdq)


# --- inside ----------------------------------------------------------------------------------------------------------
def _near(opened: _Opened, pdq: bytes | None) -> list[int]:
    """The rows whose hashes are near."""
    if not pdq or not len(opened.words):
        return []
    bits = np.bitwise_count(opened.words ^ np.frombuffer(pdq, "<u8")).sum(axis=1, dtype=np.int64)
    return [int(row) for row in np.flatnonzero(bits <= NEAR_BITS)]


def _in_pixels(box: Box, picture: SeenPicture) -> Box:
    x1, y1, x2, y2 = box
    return x1 * picture.width, y1 * picture.height, x2 * picture.width, y2 * picture.height


def _crop(face: AlignedFace, embedder: Embedder) -> NDArray[np.uint8]:
    try:
        return face.crop_for(embedder.crop)
    except KeyError as error:
        raise _no_model(embedder.space.model, embedder.space.weights_sha256) from error


def _no_model(model: str, sha256: str) -> SpaceMismatch:
    return SpaceMismatch(
        f"people are kept out by templates of the model {model} ({sha256[:12]}), which is not here: no one could "
        "be checked, so nothing is embedded",
        Remedy.ADD_MODEL,
    )
