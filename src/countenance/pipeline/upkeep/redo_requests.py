"""Requests that a backup is too old to know, done again from the log: they keep out and hide what they did.

What was erased for them is erased again by its own entries (redo.py). What can't come back: the template of tier 2,
which no log holds (the person is to be asked again), and what a request said.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from countenance.associated_data import suppressed_hash_aad
from countenance.pipeline.stores import Stores
from countenance.protocols import LogEntry
from countenance.records.erasure.suppressions import Suppression
from countenance.records.requests.requests import RestoredRequest, SubjectRequest

WITHDRAWN: Final = "request.withdrawn"
ACTS: Final = frozenset({"request.verified", "request.decided"})  # kinds whose detail says how to do it again


def request_act(
    request: SubjectRequest,
    *,
    tracking: bytes,
    state: str,
    outcome: str | None = None,
    keep_out: Sequence[tuple[Suppression, bytes | None]] = (),
    hides: Sequence[str] = (),
) -> dict[str, Any]:
    """What it takes to do it again, for `redo_detail.seal_act`.

    Args: keep_out: (row, perceptual hash that it seals); hides: public ids of faces.
    """
    return {
        "request": request.uid,
        "tracking": tracking.hex(),
        "kind": request.kind,
        "tier": request.tier,
        "law": request.law,
        "opened_at": request.opened_at.isoformat(),
        "due_at": request.due_at.isoformat(),
        "state": state,
        "outcome": outcome,
        "keeps_out": [
            {
                "kind": row.kind,
                "digest": row.digest.hex(),
                "box": None if row.box is None else list(row.box),
                "hash": None if likeness is None else likeness.hex(),
            }
            for row, likeness in keep_out
        ],
        "hides": list(hides),
    }


@dataclass(slots=True)
class GatheredRequests:
    """What the entries say, the later word over the earlier."""

    acts: dict[str, tuple[dict[str, Any], datetime]] = field(default_factory=dict)
    withdrawn: dict[str, None] = field(default_factory=dict)

    def take(self, act: dict[str, Any], at: str) -> None:
        """A detail of one of `ACTS`."""
        self.acts[act["request"]] = act, datetime.fromisoformat(at)


def withdrawn_since(stores: Stores, start: int) -> dict[str, None]:
    """The requests that were withdrawn: the details of their other entries are erased."""
    return {entry.record["request"]: None for entry in stores.log.entries(start) if entry.kind == WITHDRAWN}


def concerns(entry: LogEntry, withdrawn: Mapping[str, None]) -> bool:
    """Whether the entry's detail is to be opened."""
    return entry.kind in ACTS and entry.record["request"] not in withdrawn


def redo_requests(stores: Stores, gathered: GatheredRequests) -> int:
    """The requests are where the log says; how many were brought there. Safe to repeat.

    Keys first, then one transaction a request. A crash between leaves a key to the sweep.
    """
    records, changed = stores.records.requests, 0
    for uid in gathered.withdrawn:
        known = records.get(uid)
        if known is not None and known.state != "withdrawn":
            with stores.naming_keys():
                keys = records.withdraw(known)
                stores.keys.destroy(keys)
            changed += 1
    for act, at in gathered.acts.values():
        if act["state"] == "decided" or act["hides"]:
            _put_back(stores, act, at)
            changed += 1
    return changed


def _put_back(stores: Stores, act: Mapping[str, Any], at: datetime) -> None:
    with stores.naming_keys():
        [key] = stores.keys.create()
        rows = [_row(stores, key, each) for each in act["keeps_out"]]
        left = stores.records.requests.put_back(
            RestoredRequest(
                uid=uuid.UUID(act["request"]),
                tracking=bytes.fromhex(act["tracking"]),
                kind=act["kind"],
                tier=act["tier"],
                law=act["law"],
                opened_at=datetime.fromisoformat(act["opened_at"]),
                due_at=datetime.fromisoformat(act["due_at"]),
                state=act["state"],
                outcome=act["outcome"],
                at=at,
                key_id=key,
                keep_out=tuple(rows),
                hides=tuple(act["hides"]),
            )
        )
        stores.keys.confirm([key])
        stores.keys.destroy(left)


def _row(stores: Stores, key: bytes, detail: Mapping[str, Any]) -> Suppression:
    digest = bytes.fromhex(detail["digest"])
    sealed = None
    if detail["hash"] is not None:
        sealed = stores.keys.seal(key, suppressed_hash_aad(digest), bytes.fromhex(detail["hash"]))
    x = detail["box"]
    return Suppression(detail["kind"], digest, None if x is None else (x[0], x[1], x[2], x[3]), sealed)
