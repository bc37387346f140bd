"""The record store: one database, opened once, with a class for each part that callers need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from countenance.records.access.access_keys import AccessKeyTable
from countenance.records.access.accounts import AccountTable
from countenance.records.access.clients import ClientTable
from countenance.records.access.signatures import SignatureTable
from countenance.records.changes import ChangeList
from countenance.records.database import Database, open_sqlite
from countenance.records.erasure.erasures import ErasureTable
from countenance.records.erasure.receipts import ReceiptTable
from countenance.records.erasure.suppressions import SuppressionTable
from countenance.records.guests.guests import GuestTable
from countenance.records.idempotency import IdempotencyTable
from countenance.records.orders import OrderTable
from countenance.records.people.persons import PersonTable
from countenance.records.people.rekognition_collections import CollectionTable
from countenance.records.pictures.duplicates import DuplicateReads
from countenance.records.pictures.picture_reads import PictureReads
from countenance.records.pictures.pictures import PictureTable
from countenance.records.pictures.uploads import UploadTable
from countenance.records.policy_state import PolicyState
from countenance.records.requests.corrections import CorrectionTable
from countenance.records.requests.requests import RequestTable
from countenance.records.search.cases import CaseTable
from countenance.records.search.gallery import Gallery
from countenance.records.search.probes import ProbeTable
from countenance.records.sources.coverage import Coverage
from countenance.records.sources.sources import SourceTable
from countenance.records.upkeep.jobs import JobTable
from countenance.records.upkeep.redo import RedoTable
from countenance.records.upkeep.reindexes import ReindexTable


@dataclass(frozen=True, slots=True)
class RecordStore:
    """All that a home records, except pixels and keys."""

    database: Database
    sources: SourceTable
    pictures: PictureTable
    gallery: Gallery
    changes: ChangeList
    erasures: ErasureTable
    cases: CaseTable
    probes: ProbeTable
    duplicates: DuplicateReads
    reindexes: ReindexTable
    clients: ClientTable
    orders: OrderTable
    policy: PolicyState
    persons: PersonTable
    redo: RedoTable
    requests: RequestTable
    corrections: CorrectionTable
    suppressions: SuppressionTable
    receipts: ReceiptTable
    coverage: Coverage
    accounts: AccountTable
    idempotency: IdempotencyTable
    uploads: UploadTable
    jobs: JobTable
    picture_reads: PictureReads
    guests: GuestTable
    access_keys: AccessKeyTable
    collections: CollectionTable
    signatures: SignatureTable

    def close(self) -> None:
        """Close every connection."""
        self.database.close()


def record_store(database: Database) -> RecordStore:
    """Return the store over an open database."""
    return RecordStore(
        database,
        SourceTable(database),
        PictureTable(database),
        Gallery(database),
        ChangeList(database),
        ErasureTable(database),
        CaseTable(database),
        ProbeTable(database),
        DuplicateReads(database),
        ReindexTable(database),
        ClientTable(database),
        OrderTable(database),
        PolicyState(database),
        PersonTable(database),
        RedoTable(database),
        RequestTable(database),
        CorrectionTable(database),
        SuppressionTable(database),
        ReceiptTable(database),
        Coverage(database),
        AccountTable(database),
        IdempotencyTable(database),
        UploadTable(database),
        JobTable(database),
        PictureReads(database),
        GuestTable(database),
        AccessKeyTable(database),
        CollectionTable(database),
        SignatureTable(database),
    )


def open_records(path: Path) -> RecordStore:
    """Open the store in the SQLite file at `path`; make or migrate it where needed.

    Raises: HomeTooNew, StorageFailed.
    """
    return record_store(open_sqlite(path))
