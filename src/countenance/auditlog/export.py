"""The log in files that others can check: one entry with its proof, or all of them. Never a detail.

A proof: {"v", "entry": {"position", "record", "salt", "path"}, "checkpoint"}.
An export, JSON Lines: {"v", "origin", "entries"}, then {"position", "record", "salt"} for each entry, then
{"checkpoint"}. A record is the canonical JSON that the tree is over, as text; salt and path are hex.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import COSIGNER, Checkpoint, open_checkpoint, parse_verifier_key
from countenance.auditlog.cosign import cosigned_at
from countenance.auditlog.log import leaf_of
from countenance.errors import LogBroken
from countenance.protocols import EntryProof
from countenance.remedies import Remedy

VERSION: Final = 1


def write_proof(proof: EntryProof) -> str:
    """The proof of one entry, as JSON."""
    document = {
        "v": VERSION,
        "entry": {
            "position": proof.position,
            "record": proof.record.decode(),
            "salt": proof.salt.hex(),
            "path": [part.hex() for part in proof.path],
        },
        "checkpoint": proof.checkpoint,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry that is in a log."""

    record: dict[str, Any]
    position: int
    checkpoint: Checkpoint
    cosigned: dict[str, int]  # name of a witness -> seconds since 1970 UTC


def check_proof(text: str, key: str, witnesses: Sequence[str] = ()) -> ProvenEntry:
    """An entry that is in the log with this verifier key. Raises LogBroken: it isn't, or not each witness cosigned."""
    origin, public_key = parse_verifier_key(key)
    try:
        document = json.loads(text)
        entry = document["entry"]
        record, position = entry["record"].encode(), entry["position"]
        leaf = leaf_of(bytes.fromhex(entry["salt"]), record)
        path = [bytes.fromhex(part) for part in entry["path"]]
        note, said = document["checkpoint"], json.loads(record)
        if document["v"] != VERSION or type(position) is not int or not isinstance(said, dict):
            raise ValueError("it is not in its form")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LogBroken(
            "this is not a proof of an entry, or one that was cut short", Remedy.ASK_FOR_IT_AGAIN
        ) from error
    checkpoint = _opened(str(note), origin, public_key)
    if not merkle.includes(leaf, position, checkpoint.size, path, checkpoint.root):
        raise LogBroken("the entry is not in the log that the checkpoint covers", Remedy.ASK_FOR_IT_AGAIN)
    cosigned = cosigned_at(str(note), witnesses)
    for each in witnesses:
        if (name := parse_verifier_key(each, COSIGNER)[0]) not in cosigned:
            raise LogBroken(
                f"{name} has not cosigned the checkpoint of this proof; a proof made after that would be cosigned",
                Remedy.ASK_FOR_IT_AGAIN,
            )
    return ProvenEntry(said, position, checkpoint, cosigned)


def write_export(origin: str, entries: Iterable[tuple[int, bytes, bytes]], size: int, checkpoint: str) -> Iterator[str]:
    """The lines of an export of the first `size` entries: (position, record, salt) of each, in order."""
    yield json.dumps({"v": VERSION, "origin": origin, "entries": size}) + "\n"
    for position, record, salt in islice(entries, size):
        line = {"position": position, "record": record.decode(), "salt": salt.hex()}
        yield json.dumps(line, ensure_ascii=False) + "\n"
    yield json.dumps({"checkpoint": checkpoint}, ensure_ascii=False) + "\n"


def check_export(lines: Iterable[str], key: str, *, at_least: Checkpoint | None = None) -> Checkpoint:
    """The checkpoint that the whole export leads to.

    Raises: LogBroken: an entry was changed, left out, added or moved, the end is missing, another log's or key's; or it
    does not continue `at_least`.
    """
    origin, public_key = parse_verifier_key(key)
    reader = iter(lines)
    head = _line(next(reader, ""), "its first line")
    if head.get("v") != VERSION or head.get("origin") != origin:
        raise LogBroken("this is not an export of the log of that key", Remedy.GET_TRUSTED_KEY)
    nodes: dict[tuple[int, int], bytes] = {}
    size, root = 0, merkle.EMPTY_ROOT
    note: str | None = None
    for text in reader:
        line = _line(text, f"line {size + 2}")
        if note is not None:
            raise LogBroken("the export goes on after its end", Remedy.ASK_FOR_IT_AGAIN)
        if "checkpoint" in line:
            note = str(line["checkpoint"])
            continue
        try:
            leaf = leaf_of(bytes.fromhex(line["salt"]), line["record"].encode())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LogBroken(f"entry {size} of the export is malformed", Remedy.ASK_FOR_IT_AGAIN) from error
        if line.get("position") != size:
            raise LogBroken(f"entry {size} of the export is missing, or out of order", Remedy.ASK_FOR_IT_AGAIN)
        for level, index, found in merkle.completed_by(size, leaf, lambda level, index: nodes[level, index]):
            nodes[level, index] = found
            for child in ((level - 1, 2 * index), (level - 1, 2 * index + 1)):
                nodes.pop(child, None)
        size += 1
        if at_least is not None and at_least.size == size:
            root = merkle.root(size, lambda level, index: nodes[level, index])
            if root != at_least.root:
                raise LogBroken("the export is not the continuation of the checkpoint: a fork", Remedy.ASK_FOR_IT_AGAIN)
    if note is None or head.get("entries") != size:
        raise LogBroken(f"the export is cut off after {size} entries", Remedy.ASK_FOR_IT_AGAIN)
    checkpoint = _opened(note, origin, public_key)
    if (checkpoint.size, checkpoint.root) != (size, merkle.root(size, lambda level, index: nodes[level, index])):
        raise LogBroken(
            "the entries of the export do not lead to its checkpoint: something was changed", Remedy.ASK_FOR_IT_AGAIN
        )
    if at_least is not None and at_least.size > size:
        raise LogBroken(
            f"the export has {size} entries, and the checkpoint covers {at_least.size}", Remedy.ASK_FOR_IT_AGAIN
        )
    return checkpoint


def _opened(note: str, origin: str, public_key: bytes) -> Checkpoint:
    """The checkpoint in a proof or an export. Raises LogBroken."""
    if note.partition("\n")[0] != origin:
        raise LogBroken(f"this is of another log than that of the key, {origin}", Remedy.GET_TRUSTED_KEY)
    try:
        return open_checkpoint(note, origin, public_key)
    except LogBroken as error:
        raise LogBroken(f"the checkpoint in it does not hold: {error.message}", Remedy.ASK_FOR_IT_AGAIN) from error


def _line(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LogBroken(f"the export is malformed at {what}", Remedy.ASK_FOR_IT_AGAIN) from error
    if not isinstance(found, dict):
        raise LogBroken(f"the export is malformed at {what}", Remedy.ASK_FOR_IT_AGAIN)
    return found
