"""A second embedding space beside the first, while a home changes its model.

Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; nothing that is there is touched."""
    op.create_table(
        "face_templates",
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_face_templates_face_id")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_face_templates_space_id")),
        sa.PrimaryKeyConstraint("face_id", name=op.f("pk_face_templates")),
    )
    op.create_table(
        "reindexes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.LargeBinary(length=16), nullable=False),
        sa.Column("from_space_id", sa.Integer(), nullable=False),
        sa.Column("to_space_id", sa.Integer(), nullable=False),
        sa.Column("active_space_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("begun_at", sa.String(length=32), nullable=False),
        sa.Column("done_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["active_space_id"], ["spaces.id"], name=op.f("fk_reindexes_active_space_id")),
        sa.ForeignKeyConstraint(["from_space_id"], ["spaces.id"], name=op.f("fk_reindexes_from_space_id")),
        sa.ForeignKeyConstraint(["to_space_id"], ["spaces.id"], name=op.f("fk_reindexes_to_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reindexes")),
        sa.UniqueConstraint("uid", name=op.f("uq_reindexes_uid")),
    )
