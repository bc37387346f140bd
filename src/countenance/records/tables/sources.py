"""Tables of sources, their grants, the grants' subjects, and the policy classes that they make."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import UtcTime, metadata, uid_column

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
    uid_column(),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("tenant_id", sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # folder; upload: its pictures are uploaded
    sa.Column("location", sa.LargeBinary, nullable=False),  # bytes, since a path need not be UTF-8
    sa.Column("jurisdictions", sa.JSON, nullable=False),  # default of its pictures: sorted list of codes
    sa.Column("added_at", UtcTime, nullable=False),
    sa.UniqueConstraint("tenant_id", "name"),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
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
    # How long what came under it may be kept: {"days": N, "from": "..."} (rights/retention.py); null: while it lasts.
    sa.Column("retention", sa.JSON(none_as_null=True)),
    sa.Column("purpose_met_at", UtcTime),
    sa.Column("last_interaction_at", UtcTime),
)

subjects = sa.Table(
    "subjects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
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
