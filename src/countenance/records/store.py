"""The record store: one database, opened once, in the parts that its users need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from countenance.records.access_keys import AccessKeys
from countenance.records.accounts import Accounts
from countenance.records.answers import Answers
from countenance.records.cases import Cases
from countenance.records.changes import ChangeList
from countenance.records.clients import Clients
from countenance.records.collections import Collections
from countenance.records.corrections import Corrections
from countenance.records.coverage import Coverage
from countenance.records.database import Database, open_sqlite
from countenance.records.duplicates import DuplicateReads
from countenance.records.erasures import Erasures
from countenance.records.gallery import Gallery
from countenance.records.guests import Guests
from countenance.records.jobs import Jobs
from countenance.records.orders import Orders
from countenance.records.persons import Persons
from countenance.records.picture_reads import PictureReads
from countenance.records.pictures import Pictures
from countenance.records.policy_state import PolicyState
from countenance.records.probes import Probes
from countenance.records.receipts import Receipts
from countenance.records.reindexes import Reindexes
from countenance.records.replays import Replays
from countenance.records.requests import Requests
from countenance.records.sources import Sources
from countenance.records.suppressions import Suppressions
from countenance.records.uploads import Uploads


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
