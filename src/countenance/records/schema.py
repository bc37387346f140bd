"""The tables of `records.db`: the truth about everything but pixels and keys.

Portable SQLAlchemy Core, so that PostgreSQL can follow behind the same code. Ids are small integers inside and random
uuids (`uid`, 16 bytes) outside: only a uid ever leaves, and only a uid stands in the audit log, so that erasing a row
leaves the log with a name for nothing.

Sealed columns (`template`, `crop_hash`) open only with the data key that `key_id` names; its store is another database.
A change here needs a migration (`records/migrations/versions`); a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

SCHEMA_REVISION: Final = "0007"  # newest in migrations/versions

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, kept as RFC 3339 text: it sorts, and a person with `sqlite3` can read it."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Raises ValueError: the datetime has no zone."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be kept")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Aware, UTC."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


def _uid() -> sa.Column[bytes]:
    return sa.Column("uid", sa.LargeBinary(16), nullable=False, unique=True)


# A row a home: what must change in step with the rest (policy_version) or be known before anything else is.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("tenant_id", sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # folder; upload: its pictures are handed in
    sa.Column("location", sa.LargeBinary, nullable=False),  # bytes, since a path need not be UTF-8
    sa.Column("jurisdictions", sa.JSON, nullable=False),  # default of its pictures: sorted list of codes
    sa.Column("added_at", UtcTime, nullable=False),
    sa.UniqueConstraint("tenant_id", "name"),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False, index=True),
    sa.Column("basis", sa.String(16), nullable=False),
    sa.Column("jurisdictions", sa.JSON, nullable=False),
    sa.Column("purposes", sa.JSON, nullable=False),
    sa.Column("terms", sa.JSON, nullable=False),  # [[key, value], ...]: law, article, authority
    sa.Column("key_id", sa.LargeBinary(16)),  # seals evidence and references; destroyed with the grant
    sa.Column("evidence_sha256", sa.String(64)),
    sa.Column("evidence_blob", sa.String(64)),
    sa.Column("starts_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("erase_within_days", sa.Integer, nullable=False),
    sa.Column("suspended_at", UtcTime),
    sa.Column("withdrawn_at", UtcTime),
    # How long what it brought may be kept: {"days": N, "from": "..."} (rights/retention.py); null: while it lasts.
    sa.Column("retention", sa.JSON(none_as_null=True)),
    sa.Column("purpose_met_at", UtcTime),
    sa.Column("last_interaction_at", UtcTime),
)

subjects = sa.Table(
    "subjects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("grant_id", sa.ForeignKey("grants.id"), nullable=False, index=True),
    sa.Column("name", sa.LargeBinary, nullable=False),  # sealed under the grant's key
    sa.Column("evidence_sha256", sa.String(64), nullable=False),
    sa.Column("evidence_blob", sa.String(64), nullable=False),
    sa.Column("template", sa.LargeBinary, nullable=False),  # sealed under the grant's key; empty: the reference is gone
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16)),  # set: a guest, all of whom is sealed under this and not the grant's key
)

# References in a second space, while the home changes its model. Empty at all other times.
subject_templates = sa.Table(
    "subject_templates",
    metadata,
    sa.Column("subject_id", sa.ForeignKey("subjects.id"), primary_key=True),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("template", sa.LargeBinary, nullable=False),  # sealed under the grant's key
)

policy_classes = sa.Table(
    "policy_classes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("grant_id", sa.ForeignKey("grants.id"), nullable=False),
    sa.Column("jurisdictions", sa.JSON, nullable=False),
    sa.Column("purposes", sa.JSON, nullable=False),
    sa.Column("flags", sa.JSON, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # of the four above, since JSON has no unique constraint
    sa.UniqueConstraint("digest"),
)

# What a regulator, a court or a platform demands. Drafted until `starts_at`; its papers are sealed under `key_id`.
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("stops", sa.JSON, nullable=False),  # of "collect", "embed", "offer"
    sa.Column("deletes", sa.Boolean, nullable=False),
    sa.Column("deletes_unknown", sa.Boolean, nullable=False),  # also what may lie elsewhere: nobody knows where
    sa.Column("ends_contracts", sa.Boolean, nullable=False),  # of the clients that it covers
    sa.Column("targets", sa.JSON, nullable=False),  # [[scope, value], ...]: jurisdiction, source, client, client_class
    sa.Column("authority", sa.String(200), nullable=False),
    sa.Column("dated", sa.String(10), nullable=False),  # the day on the document
    sa.Column("key_id", sa.LargeBinary(16)),
    sa.Column("drafted_at", UtcTime, nullable=False),
    sa.Column("starts_at", UtcTime),  # null: a draft, which stops nothing
    sa.Column("ends_at", UtcTime),  # its own term, where it has one
    sa.Column("stayed_at", UtcTime),  # set: not in force, by a decision among its papers
    sa.Column("lifted_at", UtcTime),
    sa.Column("done_at", UtcTime),  # null though applied: contracts are to end yet, or data to be erased
    sa.Column("plan", sa.JSON),  # what applying it was to change, as counted just before
    sa.Column("outcome", sa.JSON),  # what it did change
)

# Its document, and each decision about it since.
order_papers = sa.Table(
    "order_papers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.ForeignKey("orders.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(8), nullable=False),  # order, stay, resume, lift
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("blob", sa.String(64), nullable=False, unique=True),
)

# An organisation that may search while its contract lasts. Seats and contracts join with the clients issue.
clients = sa.Table(
    "clients",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("client_class", sa.String(32), nullable=False),
    sa.Column("jurisdiction", sa.String(32), nullable=False),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),  # the contract is over for good
    sa.Column("ended_by", sa.LargeBinary(16)),  # uid of the order that ended it; null: the operator
)

spaces = sa.Table(
    "spaces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("weights_sha256", sa.String(64), nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    sa.UniqueConstraint("model", "weights_sha256"),
)

pictures = sa.Table(
    "pictures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("tenant_id", sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    sa.Column("salt", sa.LargeBinary(16), nullable=False),  # of the hash by which the log knows it; goes with the row
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("format", sa.String(8), nullable=False),
    sa.Column("taken_at", sa.String(32)),
    # Perceptual hash of 32 bytes (decode/pdq.py); empty: too little to see; null: taken before there was one.
    sa.Column("pdq", sa.LargeBinary(32)),
    sa.Column("jurisdictions", sa.JSON),  # put right on a pictured person's request: before any sidecar's
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),  # set: hidden at once, gone when it is done
    sa.UniqueConstraint("tenant_id", "sha256"),
)

placements = sa.Table(
    "placements",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("picture_id", sa.ForeignKey("pictures.id"), nullable=False, index=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("class_id", sa.ForeignKey("policy_classes.id"), nullable=False),
    sa.Column("place", sa.LargeBinary, nullable=False),  # relative to the source; bytes, as file names are
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),  # the ingest that saw it last
    sa.UniqueConstraint("source_id", "place"),
    sa.Index("ix_placements_source_id", "source_id", "picture_id"),  # a source's pictures in order, page by page
)

# What was handed in to a source of kind upload: it stands for the folder that such a source has not got.
uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("place", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),  # when it was handed in
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16)),  # seals the blob `upload-UID`; null: its bytes are not kept any more
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),  # set: its bytes go with that erasure
    sa.UniqueConstraint("source_id", "place"),
)

faces = sa.Table(
    "faces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("picture_id", sa.ForeignKey("pictures.id"), nullable=False, index=True),
    sa.Column("x1", sa.Float, nullable=False),
    sa.Column("y1", sa.Float, nullable=False),
    sa.Column("x2", sa.Float, nullable=False),
    sa.Column("y2", sa.Float, nullable=False),
    # All null for a face that no class may index: of it only the box and the reason are kept.
    sa.Column("landmarks", sa.LargeBinary(40)),  # 10 little-endian float32: x, y of the five points
    sa.Column("quality", sa.LargeBinary(24)),  # 6 little-endian float32, in the order of types.Quality
    sa.Column("key_id", sa.LargeBinary(16)),
    sa.Column("template", sa.LargeBinary),  # sealed float16
    sa.Column("crop_hash", sa.LargeBinary),  # sealed perceptual hash of the aligned crop; null: too little to see
    sa.Column("space_id", sa.ForeignKey("spaces.id")),
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),
    sqlite_autoincrement=True,  # an id is never used twice: an index that lags must not show another's face
)

# The template of a face in a second embedding space, while a home changes its model: empty at all other times.
face_templates = sa.Table(
    "face_templates",
    metadata,
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),  # its own, so that each can be destroyed alone
    sa.Column("template", sa.LargeBinary, nullable=False),  # sealed float16
)

# A change of the model. The newest row says in which space the home is searched; without one, in the shipped model's.
reindexes = sa.Table(
    "reindexes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("from_space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("to_space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("active_space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # building, switched, finishing, rolling_back, done
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("done_at", UtcTime),
    sa.Column("report", sa.Text),  # both models on the operator's own labels, as JSON: counts and rates, no person
)

enrolments = sa.Table(
    "enrolments",
    metadata,
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True),
    sa.Column("class_id", sa.ForeignKey("policy_classes.id"), primary_key=True),
    sa.Column("refusal", sa.String(16)),  # a FaceRefusal; null: searchable in this class
    sa.Column("subject_id", sa.ForeignKey("subjects.id")),
    sqlite_with_rowid=False,
)
sa.Index("ix_enrolments_class_id", enrolments.c.class_id, enrolments.c.refusal)
sa.Index("ix_enrolments_subject_id", enrolments.c.subject_id, sqlite_where=enrolments.c.subject_id.is_not(None))

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("face_id", sa.Integer, nullable=False),  # no foreign key: it outlives the face
    sa.Column("class_id", sa.Integer, nullable=False),
    sa.Column("added", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)

rejections = sa.Table(
    "rejections",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("place", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(24), nullable=False),
    sa.Column("detail", sa.String(300), nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.UniqueConstraint("source_id", "place"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sqlite_autoincrement=True,
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column(
        "scope", sa.String(16), nullable=False
    ),  # face, picture, source, person, jurisdiction, vanished, replaced
    sa.Column("about", sa.String(64)),  # uid or code of what it names; null: an ingest found it due
    sa.Column("authority", sa.String(200)),  # on whose word
    sa.Column("named", sa.LargeBinary(32)),  # keyed digest of the name by which a source was known
    sa.Column("source_id", sa.Integer),  # scope source: the source that goes with its pictures
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("noted_at", UtcTime),  # the log has what it takes to do it again
    sa.Column("done_at", UtcTime),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("compacted_at", UtcTime),  # records.db was written anew since
)

# Clients who were shown what an erasure took: to be told, and their own receipts.
recipients = sa.Table(
    "recipients",
    metadata,
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), primary_key=True),
    sa.Column("searches", sa.Integer, nullable=False),  # of theirs that showed it
    sa.Column("last_at", UtcTime, nullable=False),
    sa.Column("told_at", UtcTime),
    sa.Column("answer", sa.Text),  # the client's own receipt, as it came
    sqlite_with_rowid=False,
)

# The signed account of what an erasure, an order or an opt-out did. Ids, counts and places; no person.
receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("kind", sa.String(16), nullable=False),  # erasure, order, request
    sa.Column("about", sa.LargeBinary(16), nullable=False, index=True),  # uid of it
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("document", sa.Text, nullable=False),  # signed JSON, as it was given out
)

# What somebody erased or opted out stays out when it is met again: keyed digests of the picture's bytes or of its
# address (HMAC, key in keys.db), and perceptual hashes sealed under the request's key. No biometrics.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),  # bytes, address, pdq
    sa.Column("digest", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary),  # of a pdq, the hash itself: it is compared by distance
    sa.Column("box", sa.JSON),  # of one face: in pixels, of a pdq in parts of width and height; null: the whole picture
    sa.Column("erasure_uid", sa.LargeBinary(16)),
    sa.Column("request_id", sa.ForeignKey("requests.id"), index=True),  # goes when its request is withdrawn
)

# What a pictured person asked for. Details are sealed under `key_id`, proofs under `proof_key_id`, destroyed on
# deciding.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("tracking", sa.LargeBinary(32), nullable=False, unique=True),  # keyed digest of the tracking code
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("tier", sa.Integer),  # of an opt-out: 0, 1 or 2
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("law", sa.String(32), nullable=False),  # whose deadlines count
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime),
    sa.Column("extended_at", UtcTime),
    sa.Column("verified_at", UtcTime),
    sa.Column("verified_by", sa.String(24)),  # which proof was used; the proof itself goes
    sa.Column("decided_at", UtcTime),
    sa.Column("outcome", sa.String(24)),
    sa.Column("key_id", sa.LargeBinary(16)),
    sa.Column("details", sa.LargeBinary),
    sa.Column("proof_key_id", sa.LargeBinary(16)),
    sa.Column("contact", sa.LargeBinary(32)),  # keyed digest of where to answer, while undecided: for the limits
    sa.Column("code", sa.LargeBinary(32)),  # keyed digest of the one-time code that was sent last
    sa.Column("code_at", UtcTime),
    sa.Column("codes", sa.Integer, nullable=False, server_default="0"),  # sent so far
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # proofs offered so far
)

request_files = sa.Table(
    "request_files",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("request_id", sa.ForeignKey("requests.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),  # photograph, proof
    sa.Column("blob", sa.String(64), nullable=False, unique=True),
)

request_faces = sa.Table(
    "request_faces",
    metadata,
    sa.Column("request_id", sa.ForeignKey("requests.id"), primary_key=True),
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True, index=True),
    sa.Column("score", sa.Float),  # cosine to the photograph; null: named and not found by it
    sqlite_with_rowid=False,
)

# Who asked to be kept out of new pictures too (tier 2 of an opt-out): compared in memory with faces that would get a
# template, to refuse them, and with nothing else. The key is its own, and destroyed when the request is withdrawn.
suppressed_persons = sa.Table(
    "suppressed_persons",
    metadata,
    sa.Column("request_id", sa.ForeignKey("requests.id"), primary_key=True),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),
    sa.Column("template", sa.LargeBinary, nullable=False),  # sealed float16
)

# Several faces are one person by somebody's decision. The name is sealed under `key_id`.
persons = sa.Table(
    "persons",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("tenant_id", sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),
    sa.Column("name", sa.LargeBinary),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("gone_at", UtcTime),  # merged into another, or its last face was removed; undo brings it back
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),  # set: gone for good when it is done
)

person_faces = sa.Table(
    "person_faces",
    metadata,
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True),
    sa.Column("person_id", sa.ForeignKey("persons.id"), nullable=False, index=True),
)

# "Not this person": a face that is not to be suggested for it again.
person_refusals = sa.Table(
    "person_refusals",
    metadata,
    sa.Column("person_id", sa.ForeignKey("persons.id"), primary_key=True),
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# Every decision about persons, so that it can be undone.
person_acts = sa.Table(
    "person_acts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("act", sa.String(16), nullable=False),  # name, add, remove, merge, split, refuse
    sa.Column("person_id", sa.ForeignKey("persons.id"), nullable=False, index=True),
    sa.Column("other_id", sa.ForeignKey("persons.id")),  # merged from, split into
    sa.Column("before", sa.LargeBinary),  # of a naming: the name before, sealed under the person's key
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("undone_at", UtcTime),
)

person_act_faces = sa.Table(  # apart from the act, since an erased face leaves it
    "person_act_faces",
    metadata,
    sa.Column("act_id", sa.ForeignKey("person_acts.id"), primary_key=True),
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("reference", sa.String(200), nullable=False, unique=True),
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),  # seals the probes kept with it
    sa.Column("opened_at", UtcTime, nullable=False),
)

searches = sa.Table(
    "searches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("log_entry", sa.String(40), nullable=False, unique=True),
    sa.Column("case_id", sa.ForeignKey("cases.id"), nullable=False, index=True),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("probe_blob", sa.String(64), nullable=False),  # empty: a face of the gallery, or the probe was erased
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("client_id", sa.ForeignKey("clients.id")),  # null: the operator's own
    sa.Column("erased_leads", sa.Integer, nullable=False, server_default="0"),  # shown then, erased since
    sa.Column("key_id", sa.LargeBinary(16)),  # of the probe; null: it lies under its case's, as before 0007
    sa.Column("digest", sa.LargeBinary(32)),  # keyed, of the probe's file
    sa.Column("erasure_id", sa.Integer),  # the probe is being erased
    sa.Index("ix_searches_digest", "digest", sqlite_where=sa.text("digest IS NOT NULL")),
)

# Which faces a kept search showed: who was shown whom, for access requests and recipients of an erasure.
shown = sa.Table(
    "shown",
    metadata,
    sa.Column("search_id", sa.ForeignKey("searches.id"), primary_key=True),
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# --- the service ------------------------------------------------------------------------------------------------------
# Who signs in. A household home has none: its owner comes by a link that `serve` prints.
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("password", sa.String(200), nullable=False),  # Argon2id, in its own text form
    sa.Column("totp", sa.LargeBinary, nullable=False),  # the shared secret of RFC 6238, sealed under `key_id`
    sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),  # last one used: none counts twice
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # failed since the last that did not
    sa.Column("tried_at", UtcTime),
)

# Good once, and for minutes.
sign_in_links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed, of the token in the link
    sa.Column("expires_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed, of the token in the cookie
    sa.Column("account_id", sa.ForeignKey("accounts.id"), index=True),  # null: the owner of a household home
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

# Programs. A key says what its protocol has no words for: under which grant it indexes, for which purpose it searches.
access_keys = sa.Table(
    "access_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("key", sa.String(32), nullable=False, unique=True),  # its public half
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),  # sealed under `seal_id`: signatures are made with it
    sa.Column("seal_id", sa.LargeBinary(16), nullable=False),
    sa.Column("rights", sa.JSON, nullable=False),  # sorted list (app/access/identity.py)
    sa.Column("source_id", sa.ForeignKey("sources.id")),  # whose grant collections that it makes are recorded under
    sa.Column("purpose", sa.String(32)),
    sa.Column("client_id", sa.ForeignKey("clients.id")),
    sa.Column("case_reference", sa.String(200)),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("revoked_at", UtcTime),
    sa.Column("used_at", UtcTime),
)

# Of a signed request that changed something, until its signature has expired: it is not taken twice.
signatures = sa.Table(
    "signatures",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# A source that a program made by the Rekognition door, under the grant of the source that its key is bound to.
collections = sa.Table(
    "collections",
    metadata,
    sa.Column("source_id", sa.ForeignKey("sources.id"), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),  # as the program calls it
    sa.Column("bound_id", sa.ForeignKey("sources.id"), index=True),  # null: that source was erased
    sa.Column("client_id", sa.ForeignKey("clients.id")),  # whose it is; null: the operator's
)

# Whom a program calls a user of its collection: a person, once a face is associated.
collection_users = sa.Table(
    "collection_users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("collections.source_id"), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),  # keyed, of the name
    sa.Column("name", sa.LargeBinary, nullable=False),  # as the program calls them, sealed under `key_id`
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),
    sa.Column(
        "person", sa.LargeBinary(16), index=True
    ),  # uid; no foreign key: the person may be erased, and the name stays
    sa.UniqueConstraint("source_id", "digest"),
)

# Work that outlasts a request. Any worker tells how it goes; `beat_at` tells whether somebody still does it.
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("kind", sa.String(16), nullable=False),  # of app/job_kinds.py
    sa.Column("source_id", sa.ForeignKey("sources.id"), index=True),
    sa.Column("state", sa.String(16), nullable=False),  # queued, running, done, failed, stopped
    sa.Column("progress", sa.JSON, nullable=False),  # counts, no name
    sa.Column("error", sa.JSON(none_as_null=True)),  # as `--json` tells it
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("begun_at", UtcTime),
    sa.Column("beat_at", UtcTime),
    sa.Column("done_at", UtcTime),
)

# What was answered to a write under its idempotency key, for a day.
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed, of who asked and their key
    sa.Column("request", sa.LargeBinary(32), nullable=False),  # keyed, of what was asked
    sa.Column("status", sa.Integer),  # null: under way
    sa.Column("body", sa.LargeBinary),  # sealed under `key_id`
    sa.Column("key_id", sa.LargeBinary(16)),
    sa.Column("at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

# A link that an organiser shares: who follows it may consent, and become a subject of the source's grant.
guest_links = sa.Table(
    "guest_links",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),  # keyed, of the token in the link
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False, index=True),
    sa.Column("organiser", sa.String(200), nullable=False),  # who is responsible, and how to reach them
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # photographs offered since `tries_from`
    sa.Column("tries_from", UtcTime),
)

guests = sa.Table(
    "guests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _uid(),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),  # keyed, of the token of their own link
    sa.Column("link_id", sa.ForeignKey("guest_links.id"), nullable=False, index=True),
    sa.Column("subject_id", sa.ForeignKey("subjects.id"), index=True),  # null: withdrawn, or somebody who is kept out
    sa.Column("consented_at", UtcTime, nullable=False),
    sa.Column("withdrawn_at", UtcTime),
    sa.Column("checked_to", sa.Integer, nullable=False, server_default="0"),  # the source's pictures up to this id
    sa.Column("checked_at", UtcTime),  # null: pictures that were there are yet to be looked at for this guest
)
