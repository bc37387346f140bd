"""What outside witnesses have cosigned of a home's log, in HOME/witness.

`trusted` holds a verifier key a line; `cosigned-0123abcd`, named by the hash of a witness's key, the newest
checkpoint that it cosigned, with its cosignature. Each is replaced whole; a crash leaves the old or the new. Reading
takes no secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from countenance.auditlog.checkpoint import COSIGNER, Checkpoint, open_checkpoint, parse_verifier_key
from countenance.auditlog.cosign import cosigned_at
from countenance.durable import replace_file
from countenance.errors import StorageFailed, reason_of
from countenance.remedies import Remedy

FOLDER: Final = "witness"
TRUSTED: Final = "trusted"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The newest checkpoint that a trusted witness cosigned."""

    witness: str
    checkpoint: Checkpoint
    at: int  # seconds since 1970 UTC, by the witness's clock
    note: str  # the checkpoint, signed and cosigned

    def as_dict(self) -> dict[str, Any]:
        """As `log verify --json` shows it."""
        return {"entries": self.checkpoint.size, "at": as_time(self.at)}


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Those of one home, whose log has this origin and public key."""

    home: Path
    origin: str
    public_key: bytes

    def trusted(self) -> dict[str, str]:
        """Name -> verifier key."""
        keys = [line for line in self._read(TRUSTED).splitlines() if line]
        return {parse_verifier_key(key, COSIGNER)[0]: key for key in keys}

    def trust(self, name: str, key: str) -> None:
        """That key counts, in place of another one of that name."""
        self._write(TRUSTED, "".join(f"{each}\n" for each in {**self.trusted(), name: key}.values()))

    def distrust(self, name: str) -> None:
        """That witness counts no more. What it cosigned is kept, and counts again if its key is trusted again."""
        self._write(TRUSTED, "".join(f"{key}\n" for each, key in self.trusted().items() if each != name))

    def cosigned(self) -> Iterator[Cosigned]:
        """Of each trusted witness that has cosigned. Raises LogBroken: what is kept is no checkpoint of this log."""
        for key in self.trusted().values():
            if note := self._read(_file(key)):
                for witness, at in cosigned_at(note, [key]).items():
                    yield Cosigned(witness, open_checkpoint(note, self.origin, self.public_key), at, note)

    def keep(self, note: str) -> list[str]:
        """The trusted witnesses who cosigned the note. It is kept for each, unless a newer one of its is."""
        size = open_checkpoint(note, self.origin, self.public_key).size
        newest = {each.witness: (each.checkpoint.size, each.at) for each in self.cosigned()}
        trusted = self.trusted()
        found = cosigned_at(note, list(trusted.values()))
        for name, at in found.items():
            if (size, at) > newest.get(name, (-1, 0)):
                self._write(_file(trusted[name]), note)
        return list(found)

    def note_over(self, position: int) -> str | None:
        """The newest cosigned checkpoint that covers this entry, with every cosignature that is kept of it."""
        covering = [each for each in self.cosigned() if each.checkpoint.size > position]
        if not covering:
            return None
        newest = max(each.checkpoint.size for each in covering)
        body, *rest = (each.note for each in covering if each.checkpoint.size == newest)
        signatures = [line for note in rest for line in note.partition("\n\n")[2].splitlines(keepends=True)]
        return body + "".join(line for line in dict.fromkeys(signatures) if line not in body)

    def _read(self, name: str) -> str:
        try:
            return (self.home / FOLDER / name).read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise StorageFailed(
                f"{FOLDER}/{name} can't be read: {reason_of(error)}", Remedy.CHECK_PERMISSION
            ) from error

    def _write(self, name: str, text: str) -> None:
        try:
            (self.home / FOLDER).mkdir(mode=0o700, exist_ok=True)
            replace_file(self.home / FOLDER / name, text.encode())
        except OSError as error:
            raise StorageFailed(f"{FOLDER}/{name} can't be written: {error.strerror}", Remedy.FREE_SPACE) from error


def as_time(at: int) -> str:
    """Seconds since 1970 UTC, in ISO 8601."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _file(key: str) -> str:
    return f"cosigned-{key.split('+', 2)[1]}"
