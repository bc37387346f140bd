"""An outside witness: a key and what it has cosigned, on another machine than the log's.

It never signs two logs that disagree: a checkpoint is cosigned only if the one that was cosigned last is its beginning,
and that it was is durable before the signature leaves. A crash in between leaves a witness that has seen more than it
has signed, which harms nobody: the same request is cosigned again.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Checkpoint, parse_verifier_key
from countenance.auditlog.cosign import Cosigner, CosignRequest, read_request
from countenance.durable import create_file, replace_file, sync_folder
from countenance.errors import KeyMissing, LogBroken, StorageFailed, WrongUse
from countenance.locking import held
from countenance.remedies import Remedy, remedy_of_storage

_TEXT: Final = (
    "# The key of a witness of audit logs. Whoever has it can cosign in its name.\nname: {name}\nkey: {key}\n"
)


def make_key(path: Path, name: str) -> Cosigner:
    """A new witness's key, mode 0600. Raises: WrongUse: the file is there, or the name is none; StorageFailed."""
    if not name or not name.isprintable() or any(each in name for each in " +\n"):
        raise WrongUse(
            f"{name!r} can't name a witness: a name is one word", Remedy.USE_FORMAT, field="name",
            values=("witness.example.org",),
        )  # fmt: skip
    secret = secrets.token_bytes(32)
    text = _TEXT.format(name=name, key=base64.b64encode(secret).decode())
    try:
        create_file(path, text.encode())
        sync_folder(path.parent)
    except FileExistsError as error:
        raise WrongUse(
            "the file exists already, and a key is never overwritten", Remedy.USE_NEW_FILE, path=path
        ) from error
    except OSError as error:
        raise StorageFailed(
            f"the key file can't be written: {error.strerror}", Remedy.USE_WRITABLE_FOLDER, path=path, partly=False
        ) from error
    return Cosigner(name, secret)


def load_key(path: Path) -> Cosigner:
    """Raises KeyMissing: not there, or no such file."""
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
        fields = dict(line.split(": ", 1) for line in lines)
        return Cosigner(fields["name"], base64.b64decode(fields["key"], validate=True))
    except (OSError, ValueError, KeyError, binascii.Error) as error:
        raise KeyMissing(
            f"the key of the witness can't be read: {error.strerror}" if isinstance(error, OSError)
            else "this is not a key of a witness", Remedy.MAKE_WITNESS_KEY, path=path,
        ) from error  # fmt: skip


def cosign(cosigner: Cosigner, log_key: str, state: Path, request: str, at: int) -> str:
    """The cosignature line for a request's checkpoint.

    Args: log_key: the log's verifier key; state: the file that remembers what was cosigned of this log; at: now,
    seconds since 1970 UTC.
    Raises: LogBroken: another log's, a fork, a rollback, a proof that does not hold; StorageFailed.
    """
    origin, public_key = parse_verifier_key(log_key)
    asked = read_request(request)
    checkpoint = asked.opened(origin, public_key)
    with _alone(state):
        _look_at(state, asked, checkpoint)
    return cosigner.cosign(asked.checkpoint, at)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Two that cosign at once take turns: else each could sign a fork of what the other signs."""
    try:
        with held(FileLock(f"{state}.lock"), "witness"):
            yield
    except OSError as error:
        raise StorageFailed(
            f"the state file of the witness can't be locked: {error.strerror}", Remedy.USE_WRITABLE_FOLDER,
            path=state, partly=False,
        ) from error  # fmt: skip


def _look_at(state: Path, asked: CosignRequest, checkpoint: Checkpoint) -> None:
    """The checkpoint continues what was seen, and is what was seen last from now on. Raises as `cosign`."""
    last = _read_state(state, checkpoint.origin)
    if checkpoint.size < last.size:
        raise LogBroken(
            f"the log has {checkpoint.size} entries, and {last.size} were cosigned: it was cut or put back",
            Remedy.REPORT_LOG,
        )
    if asked.old != last.size:
        raise LogBroken(
            f"the request begins at {asked.old} entries, and must begin at {last.size}, which were cosigned",
            Remedy.REQUEST_COSIGNATURE,
        )
    if last.size and not merkle.extends(last.size, checkpoint.size, asked.proof, last.root, checkpoint.root):
        raise LogBroken(
            "the log is not the continuation of what was cosigned: it was rewritten, or forked", Remedy.REPORT_LOG
        )
    _write_state(state, checkpoint)


def _read_state(path: Path, origin: str) -> Checkpoint:
    try:
        said = json.loads(path.read_text("utf-8"))
        seen = Checkpoint(said["origin"], int(said["size"]), bytes.fromhex(said["root"]))
    except FileNotFoundError:
        return Checkpoint(origin, 0, merkle.EMPTY_ROOT)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageFailed(
            "what was cosigned can't be read, and without it this witness would not notice a rewritten log"
            + (f": {error.strerror}" if isinstance(error, OSError) else ""),
            Remedy.USE_ANOTHER_COPY, path=path, partly=False,
        ) from error  # fmt: skip
    if seen.origin != origin:
        raise LogBroken(
            f"the state file is about the log {seen.origin}, not {origin}; each log has its own", Remedy.USE_NEW_FILE,
            path=path,
        )  # fmt: skip
    return seen


def _write_state(path: Path, seen: Checkpoint) -> None:
    said = {"origin": seen.origin, "size": seen.size, "root": seen.root.hex()}
    try:
        replace_file(path, json.dumps(said).encode() + b"\n")
    except OSError as error:
        raise StorageFailed(
            f"what would be cosigned can't be kept, so it was not cosigned: {error.strerror}",
            remedy_of_storage(error), path=path, partly=False,
        ) from error  # fmt: skip
