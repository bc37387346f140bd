"""Answers to access requests that wait in the home until the person fetches them by their tracking code.

Each is a ZIP sealed under a passphrase that the home does not keep (app/requests/access_archive.py). It goes when the
request is withdrawn, and `FETCH_FOR` after the decision. A crash before the decision leaves a `.part` that no one can
open and no one is given; it is swept a day later.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from countenance.records.requests.requests import SubjectRequest
from countenance.rights.requests import RequestKind, RequestOutcome, RequestState

FETCH_FOR: Final = timedelta(days=30)
_PART_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class AccessAnswers:
    """The answers that wait in one home's folder."""

    folder: Path

    def part(self) -> Path:
        """Where a new one is written, before its request is decided."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return self.folder / f"{secrets.token_hex(8)}.part"

    def keep(self, part: Path, request: SubjectRequest) -> None:
        """The request is decided: from now on its answer can be fetched."""
        part.replace(self._path(request.uid))

    def ready(self, request: SubjectRequest, now: datetime) -> Path | None:
        """The file of its answer; None: there is none, or not any more."""
        path = self._path(request.uid)
        return path if _stands(request, now) and path.is_file() else None

    def forget(self, uid: str) -> None:
        """The answer to that request is gone, if there was one."""
        self._path(uid).unlink(missing_ok=True)

    def sweep(self, get: Callable[[str], SubjectRequest | None], now: datetime) -> None:
        """Deletes the answers that nobody may fetch any more. get: reads a request by its id.

        Files are listed before their requests are read: an answer is there only once its request is decided, so that
        a decision meanwhile loses none.
        """
        for path in sorted(self.folder.glob("*.zip")):
            request = get(path.stem)
            if request is None or not _stands(request, now):
                path.unlink(missing_ok=True)
        for path in sorted(self.folder.glob("*.part")):
            if time.time() - path.stat().st_mtime > _PART_S:
                path.unlink(missing_ok=True)

    def _path(self, uid: str) -> Path:
        return self.folder / f"{uid}.zip"


def _stands(request: SubjectRequest, now: datetime) -> bool:
    answered = (request.kind, request.state, request.outcome) == (
        RequestKind.ACCESS, RequestState.DECIDED, RequestOutcome.GRANTED,
    )  # fmt: skip
    return answered and request.decided_at is not None and now < request.decided_at + FETCH_FOR
