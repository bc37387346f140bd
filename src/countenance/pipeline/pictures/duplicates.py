"""Which pictures of a home show one photograph: the same bytes, nearly the same picture, or another cut of it.

Found on demand from the perceptual hashes in the records, and kept nowhere, so that nothing of it is left to erase. No
template is read. Listed is what some search could show today, and no more: pictures in policy classes that are
suspended, withdrawn, expired, of unknown jurisdiction or under an order are not compared with anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from countenance.associated_data import crop_hash_aad
from countenance.index.near import Groups, Hashes, Pairs, near_pairs
from countenance.permits import Act
from countenance.pipeline.address import address_of
from countenance.pipeline.search.group_duplicates import CROP_BITS, NEAR_BITS
from countenance.pipeline.stores import Stores
from countenance.records.pictures.duplicates import HashedPicture, Place
from countenance.records.sources.sources import Source
from countenance.types import ClassId, DuplicateLink, HomeKind, Purpose

GROUPS_A_READ: Final = 100  # whose places are read at once
_NO_LINK: Final = 2**62
LINKS: Final = tuple(sorted(DuplicateLink))  # of two links at the same distance the first is told
Rows: TypeAlias = NDArray[np.int64]  # (n,) of the pictures that are compared


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
    links = _Links(len(pictures))
    _link_near(links, pictures)
    _link_crops(links, scope, pictures)
    rows = links.groups.several()
    rows += [[row] for row in _alone(rows, pictures)]
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


class _Links:
    """Which pictures belong together, and the nearest link of each. Pairs are not kept: of thousands of pictures that
    are all alike there are millions.
    """

    def __init__(self, count: int) -> None:
        self.groups = Groups(count)
        self._nearest = np.full(count, _NO_LINK, np.int64)  # bits and link as one number, nearer first

    def add(self, link: DuplicateLink, pairs: Pairs) -> None:
        """(n,) rows, (n,) rows and the bits in which the hashes differ."""
        left, right, bits = pairs
        self.groups.join(left, right)
        for rows in (left, right):
            np.minimum.at(self._nearest, rows, bits * len(LINKS) + LINKS.index(link))

    def nearest(self, row: int) -> tuple[DuplicateLink, int] | None:
        """Why a picture is in its group, and how many bits from there; None: it has no link."""
        bits, link = divmod(int(self._nearest[row]), len(LINKS))
        return None if self._nearest[row] == _NO_LINK else (LINKS[link], bits)


def _link_near(links: _Links, pictures: Sequence[HashedPicture]) -> None:
    rows = [row for row, picture in enumerate(pictures) if picture.pdq]
    for pairs in _pairs(_table(pictures[row].pdq or b"" for row in rows), np.array(rows, np.int64), NEAR_BITS):
        links.add(DuplicateLink.NEAR, pairs)


def _link_crops(links: _Links, scope: _Scope, pictures: Sequence[HashedPicture]) -> None:
    row_of = {picture.id: row for row, picture in enumerate(pictures)}
    rows: list[int] = []
    hashes: list[bytes] = []
    for page in scope.stores.records.duplicates.crops(scope.classes(), scope.sources):
        opened = scope.stores.keys.open_many([(c.key_id, crop_hash_aad(c.face_uid), c.sealed) for c in page])
        for crop, found in zip(page, opened, strict=True):
            if found is not None and crop.picture_id in row_of:  # None: erased since the page was read
                rows.append(row_of[crop.picture_id])
                hashes.append(found)
    whole = _table(picture.pdq or bytes(32) for picture in pictures)
    hashed = np.array([bool(picture.pdq) for picture in pictures], bool)
    for left, right, bits in _pairs(_table(hashes), np.array(rows, np.int64), CROP_BITS):
        apart = np.bitwise_count(whole[left] ^ whole[right]).sum(axis=1, dtype=np.int64)
        # Where the whole pictures are near, that is a better reason than their crops.
        only = ~(hashed[left] & hashed[right] & (apart <= NEAR_BITS))
        links.add(DuplicateLink.CROP, (left[only], right[only], bits[only]))


def _table(hashes: Iterable[bytes]) -> Hashes:
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)


def _pairs(hashes: Hashes, rows: Rows, radius: int) -> Iterator[Pairs]:
    """(row, row, bits) of different rows whose hashes are near. Equal hashes form a chain."""
    unique, first, inverse = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    equal, chain = inverse.ravel()[order], rows[order]
    here = np.flatnonzero((equal[1:] == equal[:-1]) & (chain[1:] != chain[:-1]))
    yield chain[here], chain[here + 1], np.zeros(len(here), np.int64)
    for i, j, bits in near_pairs(unique, radius):
        left, right = rows[first[i]], rows[first[j]]
        apart = left != right
        yield left[apart], right[apart], bits[apart]


def _alone(groups: Sequence[Sequence[int]], pictures: Sequence[HashedPicture]) -> list[int]:
    """Pictures like no other that stand at several places."""
    grouped = {row for group in groups for row in group}
    return [row for row, picture in enumerate(pictures) if picture.places > 1 and row not in grouped]


def _told(
    scope: _Scope, pictures: Sequence[HashedPicture], groups: Sequence[Sequence[int]], links: _Links
) -> Iterator[tuple[Copy, ...]]:
    """Each group's places, as far as they may be shown now: largest picture first, then by bytes."""
    for start in range(0, len(groups), GROUPS_A_READ):
        some = groups[start : start + GROUPS_A_READ]
        ids = [pictures[row].id for group in some for row in group]
        places = scope.stores.records.duplicates.places(ids, scope.classes(), scope.sources)
        for group in some:
            copies = [
                _copy(place, links.nearest(row) if number == 0 else None)
                for row in group
                for number, place in enumerate(places.get(pictures[row].id, []))
            ]
            copies.sort(key=lambda copy: (-copy.width * copy.height, -copy.bytes, copy.uri))
            if len(copies) > 1:  # what was erased or suspended meanwhile is not told
                yield tuple(copies)


def _copy(place: Place, link: tuple[DuplicateLink, int] | None) -> Copy:
    why, bits = link or (DuplicateLink.EXACT, 0)
    return Copy(
        picture_id=place.picture_uid, uri=address_of(place.location, place.place), source=place.source,
        width=place.width, height=place.height, bytes=place.size, link=why, distance=bits,
    )  # fmt: skip
