"""An ingest: walk, read, look, decide, embed, seal, record. One source, one run, any number of interruptions.

Crash order of a batch: the decision is in the log; data keys; sealed crops; then one transaction with the pictures,
faces and the index's change list. A kill before that transaction leaves keys and crops that no row names
(`garbage_collect.py` removes them before the next run); a kill after it leaves nothing to do. What was recorded is
recognised by place, size and time, then by content, so a run that is started again loses nothing and takes nothing
twice.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from countenance import jurisdictions
from countenance.errors import StorageFailed
from countenance.permits import PERMIT_TERM_S, Act, Permit
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.live_index import ensure_space_id, snapshot
from countenance.pipeline.pictures.enrol import Enroller, PendingPicture
from countenance.pipeline.pictures.ingest_report import IngestReport, IngestTally, Progress, SecondPassProgress
from countenance.pipeline.pictures.record_batch import BatchRecorder, RecordedBatch, not_permitted
from countenance.pipeline.sources.gate_collect import decide_collect
from countenance.pipeline.sources.subjects import Subjects
from countenance.pipeline.stores import Stores
from countenance.protocols import Collector, Embedder, FoundFile
from countenance.records.pictures.batch import PlacementRow, RejectionRow
from countenance.records.pictures.pictures import KnownPicture, KnownPlace, UntiedPicture
from countenance.records.reachability import Unreachable
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy
from countenance.types import ClassId, FaceRefusal, Rejected, RejectReason

log = logging.getLogger(__name__)

WINDOW: Final = 250  # places looked up at once; also what one collect decision covers, well below 1,000
READ_AHEAD: Final = 16  # files read and looked up together: one query for all
READ_AHEAD_BYTES: Final = 32 * 2**20
BATCH_FACES: Final = 64
MOST_FACES: Final = 2 * BATCH_FACES
RECORDINGS: Final = 2  # batches at once: the crops of one are written and synced while the next gets its templates
BATCH_S: Final = 0.5  # others see new faces within a second
MAX_BYTES: Final = 512 * 2**20  # one file
# Worth another try though the file has not changed: the machine or the policy may have.
TRANSIENT: Final = frozenset(
    {
        RejectReason.UNREADABLE,
        RejectReason.NO_READER,
        RejectReason.TIMED_OUT,
        RejectReason.DECODER_DIED,
        RejectReason.CHANGED_WHILE_READ,
        RejectReason.BAD_SIDECAR,
        RejectReason.LINK,
        RejectReason.NOT_A_FILE,
        RejectReason.NOT_PERMITTED,  # an order may have been lifted since, an opt-out withdrawn
    }
)


class _Standing:
    """A permit to collect that is decided anew before it runs out, and when the policy has moved: an order may stop."""

    def __init__(self, decide: Callable[[], Permit], version: Callable[[], int]) -> None:
        self._decide = decide
        self._version = version
        self._permit: Permit | None = None
        self._decided_at = -1

    def permit(self) -> Permit:
        version = self._version()
        fresh = self._permit is not None and time.monotonic() <= self._permit.expires_s - PERMIT_TERM_S / 2
        if self._permit is None or not fresh or version != self._decided_at:
            self._permit, self._decided_at = self._decide(), version
        return self._permit


class Ingest:
    """One run over one source. Made for it and dropped after it."""

    def __init__(
        self,
        *,
        stores: Stores,
        analyser: FaceAnalyser,
        embedder: Embedder,
        eraser: Eraser,
        collector: Collector,
        source: Source,
        subjects: Subjects | None,
        kept_out: SuppressionList,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._stores = stores
        self._analyser = analyser
        self._eraser = eraser
        self._collector = collector
        self._source = source
        self._kept_out = kept_out
        self._recorder: BatchRecorder  # from `_begin` on
        self._enroller = Enroller(stores, embedder, source, subjects, kept_out)
        self._progress = progress
        self._total: int | None = None
        self._tally = IngestTally()
        self._classes: dict[frozenset[str], ClassId] = {}
        self._in_flight: dict[bytes, PendingPicture] = {}
        self._ready: list[tuple[PendingPicture, FaceAnalysis | Rejected]] = []
        self._ready_faces = 0
        self._copies: list[PlacementRow] = []
        self._unread: set[bytes] = set()  # places that the walk could not read: folders, perhaps
        self._rejections: list[RejectionRow] = []
        self._recordings: deque[tuple[Future[RecordedBatch], frozenset[bytes]]] = deque()  # oldest first; with contents
        self._flushed_at = time.monotonic()
        self._run_id = 0

    def run(self, *, prune: bool = False) -> IngestReport:
        """Everything that stands in the source, and may be taken, is in the records.

        Raises: PolicyDenied: collecting is refused; NotFound: the source's folder is not there; LogUnwritable,
        StorageFailed: a disk is full or read-only; what was committed stays, and running again goes on from there.
        """
        started = time.monotonic()
        standing = self._begin()
        if self._progress is not None:
            self._total = sum(1 for _ in self._collector.walk(standing.permit()))
        with ThreadPoolExecutor(RECORDINGS, "record") as self._threads:
            self._take(self._jobs(standing))
            self._report_progress()
        vanished = self._prune(prune=prune)
        self._end(whole=True)
        report = self._report(vanished, time.monotonic() - started)
        self._stores.log.append(
            "ingest.ended",
            {
                "source": self._source.uid,
                **{k: v for k, v in report.as_dict().items() if k not in {"source", "seconds"}},
            },
        )
        return report

    def take_anew(self, looked: FaceAnalysis, data: bytes, place: bytes, mtime_ns: int) -> None:
        """One picture that was just handed in is taken as it was `looked` at, though it may be known: for other faces.

        Otherwise as `take`, but for one that is known: of that no ingest may make templates meanwhile.
        """
        self._begin(beside=True)
        sha256 = hashlib.sha256(data).digest()
        known = self._recorder.known([sha256]).get(sha256)
        places = self._source.jurisdictions if known is None or known.corrected is None else known.corrected
        row = PlacementRow(place, len(data), mtime_ns, self._class_of(places), sha256)
        if self._recorder.suppressed([sha256]):
            self._rejections.append(not_permitted(row))
        else:
            self._in_flight[sha256] = PendingPicture(sha256, [row], known)
        with ThreadPoolExecutor(1, "record") as self._threads:
            for job in list(self._in_flight.values()):
                self._look_taken(job, looked)
            self._flush()
            self._await_recordings()
        self._end_beside()

    def look_again(
        self, parts: Iterable[Sequence[UntiedPicture]], done: Callable[[SecondPassProgress], None]
    ) -> SecondPassProgress:
        """These recorded pictures are looked at once more, as the grant's subjects stand by now. Nothing new is taken.

        A file that can't be read, or holds something else by now, is left to the next ingest.
        Args: parts: pictures of the source; done: told after each part, when all of it is recorded.
        Raises: as `run`.
        """
        standing = self._begin()
        pictures = 0
        with ThreadPoolExecutor(RECORDINGS, "record") as self._threads:
            for part in parts:
                self._take(self._jobs_again(part, standing))
                pictures += len(part)
                done(self._looked_again(pictures))
        self._end(whole=False)
        return self._looked_again(pictures)

    def take(self) -> SecondPassProgress:
        """What the collector finds, and nothing else of the source: pictures that were just handed in.

        It may run beside an ingest. So keys and blobs are named before anybody may sweep, what a killed run left is
        left to the next ingest, and the analyser may be others' as well. A snapshot of the index is left to the next
        ingest too. Raises: as `run`.
        """
        standing = self._begin(beside=True)
        with ThreadPoolExecutor(1, "record") as self._threads:
            for job, data in self._jobs(standing):
                self._look_taken(job, self._analyser.analyse(data))
            self._flush()
            self._await_recordings()
        self._end_beside()
        return self._looked_again(self._tally.files)

    def _end_beside(self) -> None:
        self._stores.records.pictures.end_run(
            self._source.id, self._run_id, self._stores.clock(), whole=False, beside=True
        )

    def _looked_again(self, pictures: int) -> SecondPassProgress:
        tally = self._tally
        return SecondPassProgress(pictures, pictures - tally.again, tally.faces, tally.indexed)

    def _begin(self, *, beside: bool = False) -> _Standing:
        self._eraser.resume()
        standing = _Standing(
            lambda: decide_collect(self._stores, self._source), self._stores.records.sources.policy_version
        )
        standing.permit()
        self._run_id, killed = self._stores.records.pictures.begin_run(self._source.id, self._stores.clock())
        self._recorder = BatchRecorder(
            self._stores, self._source, self._eraser, self._enroller, self._kept_out, self._run_id,
            self._stores.naming_keys if beside else nullcontext,
        )  # fmt: skip
        log.info(
            "ingest: run %d of source %s begins%s", self._run_id, self._source.uid, ", after a killed one" * killed
        )
        if killed and not beside:
            self._erase_unsupported(self._stores.records.pictures.due(), "replaced")
        ensure_space_id(self._stores, self._enroller.embedder.space)  # made once, and not by each of the recorders
        return standing

    def _take(self, jobs: Iterator[tuple[PendingPicture, bytes]]) -> None:
        """All of these are looked at and recorded."""
        for job, looked in self._analyser.analyse_many(jobs):
            self._look_taken(job, looked)
        self._flush()
        self._await_recordings()

    def _look_taken(self, job: PendingPicture, looked: FaceAnalysis | Rejected) -> None:
        self._ready.append((job, looked))
        self._ready_faces += len(looked.faces) if isinstance(looked, FaceAnalysis) else 0
        self._flush_if_due()

    def _end(self, *, whole: bool) -> None:
        self._stores.records.pictures.end_run(self._source.id, self._run_id, self._stores.clock(), whole=whole)
        log.info("ingest: run %d found %d files, taken %d", self._run_id, self._tally.files, self._tally.taken)
        snapshot(self._stores, self._enroller.embedder.space)
        self._stores.records.changes.compact_if_due()

    # --- gate 1: collect -----------------------------------------------------------------------------------------
    def _class_of(self, places: frozenset[str]) -> ClassId:
        if places not in self._classes:
            self._classes[places] = self._stores.records.sources.ensure_class(self._source.grant, places)
        return self._classes[places]

    def _jobs(self, standing: _Standing) -> Iterator[tuple[PendingPicture, bytes]]:
        """Pictures to look at, as bytes. What needs no look (unchanged, copies, rejected) is noted on the way."""
        waiting = self._stores.records.pictures.refused_by_policy(self._source.id) & self._enroller.embeddable()
        window: list[FoundFile] = []
        for item in self._collector.walk(standing.permit()):
            self._tally.files += 1
            if isinstance(item, tuple):
                place, rejected = item
                self._reject(place, 0, 0, rejected)
                if rejected.reason is RejectReason.UNREADABLE:
                    self._unread.add(_encode(place))
                self._flush_if_due()
                continue
            window.append(item)
            if len(window) >= WINDOW:
                yield from self._window(window, standing, waiting)
                window = []
        yield from self._window(window, standing, waiting)

    def _window(
        self, window: Sequence[FoundFile], standing: _Standing, waiting: frozenset[ClassId]
    ) -> Iterator[tuple[PendingPicture, bytes]]:
        places = [_encode(found.place) for found in window]
        known = self._stores.records.pictures.known_places(self._source.id, places)
        look_again = (
            self._stores.records.pictures.waiting_places(self._source.id, waiting, places) if waiting else set()
        )
        seen: list[int] = []
        seen_rejected: list[int] = []
        read: list[tuple[PlacementRow, bytes]] = []
        collectable: dict[ClassId, bool] = {}
        for found, place in zip(window, places, strict=True):
            before = known.get(place)
            corrected = None if before is None or not _same_file(before, found) else before.corrected
            where = corrected or found.jurisdictions or self._source.jurisdictions
            if corrected is None and not all(
                p == "unknown" or jurisdictions.within(p, self._source.grant.jurisdictions) for p in where
            ):
                outside = Rejected(RejectReason.BAD_SIDECAR, f"{', '.join(sorted(where))} lies outside the grant")
                self._reject(found.place, found.size, found.mtime_ns, outside)
                continue
            class_id = self._class_of(where)
            if before is not None and place not in look_again and self._unchanged(before, found, class_id):
                (seen if before.reason is None else seen_rejected).append(before.id)
                if before.reason is None:
                    self._tally.unchanged += 1
                else:
                    self._tally.rejected[before.reason] += 1
                continue
            permit = standing.permit()
            if class_id not in collectable:  # an order may stop collecting where the picture's own sidecar says it is
                collectable[class_id] = class_id in self._stores.policy.consider(self._stores.ask(Act.COLLECT)).allowed
            if not collectable[class_id]:
                self._reject(found.place, found.size, found.mtime_ns, Rejected(RejectReason.NOT_PERMITTED))
                continue
            data = self._collector.read(found, permit, max_bytes=MAX_BYTES)
            if isinstance(data, Rejected):
                self._reject(found.place, found.size, found.mtime_ns, data)
                continue
            sha256 = hashlib.sha256(data).digest()
            read.append((PlacementRow(place, found.size, found.mtime_ns, class_id, sha256), data))
            if len(read) >= READ_AHEAD or sum(len(data) for _, data in read) >= READ_AHEAD_BYTES:
                yield from self._new_jobs(read)
                read = []
        yield from self._new_jobs(read)
        self._stores.records.pictures.mark_seen(self._run_id, seen, seen_rejected)
        self._report_progress()

    def _jobs_again(
        self, pictures: Sequence[UntiedPicture], standing: _Standing
    ) -> Iterator[tuple[PendingPicture, bytes]]:
        """The looks to take at recorded pictures, of those that are still where they stood."""
        known = self._recorder.known([picture.sha256 for picture in pictures])
        for picture in pictures:
            data = self._read_again(picture, standing)
            if data is not None and picture.sha256 in known:
                job = PendingPicture(picture.sha256, list(picture.places), known[picture.sha256])
                self._in_flight[picture.sha256] = job
                yield job, data

    def _read_again(self, picture: UntiedPicture, standing: _Standing) -> bytes | None:
        collectable = self._stores.policy.consider(self._stores.ask(Act.COLLECT)).allowed
        for place in picture.places:
            if place.class_id in collectable:
                found = FoundFile(place.place.decode("utf-8", "surrogateescape"), place.size, place.mtime_ns)
                data = self._collector.read(found, standing.permit(), max_bytes=MAX_BYTES)
                if isinstance(data, bytes) and hashlib.sha256(data).digest() == picture.sha256:
                    return data
        return None

    @staticmethod
    def _unchanged(before: KnownPlace, found: FoundFile, class_id: ClassId) -> bool:
        same = _same_file(before, found)
        if before.reason is not None:
            return same and before.reason not in TRANSIENT
        return same and before.class_id == class_id and before.hashed

    def _new_jobs(self, read: Sequence[tuple[PlacementRow, bytes]]) -> list[tuple[PendingPicture, bytes]]:
        """Looks to take: none where the same bytes are known, suppressed or on their way.

        All of `read` is asked for at once. Nothing is handed over to be recorded meanwhile, so that the answers hold.
        """
        if any(placement.sha256 in contents for _, contents in self._recordings for placement, _ in read):
            self._await_recordings()  # then they are known
        hashes = list({placement.sha256 for placement, _ in read} - self._in_flight.keys())
        known, suppressed = self._recorder.known(hashes), self._recorder.suppressed(hashes)
        jobs = []
        for placement, data in read:
            before = known.get(placement.sha256)
            if before is not None and before.corrected is not None:  # the same picture at another place
                placement = replace(placement, class_id=self._class_of(before.corrected))  # noqa: PLW2901  its right class
            on_its_way = self._in_flight.get(placement.sha256)
            if on_its_way is not None:
                on_its_way.places.append(placement)
            elif placement.sha256 in suppressed:
                self._rejections.append(not_permitted(placement))
                self._tally.rejected[RejectReason.NOT_PERMITTED] += 1
            elif before and settled(before, placement.class_id) and not self._recorder.is_kept_out(placement):
                self._copies.append(placement)
            else:
                job = self._in_flight[placement.sha256] = PendingPicture(placement.sha256, [placement], before)
                jobs.append((job, data))
        self._flush_if_due()
        return jobs

    def _reject(self, place: str, size: int, mtime_ns: int, rejected: Rejected) -> None:
        self._rejections.append(RejectionRow(_encode(place), size, mtime_ns, rejected.reason, rejected.detail))
        self._tally.rejected[rejected.reason] += 1

    # --- a batch -------------------------------------------------------------------------------------------------
    def _flush_if_due(self) -> None:
        faces = self._ready_faces
        waiting = len(self._ready) + len(self._copies) + len(self._rejections)
        due = faces >= BATCH_FACES or (waiting and time.monotonic() - self._flushed_at > BATCH_S)
        busy = len(self._recordings) == RECORDINGS and not self._recordings[0][0].done()
        # While batches are recorded the next may grow: to wait for one would leave the children without pictures.
        if waiting >= WINDOW or faces >= MOST_FACES or (due and not busy):
            self._flush()

    def _flush(self) -> None:
        """Everything looked at so far is recorded."""
        ready, self._ready, self._ready_faces = self._ready, [], 0
        copies, self._copies = self._copies, []
        rejections, self._rejections = self._rejections, []
        looked_at = []
        for job, looked in ready:
            del self._in_flight[job.sha256]  # from here on nobody adds a place to it
            if isinstance(looked, Rejected):
                self._tally.rejected[looked.reason] += len(job.places)
                rejections += [
                    RejectionRow(p.place, p.size, p.mtime_ns, looked.reason, looked.detail, p.sha256)
                    for p in job.places
                ]
            else:
                looked_at.append((job, looked))
        self._tally.copies += len(copies)
        self._await_recordings(but=RECORDINGS - 1)
        if looked_at or copies or rejections:
            recording = self._threads.submit(self._recorder.record, looked_at, copies, rejections)
            self._recordings.append((recording, frozenset(job.sha256 for job, _ in looked_at)))
        self._flushed_at = time.monotonic()
        self._report_progress()

    def _await_recordings(self, *, but: int = 0) -> None:
        """The batches that were handed over, `but` so many, are recorded and counted. Raises what recording raised."""
        while len(self._recordings) > but:
            self._count(self._recordings.popleft()[0].result())

    def _count(self, recorded: RecordedBatch) -> None:
        self._tally.taken += recorded.taken
        self._tally.again += recorded.again
        self._tally.copies += recorded.copies
        self._tally.erased += recorded.erased
        self._tally.faces += recorded.enrolled.faces
        self._tally.indexed += recorded.enrolled.indexed
        self._tally.refused.update(recorded.enrolled.refused)
        self._tally.rejected[RejectReason.NOT_PERMITTED] += recorded.suppressed

    # --- the end of a run ----------------------------------------------------------------------------------------
    def _prune(self, *, prune: bool) -> int:
        """Places that vanished are counted and, if asked, gone with what rested on them alone.

        What lies below a folder that could not be read has not vanished: a disk that is pulled out in the middle of a
        walk leaves such folders behind.
        """
        unseen = self._stores.records.pictures.vanished(self._source.id, self._run_id)
        vanished = [placement for placement, place in unseen if self._unread.isdisjoint(_folders_above(place))]
        if vanished and prune:
            if self._tally.files == 0:
                raise StorageFailed(
                    f"the folder of {self._source.name!r} is empty: to prune would erase all {len(vanished)} pictures",
                    Remedy.ERASE_LOST_SOURCE,
                    values=(self._source.name,),
                )
            self._erase_unsupported(self._stores.records.pictures.drop_placements(vanished), "vanished")
        return len(vanished)

    def _erase_unsupported(self, due: Unreachable, scope: str) -> None:
        erased = self._eraser.erase_unsupported(due, scope)
        self._tally.erased += erased.pictures if erased else 0

    def _report_progress(self) -> None:
        if self._progress is not None:
            tally, rejected = self._tally, sum(self._tally.rejected.values())
            done = tally.unchanged + tally.taken + tally.copies + tally.again + rejected  # settled, not just found
            self._progress(Progress(done, self._total, tally.indexed, rejected))

    def _report(self, vanished: int, seconds: float) -> IngestReport:
        tally = self._tally
        return IngestReport(
            source=self._source.name, files=tally.files, unchanged=tally.unchanged, taken=tally.taken,
            copies=tally.copies, again=tally.again, rejected=dict(sorted((+tally.rejected).items())), faces=tally.faces,
            indexed=tally.indexed, refused=dict(sorted(tally.refused.items())), vanished=vanished,
            erased=tally.erased, seconds=round(seconds, 3),
        )  # fmt: skip


def _same_file(before: KnownPlace, found: FoundFile) -> bool:
    return (before.size, before.mtime_ns) == (found.size, found.mtime_ns)


def settled(known: KnownPicture, class_id: ClassId) -> bool:
    """The picture has its hash, every face of it its answer in this class, and none waits for the policy."""
    return known.hashed and all(
        any(e.class_id == class_id and e.refusal is not FaceRefusal.NOT_PERMITTED for e in face.enrolments)
        for face in known.faces
    )


def _folders_above(place: bytes) -> Iterator[bytes]:
    """b"a" and b"a/b" for b"a/b/c"."""
    end = place.find(b"/")
    while end >= 0:
        yield place[:end]
        end = place.find(b"/", end + 1)


def _encode(place: str) -> bytes:
    return place.encode("utf-8", "surrogateescape")
