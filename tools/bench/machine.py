"""Which code, which machine, and how busy it was: every part of the figures carries this."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FACE_RECOGNITION = "COUNTENANCE_BENCH_FACE_RECOGNITION"  # a Python that has `face_recognition`, for the part `others`


def now() -> dict[str, object]:
    """Commit (with + where the tree has changes), time, cores, processor, versions and load."""
    return {
        "commit": _git("rev-parse", "--short=12", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else ""),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_before": load(),
    }


def load() -> float:
    """Average number of running processes in the last minute: above the cores, wall time is others' too."""
    return round(os.getloadavg()[0], 2)


def _git(*args: str) -> str:
    found = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607  # the developer's own git
    return found.stdout.strip()
