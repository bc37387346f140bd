"""Pictures that were handed in rather than found: the collector of a source that has no folder.

It walks what its makers list and reads what they open; names come from whoever handed a picture in, and stay data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from countenance import permits
from countenance.permits import Act, Permit
from countenance.protocols import FoundFile
from countenance.types import Rejected, RejectReason


class UploadCollector:
    """A Collector over a list of places and whatever opens each."""

    def __init__(
        self,
        listed: Callable[[], Iterator[FoundFile]],
        opened: Callable[[str], bytes | None],
        uri: Callable[[str], str],
    ) -> None:
        """`opened`: the bytes at a place; None: they are not kept, or not any more."""
        self._listed, self._opened, self._uri = listed, opened, uri

    def walk(self, permit: Permit) -> Iterator[FoundFile | tuple[str, Rejected]]:
        """Every place once, sorted. Raises: PermitRefused: no live permit to COLLECT when the walk starts."""
        permits.require(permit, Act.COLLECT)
        return iter(self._listed())

    def read(self, found: FoundFile, permit: Permit, *, max_bytes: int) -> bytes | Rejected:
        """The bytes at that place. Raises: PermitRefused: no live permit to COLLECT."""
        permits.require(permit, Act.COLLECT)
        if found.size > max_bytes:
            return Rejected(RejectReason.TOO_LARGE, f"{found.size:,} bytes, more than {max_bytes:,}")
        data = self._opened(found.place)
        if data is None:
            return Rejected(RejectReason.UNREADABLE, "its bytes are not kept here; hand it in again")
        if len(data) > max_bytes:
            return Rejected(RejectReason.TOO_LARGE, f"{len(data):,} bytes, more than {max_bytes:,}")
        return data

    def uri(self, place: str) -> str:
        """The address that a lead shows."""
        return self._uri(place)
