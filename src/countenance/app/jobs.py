"""Work that outlasts a request, in a thread of the process that was asked for it; any process can tell how it goes.

Nothing rests on a job: it runs what a command would (app/job_kinds.py), which is safe to kill and to run again.
A job whose process was killed stops beating, and is told as stopped by everybody else.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from countenance.app import job_kinds
from countenance.app.wiring import Parts
from countenance.errors import CountenanceError, HomeBusy, WrongUse
from countenance.pipeline.ids import checked_uuid
from countenance.records.upkeep.jobs import OPEN, JobRow, JobTable
from countenance.remedies import Remedy

BEAT_S: Final = 2.0
LOST: Final = timedelta(seconds=30)  # without a beat: its process is gone
TOLD_EVERY_S: Final = 0.5
KEPT_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Job:
    """Where a job stands."""

    id: str
    kind: str
    source: str | None
    state: str  # queued, running, done, failed, stopped
    progress: dict[str, Any]
    error: dict[str, Any] | None  # the facts of a CountenanceError, which the door words
    made_at: str
    done_at: str | None

    @property
    def open(self) -> bool:
        """Whether it may come to more."""
        return self.state in {"queued", "running"}

    def as_dict(self) -> dict[str, Any]:
        """For --json and the API."""
        return {name: getattr(self, name) for name in self.__slots__}


class JobService:
    """The jobs of a home, and the thread in which this process runs those that it was asked for, one after another."""

    def __init__(self, parts: Parts, work: job_kinds.Work) -> None:
        self._parts = parts
        self._calls = work
        self._ending = threading.Event()

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "job")

    @property
    def _rows(self) -> JobTable:
        return self._parts.stores.records.jobs

    def _clock(self) -> datetime:
        return self._parts.stores.clock()

    def start(self, source: str | None = None, *, kind: str = "ingest", **options: Any) -> Job:
        """It is done when its turn comes. A job of this kind that waits for that source already is the answer instead.

        Args: source: what it is about; None for a kind that is about the whole home; options: as the kind takes them.
        Raises: NotFound; WrongUse: no such kind, or one that can't be done so.
        """
        if kind not in job_kinds.KINDS:
            raise WrongUse(
                f"{kind!r} is not a kind of job", Remedy.USE_ONE_OF, field="kind", values=tuple(job_kinds.KINDS)
            )
        job_kinds.KINDS[kind].check(self._calls, source, options)
        source_id = None if source is None else self._parts.stores.records.sources.get(source).id
        if source_id is not None:
            for job in map(self._told, self._rows.newest(20, source_id)):
                if job.state == "queued" and job.kind == kind:
                    return job
        now, uid = self._clock(), uuid.uuid4()
        self._rows.forget(now - KEPT_FOR)
        self._rows.add(uid, kind, source_id, now)
        self._thread.submit(self._run, str(uid), source, kind, options)
        return self.get(str(uid))

    def get(self, job: str) -> Job:
        """Raises NotFound."""
        return self._told(self._rows.get(checked_uuid(job, "job")))

    def newest(self, limit: int = 20, *, source: str | None = None) -> list[Job]:
        """The newest first. Raises NotFound: no such source."""
        source_id = None if source is None else self._parts.stores.records.sources.get(source).id
        return [self._told(row) for row in self._rows.newest(limit, source_id)]

    def stop(self, job: str) -> Job:
        """It ends at its next step, whichever process runs it; what was recorded stays. Raises NotFound."""
        uid = checked_uuid(job, "job")
        self._rows.get(uid)
        self._rows.set_state(uid, "stopping", among=("queued", "running"))
        return self.get(uid)

    def follow(self, job: str, *, every_s: float = TOLD_EVERY_S) -> Iterator[Job]:
        """Where it stands, each time that it has moved, until it has ended. Raises NotFound."""
        before = None
        while True:
            now = self.get(job)
            if now != before:
                yield now
                before = now
            if not now.open:
                return
            time.sleep(every_s)

    def close(self) -> None:
        """What runs here ends at its next step, and what waits here is told as stopped."""
        if "_thread" in self.__dict__:
            self._ending.set()
            self._thread.shutdown(wait=True)
            self._ending.clear()
            del self._thread

    # --- in the thread -------------------------------------------------------------------------------------------
    def _run(self, uid: str, source: str | None, kind: str, options: Mapping[str, Any]) -> None:
        beating = threading.Event()
        beat = threading.Thread(target=self._beat, args=(uid, beating), daemon=True)
        beat.start()
        try:
            progress = self._when_free(uid, lambda: self._work(uid, source, kind, options))
        except _Stopped:
            self._rows.set_state(uid, "stopped", done_at=self._clock())
        except CountenanceError as error:
            facts = {name: said for name, said in error.as_dict().items() if name != "path"}  # a row names no place
            self._rows.set_state(uid, "failed", error=facts, done_at=self._clock())
        except Exception as bug:  # noqa: BLE001 - nobody reads this thread's errors: the job itself says where it was
            self._rows.set_state(uid, "failed", error=_told_bug(bug), done_at=self._clock())
        else:
            self._rows.set_state(uid, "done", progress=progress, done_at=self._clock())
        finally:
            beating.set()
            beat.join()

    def _when_free(self, uid: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The work, once no other process ingests."""
        while True:
            self._go_on(uid)
            try:
                return work()
            except HomeBusy:
                self._ending.wait(1)

    def _work(self, uid: str, source: str | None, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
        self._rows.set_state(uid, "running", among=("queued",), begun_at=self._clock())
        return job_kinds.KINDS[kind].run(self._calls, source, options, self._teller(uid))

    def _teller(self, uid: str) -> job_kinds.Tell:
        told_at = float("-inf")

        def tell(progress: Mapping[str, Any]) -> None:
            nonlocal told_at
            if self._ending.is_set():
                raise _Stopped
            if time.monotonic() - told_at >= TOLD_EVERY_S:
                self._go_on(uid, progress)
                told_at = time.monotonic()

        return tell

    def _go_on(self, uid: str, progress: Mapping[str, Any] | None = None) -> None:
        """Raises _Stopped: somebody wished it."""
        state = self._rows.record_heartbeat(uid, self._clock(), progress)
        if self._ending.is_set() or state not in {"queued", "running"}:
            raise _Stopped

    def _beat(self, uid: str, over: threading.Event) -> None:
        while not over.wait(BEAT_S):
            self._rows.record_heartbeat(uid, self._clock())

    def _told(self, row: JobRow) -> Job:
        lost = row.state in OPEN and row.beat_at is not None and row.beat_at + LOST < self._clock()
        return Job(
            row.uid, row.kind, row.source, "stopped" if lost else "running" if row.state == "stopping" else row.state,
            dict(row.progress), None if row.error is None else dict(row.error),
            row.made_at.isoformat(timespec="seconds"),
            None if row.done_at is None else row.done_at.isoformat(timespec="seconds"),
        )  # fmt: skip


def _told_bug(bug: Exception) -> dict[str, Any]:
    """Which error, and the line it came from. Not its text: that may hold a name or a place."""
    *_, last = traceback.extract_tb(bug.__traceback__)
    where = f"{type(bug).__name__} in {Path(last.filename).name}, line {last.lineno}"
    return {"kind": "error", "message": f"a bug of ours ended it: {where}", "remedy": str(Remedy.REPORT_BUG)}


class _Stopped(Exception):
    """Somebody wished the job to end."""
