"""Being a witness of somebody else's log, on another machine: a key, and cosignatures. Needs no home."""

from __future__ import annotations

import os
import time

from countenance.app.paths import path_of
from countenance.app.upkeep.audit import TextLike, text_of
from countenance.auditlog import witness


def make_witness_key(keyfile: str | os.PathLike[str], name: str) -> str:
    """A new key is in that file, readable for its owner alone; its public key, which the owner of a log must trust.

    Raises: WrongUse: the file is there, or no witness can be called so; StorageFailed.
    """
    return witness.make_key(path_of(keyfile), name).verifier_key()


def cosign(request: TextLike, *, keyfile: str | os.PathLike[str], log_key: str, state: str | os.PathLike[str]) -> str:
    """The cosignature for a request, if the log has only grown since the last one: what `audit.accept` takes.

    Args: log_key: the public key of the log; state: the file that remembers the last checkpoint of that log.
    Raises: LogBroken: another log's, a fork, a rollback; KeyMissing, NotFound, StorageFailed.
    """
    cosigner = witness.load_key(path_of(keyfile))
    return witness.cosign(cosigner, log_key, path_of(state), text_of(request), int(time.time()))
