"""The program from start to end: help, and a search of a small album, with a warm page cache."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import countenance
from bench.pictures import album

RUNS = 5
PROGRAM = (sys.executable, "-m", "countenance.cli.main")


def measure(scratch: Path, **_: object) -> dict[str, Any]:
    """Median seconds."""
    pictures = album(scratch)
    home = scratch / "small-home"
    with countenance.open(home) as opened:
        if not opened.sources():
            opened.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        opened.ingest("album")
        faces = opened.parts.stores.records.gallery.counts()["indexed"]
    probe = str(next(iter(sorted(pictures.rglob("*.jpg")))))
    return {
        "faces": faces,
        "help_s": seconds("--help"),
        "search_s": seconds("--home", str(home), "search", probe, "--face", "0"),
    }


def seconds(*args: str, runs: int = RUNS) -> float:
    """Median wall time of the program, from start to end."""
    spent = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([*PROGRAM, *args], check=True, capture_output=True)
        spent.append(time.perf_counter() - started)
    return round(statistics.median(spent), 3)
