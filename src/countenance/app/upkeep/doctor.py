"""Looking over a home: what fits together, what does not, and what to do about it. Mends what only needs finishing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from countenance.app.erasure.retention import duty_of
from countenance.app.opening import check_databases
from countenance.app.orders import OrderService
from countenance.app.requests.requests import RequestService
from countenance.app.settings import free_bytes
from countenance.app.upkeep.audit import AuditService
from countenance.app.upkeep.backlog import waiting
from countenance.app.upkeep.status import StatusService
from countenance.app.wiring import Parts
from countenance.errors import CountenanceError, HomeBusy
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.remedies import Remedy

LOW_DISK_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing looked at. `state`: ok, warning or problem; a problem makes doctor end with exit code 1."""

    what: str
    state: str
    said: str
    do: Mapping[str, Any] = field(default_factory=dict)  # the facts of a remedy, which the door words
    path: str = ""  # the file or folder that it is about, which only some doors show

    def as_dict(self) -> dict[str, Any]:
        """What was found, for a door (`remedies.Door.advised`)."""
        found = {"what": self.what, "state": self.state, "said": self.said, "do": dict(self.do)}
        return {**found, "path": self.path} if self.path else found


def _by(remedy: Remedy, *values: object) -> dict[str, Any]:
    return {"remedy": str(remedy), "values": list(map(str, values))}


def _problem(what: str, error: CountenanceError) -> HealthFinding:
    facts = error.as_dict()
    do = {name: fact for name, fact in facts.items() if name in {"remedy", "field", "values", "hint"}}
    return HealthFinding(what, "problem", error.message, do, error.path)


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """How many of each were done now."""

    erasures: int
    orders: int
    requests: int


