"""Tables of pictures, where they are, the faces found in them, and what an ingest notes about its runs."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import UtcTime, metadata, uid_column

spaces = sa.Table(
    "spaces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("weights_sha256", sa.String(64), nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    sa.UniqueConstraint("model", "weights_sha256"),
)

pictures = sa.Table(
    "pictures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("tenant_id", sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    sa.Column("salt", sa.LargeBinary(16), nullable=False),  # of the hash by which the log knows it; goes with the row
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("format", sa.String(8), nullable=False),
    sa.Column("taken_at", sa.String(32)),
    # Perceptual hash of 32 bytes (decode/pdq.py); empty: too little to see; null: taken before there was one.
    sa.Column("pdq", sa.LargeBinary(32)),
    sa.Column("jurisdictions", sa.JSON),  # corrected on a pictured person's request: counts before any sidecar's
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),  # set: hidden at once, gone when it is done
    sa.UniqueConstraint("tenant_id", "sha256"),
)

placements = sa.Table(
    "placements",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("picture_id", sa.ForeignKey("pictures.id"), nullable=False, index=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("class_id", sa.ForeignKey("policy_classes.id"), nullable=False),
    sa.Column("place", sa.LargeBinary, nullable=False),  # relative to the source; bytes, as file names are
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),  # the ingest that saw it last
    sa.UniqueConstraint("source_id", "place"),
    sa.Index("ix_placements_source_id", "source_id", "picture_id"),  # a source's pictures in order, page by page
)

# What was uploaded to a source of kind upload, which has no folder.
uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("place", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),  # when it was uploaded
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16)),  # seals the blob `upload-UID`; null: its bytes are not kept any more
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),  # set: its bytes go with that erasure
    sa.UniqueConstraint("source_id", "place"),
)

faces = sa.Table(
    "faces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("picture_id", sa.ForeignKey("pictures.id"), nullable=False, index=True),
    sa.Column("x1", sa.Float, nullable=False),
    sa.Column("y1", sa.Float, nullable=False),
    sa.Column("x2", sa.Float, nullable=False),
    sa.Column("y2", sa.Float, nullable=False),
    # All null for a face that no class may index: of it only the box and the reason are kept.
    sa.Column("landmarks", sa.LargeBinary(40)),  # 10 little-endian float32: x, y of the five points
    sa.Column("quality", sa.LargeBinary(24)),  # 6 little-endian float32, in the order of types.Quality
    sa.Column("key_id", sa.LargeBinary(16)),
    sa.Column("template", sa.LargeBinary),  # sealed float16
    sa.Column("crop_hash", sa.LargeBinary),  # sealed perceptual hash of the aligned crop; null: too little to see
    sa.Column("space_id", sa.ForeignKey("spaces.id")),
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), index=True),
    sqlite_autoincrement=True,  # an id is never used twice: an index that lags must not show another's face
)

# The template of a face in a second embedding space, while a home changes its model: empty at all other times.
face_templates = sa.Table(
    "face_templates",
    metadata,
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),  # its own, so that each can be destroyed alone
    sa.Column("template", sa.LargeBinary, nullable=False),  # sealed float16
)

enrolments = sa.Table(
    "enrolments",
    metadata,
    sa.Column("face_id", sa.ForeignKey("faces.id"), primary_key=True),
    sa.Column("class_id", sa.ForeignKey("policy_classes.id"), primary_key=True),
    sa.Column("refusal", sa.String(16)),  # a FaceRefusal; null: searchable in this class
    sa.Column("subject_id", sa.ForeignKey("subjects.id")),
    sqlite_with_rowid=False,
)
sa.Index("ix_enrolments_class_id", enrolments.c.class_id, enrolments.c.refusal)
sa.Index("ix_enrolments_subject_id", enrolments.c.subject_id, sqlite_where=enrolments.c.subject_id.is_not(None))

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("face_id", sa.Integer, nullable=False),  # no foreign key: it outlives the face
    sa.Column("class_id", sa.Integer, nullable=False),
    sa.Column("added", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)

rejections = sa.Table(
    "rejections",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("place", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(24), nullable=False),
    sa.Column("detail", sa.String(300), nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.UniqueConstraint("source_id", "place"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sqlite_autoincrement=True,
)
