"""Where things are, from arguments and the environment. Read once, at the door."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from countenance.errors import WrongUse
from countenance.remedies import Remedy

PROBE_DAYS: Final = 30  # about as long as a lead is followed up; the client has the picture itself


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says."""

    home: Path

    @classmethod
    def read(cls, home: str | os.PathLike[str] | None = None, env: Mapping[str, str] = os.environ) -> Settings:
        """`home`, else COUNTENANCE_HOME, else the platform's folder for a user's data."""
        chosen = home or env.get("COUNTENANCE_HOME")
        if not chosen:  # an empty variable is none, and does not mean the folder one stands in
            import platformdirs

            chosen = platformdirs.user_data_dir("countenance", appauthor=False)
        return cls(Path(chosen).expanduser().absolute())


def runtime_name(env: Mapping[str, str] = os.environ) -> str:
    """What is to run the embedder (`embed.runtimes`): COUNTENANCE_RUNTIME, else ONNX Runtime on the CPU."""
    return env.get("COUNTENANCE_RUNTIME") or "onnxruntime"


def approximate_above(env: Mapping[str, str] = os.environ) -> int | None:
    """Faces from which on a process answers approximately: COUNTENANCE_APPROXIMATE, else None, which is never.

    Never, because coding ten million rows takes a process 10 s and saves it 0.1 s a search: worth it for one that
    answers hundreds, which only its operator knows. Raises: WrongUse.
    """
    said = env.get("COUNTENANCE_APPROXIMATE")
    if not said:
        return None
    if not (said.isascii() and said.isdecimal()):
        raise WrongUse(
            f"COUNTENANCE_APPROXIMATE is {said!r}, which is not a number of faces",
            Remedy.SET_VARIABLE,
            values=("COUNTENANCE_APPROXIMATE, for example to 5000000",),
        )
    return int(said)


def probe_days(env: Mapping[str, str] = os.environ) -> int:
    """Days for which an organisation's home keeps a probe with its case: COUNTENANCE_PROBE_DAYS, else PROBE_DAYS.

    Raises: WrongUse.
    """
    said = env.get("COUNTENANCE_PROBE_DAYS")
    if not said:
        return PROBE_DAYS
    if not (said.isascii() and said.isdecimal() and len(said) <= 5):
        raise WrongUse(
            f"COUNTENANCE_PROBE_DAYS is {said!r}, which is not a number of days",
            Remedy.SET_VARIABLE,
            values=("COUNTENANCE_PROBE_DAYS, for example to 30",),
        )
    return int(said)


def backups_folder(env: Mapping[str, str] = os.environ) -> Path | None:
    """Where the service may write backups: COUNTENANCE_BACKUPS, which whoever starts it names; None: nowhere."""
    said = env.get("COUNTENANCE_BACKUPS")
    return Path(said).expanduser().absolute() if said else None


def free_bytes(path: Path) -> int:
    """Space left on the disk that holds `path`."""
    return shutil.disk_usage(path).free


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(asked: int | None) -> int:
    """Child processes that decode: as asked, else one a core."""
    return max(1, asked if asked is not None else core_count())
