"""Writes that may be sent again: under the same key a program gets the first answer, and nothing is done twice.

After draft-ietf-httpapi-idempotency-key-header-07. An answer is sealed under a data key of its own and kept for a day;
an erasure empties it at once. An error is not kept, so that the write can be sent again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from countenance.app.wiring import Parts
from countenance.associated_data import answer_aad
from countenance.errors import KeyDestroyed, OtherRequest, UnderWay
from countenance.pipeline.stores import Stores
from countenance.records.idempotency import IdempotencyTable, KeptAnswer
from countenance.remedies import Remedy

KEPT_FOR: Final = timedelta(days=1)
LOST_AFTER: Final = timedelta(minutes=15)  # longer than a request takes; longer work is a job


@dataclass(frozen=True, slots=True)
class Answer:
    """As it was given."""

    status: int
    document: Any


@dataclass(frozen=True, slots=True)
class IdempotencyService:
    """The kept answers of one home."""

    parts: Parts

    @property
    def _stores(self) -> Stores:
        return self.parts.stores

    @property
    def _rows(self) -> IdempotencyTable:
        return self.parts.stores.records.idempotency

    def digest(self, who: str, key: str) -> bytes:
        """The name under which a write of this asker's is known."""
        return self._stores.digest("idempotency key", f"{who}\0{key}".encode("utf-8", "surrogatepass"))

    def begin(self, digest: bytes, request: bytes) -> Answer | None:
        """None: it is yours to do, and then to `end` or to `drop`; else the first answer.

        Args: request: all that was asked, in one form. Raises: OtherRequest, UnderWay, StorageFailed.
        """
        now = self._stores.clock()
        self._stores.keys.destroy(self._rows.forget(now - KEPT_FOR))
        asked = self._stores.digest("idempotent request", request)
        found = self._rows.begin(digest, asked, now=now, lost_before=now - LOST_AFTER)
        if found is None:
            return None
        if found.request != asked:
            raise OtherRequest(
                "this idempotency key was sent before, with another request", Remedy.USE_NEW_IDEMPOTENCY_KEY
            )
        return self._opened(digest, found)

    def end(self, digest: bytes, answer: Answer) -> None:
        """The answer is kept. A crash before this leaves the write under way; after LOST_AFTER it may be sent again."""
        plain = json.dumps(answer.document).encode()
        with self._stores.naming_keys():
            [key] = self._stores.keys.create()
            sealed = self._stores.keys.seal(key, answer_aad(digest), plain)
            self._rows.record_answer(digest, status=answer.status, body=sealed, key_id=key)
            self._stores.keys.confirm([key])

    def drop(self, digest: bytes) -> None:
        """It came to nothing."""
        self._rows.drop(digest)

    def _opened(self, digest: bytes, found: KeptAnswer) -> Answer:
        if found.status is None:
            raise UnderWay("the same request is being carried out", Remedy.TRY_AGAIN_LATER)
        try:
            if found.body is not None and found.key_id is not None:
                plain = self._stores.keys.open(found.key_id, answer_aad(digest), found.body)
                return Answer(found.status, json.loads(plain))
        except KeyDestroyed:  # emptied since it was read
            pass
        raise UnderWay("this was done, but its answer is gone: something in it was erased since")
