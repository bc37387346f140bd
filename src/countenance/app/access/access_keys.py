"""Access keys: how programs come in, by /v1 or by the Rekognition door.

A key has a public half (its id) and a secret, shown once. Signatures are made with the secret itself, so a digest would
not do: it is kept sealed under a data key of its own, and revoking a key destroys that one. Rights and binding of a key
never change; another need is another key, so that the log can tell them apart.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from countenance.app.access.identity import Binding, Right, Who, WhoKind
from countenance.app.inputs import purpose_of
from countenance.app.wiring import Parts
from countenance.associated_data import access_key_aad
from countenance.cases.reference import check_reference
from countenance.errors import KeyDestroyed, NotFound, SignInNeeded, WrongUse
from countenance.pipeline.stores import Stores
from countenance.records.access.access_keys import AccessKey, AccessKeyTable
from countenance.remedies import Remedy
from countenance.types import HomeKind

PREFIX: Final = "CKEY"  # never AKIA: a scanner for leaked secrets must not take it for one of Amazon's
ID_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # as Amazon's ids: base32, RFC 4648
ID_LENGTH: Final = 20
SECRET_BYTES: Final = 30  # 40 characters of URL-safe base64, among them no full stop


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its secret: shown this once."""

    key: AccessKey
    secret: str

    @property
    def token(self) -> str:
        """What a program sends to /v1: `Authorization: Bearer TOKEN`."""
        return f"{self.key.key}.{self.secret}"


@dataclass(frozen=True, slots=True)
class AccessKeyService:
    """The access keys of one home."""

    parts: Parts

    @property
    def _stores(self) -> Stores:
        return self.parts.stores

    @property
    def _rows(self) -> AccessKeyTable:
        return self.parts.stores.records.access_keys

    def all(self) -> tuple[AccessKey, ...]:
        """Every key, oldest first; also those that count no more."""
        return self._rows.all()

    def get(self, key_id: str) -> AccessKey:
        """Raises NotFound."""
        found = self._rows.find(key_id)
        if found is None:
            raise NotFound(f"there is no access key {key_id!r}", Remedy.LIST_ACCESS_KEYS)
        return found

    def make(
        self, name: str, *, rights: Iterable[str] = (Right.SEARCH,), source: str | None = None,
        purpose: str | None = None, client: str | None = None, case: str | None = None, expires: str | None = None,
    ) -> NewKey:  # fmt: skip
        """A program may come in with this key from now on.

        Order: a data key, the log, then the row. A crash leaves at worst a data key that the next sweep takes and an
        entry for a key that never counted; it was shown to nobody.
        Args: rights: values of `Right`; source: whose grant stands behind what it indexes; purpose, client, case: for
        which it searches, in an organisation's home; expires: its last day, "2027-12-31".
        Raises: WrongUse, NotFound: no such source or client; LogUnwritable, StorageFailed.
        """
        name, granted = _checked_name(name), _checked_rights(rights)
        why, reference = purpose_of(purpose), None if case is None else check_reference(case)
        found = None if source is None else self._stores.records.sources.get(source)
        for_whom = None if client is None else self._stores.records.clients.get(client)
        if self.parts.kind is HomeKind.HOUSEHOLD and (purpose or case):
            raise WrongUse(
                "a household's searches have no purpose and no case", Remedy.OMIT_FIELD, values=("purpose", "case")
            )
        now = self._stores.clock()
        until = None if expires is None else _end_of(expires, now)
        uid, secret = uuid.uuid4(), secrets.token_urlsafe(SECRET_BYTES)
        key = PREFIX + "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH - len(PREFIX)))
        with self._stores.naming_keys():
            [seal_id] = self._stores.keys.create()
            record = {
                "key": str(uid), "rights": list(granted), "source": found.uid if found else None, "purpose": why,
                "client": for_whom.uid if for_whom else None,
                "expires": until.isoformat(timespec="seconds") if until else None,
            }  # fmt: skip
            self._stores.log.append("key.made", record)
            self._rows.add(
                uid=uid, key=key, name=name, seal_id=seal_id, rights=granted, purpose=why, case=reference, made_at=now,
                secret=self._stores.keys.seal(seal_id, access_key_aad(str(uid)), secret.encode()), expires_at=until,
                source_uid=found.uid if found else None, client_uid=for_whom.uid if for_whom else None,
            )  # fmt: skip
            self._stores.keys.confirm([seal_id])
        return NewKey(self.get(key), secret)

    def revoke(self, key_id: str) -> AccessKey:
        """The key is over for good, in every process, and its secret can be opened by nobody any more.

        Order: the log, the row, the data key. A crash before the last leaves a sealed secret that counts no more;
        revoking again, or the next whole sweep, destroys its data key. Raises: NotFound, LogUnwritable, StorageFailed.
        """
        key = self.get(key_id)
        if key.revoked_at is None:
            self._stores.log.append("key.revoked", {"key": key.uid})
        self._rows.revoke(key.uid, self._stores.clock())
        self._stores.keys.destroy([key.seal_id])
        return self.get(key_id)

    def signing(self, key_id: str) -> tuple[str, Who]:
        """(secret, whose it is) of a key that counts now, for a signature to be checked with.

        Raises SignInNeeded: unknown, revoked or expired; one answer for all.
        """
        key, secret = self._opened(key_id)
        return secret, _who(key)

    def bearer(self, token: str) -> Who:
        """Whose token it is: the key's id, a full stop, its secret. Raises SignInNeeded: as `signing`, or forged."""
        key_id, _, said = token.partition(".")
        key, secret = self._opened(key_id)
        if not hmac.compare_digest(secret.encode(), said.encode()):
            raise _not_one()
        self._rows.touch(key, self._stores.clock())
        return _who(key)

    def used(self, key_id: str) -> None:
        """A program has come in with it: known to a minute."""
        found = self._rows.find(key_id)
        if found is not None:
            self._rows.touch(found, self._stores.clock())

    def register_signature(self, signature: bytes, until: datetime) -> bool:
        """The signature is known until then. False: it was before, so the request is one that was sent again."""
        digest = self._stores.digest("signature", signature)
        return self._stores.records.signatures.register(digest, self._stores.clock(), until)

    def _opened(self, key_id: str) -> tuple[AccessKey, str]:
        key = self._rows.find(key_id)
        if key is None or key.state(self._stores.clock()) != "active":
            raise _not_one()
        try:
            return key, self._stores.keys.open(key.seal_id, access_key_aad(key.uid), key.sealed).decode()
        except KeyDestroyed as error:  # revoked since the row was read
            raise _not_one() from error


