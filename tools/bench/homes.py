"""Homes of 10,000, 100,000 and 1,000,000 faces, written through the pipeline's own path: `bench.made_up`.

One home grows from size to size, unsynced, since nothing of that is timed. At each size new processes measure, synced:
opening and memory (`look`), then the cost a face of a refresh, an ingest and an erasure (`change`). Costs that are to
be flat are CPU time, which others on the machine don't change much; wall time stands beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import countenance
from bench.machine import ROOT
from bench.made_up import SOURCES, MadeUpEmbedder, MadeUpLooker, grow
from bench.pictures import album
from countenance.app.home import Home
from countenance.permits import Act
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.search.search import Searcher, SearchQuery
from countenance.testing import forged
from countenance.types import Purpose

SEED = 1
STEP = 10_000  # pictures a run while a home grows
INGESTED = 2_000  # more faces, measured
SEARCHES, WARM_UP = 60, 5
ERASED = {1_000_000: 100}  # erasures measured at a size
ERASED_ELSE = 20
CACHES = Path("/proc/sys/vm/drop_caches")


def measure(scratch: Path, *, rows: tuple[int, ...]) -> dict[str, Any]:
    """{"sizes": [one set of figures a size]}."""
    scratch.mkdir(parents=True, exist_ok=True)
    empty = scratch / "empty"
    grown(empty, 0)
    sizes = []
    for size in sorted(rows):
        home = scratch / "large-home"
        faces = grown(home, size)
        looked = _child("look", home, empty=empty)
        sizes.append({
            "faces": faces, **looked, **_memory(looked, _child("look", empty), faces),
            **_disk(home, faces), **_program(home, scratch), **_child("change", home, size=size),
        })  # fmt: skip
    return {"sizes": sizes}


# --- in this process -------------------------------------------------------------------------------------------------
def grown(path: Path, size: int) -> int:
    """The home holds at least `size` faces; how many it holds. A run that was cut short goes on."""
    with _unsynced(), countenance.open(path, kind="organisation") as home:
        there = _pictures(home)
        first = there - there % STEP
        grow(home, SEED, 0, 0)
        while first < size:
            last = min(first + STEP, size)
            grow(home, SEED, first, last)
            first = last
        return int(home.parts.stores.records.gallery.counts()["indexed"])


def _pictures(home: Home) -> int:
    return int(home.parts.stores.records.gallery.counts()["pictures"])


def linked_copy(home: Path, to: Path) -> None:
    """A copy of a home to be spoilt. What is only ever unlinked (crops, segments) is a hard link."""

    def link(old: str, new: str) -> None:
        if Path(old).suffix in {"", ".segment"}:
            os.link(old, new)
        else:
            shutil.copyfile(old, new)

    shutil.rmtree(to, ignore_errors=True)
    left_out = shutil.ignore_patterns("*.lock", "*.gate", "lock", "*-shm", "*-wal", ".writers")
    shutil.copytree(home, to, copy_function=link, ignore=left_out)


@contextmanager
def _unsynced() -> Iterator[None]:
    """Crops and segments are not synced one by one: a power cut may take the scratch home."""
    real, os.fsync = os.fsync, lambda _: None
    try:
        yield
    finally:
        os.fsync = real


def _memory(looked: dict[str, Any], empty: dict[str, Any], faces: int) -> dict[str, float]:
    return {
        "memory_bytes_a_face": round((looked["rss_bytes"] - empty["rss_bytes"]) / faces, 1),
        "peak_bytes_a_face": round((looked["peak_bytes"] - empty["peak_bytes"]) / faces, 1),
    }


def _disk(path: Path, faces: int) -> dict[str, Any]:
    """Bytes a face by file; crops apart."""
    sizes = {
        name: sum(file.stat().st_size for file in (path / name).rglob("*") if file.is_file())
        if (path / name).is_dir() else (path / name).stat().st_size
        for name in ("records.db", "keys.db", "log.db", "index", "blobs")
    }  # fmt: skip
    a_face = {name: round(size / faces, 1) for name, size in sizes.items()}
    return {
        "disk_bytes_a_face": a_face,
        "disk_bytes_a_face_without_crops": round(sum(v for name, v in a_face.items() if name != "blobs"), 1),
    }


def _program(path: Path, scratch: Path) -> dict[str, float | None]:
    """Seconds of `countenance search`, start to end, with a real probe: warm, and with the page cache dropped."""
    from bench.program import seconds

    probe = str(next(iter(sorted(album(scratch).rglob("*.jpg")))))
    asked = ("--home", str(path), "search", probe, "--face", "0", "--purpose", "research", "--case", "bench")
    warm = seconds(*asked)
    return {"program_search_warm_s": warm, "program_search_cold_s": seconds(*asked, runs=1) if _cold() else None}


def _cold() -> bool:
    try:
        os.sync()
        CACHES.write_text("3")
    except OSError:
        return False
    return True


def _child(what: str, home: Path, **more: object) -> dict[str, Any]:
    """The answer of a new process."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.homes", what, str(home), json.dumps(more, default=str)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, (ROOT / "tools", ROOT / "tests"))])},
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


# --- in a new process ------------------------------------------------------------------------------------------------
def look(path: Path) -> dict[str, Any]:
    """Opening, memory, and a search by its parts. The probe's picture and template are made up; no model is loaded."""
    started = time.perf_counter()
    with countenance.open(path) as home:
        searcher = _searcher(home)
        index = searcher.live.refresh()
        opened = time.perf_counter() - started
        rows = len(index)
        found: dict[str, Any] = {"rows": rows, "open_s": round(opened, 3)}
        found |= _searches(home, searcher)
        return found | _resident()


