"""Signing in: a one-time link for the owner of a household home, a password and a one-time code for an organisation's.

Tokens are 32 random bytes, shown once; the home keeps a keyed digest (HMAC-SHA-256), so that whoever reads its database
can sign in with nothing that they find there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from countenance.app.access.identity import EVERYTHING, Who, WhoKind
from countenance.app.wiring import Parts
from countenance.associated_data import totp_aad
from countenance.errors import NotFound, SignInNeeded, TooMany, WrongUse
from countenance.pipeline.stores import Stores
from countenance.records.access.accounts import Account, AccountTable
from countenance.remedies import Remedy
from countenance.types import HomeKind

LINK_FOR: Final = timedelta(minutes=10)
# How long a session lasts unused, and in all. An organisation's as NIST SP 800-63B-4 section 2.2.3 advises for AAL2; a
# household's is on the owner's own machine.
IDLE_FOR: Final = {HomeKind.ORGANISATION: timedelta(hours=1), HomeKind.HOUSEHOLD: timedelta(hours=12)}
SESSION_FOR: Final = {HomeKind.ORGANISATION: timedelta(hours=24), HomeKind.HOUSEHOLD: timedelta(days=7)}
SEEN_EVERY: Final = timedelta(minutes=5)  # how exactly idleness is known: a write for every request would be too dear
TRIES: Final = 5  # failed in a row; then each further one waits twice as long as the one before
WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=1)
SHORTEST_PASSWORD: Final = 12  # characters; NIST SP 800-63B-4 section 3.1.1 asks for 8 beside a second factor
LONGEST_PASSWORD: Final = 1000
# Of a password that nobody has, so that a name without an account takes as long as one with.
_NOBODYS_HASH: Final = "$argon2id$v=19$m=65536,t=3,p=4$Y291bnRlbmFuY2Utbm9ib2R5$" + "A" * 43
STEP_S: Final = 30  # RFC 6238 section 4.1


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that was just made, and the secret that its owner's authenticator must learn: shown once."""

    account: Account
    totp_secret: str  # base32
    totp_uri: str  # otpauth://, as a QR code shows it


