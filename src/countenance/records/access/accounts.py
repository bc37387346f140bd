"""Accounts, one-time sign-in links and sessions. Tokens are known by their keyed digests; no token is stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from countenance.errors import NotFound, WrongUse
from countenance.records import schema as t
from countenance.records.database import Database
from countenance.remedies import Remedy


@dataclass(frozen=True, slots=True)
class Account:
    """A person who signs in with a password and a one-time code."""

    id: int
    uid: str
    name: str
    password: str  # Argon2id, in its text form
    totp: bytes  # sealed
    totp_step: int
    key_id: bytes
    made_at: datetime
    tries: int
    tried_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session; `account` None: that of the owner of a household home."""

    account: Account | None
    made_at: datetime
    seen_at: datetime
    expires_at: datetime


class AccountTable:
    """Reads and writes accounts, links and sessions; each write is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- accounts ------------------------------------------------------------------------------------------------
    def all(self) -> tuple[Account, ...]:
        """Return every account, by name."""
        return self._db.every(t.accounts.select().order_by(t.accounts.c.name), _account)

    def find(self, name: str) -> Account | None:
        """Return the account of that name."""
        return self._db.one(t.accounts.select().where(t.accounts.c.name == name), _account)

    def add(self, *, uid: uuid.UUID, name: str, password: str, totp: bytes, key_id: bytes, at: datetime) -> Account:
        """Record an account and return it. Raises WrongUse: the name is taken."""
        try:
            with self._db.write() as connection:
                connection.execute(
                    t.accounts.insert().values(
                        uid=uid, name=name, password=password, totp=totp, key_id=key_id, made_at=at
                    )
                )
        except sa.exc.IntegrityError as error:
            raise WrongUse(f"an account called {name!r} exists", Remedy.CHOOSE_ANOTHER_NAME, field="name") from error
        found = self.find(name)
        if found is None:
            raise NotFound(f"the account {name!r} was removed at the same time")
        return found

    def remove(self, account: Account) -> None:
        """Delete the account and end its sessions."""
        with self._db.write() as connection:
            connection.execute(t.sessions.delete().where(t.sessions.c.account_id == account.id))
            connection.execute(t.accounts.delete().where(t.accounts.c.id == account.id))

    def set_password(self, account: Account, password: str, *, totp: bytes | None = None) -> None:
        """Set another password, and perhaps another second factor; every session of the account ends."""
        new: dict[str, Any] = {"password": password, "tries": 0}
        if totp is not None:
            new |= {"totp": totp, "totp_step": 0}
        with self._db.write() as connection:
            connection.execute(t.accounts.update().where(t.accounts.c.id == account.id).values(**new))
            connection.execute(t.sessions.delete().where(t.sessions.c.account_id == account.id))

    def record_attempt(self, account: Account, at: datetime) -> None:
        """Count one more attempt to sign in. Call it before the check, so that a crash gives no free guess."""
        change = t.accounts.update().where(t.accounts.c.id == account.id)
        self._db.run(change.values(tries=t.accounts.c.tries + 1, tried_at=at))

    def record_success(self, account: Account, step: int) -> bool:
        """Forget the failed attempts and use up the code's time step. False: the step was used meanwhile."""
        change = t.accounts.update().where(t.accounts.c.id == account.id, t.accounts.c.totp_step < step)
        return bool(self._db.run(change.values(tries=0, totp_step=step)))

    # --- one-time links ------------------------------------------------------------------------------------------
    def add_link(self, digest: bytes, *, now: datetime, expires_at: datetime) -> None:
        """Record a link that is good once, until it expires; delete the links that have expired."""
        with self._db.write() as connection:
            connection.execute(t.sign_in_links.delete().where(t.sign_in_links.c.expires_at <= now))
            connection.execute(t.sign_in_links.insert().values(digest=digest, expires_at=expires_at))

    def redeem_link(self, digest: bytes, now: datetime) -> bool:
        """Use up a link; return whether it was good."""
        taken = t.sign_in_links.delete().where(t.sign_in_links.c.digest == digest, t.sign_in_links.c.expires_at > now)
        return bool(self._db.run(taken))

    # --- sessions ------------------------------------------------------------------------------------------------
    def begin_session(self, digest: bytes, account: Account | None, *, now: datetime, expires_at: datetime) -> None:
        """Record a session; delete the sessions that have expired."""
        with self._db.write() as connection:
            connection.execute(t.sessions.delete().where(t.sessions.c.expires_at <= now))
            connection.execute(
                t.sessions.insert().values(
                    digest=digest, account_id=account and account.id, made_at=now, seen_at=now, expires_at=expires_at
                )
            )

    def session(self, digest: bytes) -> SessionRow | None:
        """Return the session of that token, whether it has expired or not."""
        query = t.sessions.select().where(t.sessions.c.digest == digest)
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            found = None
            if row.account_id is not None:
                found = connection.execute(t.accounts.select().where(t.accounts.c.id == row.account_id)).one()
        return SessionRow(None if found is None else _account(found), row.made_at, row.seen_at, row.expires_at)

    def touch_session(self, digest: bytes, now: datetime) -> None:
        """Record that the session is used now."""
        self._db.run(t.sessions.update().where(t.sessions.c.digest == digest).values(seen_at=now))

    def end_session(self, digest: bytes) -> None:
        """End the session; ending it again changes nothing."""
        self._db.run(t.sessions.delete().where(t.sessions.c.digest == digest))


def _account(row: Any) -> Account:
    return Account(
        row.id, row.uid, row.name, row.password, row.totp, row.totp_step, row.key_id,
        row.made_at, row.tries, row.tried_at,
    )  # fmt: skip
