"""Tables of what regulators, courts and platforms demand."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import UtcTime, metadata, uid_column

# What a regulator, a court or a platform demands. Drafted until `starts_at`; its papers are sealed under `key_id`.
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("stops", sa.JSON, nullable=False),  # of "collect", "embed", "offer"
    sa.Column("deletes", sa.Boolean, nullable=False),
    sa.Column("deletes_unknown", sa.Boolean, nullable=False),  # also pictures whose jurisdiction is not known
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
