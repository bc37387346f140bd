"""Tables of persons, of decisions about them, and of the collections and users of the Rekognition door."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import Uid, UtcTime, metadata, uid_column

# Several faces are one person by somebody's decision. The name is sealed under `key_id`.
persons = sa.Table(
    "persons",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("tenant_id", sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),
    sa.Column("name", sa.LargeBinary),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("gone_at", UtcTime),  # merged into another, or its last face was removed; undo brings it back
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),  # set: gone for good when it is done
)

person_faces = sa.Table(
    "person_faces",
    metadata,
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True),
    sa.Column("person_id", sa.ForeignKey("persons.id"), nullable=False, index=True),
)

# "Not this person": a face that is not to be suggested for it again.
person_refusals = sa.Table(
    "person_refusals",
    metadata,
    sa.Column("person_id", sa.ForeignKey("persons.id"), primary_key=True),
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# Every decision about persons, so that it can be undone.
person_acts = sa.Table(
    "person_acts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("act", sa.String(16), nullable=False),  # name, add, remove, merge, split, refuse
    sa.Column("person_id", sa.ForeignKey("persons.id"), nullable=False, index=True),
    sa.Column("other_id", sa.ForeignKey("persons.id")),  # merged from, split into
    sa.Column("before", sa.LargeBinary),  # of a naming: the name before, sealed under the person's key
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("undone_at", UtcTime),
)

person_act_faces = sa.Table(  # apart from the act, since an erased face leaves it
    "person_act_faces",
    metadata,
    sa.Column("act_id", sa.ForeignKey("person_acts.id"), primary_key=True),
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# A source that a program made by the Rekognition door, under the grant of the source that its key is bound to.
collections = sa.Table(
    "collections",
    metadata,
    sa.Column("source_id", sa.ForeignKey("sources.id"), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),  # as the program calls it
    sa.Column("bound_id", sa.ForeignKey("sources.id"), index=True),  # null: that source was erased
    sa.Column("client_id", sa.ForeignKey("clients.id")),  # whose it is; null: the operator's
)

# Whom a program calls a user of its collection: a person, once a face is associated.
collection_users = sa.Table(
    "collection_users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("collections.source_id"), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),  # keyed, of the name
    sa.Column("name", sa.LargeBinary, nullable=False),  # as the program calls them, sealed under `key_id`
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),
    sa.Column("person", Uid, index=True),  # uid; no foreign key: the person may be erased, and the name stays
    sa.UniqueConstraint("source_id", "digest"),
)
