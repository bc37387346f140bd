"""Pictures that are handed in: to a source that has no folder, one by one, through whatever door."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from countenance.app.inputs import PictureLike, read_picture
from countenance.app.pictures.pictures import PictureFace, PictureService
from countenance.app.sources.collectors import UPLOAD, collector_of
from countenance.app.sources.ingests import IngestService
from countenance.app.wiring import Parts
from countenance.errors import WrongUse
from countenance.pipeline.pictures.inbox import Inbox
from countenance.pipeline.pictures.ingest import settled
from countenance.records.pictures.uploads import Upload
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy
from countenance.types import RejectReason

WAIT_S: Final = 30.0  # for an ingest that is running to let one picture in between


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """What became of one picture: a picture with its faces, or the reason why it was not taken."""

    place: str
    picture_id: str | None
    width: int
    height: int
    faces: tuple[PictureFace, ...]
    rejected: RejectReason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UploadService:
    """What is handed in to a home."""

    parts: Parts
    ingests: IngestService
    pictures: PictureService

    def put(self, source: str, place: str, picture: PictureLike) -> None:
        """The picture waits, sealed, for the next ingest of that source.

        Args: place: its name, "/" between parts. Data: it never becomes a path.
        Raises: NotFound, WrongUse: a source with a folder, no name for a picture; BadPicture: no such file;
        PolicyDenied, LogUnwritable, StorageFailed.
        """
        self._inbox(source).put(place, read_picture(picture))

    def find(self, source: str, place: str) -> Upload | None:
        """What was handed in under that name, if it is still there."""
        records = self.parts.stores.records
        return records.uploads.get(records.sources.get(source).id, place.encode("utf-8", "surrogatepass"))

    def waiting(self, source: str) -> int:
        """How many pictures no ingest has taken or refused yet."""
        return self.parts.stores.records.uploads.count_waiting(self._inbox(source).source.id)

    def index_now(self, source: str, place: str, data: bytes, *, keep: bool = True) -> UploadedPicture:
        """One picture is taken at once, through every gate that an ingest passes.

        Args: keep: False: its bytes are not kept, once its faces are taken: nobody can see the whole picture again.
        An ingest may run meanwhile; only what is known and must be looked at again waits for it.
        Raises: as `put`; HomeBusy: half a minute was not enough for that, or for a reindex.
        """
        parts, inbox = self.parts, self._inbox(source)
        with parts.reindex_lock(WAIT_S), alone_if_known(parts, inbox.source, data):
            upload = inbox.put(place, data)
            collector = collector_of(parts.stores, inbox.source, only=upload)
            self.ingests.ingest_run(inbox.source, parts.engine().analyser, collector).take()
            outcome = self._outcome(inbox.source, upload, place)
            inbox.drop_refused()
            if not keep and outcome.rejected is None:
                kept = parts.stores.records.uploads.get(inbox.source.id, upload.place)
                inbox.drop_bytes(kept or upload)
        return outcome

    def _outcome(self, source: Source, upload: Upload, place: str) -> UploadedPicture:
        records = self.parts.stores.records
        known = records.pictures.known_places(source.id, [upload.place]).get(upload.place)
        if known is None or known.reason is not None:
            reason = RejectReason.NOT_PERMITTED if known is None else known.reason
            return UploadedPicture(place, None, 0, 0, (), reason)
        picture = records.pictures.known_pictures(source.tenant_id, [upload.sha256])[upload.sha256]
        found = self.pictures.handed_in(str(picture.uid), source)
        return UploadedPicture(place, found.picture_id, found.width, found.height, found.faces)

    def _inbox(self, name: str) -> Inbox:
        source = self.parts.stores.records.sources.get(name)
        if source.kind != UPLOAD:
            raise WrongUse(f"the source {name!r} is a folder, and takes no uploads", Remedy.ADD_UPLOAD_SOURCE)
        return Inbox(self.parts.stores, source)


def alone_if_known(parts: Parts, source: Source, data: bytes, *, anew: bool = False) -> AbstractContextManager[None]:
    """A known picture that gets another look is no ingest's meanwhile: both would make templates of its faces.

    anew: it gets one even where all of its faces are settled.
    """
    sha256 = hashlib.sha256(data).digest()
    known = parts.stores.records.pictures.known_pictures(source.tenant_id, [sha256]).get(sha256)
    classes = parts.stores.records.sources.classes_of(source.grant)
    if known is None or (not anew and any(settled(known, class_id) for class_id in classes)):
        return nullcontext()
    return parts.ingest_lock(WAIT_S)