@dataclass(frozen=True, slots=True)
class SignInService:
    """Who may come in by the pages' door, and how."""

    parts: Parts

    @property
    def _stores(self) -> Stores:
        return self.parts.stores

    @property
    def _rows(self) -> AccountTable:
        return self.parts.stores.records.accounts

    # --- household: a link, good once ----------------------------------------------------------------------------
    def link(self) -> str:
        """The token of a link that signs the owner in, once, within ten minutes. Raises WrongUse: an organisation's."""
        if self.parts.kind is not HomeKind.HOUSEHOLD:
            raise WrongUse("an organisation's home has no sign-in link: accounts sign in", Remedy.ADD_ACCOUNT)
        token, now = _token(), self._stores.clock()
        self._rows.add_link(self._digest("link", token), now=now, expires_at=now + LINK_FOR)
        return token

    def follow(self, token: str) -> str:
        """The token of a new session. Raises SignInNeeded: used, over, or never given out; one answer for all."""
        if not self._rows.redeem_link(self._digest("link", token), self._stores.clock()):
            raise SignInNeeded("this link was used, or is more than ten minutes old", Remedy.GET_SIGN_IN_LINK)
        return self._begin(None)

    # --- organisation: a password and a code ---------------------------------------------------------------------
    def accounts(self) -> tuple[Account, ...]:
        """Who can sign in, by name."""
        return self._rows.all()

    def add(self, name: str, password: str) -> NewAccount:
        """An account stands; its second factor is shown this once.

        The log, then the row; its key first, swept if a crash leaves it alone.
        Raises: WrongUse: a household's home, a poor password, a name that is taken; LogUnwritable, StorageFailed.
        """
        if self.parts.kind is not HomeKind.ORGANISATION:
            raise WrongUse("a household's home has one owner and no accounts", Remedy.GET_SIGN_IN_LINK)
        name = name.strip()
        if not name or len(name) > 200 or not name.isprintable():
            raise WrongUse("an account's name is one printable line of 1 to 200 characters")
        if self._rows.find(name) is not None:
            raise WrongUse(f"an account called {name!r} exists", Remedy.CHOOSE_ANOTHER_NAME, field="name")
        hashed, uid = _hash(password), uuid.uuid4()
        with self._stores.naming_keys():
            [key] = self._stores.keys.create()
            secret, sealed = self._new_secret(str(uid), key)
            self._stores.log.append("account.added", {"account": str(uid)})
            account = self._rows.add(
                uid=uid, name=name, password=hashed, totp=sealed, key_id=key, at=self._stores.clock()
            )
            self._stores.keys.confirm([key])
        return NewAccount(account, secret, self._uri(secret, name))

    def get(self, name: str) -> Account:
        """Raises NotFound."""
        found = self._rows.find(name)
        if found is None:
            raise NotFound(f"there is no account {name!r}", Remedy.LIST_ACCOUNTS)
        return found

    def remove(self, name: str) -> None:
        """The account can't sign in any more, and its sessions are over. Raises NotFound, LogUnwritable."""
        account = self.get(name)
        self._stores.log.append("account.removed", {"account": account.uid})
        self._rows.remove(account)
        self._stores.keys.destroy([account.key_id])

    def renew(self, name: str, password: str) -> NewAccount:
        """Another password and another second factor, for one who lost either; its sessions are over.

        Raises: NotFound; WrongUse: a poor password; LogUnwritable, StorageFailed.
        """
        account, hashed = self.get(name), _hash(password)
        secret, sealed = self._new_secret(account.uid, account.key_id)
        self._stores.log.append("account.renewed", {"account": account.uid})
        self._rows.set_password(account, hashed, totp=sealed)
        return NewAccount(account, secret, self._uri(secret, name))

    def enter(self, name: str, password: str, code: str) -> str:
        """The token of a new session. The time taken does not tell whether there is such an account.

        Raises: SignInNeeded: one answer whatever was wrong; TooMany: too many failed before, `after_s` says how long.
        """
        account, now = self._rows.find(name), self._stores.clock()
        if account is not None:
            self._wait_over(account, now)
            self._rows.record_attempt(account, now)
        known = _verify(_NOBODYS_HASH if account is None else account.password, password)
        step = None if account is None else self._step(account, code, now)
        if account is None or not known or step is None or not self._rows.record_success(account, step):
            raise SignInNeeded("the name, the password or the code is wrong; a code can be used once")
        return self._begin(account)

    # --- sessions ------------------------------------------------------------------------------------------------
    def who(self, token: str) -> Who:
        """Whose session it is. Raises SignInNeeded: none, over, or unused for too long; one answer for all."""
        digest, now = self._digest("session", token), self._stores.clock()
        row = self._rows.session(digest)
        if row is None or row.expires_at <= now or row.seen_at + IDLE_FOR[self.parts.kind] <= now:
            raise SignInNeeded("you are not signed in", Remedy.SIGN_IN)
        if row.seen_at + SEEN_EVERY <= now:
            self._rows.touch_session(digest, now)
        if row.account is None:
            return Who(WhoKind.OWNER, "owner", "Owner", EVERYTHING)
        return Who(WhoKind.OWNER, row.account.uid, row.account.name, EVERYTHING)

    def leave(self, token: str) -> None:
        """The session is over."""
        self._rows.end_session(self._digest("session", token))

    def form_token(self, session: str) -> str:
        """What a form of this session carries, so that no other site can send it (CSRF): 64 hex digits."""
        return hmac.new(self._digest("session", session), b"form", hashlib.sha256).hexdigest()

    # --- inside --------------------------------------------------------------------------------------------------
    def _begin(self, account: Account | None) -> str:
        token, now = _token(), self._stores.clock()
        self._stores.log.append("session.begun", {"account": None if account is None else account.uid})
        ends = now + SESSION_FOR[self.parts.kind]
        self._rows.begin_session(self._digest("session", token), account, now=now, expires_at=ends)
        return token

    def _digest(self, kind: str, token: str) -> bytes:
        return self._stores.digest(f"service {kind}", token.encode("utf-8", "surrogatepass"))

    def _new_secret(self, uid: str, key: bytes) -> tuple[str, bytes]:
        import pyotp

        secret = pyotp.random_base32()
        return secret, self._stores.keys.seal(key, totp_aad(uid), secret.encode("ascii"))

    def _uri(self, secret: str, name: str) -> str:
        import pyotp

        return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Countenance")

    def _step(self, account: Account, code: str, now: datetime) -> int | None:
        """The step of RFC 6238 whose code this is: now's, the one before or the one after; None: of none, or used."""
        import pyotp

        secret = self._stores.keys.open(account.key_id, totp_aad(account.uid), account.totp).decode("ascii")
        current = int(now.timestamp()) // STEP_S
        said = "".join(code.split()).encode("utf-8", "surrogatepass")
        for step in (current, current - 1, current + 1):
            if step > account.totp_step and hmac.compare_digest(pyotp.TOTP(secret).at(step * STEP_S).encode(), said):
                return step
        return None

    def _wait_over(self, account: Account, now: datetime) -> None:
        if account.tries < TRIES or account.tried_at is None:
            return
        wait = min(WAIT * 2 ** min(account.tries - TRIES, 20), LONGEST_WAIT)
        left = (account.tried_at + wait - now).total_seconds()
        if left > 0:
            raise TooMany(f"too many failed attempts; retry in {int(left) + 1} seconds", after_s=left)


def _token() -> str:
    return secrets.token_urlsafe(32)


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WrongUse(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, and this one has "
            f"{len(password)}; several words in a row are easy to remember"
        )
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)  # Argon2id with the second parameters of RFC 9106 section 4


def _verify(hashed: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import VerificationError

    try:
        return PasswordHasher().verify(hashed, password[:LONGEST_PASSWORD])
    except VerificationError:
        return False
