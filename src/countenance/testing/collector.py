"""What every Collector does. Subclass in a test and say how to make one over given files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import pytest

from countenance.errors import PermitRefused
from countenance.permits import Act, Permit
from countenance.protocols import Collector, FoundFile
from countenance.testing import forged
from countenance.types import Rejected, RejectReason

LIMIT = 1_000  # bytes
FILES = {
    "b.jpg": b"second",
    "a.jpg": b"first",
    "empty.jpg": b"",
    "trip/c.jpg": b"third",
    "trip/far/d e%20\u00e9.jpg": b"fourth",
    "other/c.jpg": b"third",
}


def to_collect() -> Permit:
    """A live permit to collect."""
    return forged.live(Act.COLLECT)


def found_in(collector: Collector) -> dict[str, FoundFile]:
    """Each place that may hold a picture."""
    return {each.place: each for each in collector.walk(to_collect()) if isinstance(each, FoundFile)}


def rejected_in(collector: Collector) -> dict[str, Rejected]:
    """Each place that can't, and why."""
    return dict(each for each in collector.walk(to_collect()) if not isinstance(each, FoundFile))


class CollectorContract(ABC):
    """The promises of `protocols.Collector`."""

    @abstractmethod
    def make(self, files: Mapping[str, bytes], scratch: Path) -> Collector:
        """A collector over a source that holds these files: place -> bytes. `scratch` is an empty folder to use."""

    @abstractmethod
    def vanish(self, place: str, scratch: Path) -> None:
        """The file at that place of the source is there no more."""

    @pytest.fixture
    def collector(self, tmp_path: Path) -> Collector:
        return self.make(FILES, tmp_path)

    def test_every_place_is_found_once_with_its_size(self, collector: Collector) -> None:
        walked = list(collector.walk(to_collect()))
        assert len(walked) == len(FILES)
        assert {place: each.size for place, each in found_in(collector).items()} == {
            place: len(content) for place, content in FILES.items()
        }

    def test_places_are_sorted_within_a_folder(self, collector: Collector) -> None:
        places = list(found_in(collector))
        for folder in {place.rpartition("/")[0] for place in places}:
            names = [place for place in places if place.rpartition("/")[0] == folder]
            assert names == sorted(names)

    def test_two_walks_are_the_same(self, collector: Collector) -> None:
        assert list(collector.walk(to_collect())) == list(collector.walk(to_collect()))

    def test_the_bytes_are_those_of_the_place(self, collector: Collector) -> None:
        for place, found in found_in(collector).items():
            assert collector.read(found, to_collect(), max_bytes=LIMIT) == FILES[place]

    def test_the_limit_is_the_most_that_is_read(self, collector: Collector) -> None:
        found = found_in(collector)["a.jpg"]
        assert collector.read(found, to_collect(), max_bytes=5) == b"first"
        answer = collector.read(found, to_collect(), max_bytes=4)
        assert isinstance(answer, Rejected)
        assert answer.reason is RejectReason.TOO_LARGE

    def test_what_vanished_since_is_rejected_and_not_raised(self, collector: Collector, tmp_path: Path) -> None:
        found = found_in(collector)["trip/c.jpg"]
        self.vanish("trip/c.jpg", tmp_path)
        answer = collector.read(found, to_collect(), max_bytes=LIMIT)
        assert isinstance(answer, Rejected)
        assert answer.reason is RejectReason.UNREADABLE
        assert "trip/c.jpg" not in found_in(collector)

    def test_an_empty_source_is_no_error(self, tmp_path: Path) -> None:
        assert list(self.make({}, tmp_path).walk(to_collect())) == []

    def test_no_walk_begins_without_a_live_permit_to_collect(self, collector: Collector) -> None:
        for permit in forged.refused(Act.COLLECT).values():
            with pytest.raises(PermitRefused):
                collector.walk(permit)

    def test_nothing_is_read_without_a_live_permit_to_collect(self, collector: Collector) -> None:
        found = found_in(collector)["a.jpg"]
        for permit in forged.refused(Act.COLLECT).values():
            with pytest.raises(PermitRefused):
                collector.read(found, permit, max_bytes=LIMIT)

    def test_addresses_differ_and_name_their_scheme(self, collector: Collector) -> None:
        addresses = {collector.uri(place) for place in FILES}
        assert len(addresses) == len(FILES)
        assert all(address.isascii() and "://" in address and " " not in address for address in addresses)
