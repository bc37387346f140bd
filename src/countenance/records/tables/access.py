"""Tables of who may sign in or send requests: clients, accounts, sessions, access keys."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records.tables.base import Uid, UtcTime, metadata, uid_column

# An organisation that may search while its contract lasts. Seats and contracts join with the clients issue.
clients = sa.Table(
    "clients",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("client_class", sa.String(32), nullable=False),
    sa.Column("jurisdiction", sa.String(32), nullable=False),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),  # the contract is over for good
    sa.Column("ended_by", Uid),  # uid of the order that ended it; null: the operator
)

# Who signs in. A household home has none: its owner comes by a link that `serve` prints.
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("password", sa.String(200), nullable=False),  # Argon2id, in its own text form
    sa.Column("totp", sa.LargeBinary, nullable=False),  # the shared secret of RFC 6238, sealed under `key_id`
    sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),  # last one used: none counts twice
    sa.Column("key_id", sa.LargeBinary(16), nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # failed since the last that did not
    sa.Column("tried_at", UtcTime),
)

# Good once, and for minutes.
sign_in_links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed, of the token in the link
    sa.Column("expires_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed, of the token in the cookie
    sa.Column("account_id", sa.ForeignKey("accounts.id"), index=True),  # null: the owner of a household home
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

# Programs. A key says what its protocol has no words for: under which grant it indexes, for which purpose it searches.
access_keys = sa.Table(
    "access_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    uid_column(),
    sa.Column("key", sa.String(32), nullable=False, unique=True),  # its public half
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),  # sealed under `seal_id`: signatures are made with it
    sa.Column("seal_id", sa.LargeBinary(16), nullable=False),
    sa.Column("rights", sa.JSON, nullable=False),  # sorted list (app/access/identity.py)
    sa.Column("source_id", sa.ForeignKey("sources.id")),  # whose grant collections that it makes are recorded under
    sa.Column("purpose", sa.String(32)),
    sa.Column("client_id", sa.ForeignKey("clients.id")),
    sa.Column("case_reference", sa.String(200)),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("revoked_at", UtcTime),
    sa.Column("used_at", UtcTime),
)

# Of a signed request that changed something, until its signature has expired: it is not taken twice.
signatures = sa.Table(
    "signatures",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # keyed
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sqlite_with_rowid=False,
)
