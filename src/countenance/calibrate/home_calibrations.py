"""The calibrations that a home has measured for itself: a file an embedding space, which stands before the shipped one.

A file is a line with a keyed digest of what follows, and the calibration's JSON. It holds counts of scores and nothing
of a person. A digest that does not fit is an error and never a silent return to another calibration: thresholds would
change without anybody's doing.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from countenance.calibrate.calibration import Calibration
from countenance.durable import replace_file, sync_folder
from countenance.errors import StorageFailed, WrongUse
from countenance.remedies import Remedy, remedy_of_storage
from countenance.types import EmbeddingSpace


@dataclass(frozen=True, slots=True)
class HomeCalibrations:
    """Those in `folder`, which need not be there."""

    folder: Path
    seal: Callable[[bytes], str]  # a keyed digest, of the home's own key

    def read(self, space: EmbeddingSpace) -> Calibration | None:
        """The calibration kept for `space`, or None. Raises: StorageFailed: damaged, of another home, or unreadable."""
        path = self._path(space)
        try:
            digest, _, data = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(
                f"the home's calibration can't be read: {error.strerror}",
                Remedy.CHECK_PERMISSION,
                path=path,
                partly=False,
            ) from error
        if not hmac.compare_digest(digest, self.seal(data).encode()):
            raise _damaged("the home's calibration is damaged, or was changed by another program", path)
        try:
            calibration = Calibration.from_json(data)
        except WrongUse as error:
            raise _damaged(f"the home's calibration is damaged: {error.message}", path) from error
        if calibration.space != space:
            raise _damaged(f"the home's calibration is of another model, {calibration.space.model}", path)
        return calibration

    def keep(self, calibration: Calibration) -> None:
        """It is the one for its space, durably. A crash leaves the one before, or none, and perhaps a `.new` file.

        Raises: StorageFailed: disk full or read-only; the one before stays.
        """
        data = calibration.to_json()
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            replace_file(self._path(calibration.space), self.seal(data).encode() + b"\n" + data)
        except OSError as error:
            raise StorageFailed(
                f"the calibration can't be kept, so the one before stays: {error.strerror}", remedy_of_storage(error)
            ) from error

    def has(self, space: EmbeddingSpace) -> bool:
        """Something is kept for `space`, whole or damaged."""
        return self._path(space).exists()

    def stamp(self, space: EmbeddingSpace) -> tuple[int, int, int] | None:
        """What changes whenever another is kept for `space`; None: none is kept."""
        try:
            found = self._path(space).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def remove(self, space: EmbeddingSpace) -> None:
        """None is kept for `space` any more. Raises: StorageFailed."""
        try:
            self._path(space).unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise StorageFailed(
                f"the calibration can't be removed: {error.strerror}", remedy_of_storage(error)
            ) from error

    def _path(self, space: EmbeddingSpace) -> Path:
        return self.folder / f"{space.weights_sha256}.calibration"  # a model's name is its user's, and may be anything


def _damaged(message: str, path: Path) -> StorageFailed:
    return StorageFailed(message, Remedy.REMOVE_CALIBRATION, path=path, partly=False)
