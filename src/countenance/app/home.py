"""A home: one installation's data, and everything that can be done with it. It names who does it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from countenance.app import manifest as manifests
from countenance.app.access.access_keys import AccessKeyService
from countenance.app.access.identity import Who
from countenance.app.access.sign_in import SignInService
from countenance.app.erasure.erasing import ErasureService
from countenance.app.erasure.receipts import ReceiptService
from countenance.app.erasure.retention import RetentionService
from countenance.app.guests import GuestService
from countenance.app.idempotency import IdempotencyService
from countenance.app.inputs import DocumentLike, PictureLike
from countenance.app.job_kinds import Work
from countenance.app.jobs import JobService
from countenance.app.opening import make_home
from countenance.app.orders import OrderService
from countenance.app.pictures.pictures import PictureService
from countenance.app.pictures.uploads import UploadService
from countenance.app.requests.requests import RequestService
from countenance.app.search.export import ExportService
from countenance.app.search.lookups import Comparison, LookupService
from countenance.app.search.rekognition_collections import CollectionService
from countenance.app.search.search_sessions import SearchSessionService
from countenance.app.settings import Settings
from countenance.app.sources.ingests import Ingested, IngestService
from countenance.app.sources.source_acts import SourceService
from countenance.app.upkeep.audit import AuditService
from countenance.app.upkeep.backups import BackupService
from countenance.app.upkeep.doctor import HealthService
from countenance.app.upkeep.evaluation import EvaluationService
from countenance.app.upkeep.keyring import KeyringService
from countenance.app.upkeep.models import ModelService
from countenance.app.upkeep.references import ReferenceService
from countenance.app.upkeep.reindex import ReindexService
from countenance.app.upkeep.status import StatusService
from countenance.app.wiring import OPERATOR, Parts
from countenance.errors import WrongUse
from countenance.pipeline.analyse import FaceAnalysis
from countenance.pipeline.clients import ClientWorkflow
from countenance.pipeline.erasure.erase import ErasureReport
from countenance.pipeline.people.persons import PersonWorkflow
from countenance.pipeline.people.suggest import SuggestedGroup, suggest
from countenance.pipeline.pictures.duplicates import Duplicates
from countenance.pipeline.pictures.ingest_report import Progress, SecondPassProgress
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy
from countenance.rights.grants import ERASE_WITHIN_DAYS
from countenance.rights.subjects import SubjectLine
from countenance.types import HomeKind, SearchResult

if TYPE_CHECKING:
    from countenance.calibrate.calibration import Calibration
    from countenance.pipeline.upkeep.evaluate import Evaluation


class Home:
    """One home, open. A context manager; closing it twice is harmless. Nothing is opened before it is needed."""

    def __init__(self, path: Path, manifest: manifests.HomeManifest) -> None:
        self.path = path
        self.kind = manifest.kind
        self.id = manifest.id
        self.parts = parts = Parts(path, manifest)  # for services and tests alone
        # what may be taken, and what was
        self.grants = SourceService(parts)  # sources and their grants: docs/grants.md
        self.pictures = PictureService(parts)  # one by one, and by pages through a source's
        # what people and authorities demand
        self.requests = RequestService(parts)  # of pictured people: docs/requests.md
        self.orders = OrderService(parts)  # of regulators, courts and platforms: docs/orders.md
        self.receipts = ReceiptService(parts)  # signed accounts of what was done: docs/erasure.md
        self.erasures = ErasureService(parts)
        self.retention = RetentionService(parts, self.requests, self.erasures)  # what is due to be erased
        # pictures in, leads out
        self.ingests = IngestService(parts, self.grants, self.orders, self.requests)
        self.uploads = UploadService(parts, self.ingests, self.pictures)  # handed in: docs/uploads.md
        self.lookups = LookupService(parts, self.grants)
        self.exports = ExportService(parts, self.pictures)  # searches, written out
        self.searches = SearchSessionService(parts, self.lookups, self.exports)  # by pages: docs/pages.md
        # who may ask
        self.access_keys = AccessKeyService(parts)  # of programs: docs/access-keys.md
        self.sign_in = SignInService(parts)  # of people, by the service's pages
        self.idempotency = IdempotencyService(parts)  # writes of programs that may be sent again
        # upkeep
        self.audit = AuditService(parts)  # the log, proofs, exports, witnesses: docs/audit-log.md
        self.models = ModelService(parts)  # docs/models.md
        self.evaluation = EvaluationService(parts)  # docs/evaluation.md
        self.reindexing = ReindexService(parts, self.evaluation)  # to another model: docs/reindex.md
        self.references = ReferenceService(parts)  # of subjects, in the model that is changed to
        self.backups = BackupService(parts, _problems_of)  # docs/backup.md
        self.keyring = KeyringService(parts)
        status = StatusService(parts, self.orders, self.requests, self.retention, self.reindexing)
        self.health = HealthService(parts, self.orders, self.requests, self.audit, status)  # status and doctor
        self.jobs = JobService(parts, Work(self.ingests, self.reindexing, self.backups))  # run by this process
        self.guests = GuestService(parts, self.pictures, self.jobs)  # of events: docs/guests.md

    @property
    def people(self) -> PersonWorkflow:
        """Several faces that are one person by your decision: `new`, `name`, `add`, `remove`, ... (docs/people.md)."""
        return PersonWorkflow(self.parts.stores, OPERATOR)

    @property
    def clients(self) -> ClientWorkflow:
        """Organisations that may search here: `add`, `end`, `all`, `get` (docs/clients.md)."""
        return ClientWorkflow(self.parts.stores)

    def collections(self, who: Who) -> CollectionService:
        """The collections of whoever asks by the Rekognition door (docs/rekognition.md)."""
        return CollectionService(self.parts, self.grants, self.ingests, who)

    def now(self) -> datetime:
        """The time by this home's clock, UTC."""
        return self.parts.stores.clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Databases are closed and child processes gone."""
        self.searches.close()
        self.jobs.close()
        self.parts.close()

    # --- sources -------------------------------------------------------------------------------------------------
    def add_source(
        self, name: str, path: str | os.PathLike[str] | None, *, basis: str, jurisdiction: str,
        within: str | None = None, purposes: Sequence[str] = (), evidence: DocumentLike | None = None,
        subjects: str | os.PathLike[str] | Sequence[SubjectLine] | None = None, expires: str | None = None,
        erase_within_days: int = ERASE_WITHIN_DAYS, retain_days: int | None = None, retain_from: str | None = None,
        retain_rule: str | None = None, law: str | None = None, authority: str | None = None,
    ) -> Source:  # fmt: skip
        """A folder may be collected from now on, under this grant: see `SourceService.add`."""
        return self.grants.add(
            name, path, basis=basis, jurisdiction=jurisdiction, within=within, purposes=purposes, evidence=evidence,
            subjects=subjects, expires=expires, erase_within_days=erase_within_days, retain_days=retain_days,
            retain_from=retain_from, retain_rule=retain_rule, law=law, authority=authority,
        )  # fmt: skip

    def sources(self) -> tuple[Source, ...]:
        """Every source, by name."""
        return self.grants.all()

    def source(self, name: str) -> Source:
        """Raises NotFound."""
        return self.grants.get(name)

    def suspend(self, name: str) -> Source:
        """Its faces are out of the very next search, in every process, until `resume`."""
        return self.grants.suspend(name)

    def resume(self, name: str) -> Source:
        """A suspended grant is in force again."""
        return self.grants.resume(name)

    def withdraw(self, name: str) -> Source:
        """The grant is over: its faces are out of the very next search, and due for erasure within its term."""
        return self.grants.withdraw(name)

    def takedown(self, name: str) -> ErasureReport:
        """The grant is over and everything taken under it is erased now."""
        return self.grants.takedown(name)

    def interaction(self, name: str) -> Source:
        """The people pictured dealt with you today: terms of retention that run from it begin anew."""
        return self.grants.interaction(name)

    def purpose_met(self, name: str) -> Source:
        """What its pictures were for is done: terms of retention that run from it begin. The first day counts."""
        return self.grants.purpose_met(name)

    # --- pictures in ---------------------------------------------------------------------------------------------
    def ingest(
        self, *names: str, workers: int | None = None, prune: bool = False,
        progress: Callable[[str, Progress], None] | None = None,
    ) -> Ingested:  # fmt: skip
        """Every picture of these sources (of all, if none is named) is taken that may be: `IngestService.ingest`."""
        return self.ingests.ingest(*names, workers=workers, prune=prune, progress=progress)

    def watch(
        self, *names: str, workers: int | None = None, prune: bool = False, stop: threading.Event | None = None,
        progress: Callable[[str, Progress], None] | None = None, notice: Callable[[str], None] | None = None,
        settle_s: float | None = None,
    ) -> Iterator[Ingested]:  # fmt: skip
        """`ingest`, and again whenever a folder of these sources has changed and rested: `sources.watch.watch`."""
        from countenance.app.sources.watch import watch

        return watch(
            self.ingests, *names, workers=workers, prune=prune, stop=stop, progress=progress, notice=notice,
            settle_s=settle_s,
        )  # fmt: skip

    def search_for_guests(
        self, name: str, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> SecondPassProgress:
        """The source's pictures were looked at for every guest who waits for it (docs/guests.md). Safe to kill."""
        return self.ingests.search_for_guests(name, workers=workers, progress=progress)

    # --- leads out -----------------------------------------------------------------------------------------------
    def search(
        self, picture: PictureLike, *, face: int | None = None, top: int = 10, threshold: float | None = None,
        fpir: float | None = None, purpose: str | None = None, case: str | None = None, client: str | None = None,
    ) -> SearchResult:  # fmt: skip
        """Leads for one face of `picture`: a path, a picture file's bytes, or an (H, W, 3) uint8 RGB array."""
        return self.lookups.search(
            picture, face=face, top=top, threshold=threshold, fpir=fpir, purpose=purpose, case=case, client=client
        )

    def search_and_look(
        self, picture: PictureLike, *, preview_px: int = 1024, purpose: str | None = None, **question: Any
    ) -> tuple[SearchResult, FaceAnalysis]:
        """`search`, with what was seen in the probe, for pages that show it: at most `preview_px` wide and high."""
        return self.lookups.search_and_look(picture, preview_px=preview_px, purpose=purpose, **question)

    def search_face(self, face_id: str, *, purpose: str | None = None, **question: Any) -> SearchResult:
        """`search` for a face of the gallery, by a lead's `face_id`."""
        return self.lookups.search_face(face_id, purpose=purpose, **question)

    def search_person(self, person: str, *, purpose: str | None = None, **question: Any) -> SearchResult:
        """`search` for a person of this home, by its id and all its faces together."""
        return self.lookups.search_person(person, purpose=purpose, **question)

    def detect(self, picture: PictureLike) -> FaceAnalysis:
        """Every face of a picture, with box and quality. Stores nothing."""
        return self.lookups.detect(picture)

    def compare(
        self, a: PictureLike, b: PictureLike, *, face_a: int | None = None, face_b: int | None = None,
        purpose: str | None = None, case: str | None = None, client: str | None = None,
    ) -> Comparison:  # fmt: skip
        """How alike one face of each picture is. Stores nothing but the log entry."""
        return self.lookups.compare(a, b, face_a=face_a, face_b=face_b, purpose=purpose, case=case, client=client)

    def duplicates(self, *names: str, top: int | None = None) -> Duplicates:
        """Pictures of these sources (of all, if none is named) that show one photograph, in groups, largest first."""
        return self.lookups.duplicates(*names, top=top)

    def crop(self, face_id: str) -> bytes:
        """The JPEG thumbnail of an indexed face that may be shown now."""
        return self.pictures.crop(face_id)

    def faces_of(self, person: str) -> tuple[tuple[str, str], ...]:
        """(face id, address of its picture) of a person's faces that may be shown now. Raises NotFound."""
        return self.people.shown(person)

    def suggest_people(self) -> tuple[SuggestedGroup, ...]:
        """Faces that may be one person, for you to decide. Raises: PolicyDenied: across an organisation's gallery."""
        engine = self.parts.engine()
        return suggest(self.parts.stores, engine.embedder.space, engine.calibration)

    # --- how good it is, and out for good ------------------------------------------------------------------------
    def evaluate(
        self, *, people: str | os.PathLike[str] | None = None, pairs: str | os.PathLike[str] | None = None,
        groups: str | os.PathLike[str] | None = None, model: str | None = None, use: bool = False,
        purpose: str | None = None, case: str | None = None, progress: Callable[[int, int], None] | None = None,
    ) -> Evaluation:  # fmt: skip
        """A model measured on labelled pictures (docs/evaluation.md): see `EvaluationService.evaluate`."""
        return self.evaluation.evaluate(
            people=people, pairs=pairs, groups=groups, model=model, use=use, purpose=purpose, case=case,
            progress=progress,
        )  # fmt: skip

    def use_shipped_calibration(self, model: str | None = None) -> Calibration | None:
        """The shipped calibration of the model stands again, if any. Raises NotFound: the home has none of its own."""
        return self.evaluation.use_shipped(model)

    def erase(
        self, *, face: str | None = None, picture: str | None = None, source: str | None = None,
        person: str | None = None, jurisdiction: str | None = None, probe: str | None = None, case: str | None = None,
        authority: str | None = None, dry_run: bool = False,
    ) -> ErasureReport:  # fmt: skip
        """One of these is gone from everything that the home keeps: see `ErasureService.erase`."""
        return self.erasures.erase(
            face=face, picture=picture, source=source, person=person, jurisdiction=jurisdiction, probe=probe, case=case,
            authority=authority, dry_run=dry_run,
        )  # fmt: skip

    def verify_log(self) -> dict[str, Any]:
        """What `countenance log verify --json` answers, of a log that is whole. Raises LogBroken: the first bad one."""
        return self.audit.verify()


def open_home(path: str | os.PathLike[str] | None = None, *, kind: str | None = None) -> Home:
    """The home at `path` (by default COUNTENANCE_HOME or the user's data folder), made if there is none.

    Raises: WrongUse: the folder is another kind of home, or holds something else; HomeTooNew; KeyMissing;
    StorageFailed.
    """
    if kind is not None and kind not in set(HomeKind):
        raise WrongUse(f"{kind!r} is not a kind of home", Remedy.USE_ONE_OF, field="kind", values=tuple(HomeKind))
    where = Settings.read(path).home
    found = manifests.read(where)
    if found is None:
        found = make_home(where, HomeKind(kind or HomeKind.HOUSEHOLD))
    elif kind is not None and found.kind != kind:
        raise WrongUse(
            f"the home is of kind {found.kind}, which was fixed when it was made; for one of kind {kind}, "
            "name another folder",
            field="kind",
            path=where,
        )
    return Home(where, found)


def _problems_of(path: Path) -> list[str]:
    """What is wrong with the home there."""
    with open_home(path) as home:
        found = home.health.examine()
        return [f"{each.what}: {each.said}" for each in found if each.state == "problem" and each.what != "duties"]
