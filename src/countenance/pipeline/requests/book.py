"""One request as the home holds it: what it says, where it stands, the photograph that came with it.

Whoever takes a step asks here first whether the request is at it, and is told if somebody else was faster.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countenance.associated_data import details_aad, photograph_aad, suppressed_hash_aad
from countenance.errors import KeyDestroyed, NotFound, WrongUse
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.redo_detail import seal_act
from countenance.pipeline.search.probe import analyse_or_raise, choose_face
from countenance.pipeline.stores import Stores
from countenance.pipeline.upkeep.redo_requests import request_act
from countenance.records.erasure.suppressions import Suppression
from countenance.records.requests.requests import PHOTOGRAPH, SubjectRequest, WrongState
from countenance.remedies import Remedy
from countenance.rights.requests import RequestState, is_tracking, plain_code
from countenance.types import AlignedFace, FaceId


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph that somebody brought, with the face that is meant."""

    sha256: bytes
    looked: FaceAnalysis
    face: AlignedFace


@dataclass(frozen=True, slots=True)
class RequestBook:
    """The requests of one home, one by one."""

    stores: Stores
    analyser: FaceAnalyser

    def get(self, name: str) -> SubjectRequest:
        """The request of that id or tracking code. Raises NotFound, the same for both."""
        found = None
        if is_tracking(name):
            found = self.stores.records.requests.tracked(self.tracking_digest(name))
        else:
            try:
                found = self.stores.records.requests.get(str(uuid.UUID(name)))
            except ValueError as error:
                raise WrongUse(
                    f"{name!r} is not the ID or the tracking code of a request", Remedy.LIST_REQUESTS
                ) from error
        if found is None:
            raise NotFound("there is no such request", Remedy.LIST_REQUESTS)
        return found

    def details(self, request: SubjectRequest) -> dict[str, Any]:
        """What the request says; empty where that is destroyed."""
        if request.details is None or request.key_id is None:
            return {}
        found = json.loads(self.stores.keys.open(request.key_id, details_aad(request.uid), request.details))
        return dict(found)

    def get_at(self, name: str, *states: RequestState) -> SubjectRequest:
        """The request, at one of these states. Raises WrongUse: it is at another; NotFound."""
        request = self.get(name)
        if request.state not in states:
            raise self._moved(request)
        return request

    @contextmanager
    def taking_step(self, request: SubjectRequest) -> Iterator[None]:
        """Whoever else took the step at the same moment was faster: told as if they had come later."""
        try:
            yield
        except (WrongState, KeyDestroyed) as error:
            raise self._moved(request) from error

    def _moved(self, request: SubjectRequest) -> WrongUse:
        """What is told to who comes too early or too late."""
        now = self.get(request.uid)
        if now.state == RequestState.OPEN:
            return WrongUse(
                "the request is open: who asks is not verified yet", Remedy.VERIFY_REQUEST, values=(request.uid,)
            )
        return WrongUse(
            f"the request is {now.state}{f' ({now.outcome})' if now.outcome else ''}, and this step is not for that",
            Remedy.SHOW_REQUEST,
            values=(request.uid,),
        )

    def checked_now(self, request: SubjectRequest) -> datetime:
        """The clock. Raises WrongUse: it stands before the request was opened."""
        now = self.stores.clock()
        if now < request.opened_at:
            raise WrongUse(
                f"this machine's clock says {now:%Y-%m-%d %H:%M}, before the request was opened", Remedy.SET_CLOCK
            )
        return now

    def photograph(self, data: bytes, number: int | None) -> Photograph:
        """FaceAnalysis at. Raises BadPicture, NoFace, SeveralFaces, WrongUse: no such face."""
        looked = analyse_or_raise(self.analyser, data)
        return Photograph(hashlib.sha256(data).digest(), looked, choose_face(looked, number, field="face_number"))

    def first_photograph(self, request: SubjectRequest, details: Mapping[str, Any]) -> Photograph | None:
        """The one that came with the request; None: there is none (any more)."""
        blob = self.stores.records.requests.files(request).get(PHOTOGRAPH)
        if blob is None or request.proof_key_id is None:
            return None
        sealed = self.stores.blobs.get(blob)
        photo = self.stores.keys.open(request.proof_key_id, photograph_aad(request.uid), sealed)
        return self.photograph(photo, details.get("face_number"))

    def redo_detail(
        self,
        request: SubjectRequest,
        state: RequestState,
        outcome: str | None = None,
        *,
        keep_out: Sequence[Suppression] = (),
        hides: Iterable[FaceId] = (),
    ) -> bytes:
        """What a restore from an older backup needs, sealed. The hashes are opened, since their key is not in it."""
        records = self.stores.records.requests
        key = request.key_id or b""
        opened = self.stores.keys.open
        rows = [
            (row, None if row.sealed is None else opened(key, suppressed_hash_aad(row.digest), row.sealed))
            for row in keep_out
        ]
        act = request_act(
            request,
            tracking=records.tracking_of(request),
            state=str(state),
            outcome=outcome,
            keep_out=rows,
            hides=records.uids(hides),
        )
        return seal_act(self.stores, act)

    def sealed(self, key: bytes, uid: str, details: Mapping[str, Any]) -> bytes:
        """The inverse of `details`."""
        return self.stores.keys.seal(key, details_aad(uid), json.dumps(details).encode())

    def tracking_digest(self, code: str) -> bytes:
        """What a tracking code is known by."""
        return self.stores.digest("request tracking", plain_code(code).encode())

    def code_digest(self, request: SubjectRequest, code: str) -> bytes:
        """What a one-time code is known by."""
        return self.stores.digest("request code", f"{request.uid}|{plain_code(code)}".encode())

    def log_refusal(self, limit: str, request: SubjectRequest | None = None) -> None:
        """It is in the log which limit was met."""
        about = {} if request is None else {"request": request.uid}
        self.stores.log.append("request.refused", {"limit": limit, **about})