def _resident() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    said = {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in lines)
            if name in {"VmRSS", "VmHWM"}}  # fmt: skip
    return {"rss_bytes": said["VmRSS"], "peak_bytes": said["VmHWM"]}


def _searcher(home: Home) -> Searcher:
    parts, engine = home.parts, home.parts.engine()
    embedder = MadeUpEmbedder(engine.embedder.space, SEED)
    return Searcher(parts.stores, MadeUpLooker(), embedder, engine.live, engine.calibration)  # type: ignore[arg-type]


def _searches(home: Home, searcher: Searcher) -> dict[str, Any]:
    """Milliseconds: the scan alone, and what permit, log and show add to it. CPU time leaves out waiting for fsync.

    What an organisation keeps of a probe with its case is told apart.
    """
    question = SearchQuery(purpose=Purpose.RESEARCH, case="bench")
    classes = [each.id for each in home.parts.stores.records.policy.facts()[1]]
    index = searcher.live.refresh()
    kept: list[dict[str, float]] = []
    kept_all: list[dict[str, float]] = []
    real_keep = Searcher._keep_probe  # noqa: SLF001  # timed apart

    def keep(self: Searcher, *args: Any) -> Any:
        made: list[Any] = []
        kept.append(_timed(lambda: made.append(real_keep(self, *args)), 1))
        kept_all.extend(kept)
        return made[0]

    Searcher._keep_probe = keep  # type: ignore[method-assign]  # noqa: SLF001
    scans: list[dict[str, float]] = []
    rest: list[dict[str, float]] = []
    for number in range(WARM_UP + SEARCHES):
        probe = b"%09d" % (number * 7919 % max(1, len(index)))
        permit = forged.live(Act.SEARCH, classes)
        crop = searcher.analyser.analyse(probe).faces[0].crop
        template = searcher.embedder.embed(crop[None], permit)
        scan = _timed(partial(index.search, template, question.top + 16, permit), 1)
        kept.clear()
        whole = _timed(partial(searcher.search, probe, question), 1)
        apart = [scan, *kept, _timed(partial(searcher.analyser.analyse, probe), 1)]
        scans.append(scan)
        rest.append({clock: whole[clock] - sum(each[clock] for each in apart) for clock in whole})
    Searcher._keep_probe = real_keep  # type: ignore[method-assign]  # noqa: SLF001
    middle = _median(scans)
    return {
        "scan_ms": middle,
        "scan_ns_a_face": round(middle["cpu"] * 1e6 / max(1, len(index)), 2),
        "permit_log_show_ms": _median(rest),
        "keep_probe_ms": _median(kept_all),
    }


def _median(costs: list[dict[str, float]]) -> dict[str, float]:
    return {clock: round(statistics.median(cost[clock] for cost in costs[WARM_UP:]), 3) for clock in ("cpu", "wall")}


def change(path: Path, *, size: int) -> dict[str, Any]:
    """A sweep with nothing left over, an ingest of 2,000 faces, the refresh after it, and single erasures."""
    with countenance.open(path) as home:
        parts = home.parts
        parts.engine().live.refresh()
        before = _timed(lambda: (parts.blobs.remove_unfinished(), collect_garbage(parts.stores)), 1)
        first = _next_number(home)
        ingest = _timed(lambda: grow(home, SEED, first, first + INGESTED), INGESTED)
        refresh = _timed(parts.engine().live.refresh, INGESTED)
        erasures = [
            _timed(lambda face=face: home.erase(face=face), 1)
            for face in _some_faces(home, ERASED.get(size, ERASED_ELSE))
        ]
        return {
            "before_an_ingest_ms": before,
            "ingest_ms_a_face": ingest,
            "refresh_ms_a_face": refresh,
            "erase_ms": {
                "count": len(erasures),
                "cpu": round(statistics.median(each["cpu"] for each in erasures), 2),
                "wall": round(statistics.median(each["wall"] for each in erasures), 2),
                "worst_wall": round(max(each["wall"] for each in erasures), 2),
            },
        }


def _some_faces(home: Home, count: int) -> list[str]:
    """Public ids of faces from all over the home."""
    with home.parts.stores.records.database.read() as connection:
        highest = connection.exec_driver_sql("SELECT max(id) FROM faces").scalar_one()
        some = [
            connection.exec_driver_sql(
                "SELECT uid FROM faces WHERE id >= ? AND template IS NOT NULL LIMIT 1", (highest * each // count,)
            ).scalar()
            for each in range(count)
        ]
    return [str(uuid.UUID(bytes=uid)) for uid in some if uid is not None]


def _next_number(home: Home) -> int:
    """Numbers from here on are not in the home; growing goes on below."""
    with home.parts.stores.records.database.read() as connection:
        newest = connection.exec_driver_sql("SELECT max(place) FROM placements").scalar()
    return max(10**8, int(bytes(newest)[-13:-4]) + 1)


def _timed(act: Callable[[], object], count: int) -> dict[str, float]:
    cpu, started = time.process_time(), time.perf_counter()
    act()
    return {
        "cpu": round((time.process_time() - cpu) * 1e3 / count, 4),
        "wall": round((time.perf_counter() - started) * 1e3 / count, 4),
    }


if __name__ == "__main__":
    assert SOURCES
    options = json.loads(sys.argv[3])
    options.pop("empty", None)
    print(json.dumps({"look": look, "change": change}[sys.argv[1]](Path(sys.argv[2]), **options)))
