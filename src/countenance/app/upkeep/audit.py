"""The audit log for those who oversee a home: proofs, exports, and what outside witnesses have cosigned."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias

from countenance.app.opening import LOG
from countenance.app.paths import about_file, new_file, path_of, read_file, require_file
from countenance.app.settings import Settings
from countenance.app.upkeep.witnesses import Witnesses, as_time
from countenance.app.wiring import Parts
from countenance.auditlog.checkpoint import COSIGNER, Checkpoint, Signer, open_checkpoint, parse_verifier_key
from countenance.auditlog.cosign import CosignRequest, read_request
from countenance.auditlog.export import check_export, check_proof, write_export, write_proof
from countenance.auditlog.verify import verify_log
from countenance.errors import LogBroken, NotFound, WrongUse
from countenance.protocols import LogEntry
from countenance.remedies import Remedy

TextLike: TypeAlias = str | os.PathLike[str]  # a text itself, or the path of a file that holds it; `-`: standard input
MAX_TEXT_BYTES: Final = 16 * 2**20  # of a checkpoint or a proof
_NO_TEXT: Final = "the file is not text, so it is not part of a log"


@dataclass(frozen=True, slots=True)
class AuditService:
    """The log of one home."""

    parts: Parts

    def verify(self, checkpoint: TextLike | None = None) -> dict[str, Any]:
        """{"entries", "root", "verifier_key", "cosigned"} of a log that is whole and continues every known checkpoint.

        Args: checkpoint: one that was kept outside. Raises: LogBroken: names the first bad entry, or the fork.
        """
        return check_log(self.parts.path, self.verifier_key(), checkpoint)

    def verify_proof(
        self, file: str | os.PathLike[str], *, key: str | None = None, witnesses: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What a proof of one entry shows, by a public key, by default this log's: `check_proof_file`."""
        return check_proof_file(file, key or self.verifier_key(), witnesses)

    def verify_export(
        self, file: str | os.PathLike[str], *, key: str | None = None, checkpoint: TextLike | None = None
    ) -> dict[str, Any]:
        """What an export shows, by a public key, by default this log's: `check_export_file`."""
        return check_export_file(file, key or self.verifier_key(), checkpoint)

    def prove(self, entry_id: str) -> str:
        """The proof that an entry is in the log, as JSON for others; under a cosigned checkpoint, if one covers it.

        Raises NotFound.
        """
        position = self.parts.log.position_of(entry_id)
        if position is None:
            raise NotFound(f"there is no log entry {entry_id}", Remedy.LIST_LOG_ENTRIES)
        return write_proof(self.parts.log.prove_entry(position, under=self._witnesses.note_over(position)))

    def verifier_key(self) -> str:
        """The public key that checkpoints, proofs, exports and receipts are checked with."""
        return self.parts.log.signer.verifier_key()

    def checkpoint(self) -> str:
        """The newest signed checkpoint. Kept by somebody else, it shows any later rewriting of what it covers."""
        return self.parts.log.checkpoint()

    def size(self) -> int:
        """How many entries the log has."""
        return len(self.parts.log)

    def entries(self, start: int = 0, limit: int | None = None) -> list[LogEntry]:
        """At most so many entries from that position on, oldest first."""
        return list(islice(self.parts.log.entries(start), limit))

    def export(self, file: str | os.PathLike[str]) -> int:
        """Every entry in a file for others; how many. Raises: WrongUse: the file is there; StorageFailed."""
        log = self.parts.log
        size = len(log)
        with new_file(path_of(file)) as out:
            out.writelines(write_export(log.signer.origin, log.raw_entries(), size, log.checkpoint_of(size)))
        return size

    def lines(self) -> Iterator[str]:
        """What `export` writes, line by line."""
        log = self.parts.log
        size = len(log)
        return write_export(log.signer.origin, log.raw_entries(), size, log.checkpoint_of(size))

    # --- witnesses -----------------------------------------------------------------------------------------------
    def trust(self, key: str) -> str:
        """The cosignatures of that witness count; its name. Raises: LogBroken: no verifier key of a witness."""
        name, _ = parse_verifier_key(key, COSIGNER)
        if not name or not name.isprintable() or " " in name:  # as the signed note has names; one stands on a line
            raise LogBroken("the name of a witness is one printable word, for example witness.example.org")
        self.parts.stores.log.append("witness.trusted", {"witness": name, "key": key.strip()})
        self._witnesses.trust(name, key.strip())
        return name

    def distrust(self, name: str) -> None:
        """The cosignatures of that witness count no more; the log keeps that they did. Raises NotFound."""
        key = self.trusted().get(name)
        if key is None:
            raise NotFound(f"no witness called {name!r} is trusted", Remedy.LIST_WITNESSES)
        self.parts.stores.log.append("witness.distrusted", {"witness": name, "key": key})
        self._witnesses.distrust(name)

    def trusted(self) -> dict[str, str]:
        """Name -> verifier key, of each witness whose cosignatures count."""
        return self._witnesses.trusted()

    def request(self, old: int | None = None) -> str:
        """What to give to a witness. `old`: how many entries it has cosigned; by default as is known here.

        Raises: WrongUse: the log has no so many entries, or `old` is to be said, as witnesses have cosigned different
        numbers.
        """
        log = self.parts.log
        size = self._cosigned_so_far() if old is None else old
        if not 0 <= size <= len(log):
            raise WrongUse(
                f"the log has {len(log)} entries, fewer than {size}; use the number that the witness reports",
                field="old",
            )
        if not size:
            return CosignRequest(0, (), log.checkpoint()).text()
        proof, checkpoint = log.prove_growth(size)
        return CosignRequest(size, tuple(proof), checkpoint).text()

    def accept(self, request: TextLike, cosignature: TextLike) -> dict[str, dict[str, Any]]:
        """A witness's cosignature for that request is kept, if it is the newest of its: as `cosigned` has it.

        Raises: LogBroken: nobody who is trusted signed it, or it is not of this log.
        """
        log = self.parts.log
        asked, line = read_request(text_of(request)), text_of(cosignature)
        signed = asked.opened(log.signer.origin, log.signer.public_key)
        if signed.size > len(log) or (signed.size and _root(log.checkpoint_of(signed.size), log.signer) != signed.root):
            raise LogBroken(
                "the checkpoint does not fit the log as it is now: the log was shortened, restored or rewritten",
                Remedy.REPORT_LOG,
            )
        before = self.cosigned()
        found = self._witnesses.keep(f"{asked.checkpoint}{line.strip()}\n")
        if not found:
            raise LogBroken("no trusted witness has cosigned this checkpoint", Remedy.TRUST_WITNESS)
        now = self.cosigned()
        for name in found:
            if now[name] != before.get(name):
                self.parts.stores.log.append("witness.cosigned", {"witness": name, "entries": signed.size})
        return now

    def cosigned(self) -> dict[str, dict[str, Any]]:
        """Name -> {"entries", "at"}: the newest checkpoint that each trusted witness cosigned, by its clock."""
        return {each.witness: each.as_dict() for each in self._witnesses.cosigned()}

    # --- inside --------------------------------------------------------------------------------------------------
    @property
    def _witnesses(self) -> Witnesses:
        signer = self.parts.log.signer
        return Witnesses(self.parts.path, signer.origin, signer.public_key)

    def _cosigned_so_far(self) -> int:
        known = self.cosigned()
        sizes = {name: known[name]["entries"] if name in known else 0 for name in self._witnesses.trusted()}
        if len({*sizes.values()}) > 1:
            listing = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise WrongUse(
                f"the witnesses have cosigned different numbers of entries: {listing}", Remedy.ADD_FIELD, field="old"
            )
        return next(iter(sizes.values()), 0)


