"""The record store: one database, opened once, in the parts that its users need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from countenance.records.access.access_keys import AccessKeys
from countenance.records.access.accounts import Accounts
from countenance.records.access.clients import Clients
from countenance.records.changes import ChangeList
from countenance.records.database import Database, open_sqlite
from countenance.records.erasure.erasures import Erasures
from countenance.records.erasure.receipts import Receipts
from countenance.records.erasure.suppressions import Suppressions
from countenance.records.guests.guests import Guests
from countenance.records.idempotency import Answers
from countenance.records.orders import Orders
from countenance.records.people.persons import Persons
from countenance.records.people.rekognition_collections import Collections
from countenance.records.pictures.duplicates import DuplicateReads
from countenance.records.pictures.picture_reads import PictureReads
from countenance.records.pictures.pictures import Pictures
from countenance.records.pictures.uploads import Uploads
from countenance.records.policy_state import PolicyState
from countenance.records.requests.corrections import Corrections
from countenance.records.requests.requests import Requests
from countenance.records.search.cases import Cases
from countenance.records.search.gallery import Gallery
from countenance.records.search.probes import Probes
from countenance.records.sources.coverage import Coverage
from countenance.records.sources.sources import Sources
from countenance.records.upkeep.jobs import Jobs
from countenance.records.upkeep.redo import Replays
from countenance.records.upkeep.reindexes import Reindexes


@dataclass(frozen=True, slots=True)
class RecordStore:
    """The truth about everything but pixels and keys."""

    database: Database
    sources: Sources
    pictures: Pictures
    gallery: Gallery
    changes: ChangeList
    erasures: Erasures
    cases: Cases
    probes: Probes
    duplicates: DuplicateReads
    reindexes: Reindexes
    clients: Clients
    orders: Orders
    policy: PolicyState
    persons: Persons
    replays: Replays
    requests: Requests
    corrections: Corrections
    suppressions: Suppressions
    receipts: Receipts
    coverage: Coverage
    accounts: Accounts
    answers: Answers
    uploads: Uploads
    jobs: Jobs
    picture_reads: PictureReads
    guests: Guests
    access_keys: AccessKeys
    collections: Collections

    def close(self) -> None:
        """No connection is left open."""
        self.database.close()


def record_store(database: Database) -> RecordStore:
    """The store over an open database."""
    return RecordStore(
        database,
        Sources(database),
        Pictures(database),
        Gallery(database),
        ChangeList(database),
        Erasures(database),
        Cases(database),
        Probes(database),
        DuplicateReads(database),
        Reindexes(database),
        Clients(database),
        Orders(database),
        PolicyState(database),
        Persons(database),
        Replays(database),
        Requests(database),
        Corrections(database),
        Suppressions(database),
        Receipts(database),
        Coverage(database),
        Accounts(database),
        Answers(database),
        Uploads(database),
        Jobs(database),
        PictureReads(database),
        Guests(database),
        AccessKeys(database),
        Collections(database),
    )


def open_records(path: Path) -> RecordStore:
    """The store in the SQLite file at `path`, made or migrated where needed. Raises: HomeTooNew, StorageFailed."""
    return record_store(open_sqlite(path))