def described(key: AccessKey, now: datetime) -> dict[str, Any]:
    """A key as JSON, without its secret."""
    times = {"made_at": key.made_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at, "used_at": key.used_at}
    return {
        "id": key.key,
        "name": key.name,
        "state": key.state(now),
        "rights": list(key.rights),
        "source": key.source,
        "purpose": key.purpose,
        "client": key.client,
        "case": key.case,
        **{what: None if at is None else at.isoformat(timespec="seconds") for what, at in times.items()},
    }


def described_once(made: NewKey, now: datetime) -> dict[str, Any]:
    """A new key as JSON, with what is shown this once."""
    return {**described(made.key, now), "secret": made.secret, "token": made.token}


def _who(key: AccessKey) -> Who:
    return Who(
        WhoKind.KEY, key.uid, key.name, frozenset(map(Right, key.rights)),
        Binding(source=key.source, purpose=key.purpose, client=key.client, case=key.case),
    )  # fmt: skip


def _not_one() -> SignInNeeded:
    return SignInNeeded("the access key is unknown, revoked or expired", Remedy.ASK_KEY_MANAGER)


def _checked_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise WrongUse("the name of a key is one printable line of 1 to 200 characters: name the program", field="name")
    return name


def _checked_rights(rights: Iterable[str]) -> tuple[str, ...]:
    given = sorted(set(rights))
    unknown = [right for right in given if right not in set(Right)]
    if unknown or not given:
        what = f"{unknown[0]!r} is not a right" if unknown else "a key needs at least one right"
        raise WrongUse(f"{what}", Remedy.USE_SOME_OF, field="rights", values=tuple(Right))
    return tuple(given)


def _end_of(text: str, now: datetime) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise WrongUse(f"{text!r} is not a date", Remedy.USE_FORMAT, field="expires", values=("2027-12-31",)) from error
    until = datetime.combine(day, time.max, tzinfo=UTC)  # the whole of that day still counts
    if until <= now:
        raise WrongUse(f"the key would have expired on {text}", Remedy.USE_FUTURE_DATE, field="expires")
    return until
