"""Tables of links that an organiser shares, and of the guests who consented by one."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import UtcTime, metadata, uid_column

# A link that an organiser shares: who follows it may consent, and become a subject of the source's grant.
guest_links = sa.Table(
    "guest_links",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),  # keyed, of the token in the link
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False, index=True),
    sa.Column("organiser", sa.String(200), nullable=False),  # who is responsible, and how to reach them
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # photographs offered since `tries_from`
    sa.Column("tries_from", UtcTime),
)

guests = sa.Table(
    "guests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),  # keyed, of the token of their own link
    sa.Column("link_id", sa.ForeignKey("guest_links.id"), nullable=False, index=True),
    sa.Column("subject_id", sa.ForeignKey("subjects.id"), index=True),  # null: withdrawn, or somebody who is kept out
    sa.Column("consented_at", UtcTime, nullable=False),
    sa.Column("withdrawn_at", UtcTime),
    sa.Column("checked_to", sa.Integer, nullable=False, server_default="0"),  # the source's pictures up to this id
    sa.Column("checked_at", UtcTime),  # null: pictures that were there are yet to be looked at for this guest
)
