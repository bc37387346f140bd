"""What each kind of job does. Its progress and its end are counts and kinds: a job's row holds no name and no place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from countenance.app.sources.ingests import IngestService
from countenance.app.upkeep.backups import BackupService
from countenance.app.upkeep.reindex import ReindexService
from countenance.errors import WrongUse
from countenance.pipeline.pictures.ingest_report import Progress
from countenance.remedies import Remedy

Tell = Callable[[Mapping[str, Any]], None]  # where it stands; raises once somebody wishes the job to end
Check = Callable[["Work", str | None, Mapping[str, Any]], None]
Run = Callable[["Work", str | None, Mapping[str, Any], Tell], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Work:
    """What jobs call."""

    ingests: IngestService
    reindexing: ReindexService
    backups: BackupService


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: what is looked at before it waits for its turn, and what it does then."""

    check: Check
    run: Run


def _needs_source(_work: Work, source: str | None, _options: Mapping[str, Any]) -> None:
    if source is None:
        raise WrongUse("this job needs a source", Remedy.ADD_FIELD, field="source")


def _of_the_home(source: str | None) -> None:
    if source is not None:
        raise WrongUse("this job is about the whole home", Remedy.OMIT_FIELD, field="source")


def _ingest(work: Work, source: str | None, options: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    assert source is not None  # checked
    done = work.ingests.ingest(source, prune=options.get("prune", False), progress=lambda _, now: tell(_counts(now)))
    [report] = done.reports
    counts = report.as_dict()
    return {"done": report.files, "total": report.files, **{name: counts[name] for name in counts if name != "source"}}


def _counts(progress: Progress) -> dict[str, Any]:
    return {"done": progress.done, "total": progress.total, "indexed": progress.indexed, "rejected": progress.rejected}


def _guests(work: Work, source: str | None, _options: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    assert source is not None  # checked
    again = work.ingests.search_for_guests(source, progress=lambda done, total: tell({"done": done, "total": total}))
    return {"done": again.pictures, "total": again.pictures, "indexed": again.indexed}


def _can_reindex(work: Work, source: str | None, options: Mapping[str, Any]) -> None:
    _of_the_home(source)
    work.reindexing.check(options.get("model"))


def _reindex(work: Work, _source: str | None, options: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    state = work.reindexing.begin_or_go_on(
        options.get("model"), progress=lambda done, total: tell({"done": done, "total": total})
    )
    counts: dict[str, Any] = {name: state[name] for name in _COUNTS if name in state}
    made = state.get("made", 0)
    return {**counts, "done": made, "total": made + state.get("lacking", 0)}


def _can_back_up(work: Work, source: str | None, _options: Mapping[str, Any]) -> None:
    _of_the_home(source)
    work.backups.folder()


def _back_up(work: Work, _source: str | None, options: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    return work.backups.make(**options, progress=lambda written: tell({"bytes": written}))


_COUNTS: Final = ("state", "from", "to", "model", "lacking", "percent")  # not `why`, which names places
KINDS: Final[Mapping[str, Kind]] = {
    "ingest": Kind(_needs_source, _ingest),
    "guests": Kind(_needs_source, _guests),
    "reindex": Kind(_can_reindex, _reindex),
    "backup": Kind(_can_back_up, _back_up),
}
