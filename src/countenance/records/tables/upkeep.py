"""Tables of changes of the model, of long work, and of answers to repeated requests."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import UtcTime, metadata, uid_column

# A change of the model. The newest row says in which space the home is searched; without one, in the shipped model's.
reindexes = sa.Table(
    "reindexes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("from_space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("to_space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("active_space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # building, switched, finishing, rolling_back, done
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("done_at", UtcTime),
    sa.Column("report", sa.Text),  # both models on the operator's own labels, as JSON: counts and rates, no person
)

# Work that outlasts a request. Any worker tells how it goes; `beat_at` tells whether somebody still does it.
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("kind", sa.String(16), nullable=False),  # of app/job_kinds.py
    sa.Column("source_id", sa.ForeignKey("sources.id"), index=True),
    sa.Column("state", sa.String(16), nullable=False),  # queued, running, done, failed, stopped
    sa.Column("progress", sa.JSON, nullable=False),  # counts, no name
    sa.Column("error", sa.JSON(none_as_null=True)),  # as `--json` tells it
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("begun_at", UtcTime),
    sa.Column("beat_at", UtcTime),
    sa.Column("done_at", UtcTime),
)

# What was answered to a write under its idempotency key, for a day.
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed, of who asked and their key
    sa.Column("request", sa.LargeBinary(32), nullable=False),  # keyed, of what was asked
    sa.Column("status", sa.Integer),  # null: under way
    sa.Column("body", sa.LargeBinary),  # sealed under `key_id`
    sa.Column("key_id", sa.LargeBinary(16)),
    sa.Column("at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)
