"""What it takes to do an act again, sealed beside its log entry: for a restore from an older backup (redo.py).

Uids, keyed digests and rows; never a picture, a template or a name. The key is derived from a secret of the home's that
every backup holds, and nobody destroys it: without these details an old backup would bring the erased back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.associated_data import REDO_DETAIL
from countenance.keys.sealing import seal, unseal
from countenance.pipeline.stores import Stores


def seal_act(stores: Stores, act: Mapping[str, Any]) -> bytes:
    """The detail for an entry of the log. `act` is JSON: texts, numbers, lists, objects."""
    return seal(_key(stores), REDO_DETAIL, rfc8785.dumps(dict(act)))


def open_act(stores: Stores, sealed: bytes) -> dict[str, Any]:
    """The inverse of `seal_act`. Raises: SealBroken: another detail, or a damaged one."""
    opened: dict[str, Any] = json.loads(unseal(_key(stores), REDO_DETAIL, sealed))
    return opened


def _key(stores: Stores) -> AESGCM:
    return AESGCM(stores.digest("acts that a restore does again", b""))
