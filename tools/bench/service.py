"""What the service adds to the library: searches by /v1 beside the same ones in this process, and many at once.

The home is the large one (`bench.homes`). Service and library take turns, so that what else the machine does falls on
both. Many at once are told as CPU time: on a busy machine no wall time says what the cores can do.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import countenance
from bench.homes import grown
from bench.pictures import album
from countenance.app.home import Home
from countenance.client import Client, Refused
from countenance.keys import master as masters
from countenance.testing.served import serving

PURPOSE = "archive-description"
CASE = "bench"
TURNS = 100
AT_ONCE = 50
SECONDS = int(os.environ.get("BENCH_SERVICE_SECONDS", "60"))
MEMORY_SEARCHES = int(os.environ.get("BENCH_SERVICE_SEARCHES", "10000"))


def measure(scratch: Path, *, rows: tuple[int, ...]) -> dict[str, Any]:
    """Milliseconds, searches a second, bytes of memory, of the largest home."""
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "large-home"
    faces = grown(path, max(rows))
    with countenance.open(path) as home:
        token = home.access_keys.make("bench", rights=["search", "oversee"], purpose=PURPOSE, case=CASE).token
        with serving(path, masters.keyfile_path(home.id)) as served:
            with Client(served.url, token) as client:
                probe, lead = _probe(scratch, home, client)
                beside = _beside(served.process.pid, home, client, probe, lead)
            many = _many(served.process.pid, served.url, token, probe)
            held = _memory(served.process.pid, served.url, token, lead)
        return {"faces": faces, **beside, "many": many, "memory": held}


def _probe(scratch: Path, home: Home, client: Client) -> tuple[bytes, str]:
    """A picture with one face, and a face of the gallery."""
    for file in sorted(album(scratch).rglob("*.jp*g")):
        picture = file.read_bytes()
        if len(home.detect(picture).faces) == 1:
            found = client.search(picture, threshold=-1.0, top=1)
            return picture, found["leads"][0]["face_id"]
    raise AssertionError("no picture with one face")


def _beside(pid: int, home: Home, client: Client, picture: bytes, face: str) -> dict[str, Any]:
    asked = {"purpose": PURPOSE, "case": CASE}
    by_face: dict[str, list[float]] = {"library": [], "service": []}
    by_picture: dict[str, list[float]] = {"library": [], "looking_and_embedding": [], "service": []}
    for _ in range(TURNS):
        by_face["library"].append(_ms(lambda: home.search_face(face, **asked)))
        by_face["service"].append(_ms(lambda: client.search_face(face)))
    for _ in range(TURNS // 2):
        began = time.perf_counter()
        result = home.search(picture, **asked)
        by_picture["library"].append((time.perf_counter() - began) * 1e3)
        by_picture["looking_and_embedding"].append(result.timings_ms["look"] + result.timings_ms["decide_and_embed"])
        by_picture["service"].append(_ms(lambda: client.search(picture)))
    face_ms = {name: round(statistics.median(each), 2) for name, each in by_face.items()}
    picture_ms = {name: round(statistics.median(each), 2) for name, each in by_picture.items()}
    more = [there - here for here, there in zip(by_face["library"], by_face["service"], strict=True)]
    over = [
        there - here for here, there in zip(by_picture["looking_and_embedding"], by_picture["service"], strict=True)
    ]
    cpu = {"library": time.process_time(), "service": _cpu_s(pid)}
    for _ in range(TURNS):
        home.search_face(face, **asked)
    cpu["library"] = (time.process_time() - cpu["library"]) * 1e3 / TURNS
    for _ in range(TURNS):
        client.search_face(face)
    cpu["service"] = (_cpu_s(pid) - cpu["service"]) * 1e3 / TURNS
    return {
        "by_face_cpu_ms": {name: round(value, 2) for name, value in cpu.items()},
        "by_face_ms": {**face_ms, "more": round(statistics.median(more), 2)},
        "by_picture_ms": {**picture_ms, "more": round(statistics.median(over), 2)},
    }


def _many(pid: int, url: str, token: str, picture: bytes) -> dict[str, Any]:
    """Many at once: searches, errors, and what each costs the service beside looking at and embedding one picture."""
    until, refused, done = time.monotonic() + SECONDS, [], []

    def ask() -> None:
        with Client(url, token) as client:
            while time.monotonic() < until:
                began = time.perf_counter()
                try:
                    client.search(picture)
                except (Refused, OSError) as error:
                    refused.append(type(error).__name__)
                done.append(time.perf_counter() - began)

    before, began = _cpu_s(pid), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for _ in range(AT_ONCE):
            threads.submit(ask)
    seconds = time.monotonic() - began
    return {
        "at_once": AT_ONCE,
        "seconds": round(seconds, 1),
        "searches": len(done),
        "errors": len(refused),
        "median_s": round(statistics.median(done), 2),
        "cpu_ms_a_search": round((_cpu_s(pid) - before) / len(done) * 1e3, 1),
        "cores_used": round((_cpu_s(pid) - before) / seconds, 2),
    }


def _memory(pid: int, url: str, token: str, face: str) -> dict[str, Any]:
    """Resident bytes of the service's process after a tenth of the searches, and after all."""
    held, count, lock = {}, 0, threading.Lock()

    def ask(share: int) -> None:
        nonlocal count
        with Client(url, token) as client:
            for _ in range(share):
                while True:
                    try:
                        client.search_face(face)
                        break
                    except Refused as refused:
                        if refused.kind != "too_many":
                            raise
                        time.sleep(1)  # 6,000 a minute and key
                with lock:
                    count += 1
                    if count == MEMORY_SEARCHES // 10:
                        held["early"] = _resident(pid)

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(ask, MEMORY_SEARCHES // 4) for _ in range(4)]:
            each.result()
    early, late = held["early"], _resident(pid)
    return {"searches": count, "early_bytes": early, "late_bytes": late, "grown_bytes": late - early}


def _ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process and all that it has started, so far."""
    ticks = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))  # user and system, its own and of children that ended; proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
