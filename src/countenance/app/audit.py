"""The audit log for those who oversee a home: proofs, exports, and what outside witnesses have cosigned.

Cosignatures lie in HOME/witness: `trusted`, a verifier key a line, and `cosigned`, the newest checkpoint with every
cosignature that was taken for it. Both are replaced whole; a crash leaves the old or the new.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from countenance.app.wiring import LOG
from countenance.auditlog.checkpoint import COSIGNER, Checkpoint, open_checkpoint, parse_verifier_key, split_note
from countenance.auditlog.cosign import Request, cosigned_at
from countenance.auditlog.export import check_export, check_proof, write_export, write_proof
from countenance.auditlog.verify import verify_log
from countenance.errors import LogBroken, NotFound, StorageFailed, WrongUse

if TYPE_CHECKING:
    from countenance.app.home import Home

FOLDER: Final = "witness"
TRUSTED, COSIGNED = "trusted", "cosigned"


@dataclass(frozen=True, slots=True)
class Audit:
    """The log of one home."""

    home: Home

    def verify(self, checkpoint: str | None = None) -> dict[str, Any]:
        """{"entries", "root", "verifier_key", "cosigned"} of a log that is whole and continues every known checkpoint.

        Args: checkpoint: one that was kept outside. Raises: LogBroken: names the first bad entry, or the fork.
        """
        signer = self.home.parts.log.signer
        kept = [self._open(note) for note in (checkpoint, self._read(COSIGNED)) if note]
        found = verify_log(self.home.path / LOG, signer.origin, signer.public_key)
        for each in kept:
            self._continues(each, found.entries)
        return {
            "entries": found.entries,
            "root": found.root.hex(),
            "verifier_key": signer.verifier_key(),
            "cosigned": self.cosigned(),
        }

    def prove(self, entry_id: str) -> str:
        """The proof that an entry is in the log, as JSON for others. Raises NotFound."""
        position = self.home.parts.log.position_of(entry_id)
        if position is None:
            raise NotFound(f"there is no log entry {entry_id}", "`countenance log show` names entries")
        return write_proof(self.home.parts.log.prove_entry(position))

    def export(self, file: str | os.PathLike[str]) -> int:
        """Every entry in a file for others; how many. Raises: WrongUse: the file is there; StorageFailed."""
        log = self.home.parts.log
        size = len(log)
        with _new_file(Path(file).expanduser()) as out:
            out.writelines(write_export(log.signer.origin, log.raw_entries(), size, log.checkpoint_of(size)))
        return size

    # --- witnesses -----------------------------------------------------------------------------------------------
    def trust(self, key: str) -> str:
        """The cosignatures of that witness count; its name. Raises: LogBroken: no verifier key of a witness."""
        name, _ = parse_verifier_key(key, COSIGNER)
        others = [each for each in self._trusted() if parse_verifier_key(each, COSIGNER)[0] != name]
        self.home.parts.stores.log.append("witness.trusted", {"witness": name, "key": key.strip()})
        self._write(TRUSTED, "".join(f"{each}\n" for each in [*others, key.strip()]))
        return name

    def request(self, old: int | None = None) -> str:
        """What to give to a witness. `old`: how many entries it has cosigned; by default as the newest one here says.

        Raises: WrongUse: the log has no so many entries.
        """
        log, known = self.home.parts.log, self._read(COSIGNED)
        size = old if old is not None else self._open(known).size if known else 0
        if not 0 <= size <= len(log):
            raise WrongUse(f"the log has {len(log)} entries, not {size}", "--old N: what the witness says")
        if not size:
            return Request(0, (), log.checkpoint()).text()
        proof, checkpoint = log.prove_growth(size)
        return Request(size, tuple(proof), checkpoint).text()

    def accept(self, checkpoint: str, line: str) -> dict[str, str]:
        """A witness's cosignature of that checkpoint is kept: {name: when}.

        Raises: LogBroken: nobody who is trusted signed it, or it is not of this log.
        """
        signed = self._open(checkpoint)
        self._continues(signed, len(self.home.parts.log))
        new = cosigned_at(f"{checkpoint}{line.strip()}\n", self._trusted())
        if not new:
            raise LogBroken(
                "no trusted witness has cosigned this checkpoint",
                "trust its key first: `countenance log trust-witness KEY`",
            )
        held = self._read(COSIGNED)
        same = held and split_note(held)[0] == split_note(checkpoint)[0]
        for name in new:
            self.home.parts.stores.log.append("witness.cosigned", {"witness": name, "entries": signed.size})
        self._write(COSIGNED, f"{held if same else checkpoint}{line.strip()}\n")
        return self.cosigned()

    def cosigned(self) -> dict[str, str]:
        """Name -> when, of the trusted witnesses who cosigned the newest cosigned checkpoint."""
        held = self._read(COSIGNED)
        found = cosigned_at(held, self._trusted()) if held else {}
        return {name: datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for name, at in found.items()}

    # --- inside --------------------------------------------------------------------------------------------------
    def _continues(self, kept: Checkpoint, entries: int) -> None:
        """Raises LogBroken: the log, whole in itself, is not the one that this checkpoint was of."""
        if kept.size > entries:
            raise LogBroken(
                f"the log has {entries} entries, and the checkpoint covers {kept.size}: it was cut, or put back", _TELL
            )
        if kept.size and self._open(self.home.parts.log.checkpoint_of(kept.size)).root != kept.root:
            raise LogBroken(
                f"the log's first {kept.size} entries are not those that the checkpoint covers: it was rewritten, or "
                "forked",
                _TELL,
            )

    def _open(self, note: str) -> Checkpoint:
        signer = self.home.parts.log.signer
        return open_checkpoint(note, signer.origin, signer.public_key)

    def _trusted(self) -> list[str]:
        return [line for line in self._read(TRUSTED).splitlines() if line]

    def _read(self, name: str) -> str:
        try:
            return (self.home.path / FOLDER / name).read_text("utf-8")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StorageFailed(f"{FOLDER}/{name} can't be read: {error.strerror}", "may this user read it?") from error

    def _write(self, name: str, text: str) -> None:
        folder = self.home.path / FOLDER
        new = folder / f".{name}.{secrets.token_hex(4)}.new"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(folder / name)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise StorageFailed(f"{FOLDER}/{name} can't be written: {error.strerror}", "is there room?") from error


def check_proof_file(file: Path, key: str) -> dict[str, Any]:
    """What a proof of one entry shows, with the public key alone. Raises: LogBroken, NotFound."""
    record, position, found = check_proof(read_text(file), key)
    return {"position": position, "record": record, "entries": found.size, "root": found.root.hex()}


def check_export_file(file: Path, key: str, checkpoint: str | None = None) -> dict[str, Any]:
    """What an export shows, with the public key alone. Raises: LogBroken, NotFound."""
    at_least = None if checkpoint is None else open_checkpoint(checkpoint, *parse_verifier_key(key))
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            found = check_export(lines, key, at_least=at_least)
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"{file} can't be read: {error}", "name the file that you were given") from error
    return {"entries": found.size, "root": found.root.hex()}


def read_text(path: Path) -> str:
    """A file that somebody gave us. Raises NotFound."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"{path} can't be read: {error}", "name the file that you were given") from error


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            yield file
    except FileExistsError as error:
        raise WrongUse(f"{path} is there already", "name a file that is not there") from error
    except OSError as error:
        raise StorageFailed(f"{path} can't be written: {error.strerror}", "is there room?") from error


_TELL: Final = "keep both, and tell whoever oversees this home"
