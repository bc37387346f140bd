"""Guests of an event at a home's door: links for organisers, and for guests their consent, their pictures, the way out.

`link` is the token in the link that an organiser shares, `token` the one in a guest's own link. Both are shown once and
known by their keyed digests from then on.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from countenance.app.jobs import Job, JobService
from countenance.app.pictures.pictures import PictureService
from countenance.app.sources.ingests import guest_workflow
from countenance.app.wiring import Parts
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.guests import GuestPicture, GuestStatus, GuestWorkflow
from countenance.pipeline.pictures.originals import read_original
from countenance.records.guests.guests import GuestLink
from countenance.remedies import Remedy
from countenance.rights.guests import VERSION

if TYPE_CHECKING:
    from countenance.app.inputs import PictureLike
    from countenance.pipeline.erasure.erase import ErasureReport

PREVIEW_PX: Final = 1600  # longest side of a picture on a page
TRIED_AGAIN: Final = timedelta(minutes=1)  # after a search that failed


@dataclass(frozen=True, slots=True)
class GuestService:
    """Everything that can be done with guests in one home."""

    parts: Parts
    gallery: PictureService
    jobs: JobService

    @property
    def desk(self) -> GuestWorkflow:
        """With the model that the home is searched with at this moment."""
        return guest_workflow(self.parts)

    # --- for the organiser ---------------------------------------------------------------------------------------
    def open_link(self, source: str, *, organiser: str, expires: str | None = None) -> dict[str, Any]:
        """A link for guests of the source; its token is in what this returns, and nowhere else.

        Args: organiser: who is responsible and how to reach them, as guests are told; expires: the last day,
        "2027-01-31", by default 30 days from now.
        Raises: NotFound; GrantInvalid: the grant does not allow it; WrongUse, LogUnwritable, StorageFailed.
        """
        link, token = self.desk.open_link(
            self.parts.stores.records.sources.get(source), organiser=organiser, expires_at=_last_day(expires)
        )
        return {**self._line(link), "token": token}

    def close_link(self, link_id: str) -> dict[str, Any]:
        """Nobody comes in by it any more; guests who did keep their own links. Raises: NotFound, WrongUse."""
        from countenance.pipeline.ids import checked_uuid

        return self._line(self.desk.close_link(checked_uuid(link_id, "link for guests")))

    def links(self, source: str) -> list[dict[str, Any]]:
        """The source's links, the newest first, with how many came in by each. Raises NotFound."""
        found = self.parts.stores.records.guests.links(self.parts.stores.records.sources.get(source).id)
        return [self._line(link) for link in found]

    def waiting(self, source: str) -> int:
        """For so many guests the source's pictures are yet to be looked at: `Home.search_for_guests`."""
        return len(self.parts.stores.records.guests.waiting(self.parts.stores.records.sources.get(source).id))

    # --- in a service ----------------------------------------------------------------------------------------------
    def search_soon(self, source: str, *, new: bool = False) -> None:
        """A job looks for whoever waits: always for a `new` guest, else unless one is at it or has just failed."""
        newest = self._newest_search(source)
        resting = newest is not None and newest.done_at is not None and newest.state == "failed" and (
            self.parts.stores.clock() - datetime.fromisoformat(newest.done_at) < TRIED_AGAIN
        )  # fmt: skip
        if new or not (resting or (newest is not None and newest.open)):
            self.jobs.start(source, kind="guests")

    def trouble(self, source: str) -> bool:
        """Whether the last search ended before all was looked at."""
        newest = self._newest_search(source)
        return newest is not None and newest.state == "failed"

    def _newest_search(self, source: str) -> Job | None:
        return next((job for job in self.jobs.newest(source=source) if job.kind == "guests"), None)

    def _line(self, link: GuestLink) -> dict[str, Any]:
        return {
            "link": link.uid,
            "source": link.source,
            "organiser": link.organiser,
            "made_at": _at(link.made_at),
            "expires_at": _at(link.expires_at),
            "closed_at": None if link.closed_at is None else _at(link.closed_at),
            "open": link.open_at(self.parts.stores.clock()),
            "guests": link.guests,
            "withdrawn": link.withdrawn,
        }

    # --- for somebody who follows it ---------------------------------------------------------------------------------
    def invitation(self, link: str) -> dict[str, Any]:
        """What whoever follows the link is asked to agree to, and by whom. Raises NotFound: it is not in use."""
        found, text = self.desk.invitation(link)
        return {
            "event": found.source,
            "organiser": found.organiser,
            "expires_at": _at(found.expires_at),
            "version": VERSION,
            "text": list(text),
        }

    def consent(self, link: str, photograph: PictureLike, *, agreed: str) -> tuple[str, str]:
        """(name of the source, token of the guest's own link, shown this once): they are a guest from now on.

        Their pictures are found by `Home.search_for_guests`, and by every ingest from now on.
        Args: photograph: of them alone; agreed: the version of the text that they agreed to.
        Raises: NotFound: not in use; WrongUse: another text; TooMany; BadPicture, NoFace, SeveralFaces.
        """
        from countenance.app.inputs import read_picture

        return self.desk.consent(link, read_picture(photograph), agreed=agreed)

    # --- for a guest -------------------------------------------------------------------------------------------------
    def standing(self, token: str) -> GuestStatus:
        """Where they stand: how far their pictures were looked for, whether they withdrew. Raises NotFound."""
        return self.desk.standing(token)

    def pictures(self, token: str) -> tuple[GuestPicture, ...]:
        """The pictures in which their own face was found, and no other. Raises NotFound."""
        return self.desk.pictures(token)

    def crop(self, token: str, picture_id: str) -> bytes:
        """The JPEG thumbnail of their own face in a picture of theirs. Raises NotFound."""
        crop = self.gallery.crop(self.desk.face_in(token, picture_id).uid)
        self.desk.face_in(token, picture_id)  # gate 4 once more
        return crop

    def image(self, token: str, picture_id: str, *, preview_px: int = PREVIEW_PX) -> bytes:
        """A picture of theirs as a JPEG of at most `preview_px` a side, made anew. Raises NotFound."""
        from countenance.pipeline.analyse import FaceAnalysis

        looked = self.parts.engine().analyser.analyse(self._original(token, picture_id), preview_px=preview_px)
        if not isinstance(looked, FaceAnalysis) or looked.preview is None:
            raise _gone()
        self.desk.face_in(token, picture_id)  # gate 4 once more: drawing takes a while
        return looked.preview

    def original(self, token: str, picture_id: str) -> bytes:
        """The very file of a picture of theirs. Raises NotFound."""
        data = self._original(token, picture_id)
        self.desk.log_delivered(token, 1)
        return data

    def download(self, token: str, pictures: Sequence[GuestPicture] | None = None) -> Iterator[bytes]:
        """A ZIP of the very files of their pictures, in parts as it is read; one picture in memory at once.

        A picture that left them meanwhile (they withdrew, it was erased, its file has gone) is left out.
        Args: pictures: some of `pictures(token)`; by default all. Raises NotFound, before the first part.
        """
        chosen = self.pictures(token) if pictures is None else pictures
        self.desk.log_delivered(token, len(chosen))
        return self._zipped(token, chosen)

    def withdraw(self, token: str) -> ErasureReport | None:
        """Nothing is shown from now on, and all that their consent brought is erased, with a receipt.

        None: the same person did it before by another link. Raises NotFound, LogUnwritable, StorageFailed.
        """
        return self.desk.withdraw(token)

    def _original(self, token: str, picture_id: str) -> bytes:
        face = self.desk.face_in(token, picture_id)
        data = read_original(self.parts.stores, face.location, face.place, face.sha256)
        if data is None:
            raise _gone()
        self.desk.face_in(token, picture_id)  # gate 4 once more: a file may take a while to read
        return data

    def _zipped(self, token: str, pictures: Sequence[GuestPicture]) -> Iterator[bytes]:
        sink = _Parts()
        names: set[str] = set()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
            for picture in pictures:
                try:
                    data = self._original(token, picture.id)
                except NotFound:
                    continue
                archive.writestr(zipfile.ZipInfo(_unused(picture.name, names), _taken(picture.taken_at)), data)
                yield sink.taken()
        yield sink.taken()


class _Parts(io.RawIOBase):
    """Where a ZIP is written to that nobody seeks in: what was written since it was last asked."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        found = bytes(self._written)
        self._written.clear()
        return found


def _unused(name: str, names: set[str]) -> str:
    """The name, or one like it that no other picture has; noted."""
    plain = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in name) or "picture"
    path, number = PurePosixPath(plain), 1
    found = plain
    while found.casefold() in names:
        number += 1
        found = f"{path.stem} ({number}){path.suffix}"
    names.add(found.casefold())
    return found


def _taken(text: str | None) -> tuple[int, int, int, int, int, int]:
    """As a ZIP has it: from 1980 on."""
    moment = None if text is None else datetime.fromisoformat(text)
    if moment is None or not 1980 <= moment.year <= 2107:
        return 1980, 1, 1, 0, 0, 0
    return moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second


def _last_day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)  # the whole of that day still counts
    except ValueError as error:
        raise WrongUse(f"{text!r} is not a date", Remedy.USE_FORMAT, field="expires", values=("2027-01-31",)) from error


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _gone() -> NotFound:
    return NotFound("the file of this picture no longer exists", Remedy.ASK_ORGANISER)
