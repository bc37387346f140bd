"""Tables of what pictured people asked for."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import UtcTime, metadata, uid_column

# What a pictured person asked for. Details are sealed under `key_id`, proofs under `proof_key_id`, destroyed on
# deciding.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
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
