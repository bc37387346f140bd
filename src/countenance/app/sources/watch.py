"""Watching: another run of the same ingest whenever a source's folder has changed and come to rest.

The ingest lock is held in a round and not between two, and a round is an ingest like any other: interrupted, killed or
refused in the middle, what it recorded stays and the next one goes on from there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from countenance.app.sources.collectors import UPLOAD
from countenance.app.sources.folder_events import FolderEvents, identity
from countenance.app.sources.ingests import Ingested, IngestService
from countenance.errors import HomeBusy, LogUnwritable, NotFound, PolicyDenied, StorageFailed, WrongUse
from countenance.pipeline.pictures.ingest_report import IngestReport, Progress

if TYPE_CHECKING:
    from countenance.records.sources.sources import Source

SETTLE_S: Final = 1.0  # a file that is being copied changes more often than that
MOST_WAIT_S: Final = 5.0  # a folder that never rests is walked all the same
TICK_S: Final = 0.2  # how soon a stop and a rest are noticed
LOOK_S: Final = 1.0  # how often folders and grants are looked at: a stat and a query
BUSY_S: Final = 2.0  # between two tries while another ingest runs
# Events are lost where the kernel's queue overflows, on network disks that others write, and beyond the system's number
# of watches. Walking 10,000 unchanged files takes 0.3 s (docs/ingest.md), so for a million this is some hundredths of
# a core.
FULL_ROUND_S: Final = 600.0

NONE_LEFT: Final = "none of the sources can be collected now; waiting until one can"


class Watcher:
    """The rounds over some sources of a home. Made for one `watch`."""

    def __init__(
        self,
        ingests: IngestService,
        names: Sequence[str],
        *,
        workers: int | None,
        prune: bool,
        stop: threading.Event,
        settle_s: float,
        progress: Callable[[str, Progress], None] | None,
        notice: Callable[[str], None],
    ) -> None:
        self._ingests = ingests
        self._names = tuple(dict.fromkeys(names))
        self._workers = workers
        self._prune = prune
        self._stop = stop
        self._settle_s = settle_s
        self._progress = progress
        self._notice = notice
        self._refused: dict[str, str] = {}  # why the last round of a source could not be; until its next
        self._told: dict[str, str] = {}  # what was said of sources that can't be collected
        self._before: dict[str, tuple[object, ...]] = {}  # what the last report of a source held, beside what it did
        self._busy_told = False
        self._none_told = False

    def rounds(self) -> Iterator[Ingested]:
        """One for the first round, then each that did something or found a source that can't be collected."""
        with FolderEvents(ignore=self._ingests.parts.path, notice=self._notice) as events:
            looked_at, try_at = float("-inf"), float("-inf")
            full_at = time.monotonic() + FULL_ROUND_S
            while not self._stop.is_set():
                now = time.monotonic()
                if now >= full_at:
                    events.renew()
                    looked_at, full_at = float("-inf"), now + FULL_ROUND_S
                if now - looked_at >= LOOK_S:
                    standing = self._standing()
                    folders = {name: _folder(source) for name, (source, why) in standing.items() if why is None}
                    events.follow(folders)
                    looked_at = now
                reports: list[IngestReport] = []
                if now >= try_at:
                    due = events.due(quiet_s=self._settle_s, most_s=max(MOST_WAIT_S, self._settle_s))
                    if not self._round(due, events, folders, reports):
                        try_at = time.monotonic() + BUSY_S
                skipped = self._newly_skipped(standing)
                news = [report for report in reports if self._is_news(report)]
                if news or skipped:
                    yield self._ingests.ingested(news, skipped)
                self._stop.wait(TICK_S)

    # --- one look, one round -------------------------------------------------------------------------------------
    def _standing(self) -> dict[str, tuple[Source, str | None]]:
        """Each chosen source, and why it can't be collected now (None: it can)."""
        now = self._ingests.parts.stores.clock()
        standing: dict[str, tuple[Source, str | None]] = {}
        for source in self._ingests.sources.all():
            if (self._names and source.name not in self._names) or source.kind == UPLOAD:
                continue  # what is handed in is taken when it is handed in
            state = source.grant.state(now)
            if state != "in_force":
                standing[source.name] = source, f"its grant is {state.replace('_', ' ')}"
            elif identity(_folder(source)) is None:
                standing[source.name] = source, "its folder is not there; what was taken stays"
            else:
                standing[source.name] = source, None
        return standing

    def _round(
        self, due: Sequence[str], events: FolderEvents, folders: Mapping[str, Path], reports: list[IngestReport]
    ) -> bool:
        """The due sources are ingested into `reports`. False: another ingest runs, and what is left stays due.

        One that is refused, has been erased, or whose folder or manifest can't be read is left alone until it changes.
        """
        for number, name in enumerate(due):
            if self._stop.is_set():
                break
            events.taken(name)  # before the walk: what changes while it runs is for the next round
            try:
                done = self._ingests.ingest(name, workers=self._workers, prune=self._prune, progress=self._progress)
            except HomeBusy as error:
                events.changed(due[number:], at_s=float("-inf"))
                if not self._busy_told:
                    self._busy_told = True
                    self._notice(f"{error.message}; waiting for it")
                return False
            except LogUnwritable:
                raise
            except (PolicyDenied, NotFound, WrongUse, StorageFailed) as error:
                if isinstance(error, StorageFailed) and _is_readable(folders[name]):
                    raise  # it is the home's disk: nothing can go on
                self._refused[name] = error.message
            else:
                self._refused.pop(name, None)
                reports.extend(done.reports)
            self._busy_told = False
        if due:
            self._progress = None  # the first round is the long one
        return True

    def _newly_skipped(self, standing: dict[str, tuple[Source, str | None]]) -> list[tuple[str, str]]:
        """(source, why) of those of which this has not been said yet."""
        now = {name: self._refused.get(name) or why for name, (_, why) in standing.items()}
        skipped = {name: why for name, why in now.items() if why is not None}
        new = [(name, why) for name, why in skipped.items() if self._told.get(name) != why]
        self._told = skipped
        none_left = len(skipped) == len(standing)
        if none_left and not self._none_told:
            self._notice(NONE_LEFT)
        self._none_told = none_left
        return new

    def _is_news(self, report: IngestReport) -> bool:
        """Whether the run did something, or its folder shows something else than the last time."""
        shown = (dict(report.rejected), report.vanished)
        before = self._before.get(report.source)
        self._before[report.source] = shown
        did = report.taken or report.copies or report.again or report.erased
        return bool(did) or before != shown


