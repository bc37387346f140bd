"""Tables of cases, of the searches kept with them, and of what those searches showed."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import UtcTime, metadata, uid_column

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
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
    sa.Column("key_id", sa.LargeBinary(16)),  # of the probe; null: sealed under its case's, as before 0007
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
