"""What issue 4 keeps: clients, requests, persons, receipts, and orders that name more than one target.

Revises: 0004
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables and columns; an order's one target becomes a list of one, a suppression is of a picture's bytes."""
    _new_tables()
    _columns()
    _orders()
    _shown()


def _new_tables() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("client_class", sa.String(length=32), nullable=False),
        sa.Column("jurisdiction", sa.String(length=32), nullable=False),
        sa.Column("added_at", sa.String(length=32), nullable=False),
        sa.Column("ended_at", sa.String(length=32), nullable=True),
        sa.Column("ended_by", sa.LargeBinary(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sa.UniqueConstraint("name", name=op.f("uq_clients_name")),
        sa.UniqueConstraint("uid", name=op.f("uq_clients_uid")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("about", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("uid", name=op.f("uq_receipts_uid")),
    )
    op.create_index(op.f("ix_receipts_about"), "receipts", ["about"])

    op.create_table(
        "requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.LargeBinary(length=16), nullable=False),
        sa.Column("tracking", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("law", sa.String(length=32), nullable=False),
        sa.Column("opened_at", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.String(length=32), nullable=True),
        sa.Column("extended_at", sa.String(length=32), nullable=True),
        sa.Column("verified_at", sa.String(length=32), nullable=True),
        sa.Column("verified_by", sa.String(length=24), nullable=True),
        sa.Column("decided_at", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("key_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("details", sa.LargeBinary(), nullable=True),
        sa.Column("proof_key_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("contact", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_at", sa.String(length=32), nullable=True),
        sa.Column("codes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("tracking", name=op.f("uq_requests_tracking")),
        sa.UniqueConstraint("uid", name=op.f("uq_requests_uid")),
    )
    op.create_table(
        "persons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.LargeBinary(length=16), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.Column("gone_at", sa.String(length=32), nullable=True),
        sa.Column("erasure_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name=op.f("fk_persons_erasure_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_persons_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
        sa.UniqueConstraint("uid", name=op.f("uq_persons_uid")),
    )
    op.create_index(op.f("ix_persons_erasure_id"), "persons", ["erasure_id"])
    op.create_table(
        "recipients",
        sa.Column("erasure_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("searches", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.String(length=32), nullable=False),
        sa.Column("told_at", sa.String(length=32), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_recipients_client_id")),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name=op.f("fk_recipients_erasure_id")),
        sa.PrimaryKeyConstraint("erasure_id", "client_id", name=op.f("pk_recipients")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "request_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_request_files_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_files")),
        sa.UniqueConstraint("blob", name=op.f("uq_request_files_blob")),
    )
    op.create_index(op.f("ix_request_files_request_id"), "request_files", ["request_id"])

    op.create_table(
        "person_acts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.LargeBinary(length=16), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=True),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("undone_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["other_id"], ["persons.id"], name=op.f("fk_person_acts_other_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_person_acts_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_acts")),
        sa.UniqueConstraint("uid", name=op.f("uq_person_acts_uid")),
    )
    op.create_index(op.f("ix_person_acts_person_id"), "person_acts", ["person_id"])

    op.create_table(
        "person_act_faces",
        sa.Column("act_id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["person_acts.id"], name=op.f("fk_person_act_faces_act_id")),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_person_act_faces_face_id")),
        sa.PrimaryKeyConstraint("act_id", "face_id", name=op.f("pk_person_act_faces")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_person_act_faces_face_id"), "person_act_faces", ["face_id"])

    op.create_table(
        "person_faces",
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_person_faces_face_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_person_faces_person_id")),
        sa.PrimaryKeyConstraint("face_id", name=op.f("pk_person_faces")),
    )
    op.create_index(op.f("ix_person_faces_person_id"), "person_faces", ["person_id"])

    op.create_table(
        "person_refusals",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_person_refusals_face_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_person_refusals_person_id")),
        sa.PrimaryKeyConstraint("person_id", "face_id", name=op.f("pk_person_refusals")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_person_refusals_face_id"), "person_refusals", ["face_id"])

    op.create_table(
        "request_faces",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_request_faces_face_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_request_faces_request_id")),
        sa.PrimaryKeyConstraint("request_id", "face_id", name=op.f("pk_request_faces")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_request_faces_face_id"), "request_faces", ["face_id"])

    op.create_table(
        "suppressed_persons",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_suppressed_persons_request_id")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_suppressed_persons_space_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_suppressed_persons")),
    )


def _columns() -> None:
    op.add_column("pictures", sa.Column("jurisdictions", sa.JSON(), nullable=True))
    op.add_column("erasures", sa.Column("about", sa.String(length=64), nullable=True))
    op.add_column("erasures", sa.Column("authority", sa.String(length=200), nullable=True))
    op.add_column("erasures", sa.Column("noted_at", sa.String(length=32), nullable=True))
    op.add_column("erasures", sa.Column("named", sa.LargeBinary(length=32), nullable=True))
    op.add_column("grants", sa.Column("retention", sa.JSON(), nullable=True))
    op.add_column("grants", sa.Column("purpose_met_at", sa.String(length=32), nullable=True))
    op.add_column("grants", sa.Column("last_interaction_at", sa.String(length=32), nullable=True))
    with op.batch_alter_table("searches") as searches:
        searches.add_column(sa.Column("client_id", sa.Integer(), nullable=True))
        searches.add_column(sa.Column("erased_leads", sa.Integer(), server_default="0", nullable=False))
        searches.create_foreign_key(op.f("fk_searches_client_id"), "clients", ["client_id"], ["id"])
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.add_column(sa.Column("kind", sa.String(length=8), nullable=False, server_default="bytes"))
        suppressions.add_column(sa.Column("sealed", sa.LargeBinary(), nullable=True))
        suppressions.add_column(sa.Column("request_id", sa.Integer(), nullable=True))
        suppressions.alter_column("erasure_uid", existing_type=sa.LargeBinary(length=16), nullable=True)
        suppressions.create_foreign_key(op.f("fk_suppressions_request_id"), "requests", ["request_id"], ["id"])
    with op.batch_alter_table("suppressions") as suppressions:  # the default was for the rows that were there
        suppressions.alter_column("kind", existing_type=sa.String(length=8), server_default=None)
    op.create_index(op.f("ix_suppressions_request_id"), "suppressions", ["request_id"])


def _orders() -> None:
    held = op.get_bind().execute(sa.text("SELECT * FROM orders")).mappings().all()
    op.drop_table("orders")
    orders = op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.LargeBinary(length=16), nullable=False),
        sa.Column("stops", sa.JSON(), nullable=False),
        sa.Column("deletes", sa.Boolean(), nullable=False),
        sa.Column("deletes_unknown", sa.Boolean(), nullable=False),
        sa.Column("ends_contracts", sa.Boolean(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("dated", sa.String(length=10), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("drafted_at", sa.String(length=32), nullable=False),
        sa.Column("starts_at", sa.String(length=32), nullable=True),
        sa.Column("ends_at", sa.String(length=32), nullable=True),
        sa.Column("stayed_at", sa.String(length=32), nullable=True),
        sa.Column("lifted_at", sa.String(length=32), nullable=True),
        sa.Column("done_at", sa.String(length=32), nullable=True),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("uid", name=op.f("uq_orders_uid")),
    )
    for row in held:
        op.execute(
            orders.insert().values(
                id=row["id"],
                uid=row["uid"],
                stops=json.loads(row["stops"]),
                deletes=False,
                deletes_unknown=False,
                ends_contracts=False,
                targets=[[row["scope"], row["value"]]],
                authority="",
                dated=row["starts_at"][:10],
                drafted_at=row["starts_at"],
                starts_at=row["starts_at"],
                lifted_at=row["lifted_at"],
                done_at=row["starts_at"],
            )
        )
    op.create_table(
        "order_papers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_papers_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_papers")),
        sa.UniqueConstraint("blob", name=op.f("uq_order_papers_blob")),
    )
    op.create_index(op.f("ix_order_papers_order_id"), "order_papers", ["order_id"])


def _shown() -> None:
    op.create_table(
        "shown",
        sa.Column("search_id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_shown_face_id")),
        sa.ForeignKeyConstraint(["search_id"], ["searches.id"], name=op.f("fk_shown_search_id")),
        sa.PrimaryKeyConstraint("search_id", "face_id", name=op.f("pk_shown")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_shown_face_id"), "shown", ["face_id"])
