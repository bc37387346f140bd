"""Where the records hold something of a person, a picture or a source, and what leaves with an erasure.

Each holding names its columns, says what an erasure takes out of the stores, in parts, and forgets a part's rows once
nothing of it can be read any more. `Eraser` goes through `HOLDINGS` in order, which is the crash order: a kill anywhere
leaves rows that say what is still to be removed. A test compares the list with the schema: a new column is in a holding
or, with the reason, in `NOT_ERASED`, so that no place for personal data is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from countenance.records.erasure.erasures import Erasure, HiddenFace
from countenance.records.store import RecordStore
from countenance.types import ClassId, FaceId, KeyId


@dataclass(frozen=True, slots=True)
class LeavingPart:
    """What leaves the stores together, before its rows are forgotten."""

    blobs: Sequence[str] = ()
    keys: Sequence[KeyId] = ()
    faces: Sequence[HiddenFace] = ()  # whose rows leave the index
    classes: Sequence[ClassId] = ()  # that leave the index whole
    changes_classes: bool = False  # faces that stay leave a class: the index follows once the rows are forgotten
    pending: Sequence[str] = ()  # what goes later, and when
    rows: Sequence[object] = ()  # for `forget`

    def index_rows(self) -> dict[ClassId, list[FaceId]]:
        """Return the rows of the index that the faces have, by class."""
        by_class: dict[ClassId, list[FaceId]] = {}
        for face in self.faces:
            for class_id in face.classes:
                by_class.setdefault(class_id, []).append(face.id)
        return by_class


@dataclass(frozen=True, slots=True)
class Holding:
    """One of the places. `columns`: table -> its columns that an erasure deletes or empties, by spaces."""

    name: str
    columns: Mapping[str, str]
    leaving: Callable[[RecordStore, Erasure], Iterable[LeavingPart]]
    forget: Callable[[RecordStore, Erasure, LeavingPart], None] = field(default=lambda *_: None)


def _faces(records: RecordStore, erasure: Erasure) -> Iterator[LeavingPart]:
    for faces in records.erasures.hidden_faces(erasure):
        yield LeavingPart(
            blobs=[face.uid for face in faces if face.key_id], keys=[key for face in faces for key in face.keys],
            faces=faces,
        )  # fmt: skip


def _persons(records: RecordStore, erasure: Erasure) -> Iterator[LeavingPart]:
    if keys := records.erasures.person_keys(erasure):
        yield LeavingPart(keys=keys)


def _uploads(records: RecordStore, erasure: Erasure) -> Iterator[LeavingPart]:
    if going := records.uploads.leaving(erasure.id):
        yield LeavingPart(
            blobs=[upload.blob for upload in going if upload.key_id],
            keys=[upload.key_id for upload in going if upload.key_id], rows=going,
        )  # fmt: skip


def _probes(records: RecordStore, erasure: Erasure) -> Iterator[LeavingPart]:
    if going := records.probes.leaving(erasure.id):
        shared = any(probe.key is None for probe in going)  # kept before each had a key of its own
        yield LeavingPart(
            blobs=[probe.blob for probe in going], keys=list({probe.key for probe in going if probe.key}), rows=going,
            pending=["the key of a probe's case, which goes with the last probe that lies under it"] if shared else (),
        )  # fmt: skip


def _answers(records: RecordStore, _: Erasure) -> Iterator[LeavingPart]:
    # Rows first: what is answered meanwhile keeps its key. A crash leaves keys that no row names, for the collector.
    if keys := records.idempotency.clear_bodies():
        yield LeavingPart(keys=keys)


def _guests(records: RecordStore, _: Erasure) -> Iterator[LeavingPart]:
    if leaving := records.guests.leaving():
        yield LeavingPart(blobs=leaving[0], keys=leaving[1], changes_classes=True)


def _source(records: RecordStore, erasure: Erasure) -> Iterator[LeavingPart]:
    if erasure.source_id is not None:
        blobs, keys, classes = records.erasures.source_holdings(erasure.source_id)
        yield LeavingPart(blobs=blobs, keys=keys, classes=classes)


_SUBJECTS: Final = {
    "subjects": "uid name evidence_sha256 evidence_blob template key_id",
    "subject_templates": "template",
}
HOLDINGS: Final = (
    Holding(
        "faces",
        {
            "faces": "uid landmarks quality key_id template crop_hash",
            "face_templates": "key_id template",
            "enrolments": "refusal",
        },
        _faces,
        lambda records, erasure, part: records.erasures.forget_faces(erasure, part.faces),
    ),
    Holding(
        "persons",
        {"persons": "uid key_id name", "person_acts": "uid act before"},
        _persons,
        lambda records, erasure, _: records.erasures.forget_persons(erasure),
    ),
    Holding(
        "uploads",
        {"uploads": "uid place sha256 key_id"},
        _uploads,
        lambda records, _, part: records.uploads.forget(part.rows),  # type: ignore[arg-type]  # as `_uploads` made it
    ),
    Holding(
        "probes",
        {"searches": "probe_blob key_id digest", "cases": "key_id"},
        _probes,
        lambda records, _, part: records.probes.forget(part.rows),  # type: ignore[arg-type]  # as `_probes` made it
    ),
    Holding("answers", {"answers": "body key_id"}, _answers),
    Holding(
        "pictures",
        {"pictures": "uid sha256 salt format taken_at pdq jurisdictions", "placements": "place"},
        lambda *_: [LeavingPart()],
        lambda records, erasure, _: records.erasures.forget_pictures(erasure),
    ),
    Holding("guests", _SUBJECTS, _guests, lambda records, *_: records.guests.forget_withdrawn()),
    Holding(
        "source",
        {
            **_SUBJECTS,
            "sources": "uid name kind location jurisdictions",
            "grants": "uid basis jurisdictions purposes terms key_id evidence_sha256 evidence_blob retention",
            "policy_classes": "jurisdictions purposes flags digest",
            "guests": "uid digest",
            "guest_links": "uid digest organiser",
            "rejections": "place reason detail",
            "jobs": "uid kind state progress error",
            "collections": "name",
            "collection_users": "digest name key_id person",
        },
        _source,
        lambda records, erasure, _: records.erasures.forget_source(erasure.source_id or 0),
    ),
)
# Columns that no erasure empties: table -> (columns, why).
NOT_ERASED: Final = {
    "accounts": ("uid name password totp key_id", "who signs in here; leaves when the account is removed"),
    "access_keys": (
        "uid key name secret seal_id rights purpose case_reference",
        "a program's; its secret is destroyed when it is revoked",
    ),
    "answers": ("digest request", "keyed digests, for a day"),
    "cases": ("uid reference", "the organisation's own name for its case"),
    "clients": ("uid name client_class jurisdiction ended_by", "an organisation, and its contract"),
    "counters": ("name", "the home's own counters"),
    "erasures": ("uid scope about authority named counts", "the account of the erasure: ids, counts, on whose word"),
    "orders": ("uid stops targets authority dated key_id plan outcome", "what a regulator demanded, and its counts"),
    "order_papers": ("kind sha256 blob", "a regulator's papers, sealed; kept with the order"),
    "receipts": ("uid kind about document", "signed accounts; ids, counts and places, no person"),
    "recipients": ("answer", "what a client answered when it was told of an erasure"),
    "reindexes": ("uid state report", "counts and rates of two models"),
    "requests": (
        "uid tracking kind state law verified_by outcome key_id details proof_key_id contact code",
        "a person's request; details and proofs are destroyed when it is decided or withdrawn",
    ),
    "request_files": ("kind blob", "a person's photograph and proof; destroyed when the request is decided"),
    "searches": ("log_entry purpose", "that somebody searched, and why; whom it showed leaves with the face"),
    "sessions": ("digest", "keyed digests of cookies, for hours"),
    "sign_in_links": ("digest", "keyed digests of links, for minutes"),
    "signatures": ("digest", "keyed digests of signed requests, for minutes"),
    "spaces": ("model weights_sha256", "models"),
    "suppressed_persons": ("key_id template", "what a person asked to be kept out by; destroyed on withdrawal"),
    "suppressions": ("kind digest sealed box erasure_uid", "what keeps the erased out: keyed digests and boxes"),
    "tenants": ("uid name", "the operator or a client"),
}
