"""A new master key for a home. What the old one wrapped, it opens no more: old backups least of all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countenance.app.wiring import Parts
from countenance.keys import master as masters


@dataclass(frozen=True, slots=True)
class Rotation:
    """What `keyring rotate` did."""

    before: str  # ids of the two keys
    after: str
    keyfile: Path
    log_entry: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {"before": self.before, "after": self.after, "keyfile": str(self.keyfile), "log_entry": self.log_entry}


@dataclass(frozen=True, slots=True)
class KeyringService:
    """The master key of one home."""

    parts: Parts

    @property
    def keyfile(self) -> Path:
        """Where it is."""
        return self.parts.keyfile

    def rotate(self) -> Rotation:
        """Every data key is wrapped by a new master key, which is in the key file; the old one is overwritten there.

        Order: the new key is durable beside the old one; the log says so; the keys are wrapped anew in one transaction;
        the new key takes the old one's place. A crash leaves the old state or the new one: whoever opens the home next
        finds the key that it needs and ends what was begun. Other processes take the new key at their next act.
        Raises: HomeBusy, StorageFailed, KeyMissing, LogUnwritable.
        """
        parts = self.parts
        with parts.stores.erasing():  # one rotation at a time; an erasure would only wait for the key store
            before = masters.find(parts.id, parts.keyfile, parts.keys.master_id) or masters.load(
                parts.id, parts.keyfile
            )
            after = masters.stage(before, parts.keyfile)
            entry = parts.stores.log.append("keys.rotated", {"before": before.key_id, "master": after.key_id})
            parts.keys.rewrap(after)
            masters.promote(parts.keyfile)
        return Rotation(before.key_id, after.key_id, parts.keyfile, entry.id)
