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


def _whole(name: str, env: Mapping[str, str], of: str, example: str, *, most_digits: int | None = None) -> int | None:
    """Return the number that a variable holds; None: it is not set, or empty. Raises: WrongUse."""
    said = env.get(name)
    if not said:
        return None
    if not (said.isascii() and said.isdecimal()) or (most_digits is not None and len(said) > most_digits):
        raise WrongUse(
            f"{name} is {said!r}, which is not a number of {of}",
            Remedy.SET_VARIABLE,
            values=(f"{name}, for example to {example}",),
        )
    return int(said)


def approximate_above(env: Mapping[str, str] = os.environ) -> int | None:
    """Faces from which on a process answers approximately: COUNTENANCE_APPROXIMATE, else None, which is never.

    Never, because coding ten million rows takes a process 10 s and saves it 0.1 s a search: worth it for one that
    answers hundreds, which only its operator knows. Raises: WrongUse.
    """
    return _whole("COUNTENANCE_APPROXIMATE", env, "faces", "5000000")


def probe_days(env: Mapping[str, str] = os.environ) -> int:
    """Days for which an organisation's home keeps a probe with its case: COUNTENANCE_PROBE_DAYS, else PROBE_DAYS.

    Raises: WrongUse.
    """
    days = _whole("COUNTENANCE_PROBE_DAYS", env, "days", "30", most_digits=5)
    return PROBE_DAYS if days is None else days


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
