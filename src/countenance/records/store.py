"""The record store: one database, opened once, with a class for each part that callers need."""

from __future__ import annotations

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


class RecordStore:
    """All that a home records, except pixels and keys."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sources = SourceTable(database)
        self.pictures = PictureTable(database)
        self.gallery = Gallery(database)
        self.changes = ChangeList(database)
        self.erasures = ErasureTable(database)
        self.cases = CaseTable(database)
        self.probes = ProbeTable(database)
        self.duplicates = DuplicateReads(database)
        self.reindexes = ReindexTable(database)
        self.clients = ClientTable(database)
        self.orders = OrderTable(database)
        self.policy = PolicyState(database)
        self.persons = PersonTable(database)
        self.redo = RedoTable(database)
        self.requests = RequestTable(database)
        self.corrections = CorrectionTable(database)
        self.suppressions = SuppressionTable(database)
        self.receipts = ReceiptTable(database)
        self.coverage = Coverage(database)
        self.accounts = AccountTable(database)
        self.idempotency = IdempotencyTable(database)
        self.uploads = UploadTable(database)
        self.jobs = JobTable(database)
        self.picture_reads = PictureReads(database)
        self.guests = GuestTable(database)
        self.access_keys = AccessKeyTable(database)
        self.collections = CollectionTable(database)
        self.signatures = SignatureTable(database)

    def close(self) -> None:
        """Close every connection."""
        self.database.close()


def open_records(path: Path, *, make: bool = True) -> RecordStore:
    """Open the store in the SQLite file at `path`; migrate it where needed, and make it where it may be made.

    Raises: HomeTooNew, StorageFailed.
    """
    return RecordStore(open_sqlite(path, make=make))
