"""What the main acts cost, as ratios in one run: `make bench`. Writes JSON to standard output.

Ingest is compared with the plain loop that one would write with OpenCV and the same weights: FaceDetectorYN at full
size, alignCrop, FaceRecognizerSF. That keeps nothing and asks nobody; ours decodes in child processes, seals, stores
and logs. Pictures: ../shared/faces/people if it is there, else the demo's album.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import countenance
from countenance.app.demo_pictures import write_album
from countenance.weights.store import model_path

ROOT = Path(__file__).resolve().parents[1]
FACES = ROOT.parent / "shared" / "faces" / "people"
SEARCHES, RUNS = 30, 5


def main() -> None:
    """Every measurement, one after the other."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["COUNTENANCE_KEYFILE"] = f"{scratch}/keys/bench.key"
        pictures = FACES if FACES.is_dir() else write_album(Path(scratch)).root
        result = {"commit": _commit(), "machine": _machine(), "pictures": str(pictures.name)}
        opencv = _opencv_loop(pictures)
        with countenance.open(f"{scratch}/home") as home:
            home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
            [report] = home.ingest("album").reports
            ours = report.faces / report.seconds
            result |= {
                "opencv_faces_a_second": round(opencv, 1),
                "ingest_faces_a_second": round(ours, 1),
                "ingest_ratio": round(ours / opencv, 2),
                "search_ms": _searches(home, pictures),
            }
        probe = str(next(p for p in sorted(pictures.rglob("*.jpg"))))
        program = [sys.executable, "-m", "countenance.cli.main"]
        result["help_s"] = _program([*program, "--help"])
        result["search_program_s"] = _program([*program, "--home", f"{scratch}/home", "search", probe, "--face", "0"])
    print(json.dumps(result, indent=2))


def _opencv_loop(pictures: Path) -> float:
    """Faces a second of the plain loop."""
    import cv2

    detector = cv2.FaceDetectorYN.create(str(model_path("yunet-2023mar")), "", (320, 320), 0.6)
    recogniser = cv2.FaceRecognizerSF.create(str(model_path("sface-2021dec")), "")
    faces, started = 0, time.perf_counter()
    for path in sorted(pictures.rglob("*.jp*g")):
        image = cv2.imread(str(path))
        if image is None:
            continue
        detector.setInputSize((image.shape[1], image.shape[0]))
        _, rows = detector.detect(image)
        for row in rows if rows is not None else ():
            recogniser.feature(recogniser.alignCrop(image, row))
            faces += 1
    return faces / (time.perf_counter() - started)


def _searches(home: countenance.Home, pictures: Path) -> dict[str, float]:
    """Medians over some probes in one process, by part."""
    parts: dict[str, list[float]] = {}
    for path in sorted(pictures.rglob("*.jpg"))[:SEARCHES]:
        try:
            timings = home.search(path, face=0).timings_ms
        except (countenance.NotFound, countenance.WrongUse):
            continue  # the demo's album holds pictures without a face, and files that are none
        for part, spent in timings.items():
            parts.setdefault(part, []).append(spent)
    return {part: round(statistics.median(spent), 2) for part, spent in parts.items()}


def _program(command: list[str]) -> float:
    """Median seconds of a program from start to end, with a warm page cache."""
    spent = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        spent.append(time.perf_counter() - started)
    return round(statistics.median(spent), 3)


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607  # the developer's own git
    return found.stdout.strip() or "unknown"


def _machine() -> dict[str, object]:
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


if __name__ == "__main__":
    main()