@dataclass(frozen=True, slots=True)
class HealthService:
    """Whether one home is whole, and what is due in it."""

    parts: Parts
    orders: OrderService
    requests: RequestService
    audit: AuditService
    state: StatusService

    def status(self) -> dict[str, Any]:
        """What the home holds and what is due in it, as `countenance status --json` answers. Reads only."""
        return self.state.read()

    def check_ready(self) -> None:
        """Databases answer, the index is loaded. Raises: StorageFailed, KeyMissing, LogUnwritable."""
        self.parts.stores.records.sources.policy_version()
        len(self.parts.stores.log)
        self.parts.engine().live.refresh()

    def examine(self) -> Iterator[HealthFinding]:
        """Every finding, as it is made; of a home that does not open, what can be seen from outside."""
        yield from self._databases()
        yield from self._disk()
        try:
            self.parts.stores  # noqa: B018  # opens the home
        except CountenanceError as error:
            yield _problem("home", error)
            return
        looks = {
            "master key": self._key_file, "erasures": self._erasures, "duties": self._duties, "waiting": self._waiting,
            "log": self._log, "consistency": self._consistency, "index": self._index, "weights": self._weights,
            "calibration": self._calibration,
        }  # fmt: skip
        for what, look in looks.items():
            try:
                yield from look()
            except CountenanceError as error:
                yield _problem(what, error)

    def report(self) -> dict[str, Any]:
        """All of it, for programs and pages."""
        findings = [each.as_dict() for each in self.examine()]
        return {"findings": findings, "problems": sum(each["state"] == "problem" for each in findings)}

    def _key_file(self) -> Iterator[HealthFinding]:
        keyfile = self.parts.keyfile
        if (
            self.parts.path == keyfile.parent
            or self.parts.path in keyfile.parents
            or self.parts.path.parent == keyfile.parent
        ):
            yield HealthFinding(
                "master key", "warning", "the key file is in the same folder as the home: one theft takes both",
                _by(Remedy.MOVE_KEY_FILE), str(keyfile),
            )  # fmt: skip
        else:
            said = "the key file is the home's, and only its owner can read it"
            yield HealthFinding("master key", "ok", said, path=str(keyfile))

    def _databases(self) -> Iterator[HealthFinding]:
        for name, (said, remedy) in check_databases(self.parts.path).items():
            yield HealthFinding(
                name, "ok" if remedy is None else "problem", said, {} if remedy is None else _by(remedy)
            )

    def _erasures(self) -> Iterator[HealthFinding]:
        finished = self.finish()
        with suppress(HomeBusy), self.parts.ingest_lock():  # else what an ingest has in the making would look left over
            self.parts.blobs.remove_unfinished()
            collect_garbage(self.parts.stores, whole=True)
        pending = list(self.parts.keys.tidy().pending)
        if not self.parts.stores.records.database.truncate_wal():
            pending.append("records.db-wal is held by a reader")
        said = f"{finished.erasures} finished now" if finished.erasures else "none is unfinished"
        said += f"; orders finished now: {finished.orders}" if finished.orders else ""
        said += f"; requests finished now: {finished.requests}" if finished.requests else ""
        said += "".join(f"; pending: {each}" for each in pending)
        do = _by(Remedy.RUN_DOCTOR_ALONE) if pending else {}
        yield HealthFinding("erasures", "warning" if pending else "ok", said, do)

    def _duties(self) -> Iterator[HealthFinding]:
        now = self.parts.stores.clock()
        for source in self.parts.stores.records.sources.all():
            duty = duty_of(source, now)
            if duty is not None:
                state = "problem" if duty.overdue else "warning"
                about = duty.as_dict()
                yield HealthFinding(
                    "duties", state, f"{source.name}: {duty.why}, erase by {about['deadline']}", about["do"]
                )

    def _waiting(self) -> Iterator[HealthFinding]:
        for each in waiting(self.parts.stores):
            for said, do in each.parts:
                yield HealthFinding("waiting", "warning", f"{each.source}: {said}", do)

    def _log(self) -> Iterator[HealthFinding]:
        found = self.audit.verify()
        yield HealthFinding("log", "ok", f"{found['entries']} entries, whole, root {found['root'][:16]}")

    def _consistency(self) -> Iterator[HealthFinding]:
        stores = self.parts.stores
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
                                    _by(Remedy.RESTORE_FROM_BACKUP))  # fmt: skip
            elif spare:
                yield HealthFinding(what, "warning", f"{len(spare)} that no record names", _by(Remedy.RUN_DOCTOR_ALONE))
            else:
                yield HealthFinding(what, "ok", "every one that the records name is there")

    def _index(self) -> Iterator[HealthFinding]:
        index = self.parts.engine().live.refresh()
        classes = [c.id for c in self.parts.stores.records.policy.facts()[1]]
        rows, wanted = index.count(classes), self.parts.stores.records.gallery.count_enrolled()
        if rows == wanted:
            yield HealthFinding("index", "ok", f"{rows} rows, as the records have them")
        else:
            yield HealthFinding("index", "problem", f"{rows} rows, and the records have {wanted}",
                                _by(Remedy.DELETE_INDEX), str(self.parts.path / "index"))  # fmt: skip

    def _weights(self) -> Iterator[HealthFinding]:
        space = self.parts.engine().embedder.space
        yield HealthFinding("weights", "ok", f"{space.model}, sha256 {space.weights_sha256[:16]}, as the manifest says")

    def _disk(self) -> Iterator[HealthFinding]:
        free = free_bytes(self.parts.path)
        low = free < LOW_DISK_BYTES
        yield HealthFinding(
            "disk", "warning" if low else "ok", f"{free / 2**30:.1f} GB free", _by(Remedy.FREE_SPACE) if low else {}
        )

    def _calibration(self) -> Iterator[HealthFinding]:
        own = self.parts.calibrations.has(self.parts.engine().embedder.space)
        calibration, detector = self.parts.engine().calibration, self.parts.detector()
        said = f"{calibration.id}, {'measured in this home' if own else 'as it came with the model'}"
        # Another detector places eyes and mouth elsewhere, and the scores move with them.
        measured_with = calibration.about.get("detector")
        if not isinstance(measured_with, dict) or measured_with.get("weights_sha256") != detector.sha256:
            said += f", with another detector than {detector.name}, which finds the faces now: its odds may be off"
            model = self.parts.engine().embedder.space.model
            yield HealthFinding("calibration", "warning", said, _by(Remedy.MEASURE_MODEL, model))
        else:
            yield HealthFinding("calibration", "ok", said)

    def finish(self) -> RecoveryReport:
        """Raises: LogUnwritable, StorageFailed, HomeBusy."""
        erasures = self.parts.engine().eraser.resume() if self.parts.stores.records.erasures.unfinished() else ()
        return RecoveryReport(len(erasures), len(self.orders.finish()), self.requests.finish())