def check_log(home: str | os.PathLike[str] | None, key: str, checkpoint: TextLike | None = None) -> dict[str, Any]:
    """What `AuditService.verify` gives of a log that is whole and continues that checkpoint and each cosigned one.

    Needs the public key alone and writes nothing.
    Args: home: the folder that holds the log, by default as `countenance.open` has it; checkpoint: one that was kept.
    Raises: LogBroken: names the first bad entry; StorageFailed.
    """
    folder = Settings.read(home).home
    origin, public_key = parse_verifier_key(key)
    cosigned = list(Witnesses(folder, origin, public_key).cosigned())
    kept = [each.checkpoint for each in cosigned]
    if checkpoint is not None:
        kept.append(_opened(checkpoint, origin, public_key))
    found = verify_log(folder / LOG, origin, public_key, kept=kept)
    return {
        "entries": found.entries,
        "root": found.root.hex(),
        "verifier_key": key,
        "cosigned": {each.witness: each.as_dict() for each in cosigned},
    }


def check_proof_file(file: str | os.PathLike[str], key: str, witnesses: Sequence[str] = ()) -> dict[str, Any]:
    """What a proof of one entry shows, with public keys alone. Needs no home. Raises: LogBroken, NotFound.

    What is wrong with a key is told first, and without the file.
    Args: witnesses: the public keys of those who must have cosigned it.
    """
    parse_verifier_key(key)
    for each in witnesses:
        parse_verifier_key(each, COSIGNER)
    with about_file(path := path_of(file)):
        proven = check_proof(text_of(path), key, witnesses)
    return {
        "position": proven.position,
        "record": proven.record,
        "entries": proven.checkpoint.size,
        "root": proven.checkpoint.root.hex(),
        "cosigned": {name: as_time(at) for name, at in proven.cosigned.items()},
    }


def check_export_file(file: str | os.PathLike[str], key: str, checkpoint: TextLike | None = None) -> dict[str, Any]:
    """What an export shows, with the public key alone. Needs no home. Raises: LogBroken, NotFound.

    Args: checkpoint: one that was kept, which the export must continue.
    """
    log = parse_verifier_key(key)
    at_least = None if checkpoint is None else _opened(checkpoint, *log)
    path = path_of(file)
    try:
        require_file(path)
        with path.open(encoding="utf-8", newline="\n") as lines, about_file(path):
            found = check_export(lines, key, at_least=at_least)
    except UnicodeDecodeError as error:
        raise LogBroken(_NO_TEXT, Remedy.ASK_FOR_IT_AGAIN, path=path) from error
    except OSError as error:
        raise NotFound(f"the file can't be read: {error.strerror}", Remedy.USE_EXISTING_FILE, path=path) from error
    return {"entries": found.size, "root": found.root.hex()}


def _opened(checkpoint: TextLike, origin: str, public_key: bytes) -> Checkpoint:
    """A checkpoint that somebody kept. Raises: LogBroken: it is none of that log; NotFound."""
    with nullcontext() if isinstance(checkpoint, str) else about_file(path_of(checkpoint)):
        return open_checkpoint(text_of(checkpoint), origin, public_key)


def text_of(text: TextLike) -> str:
    """What somebody gave us. Raises NotFound: the file is not there; LogBroken: it holds no text."""
    if isinstance(text, str):
        return text
    path = path_of(text)
    try:
        if str(path) == "-":
            return sys.stdin.read()
        return read_file(path, MAX_TEXT_BYTES).decode().replace("\r\n", "\n")  # as another system may end lines
    except UnicodeDecodeError as error:
        raise LogBroken(_NO_TEXT, Remedy.ASK_FOR_IT_AGAIN, path=path) from error


def _root(note: str, signer: Signer) -> bytes:
    return open_checkpoint(note, signer.origin, signer.public_key).root