def watch(
    ingests: IngestService,
    *names: str,
    workers: int | None = None,
    prune: bool = False,
    stop: threading.Event | None = None,
    progress: Callable[[str, Progress], None] | None = None,
    notice: Callable[[str], None] | None = None,
    settle_s: float | None = None,
) -> Iterator[Ingested]:
    """`ingest`, and again whenever a folder of these sources (of all, also later ones) has changed and rested.

    Yields the first round, then each that did something or found a source that can't be collected: `skipped` names
    it once, and it is taken again when it can be. Ends when `stop` is set.
    Args: as `ingest`; progress: of the first round; notice: told in a sentence what it waits for; settle_s: the
    rest, by default 1 s.
    Raises: NotFound: no such source, or none yet; LogUnwritable, StorageFailed.
    """
    ingests.sources.chosen(names)
    watcher = Watcher(
        ingests, names, workers=workers, prune=prune, stop=stop or threading.Event(), progress=progress,
        notice=notice or (lambda _: None), settle_s=SETTLE_S if settle_s is None else settle_s,
    )  # fmt: skip
    return watcher.rounds()


def _folder(source: Source) -> Path:
    return Path(os.fsdecode(source.location))


def _is_readable(folder: Path) -> bool:
    """Whether a source's folder is there, and not empty as that of an unmounted disk is."""
    try:
        with os.scandir(folder) as entries:
            return any(entries)
    except OSError:
        return False
