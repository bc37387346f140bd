"""Perceptual hashes of pictures and of faces' crops. Pictures taken before get theirs with the next ingest.

Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns, empty."""
    op.add_column("pictures", sa.Column("pdq", sa.LargeBinary(length=32), nullable=True))
    op.add_column("faces", sa.Column("crop_hash", sa.LargeBinary(), nullable=True))
