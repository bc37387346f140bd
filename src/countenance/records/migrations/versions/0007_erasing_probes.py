"""Probes kept with a case can be erased; when the database was compacted; a source's pictures in order.

Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New columns; a probe that is there lies under its case's key, and no erasure has been compacted after."""
    op.add_column("searches", sa.Column("key_id", sa.LargeBinary(length=16), nullable=True))
    op.add_column("searches", sa.Column("digest", sa.LargeBinary(length=32), nullable=True))
    op.add_column("searches", sa.Column("erasure_id", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_searches_digest"), "searches", ["digest"], sqlite_where=sa.text("digest IS NOT NULL"))
    op.create_index(op.f("ix_placements_source_id"), "placements", ["source_id", "picture_id"])
    op.add_column("erasures", sa.Column("compacted_at", sa.String(length=32), nullable=True))
