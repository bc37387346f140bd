"""Which pictures of a home show one photograph: the same bytes, nearly the same picture, or another cut of it.

Found on demand from the perceptual hashes in the records, and kept nowhere, so that nothing of it is left to erase. No
template is read. Listed is what some search could show today, and no more: pictures in policy classes that are
suspended, withdrawn, expired, of unknown jurisdiction or under an order are not compared with anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from countenance.index.near import Groups, distance, near_pairs
from countenance.permits import Act
from countenance.pipeline.sealing import crop_hash_binding
from countenance.pipeline.stack import CROP_BITS, NEAR_BITS
from countenance.pipeline.stores import Stores
from countenance.records.duplicates import HashedPicture, Place
from countenance.records.sources import Source
from countenance.types import ClassId, DuplicateLink, HomeKind, Purpose

GROUPS_A_READ: Final = 100  # whose places are read at once
Link: TypeAlias = tuple[DuplicateLink, int]  # why, and the bits in which the hashes differ


@dataclass(frozen=True, slots=True)
class Copy:
    """One place of a group. `link` and `distance` are to the copy of the group that is nearest to it."""

    picture_id: str  # uuid; the same for the same bytes
    uri: str
    source: str
    width: int
    height: int
    bytes: int
    link: DuplicateLink
    distance: int  # bits of 256; 0 for the same bytes

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {name: getattr(self, name) for name in self.__slots__} | {"link": str(self.link)}


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The groups, largest first. `groups` is read from the records as you go, once."""

    pictures: int  # compared
    unhashed: int  # of these, taken before there were hashes: only the same bytes are found. The next ingest mends it
    plain: int  # of these, with too little to see for a hash: only the same bytes are found
    groups_found: int
    groups: Iterator[tuple[Copy, ...]]

    def as_dict(self) -> dict[str, Any]:
        """For --json. Reads all groups."""
        return {
            "pictures": self.pictures,
            "unhashed": self.unhashed,
            "plain": self.plain,
            "groups_found": self.groups_found,
            "groups": [[copy.as_dict() for copy in group] for group in self.groups],
        }


