"""Looking over a home: what fits together, what does not, and what to do about it. Mends what only needs finishing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from countenance.app.erasure.retention import duty_of
from countenance.app.opening import check_databases
from countenance.app.redact import without_paths
from countenance.app.settings import free_bytes
from countenance.app.upkeep.backlog import waiting
from countenance.app.upkeep.recovery import finish
from countenance.errors import CountenanceError, HomeBusy
from countenance.pipeline.garbage_collect import collect_garbage

if TYPE_CHECKING:
    from countenance.app.home import Home

LOW_DISK_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing looked at. `state`: ok, warning or problem; a problem makes doctor end with exit code 1."""

    what: str
    state: str
    said: str
    do: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {"what": self.what, "state": self.state, "said": self.said, "do": self.do}


def examine(home: Home) -> Iterator[HealthFinding]:
    """Every finding, as it is made; of a home that does not open, what can be seen from outside."""
    yield from _databases(home)
    yield from _disk(home)
    try:
        home.parts.stores  # noqa: B018  # opens the home
    except CountenanceError as error:
        yield HealthFinding("home", "problem", error.message, error.hint)
        return
    for what, look in _LOOKS.items():
        try:
            yield from look(home)
        except CountenanceError as error:
            yield HealthFinding(what, "problem", error.message, error.hint)


def told(home: Home) -> dict[str, Any]:
    """All of it, for programs and pages: without where anything lies on the machine."""
    findings = [{name: without_paths(home, text) for name, text in each.as_dict().items()} for each in examine(home)]
    return {"findings": findings, "problems": sum(each["state"] == "problem" for each in findings)}


def _key_file(home: Home) -> Iterator[HealthFinding]:
    keyfile = home.parts.keyfile
    if home.path == keyfile.parent or home.path in keyfile.parents or home.path.parent == keyfile.parent:
        yield HealthFinding(
            "master key", "warning", f"{keyfile} lies in the same folder as the home: one theft takes both",
            "move it and set COUNTENANCE_KEYFILE",
        )  # fmt: skip
    else:
        yield HealthFinding("master key", "ok", f"{keyfile} is the home's, and only its owner can read it")


def _databases(home: Home) -> Iterator[HealthFinding]:
    for name, report in check_databases(home.path).items():
        ok = report == "ok"
        yield HealthFinding(name, "ok" if ok else "problem", report, "" if ok else "restore the home from a backup")


def _erasures(home: Home) -> Iterator[HealthFinding]:
    finished = finish(home)
    with suppress(HomeBusy), home.parts.ingest_lock():  # else what an ingest has in the making would look left over
        home.parts.blobs.remove_unfinished()
        collect_garbage(home.parts.stores, whole=True)
    pending = list(home.parts.keys.tidy().pending)
    if not home.parts.stores.records.database.truncate_wal():
        pending.append("records.db-wal is held by a reader")
    said = f"{finished.erasures} finished now" if finished.erasures else "none is unfinished"
    said += f"; orders finished now: {finished.orders}" if finished.orders else ""
    said += f"; requests finished now: {finished.requests}" if finished.requests else ""
    yield HealthFinding("erasures", "warning" if pending else "ok", said + "".join(f"; pending: {p}" for p in pending),
                  "run doctor again when no other process uses the home" if pending else "")  # fmt: skip


def _duties(home: Home) -> Iterator[HealthFinding]:
    now = home.parts.stores.clock()
    for source in home.sources():
        duty = duty_of(source, now)
        if duty is not None:
            state = "problem" if duty.overdue else "warning"
            told = duty.as_dict()
            yield HealthFinding("duties", state, f"{source.name}: {duty.why}, erase by {told['deadline']}", told["do"])


def _waiting(home: Home) -> Iterator[HealthFinding]:
    for each in waiting(home):
        yield HealthFinding("waiting", "warning", f"{each.source}: {each}", "; ".join(each.do))


def _log(home: Home) -> Iterator[HealthFinding]:
    found = home.verify_log()
    yield HealthFinding("log", "ok", f"{found['entries']} entries, whole, root {found['root'][:16]}")


def _consistency(home: Home) -> Iterator[HealthFinding]:
    stores = home.parts.stores
    gallery = stores.records.gallery
    for what, named, held in (
        ("crops and evidence", gallery.blob_names, stores.blobs.names),
        ("data keys", gallery.key_ids, stores.keys.ids),
    ):
        before, there = set(named()), set(held())
        missing = (before - there) & set(named())  # what another process erased meanwhile is not missing
        spare = there - before if what != "data keys" else set()  # the index's segments have keys of their own
        if missing:
            yield HealthFinding(what, "problem", f"{len(missing)} of {len(before)} are missing",
                          "restore the home from a backup")  # fmt: skip
        elif spare:
            yield HealthFinding(
                what, "warning", f"{len(spare)} that no record names", "run doctor again when no ingest runs"
            )
        else:
            yield HealthFinding(what, "ok", "every one that the records name is there")


def _index(home: Home) -> Iterator[HealthFinding]:
    index = home.parts.engine().live.refresh()
    classes = [c.id for c in home.parts.stores.records.policy.facts()[1]]
    rows, wanted = index.count(classes), home.parts.stores.records.gallery.count_enrolled()
    if rows == wanted:
        yield HealthFinding("index", "ok", f"{rows} rows, as the records have them")
    else:
        yield HealthFinding("index", "problem", f"{rows} rows, and the records have {wanted}",
                      f"delete the folder {home.path / 'index'}: a cache, made anew from the records")  # fmt: skip


def _weights(home: Home) -> Iterator[HealthFinding]:
    space = home.parts.engine().embedder.space
    yield HealthFinding("weights", "ok", f"{space.model}, sha256 {space.weights_sha256[:16]}, as the manifest says")


def _disk(home: Home) -> Iterator[HealthFinding]:
    free = free_bytes(home.path)
    low = free < LOW_DISK_BYTES
    yield HealthFinding("disk", "warning" if low else "ok", f"{free / 2**30:.1f} GB free", "make room" if low else "")


def _calibration(home: Home) -> Iterator[HealthFinding]:
    own = home.parts.calibrations.has(home.parts.engine().embedder.space)
    calibration, detector = home.parts.engine().calibration, home.parts.detector()
    said = f"{calibration.id}, {'measured in this home' if own else 'as it came with the model'}"
    # Another detector places eyes and mouth elsewhere, and the scores move with them.
    measured_with = calibration.about.get("detector")
    if not isinstance(measured_with, dict) or measured_with.get("weights_sha256") != detector.sha256:
        said += f", with another detector than {detector.name}, which finds the faces now: its odds may be off"
        yield HealthFinding("calibration", "warning", said, "measure it again: countenance evaluate --people DIR --use")
    else:
        yield HealthFinding("calibration", "ok", said)


_LOOKS: dict[str, Callable[[Home], Iterator[HealthFinding]]] = {
    "master key": _key_file,
    "erasures": _erasures,
    "duties": _duties,
    "waiting": _waiting,
    "log": _log,
    "consistency": _consistency,
    "index": _index,
    "weights": _weights,
    "calibration": _calibration,
}
