"""What a change of the model stands on: both models measured, and the subjects' references in the second space.

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table and a column; nothing that is there is touched."""
    op.create_table(
        "subject_templates",
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_subject_templates_space_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_subject_templates_subject_id")),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_subject_templates")),
    )
    op.add_column("reindexes", sa.Column("report", sa.Text(), nullable=True))
