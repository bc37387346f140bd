"""Taking pictures in: the ingests of a home's sources, and the second look for guests who wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from countenance.app.orders import OrderService
from countenance.app.requests.requests import RequestService
from countenance.app.settings import worker_count
from countenance.app.sources.collectors import UPLOAD, collector_of
from countenance.app.sources.source_acts import SourceService
from countenance.app.wiring import Parts
from countenance.errors import PolicyDenied
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.guests import GuestWorkflow
from countenance.pipeline.pictures.inbox import Inbox
from countenance.pipeline.pictures.ingest import Ingest
from countenance.pipeline.pictures.ingest_report import IngestReport, Progress, SecondPassProgress
from countenance.pipeline.sources.subjects import open_subjects
from countenance.protocols import Collector
from countenance.records.sources.sources import Source
from countenance.types import SUBJECT_BASES


@dataclass(frozen=True, slots=True)
class Ingested:
    """What `ingest` did, a report a source."""

    reports: tuple[IngestReport, ...]
    skipped: tuple[tuple[str, str], ...]  # (source, why) of those that were not named and may not be collected now
    _rejected: Callable[[], Iterator[tuple[str, str, str, str]]]

    @property
    def rejected(self) -> Iterator[tuple[str, str, str, str]]:
        """(source, place, reason, detail) of every file that is no picture, read from the records as you go."""
        return self._rejected()

    def as_dict(self) -> dict[str, Any]:
        """For --json, with every rejected file."""
        return {
            "sources": [report.as_dict() for report in self.reports],
            "skipped": [{"source": source, "why": why} for source, why in self.skipped],
            "rejected": [
                {"source": source, "place": place, "reason": reason, "detail": detail}
                for source, place, reason, detail in self.rejected
            ],
        }


@dataclass(frozen=True, slots=True)
class IngestService:
    """The ingests of one home."""

    parts: Parts
    sources: SourceService
    orders: OrderService
    requests: RequestService

    def ingest(
        self,
        *names: str,
        workers: int | None = None,
        prune: bool = False,
        progress: Callable[[str, Progress], None] | None = None,
    ) -> Ingested:
        """Every picture of these sources (of all, if none is named) is taken that may be; see IngestReport.

        Args: workers: child processes that decode, by default one a core; prune: erase what has vanished from the
        folders; progress: called with the source's name and where its run stands.
        Raises: NotFound, PolicyDenied (a named source), HomeBusy (another ingest runs), LogUnwritable, StorageFailed.
        """
        chosen = [self.sources.get(name) for name in names] if names else self.sources.chosen(())
        reports: list[IngestReport] = []
        skipped: list[tuple[str, str]] = []
        now = self.parts.stores.clock()
        with self.parts.ingest_lock():
            self.parts.blobs.remove_unfinished()
            collect_garbage(self.parts.stores)
            self.orders.finish()
            for source in chosen:
                state = source.grant.state(now)
                if not names and state != "in_force":
                    skipped.append((source.name, f"its grant is {state.replace('_', ' ')}"))
                    continue
                try:
                    reports.append(self._ingest_one(source, workers, prune, progress))
                except PolicyDenied as denied:  # an order, a rule of the home's own
                    if names:
                        raise
                    skipped.append((source.name, denied.message))
        return self.ingested(reports, skipped)

    def ingested(self, reports: Sequence[IngestReport], skipped: Sequence[tuple[str, str]]) -> Ingested:
        """These reports, with what their sources' records hold as rejected."""
        done = [report.source for report in reports]
        return Ingested(tuple(reports), tuple(skipped), lambda: self.sources.rejected(done))

    def _ingest_one(
        self, source: Source, workers: int | None, prune: bool, progress: Callable[[str, Progress], None] | None
    ) -> IngestReport:
        parts = self.parts
        self.requests.finish()
        with FaceAnalyser(workers=worker_count(workers), **parts.engine().looking()) as analyser:
            on_progress = None if progress is None else lambda p: progress(source.name, p)
            report = self.ingest_run(source, analyser, progress=on_progress).run(prune=prune)
        if source.kind == UPLOAD:
            Inbox(parts.stores, source).drop_refused()
        return report

    def search_for_guests(
        self, name: str, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> SecondPassProgress:
        """The source's pictures were looked at for every guest who waits for it (docs/guests.md). Safe to kill.

        Args: workers: as of `ingest`; progress: called with (pictures looked at, of how many).
        Raises: NotFound, PolicyDenied, HomeBusy (an ingest runs), LogUnwritable, StorageFailed.
        """
        source, parts = self.sources.get(name), self.parts
        with parts.ingest_lock():
            parts.blobs.remove_unfinished()
            collect_garbage(parts.stores)
            self.orders.finish()
            self.requests.finish()
            with FaceAnalyser(workers=worker_count(workers), **parts.engine().looking()) as analyser:
                run = self.ingest_run(source, analyser)
                on_progress = None if progress is None else lambda so_far, of: progress(so_far.pictures, of)
                return guest_workflow(parts).match_waiting_guests(source, run, on_progress)

    def ingest_run(
        self, source: Source, analyser: FaceAnalyser, collector: Collector | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Ingest:  # fmt: skip
        """A run over the source, or over what `collector` finds in it. Only under the ingest lock."""
        parts, engine = self.parts, self.parts.engine()
        return Ingest(
            stores=parts.stores,
            analyser=analyser,
            embedder=engine.embedder,
            eraser=engine.eraser,
            collector=collector_of(parts.stores, source) if collector is None else collector,
            source=source,
            subjects=(
                open_subjects(parts.stores, source, engine.embedder, engine.calibration)
                if source.grant.basis in SUBJECT_BASES
                else None
            ),
            kept_out=parts.kept_out,
            progress=progress,
        )


def guest_workflow(parts: Parts) -> GuestWorkflow:
    """With the model that the home is searched with at this moment."""
    engine = parts.engine()
    return GuestWorkflow(
        parts.stores, engine.analyser, engine.embedder, engine.calibration, engine.eraser, engine.kept_out
    )
