"""Measure some parts, or all, into docs/benchmarks.json, then render the page: `make bench`, `python -m bench PART...`.

A part that is not measured keeps its older figures, with the commit, time and load of their own run, which the page
shows.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench import machine
from bench.page import JSON, render

# Each a module with `measure`, in the order of the page.
PARTS = ("program", "ingest", "others", "search", "homes", "erase", "service")


def main() -> None:
    """Every part that was asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all; others where it can be")
    parser.add_argument("--rows", default="10000,100000,1000000", help="sizes of the large homes")
    parser.add_argument("--scratch", help="folder for homes; large homes that lie there are used again")
    parser.add_argument("--render", action="store_true", help="measure nothing; render the page from the figures")
    asked = parser.parse_args()
    if not asked.render:
        rows = tuple(int(size) for size in asked.rows.split(","))
        possible = [part for part in PARTS if part != "others" or machine.FACE_RECOGNITION in os.environ]
        for part in asked.parts or possible:
            with tempfile.TemporaryDirectory() as folder:
                scratch = Path(asked.scratch or folder)
                os.environ["XDG_CONFIG_HOME"] = str(scratch / "config")  # master keys of its homes
                before = machine.now()
                figures = _measured(part, scratch, rows)
            keep(part, {"run": {**before, "load_after": machine.load()}, **figures})
    render()


def _measured(part: str, scratch: Path, rows: tuple[int, ...]) -> dict[str, Any]:
    measure = importlib.import_module(f"bench.{part}").measure
    found: dict[str, Any] = measure(max(rows), approximate=True) if part == "search" else measure(scratch, rows=rows)
    return found


def keep(part: str, measured: dict[str, Any]) -> None:
    """The part's figures stand in the file, and the others as they were. Told on standard output too."""
    known = json.loads(JSON.read_text("utf-8")) if JSON.exists() else {}
    known[part] = measured
    JSON.write_text(json.dumps({name: known[name] for name in PARTS if name in known}, indent=2) + "\n", "utf-8")
    print(json.dumps({part: measured}, indent=2))


if __name__ == "__main__":
    main()
