"""Tables of erasures, of who must be told of one, of receipts, and of what is kept out."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import Uid, UtcTime, metadata, uid_column

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
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
    sa.Column("compacted_at", UtcTime),  # records.db was compacted after it
)

# Clients who were shown what an erasure took: they must be told, and send receipts of their own.
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
    uid_column(),
    sa.Column("kind", sa.String(16), nullable=False),  # erasure, order, request
    sa.Column("about", Uid, nullable=False, index=True),  # uid of it
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
    sa.Column("erasure_uid", Uid),
    sa.Column("request_id", sa.ForeignKey("requests.id"), index=True),  # goes when its request is withdrawn
)