def find_duplicates(stores: Stores, sources: Sequence[Source], top: int | None = None) -> Duplicates:
    """The duplicates among what stands in `sources`; of the largest `top` groups the copies.

    Raises: LogUnwritable, StorageFailed.
    """
    scope = _Scope(stores, frozenset(source.id for source in sources))
    pictures = list(stores.records.duplicates.pictures(scope.classes(), scope.sources))
    links = _near_links(pictures) | _crop_links(scope, pictures)
    groups = Groups(len(pictures))
    groups.join(links)
    rows = groups.several() + [[row] for row in _alone(groups, pictures)]
    rows.sort(key=lambda group: (-sum(pictures[row].places for row in group), group[0]))
    stores.log.append(
        "duplicates.shown",
        {"sources": [source.uid for source in sources], "pictures": len(pictures), "groups": len(rows)},
    )
    return Duplicates(
        pictures=len(pictures),
        unhashed=sum(picture.pdq is None for picture in pictures),
        plain=sum(picture.pdq == b"" for picture in pictures),
        groups_found=len(rows),
        groups=_told(scope, pictures, rows[:top], links),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    stores: Stores
    sources: frozenset[int]

    def classes(self) -> frozenset[ClassId]:
        """The policy classes that some search may see now."""
        organisation = self.stores.kind is HomeKind.ORGANISATION
        asks = [
            self.stores.ask(Act.SEARCH, purpose=purpose, has_case=organisation)
            for purpose in (Purpose if organisation else (None,))
        ]
        return frozenset(class_id for ask in asks for class_id in self.stores.policy.consider(ask).allowed)


def _near_links(pictures: Sequence[HashedPicture]) -> dict[tuple[int, int], Link]:
    rows = [row for row, picture in enumerate(pictures) if picture.pdq]
    hashes = [pictures[row].pdq or b"" for row in rows]
    return {pair: (DuplicateLink.NEAR, bits) for pair, bits in _pairs(hashes, rows, NEAR_BITS)}


def _crop_links(scope: _Scope, pictures: Sequence[HashedPicture]) -> dict[tuple[int, int], Link]:
    row_of = {picture.id: row for row, picture in enumerate(pictures)}
    rows: list[int] = []
    hashes: list[bytes] = []
    for page in scope.stores.records.duplicates.crops(scope.classes(), scope.sources):
        opened = scope.stores.keys.open_many([(c.key_id, crop_hash_binding(c.face_uid), c.sealed) for c in page])
        for crop, found in zip(page, opened, strict=True):
            if found is not None and crop.picture_id in row_of:  # None: erased since the page was read
                rows.append(row_of[crop.picture_id])
                hashes.append(found)
    links: dict[tuple[int, int], Link] = {}
    for pair, bits in _pairs(hashes, rows, CROP_BITS):
        if bits < links.get(pair, (None, 257))[1]:
            links[pair] = (DuplicateLink.CROP, bits)
    near = _near_of(links, pictures)
    return {pair: link for pair, link in links.items() if pair not in near}


def _near_of(links: Mapping[tuple[int, int], Link], pictures: Sequence[HashedPicture]) -> set[tuple[int, int]]:
    """Those pairs whose whole pictures are near: a better reason than their crops."""
    return {
        (i, j) for i, j in links if (a := pictures[i].pdq) and (b := pictures[j].pdq) and distance(a, b) <= NEAR_BITS
    }


def _pairs(hashes: Sequence[bytes], rows: Sequence[int], radius: int) -> Iterator[tuple[tuple[int, int], int]]:
    """((row, row), bits) of different rows, the smaller first, whose hashes are near. Equal hashes form a chain."""
    table: NDArray[np.uint8] = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)
    unique, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
    before: dict[int, int] = {}
    for row, group in zip(rows, inverse.ravel().tolist(), strict=True):
        if group in before and before[group] != row:
            yield (min(before[group], row), max(before[group], row)), 0
        before[group] = row
    for i, j in near_pairs(unique, radius):
        a, b = rows[first[i]], rows[first[j]]
        if a != b:
            yield (min(a, b), max(a, b)), distance(unique[i].tobytes(), unique[j].tobytes())


def _alone(groups: Groups, pictures: Sequence[HashedPicture]) -> list[int]:
    """Pictures like no other that stand at several places."""
    grouped = {row for group in groups.several() for row in group}
    return [row for row, picture in enumerate(pictures) if picture.places > 1 and row not in grouped]


def _told(
    scope: _Scope,
    pictures: Sequence[HashedPicture],
    groups: Sequence[Sequence[int]],
    links: Mapping[tuple[int, int], Link],
) -> Iterator[tuple[Copy, ...]]:
    """Each group's places, as far as they may be shown now: largest picture first, then by bytes."""
    nearest: dict[int, Link] = {}
    for (i, j), link in links.items():
        for row in (i, j):
            if row not in nearest or (link[1], link[0]) < (nearest[row][1], nearest[row][0]):
                nearest[row] = link
    for start in range(0, len(groups), GROUPS_A_READ):
        some = groups[start : start + GROUPS_A_READ]
        ids = [pictures[row].id for group in some for row in group]
        places = scope.stores.records.duplicates.places(ids, scope.classes(), scope.sources)
        for group in some:
            copies = [
                _copy(place, nearest.get(row) if number == 0 else None)
                for row in group
                for number, place in enumerate(places.get(pictures[row].id, []))
            ]
            copies.sort(key=lambda copy: (-copy.width * copy.height, -copy.bytes, copy.uri))
            if len(copies) > 1:  # what was erased or suspended meanwhile is not told
                yield tuple(copies)


def _copy(place: Place, link: Link | None) -> Copy:
    path = os.path.join(place.location, place.place)  # noqa: PTH118  # bytes: a file name need not be UTF-8
    why, bits = link or (DuplicateLink.EXACT, 0)
    return Copy(
        picture_id=place.picture_uid, uri="file://" + quote(path, safe="/"), source=place.source, width=place.width,
        height=place.height, bytes=place.size, link=why, distance=bits,
    )  # fmt: skip
