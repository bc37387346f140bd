"""A home: one installation's data, and everything that can be done with it. It names who does it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from countenance.app import manifest as manifests
from countenance.app.access.access_keys import AccessKeyService
from countenance.app.access.identity import Who
from countenance.app.access.sign_in import SignInService
from countenance.app.erasure.erasing import ErasureService
from countenance.app.erasure.receipts import ReceiptService
from countenance.app.erasure.retention import RetentionService
from countenance.app.guests import GuestService
from countenance.app.idempotency import IdempotencyService
from countenance.app.job_kinds import Work
from countenance.app.jobs import JobService
from countenance.app.opening import make_home
from countenance.app.orders import OrderService
from countenance.app.people import PersonService
from countenance.app.pictures.pictures import PictureService
from countenance.app.pictures.uploads import UploadService
from countenance.app.requests.requests import RequestService
from countenance.app.search.export import ExportService
from countenance.app.search.lookups import LookupService
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
from countenance.pipeline.clients import ClientWorkflow
from countenance.pipeline.people.suggest import SuggestedGroup
from countenance.pipeline.pictures.ingest_report import Progress
from countenance.remedies import Remedy
from countenance.types import HomeKind


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
        # what is done most, by a short name
        self.add_source = self.grants.add
        self.sources = self.grants.all
        self.source = self.grants.get
        self.suspend = self.grants.suspend
        self.resume = self.grants.resume
        self.withdraw = self.grants.withdraw
        self.takedown = self.grants.takedown
        self.interaction = self.grants.interaction
        self.purpose_met = self.grants.purpose_met
        self.ingest = self.ingests.ingest
        self.search_for_guests = self.ingests.search_for_guests
        self.search = self.lookups.search
        self.search_and_look = self.lookups.search_and_look
        self.search_face = self.lookups.search_face
        self.search_person = self.lookups.search_person
        self.detect = self.lookups.detect
        self.compare = self.lookups.compare
        self.duplicates = self.lookups.duplicates
        self.crop = self.pictures.crop
        self.erase = self.erasures.erase
        self.evaluate = self.evaluation.evaluate
        self.use_shipped_calibration = self.evaluation.use_shipped
        self.verify_log = self.audit.verify

    @property
    def people(self) -> PersonService:
        """Several faces that are one person by your decision: `new`, `name`, `accept`, ... (docs/people.md)."""
        return PersonService(self.parts.stores, OPERATOR, self.parts)

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

    def faces_of(self, person: str) -> tuple[tuple[str, str], ...]:
        """(face id, address of its picture) of a person's faces that may be shown now. Raises NotFound."""
        return self.people.shown(person)

    def suggest_people(self) -> tuple[SuggestedGroup, ...]:
        """Faces that may be one person, for you to decide. Raises: PolicyDenied: across an organisation's gallery."""
        return self.people.suggest()


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
