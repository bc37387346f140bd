"""Recording a batch of an ingest: templates, seals, crops, one transaction. `ingest.py` has the crash order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from countenance.errors import StorageFailed
from countenance.pipeline.address import address_of
from countenance.pipeline.analyse import FaceAnalysis
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.pictures.enrol import Enrolled, Enroller, PendingPicture, seen
from countenance.pipeline.stores import Stores
from countenance.records.pictures.batch import Batch, PictureLeaving, PlacementRow, PolicyMoved, RejectionRow
from countenance.records.pictures.pictures import KnownPicture
from countenance.records.reachability import Unreachable
from countenance.records.sources.sources import Source
from countenance.types import RejectReason

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """What one recorded batch adds to the counts."""

    enrolled: Enrolled
    taken: int
    again: int
    copies: int
    erased: int
    suppressed: int  # places of pictures that were erased while they were looked at


@dataclass(frozen=True, slots=True)
class BatchRecorder:
    """Records the batches of one run, from several threads."""

    stores: Stores
    source: Source
    eraser: Eraser
    enroller: Enroller
    kept_out: SuppressionList
    run_id: int
    making: Callable[[], AbstractContextManager[object]]  # held from the first data key until rows name all

    def record(
        self,
        looked_at: Sequence[tuple[PendingPicture, FaceAnalysis]],
        copies: Sequence[PlacementRow],
        rejections: Sequence[RejectionRow],
    ) -> RecordedBatch:
        """Record the batch, and erase what nothing supports since. What policy stops meanwhile is rejected instead."""
        suppressed = 0
        while True:
            version = self.stores.records.sources.policy_version()
            copies, looked_at, refused = self._refuse_addresses(copies, looked_at)
            rejections = [*rejections, *(not_permitted(placement) for placement in refused)]
            suppressed += len(refused)
            try:
                with self.making():
                    enrolled = self.enroller.enrol(looked_at)
                    if enrolled.version != version:  # what is kept out may have changed in between
                        self.enroller.undo(enrolled)
                        looked_at = [(self.known_anew(job), looked) for job, looked in looked_at]
                        continue
                    batch = self._batch(enrolled, looked_at, copies, rejections)
                    due = self._commit(enrolled, batch)
            except (PolicyMoved, PictureLeaving) as moved:
                # What was permitted, or known, a moment ago may not be now: ask again.
                log.info("ingest: run %d records a batch again (%s)", self.run_id, type(moved).__name__)
                if isinstance(moved, PictureLeaving):
                    self.eraser.resume()  # waits for whoever erases it
                kept = [item for item in looked_at if self._still_wanted(item[0])]
                gone = [p for job, _ in looked_at for p in job.places if not any(job is k for k, _ in kept)]
                rejections = [*rejections, *(not_permitted(placement) for placement in gone)]
                suppressed += len(gone)
                looked_at = kept
            else:
                break
        log.debug("ingest: run %d recorded %d pictures, %d faces", self.run_id, len(enrolled.pictures), enrolled.faces)
        self.stores.log.append(
            "ingest.committed",
            {
                "source": self.source.uid,
                "run": self.run_id,
                "pictures": len(enrolled.pictures),
                "placements": len(batch.placements),
                "faces": enrolled.faces,
                "indexed": enrolled.indexed,
                "rejected": len(rejections),
            },
        )
        erased = self.eraser.erase_unsupported(due, "replaced")
        return RecordedBatch(
            enrolled=enrolled,
            taken=sum(job.known is None for job, _ in looked_at),
            again=sum(job.known is not None for job, _ in looked_at),
            copies=sum(len(job.places) - 1 for job, _ in looked_at),
            erased=erased.pictures if erased else 0,
            suppressed=suppressed,
        )

    def _batch(
        self,
        enrolled: Enrolled,
        looked_at: Sequence[tuple[PendingPicture, FaceAnalysis]],
        copies: Sequence[PlacementRow],
        rejections: Sequence[RejectionRow],
    ) -> Batch:
        return Batch(
            tenant_id=self.source.tenant_id,
            source_id=self.source.id,
            run_id=self.run_id,
            policy_version=enrolled.version,
            pictures=enrolled.pictures,
            placements=(*copies, *(p for job, _ in looked_at for p in job.places)),
            rejections=tuple(rejections),
        )

    def _commit(self, enrolled: Enrolled, batch: Batch) -> Unreachable:
        """The batch is recorded, or nothing of it is left. Raises: PolicyMoved, PictureLeaving, StorageFailed."""
        try:
            due = self.stores.records.pictures.commit(batch)
        except (PolicyMoved, PictureLeaving, StorageFailed):
            self.enroller.undo(enrolled)
            raise
        self.enroller.confirm(enrolled)
        return due

    def _still_wanted(self, job: PendingPicture) -> bool:
        """False: the picture was erased while it was looked at. What is known of it is read anew."""
        self.known_anew(job)
        return job.sha256 not in self.suppressed([job.sha256])

    def known_anew(self, job: PendingPicture) -> PendingPicture:
        """Read again what the records know of the picture."""
        job.known = self.known([job.sha256]).get(job.sha256)
        return job

    def is_kept_out(self, placement: PlacementRow) -> bool:
        """Return whether somebody asked that nothing new be taken from there."""
        return self.kept_out.address_kept_out(self.source.tenant, self._address(placement))

    def _address(self, placement: PlacementRow) -> str:
        return address_of(self.source.location, placement.place)

    def _refuse_addresses(
        self, copies: Sequence[PlacementRow], looked_at: Sequence[tuple[PendingPicture, FaceAnalysis]]
    ) -> tuple[list[PlacementRow], list[tuple[PendingPicture, FaceAnalysis]], list[PlacementRow]]:
        """(copies, pictures, places refused): of which other bytes stand at an address that is kept out.

        A copy was taken for one before the address was kept out, so it is not known what it shows: it is refused.
        """
        items = [(placement, job, looked) for job, looked in looked_at for placement in job.places]
        found = self.kept_out.places_refused(
            self.source.tenant, [(self._address(placement), seen(job, looked)) for placement, job, looked in items]
        )
        refused = [placement for (placement, _, _), each in zip(items, found, strict=True) if each]
        refused += [placement for placement in copies if self.is_kept_out(placement)]
        if not refused:
            return list(copies), list(looked_at), []
        for job, _ in looked_at:
            job.places = [placement for placement in job.places if placement not in refused]
        return (
            [placement for placement in copies if placement not in refused],
            [(job, looked) for job, looked in looked_at if job.places],
            refused,
        )

    def known(self, hashes: Sequence[bytes]) -> dict[bytes, KnownPicture]:
        """Return what the records know of these contents."""
        return self.stores.records.pictures.known_pictures(self.source.tenant_id, hashes)

    def suppressed(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Return those of these contents that were erased as a whole."""
        return self.kept_out.whole(self.source.tenant, hashes)


def not_permitted(placement: PlacementRow) -> RejectionRow:
    """Return the row that says that policy keeps this place out."""
    return RejectionRow(
        placement.place, placement.size, placement.mtime_ns, RejectReason.NOT_PERMITTED, "", placement.sha256
    )
