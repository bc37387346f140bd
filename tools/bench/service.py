"""What the service adds to the library: searches by /v1 beside the same ones in this process, and many at once.

The home is a copy of the large one (`bench.homes`). Service and library take turns, so that what else the machine does
falls on both. Many at once come from one thread with a socket each and a request made beforehand, since a client's own
work takes from the cores that it measures; what the cores can do is measured before and after, by as many threads.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import selectors
import shutil
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyotp

import countenance
from bench.homes import grown, linked_copy
from bench.pictures import album, photograph
from countenance.app.home import Home
from countenance.client import Client, Refused
from countenance.keys import master as masters
from countenance.permits import Act
from countenance.pipeline.search.search import Searcher
from countenance.types import Purpose
from support.served import serving

PURPOSE = "archive-description"
CASE = "bench"
TURNS = 100
AT_ONCE = 50
PASSWORD = "a password of the bench's own"  # noqa: S105 - of a home that is thrown away
PAGES = (
    "/", "/compare", "/people", "/people/suggested", "/sources", "/requests", "/orders", "/receipts",
    "/erase", "/log", "/status", "/rights",
)  # fmt: skip
SECONDS = int(os.environ.get("BENCH_SERVICE_SECONDS", "60"))
MEMORY_SEARCHES = int(os.environ.get("BENCH_SERVICE_SEARCHES", "10000"))


def measure(scratch: Path, *, rows: tuple[int, ...]) -> dict[str, Any]:
    """Milliseconds, searches a second, bytes of memory, of the largest home."""
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "service-home"
    faces = grown(scratch / "large-home", max(rows))
    linked_copy(scratch / "large-home", path)
    os.sync()  # else the home's first commits wait for its own copy to reach the disk
    try:
        with countenance.open(path) as home:
            rights = ["search", "oversee", "collect"]
            token = home.access_keys.make("bench", rights=rights, purpose=PURPOSE, case=CASE).token
            with serving(path, masters.keyfile_path(home.id)) as served:
                pid = served.process.pid
                with Client(served.url, token) as client:
                    probe, lead = _probe(scratch, home, client)
                    beside = _beside(pid, home, client, probe, lead)
                many = [_many(pid, served.url, token, each, home) for each in (probe, photograph(probe))]
                held = _memory(pid, served.url, token, lead)
                pages = _pages(scratch, served.url, token, home, probe, lead)
            return {"faces": faces, **beside, "many": many, "memory": held, "pages": pages}
    finally:
        shutil.rmtree(path)


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
    shown_ms = _time_what_is_shown()
    for _ in range(TURNS // 2):
        began = time.perf_counter()
        home.search(picture, **asked)
        by_picture["library"].append((time.perf_counter() - began) * 1e3)
        by_picture["looking_and_embedding"].append(by_picture["library"][-1] - shown_ms[-1])
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


def _time_what_is_shown() -> list[float]:
    """How long each search of this process takes from here on to scan, confirm and log, once its probe is embedded."""
    took: list[float] = []
    show = Searcher._shown  # noqa: SLF001  # a part of a search that has no other name

    def timed(searcher: Searcher, *args: Any) -> Any:
        began = time.perf_counter()
        shown = show(searcher, *args)
        took.append((time.perf_counter() - began) * 1e3)
        return shown

    Searcher._shown = timed  # noqa: SLF001
    return took


def _many(pid: int, url: str, token: str, picture: bytes, home: Home) -> dict[str, Any]:
    """Many at once: searches, errors, and what each costs the service beside looking at and embedding one picture."""
    looked = home.detect(picture)
    bare, searched = _without_service(picture, home)
    host, _, port = url.removeprefix("http://").rpartition(":")
    body = json.dumps({"picture": base64.b64encode(picture).decode()}).encode()
    head = (
        f"POST /v1/search HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with selectors.DefaultSelector() as ready:
        for _ in range(AT_ONCE):
            asker = socket.create_connection((host, int(port)))
            asker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ready.register(asker, selectors.EVENT_READ, bytearray())
            asker.sendall(head.encode() + body)
        _answered(ready, head.encode() + body, seconds=SECONDS / 20)  # until all have begun
        before = _cpu_s(pid)
        seconds, answered = _answered(ready, head.encode() + body, seconds=SECONDS)
        spent = _cpu_s(pid) - before
        for key in list(ready.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # sockets, all of them
    bare, searched = (
        statistics.mean(each) for each in zip((bare, searched), _without_service(picture, home), strict=True)
    )
    return {
        "pixels": [looked.width, looked.height],
        "at_once": AT_ONCE,
        "seconds": round(seconds, 1),
        "searches": len(answered),
        "errors": sum(status != b"200" for status in answered),
        "searches_a_second": round(len(answered) / seconds, 1),
        "looking_and_embedding_a_second": round(bare, 1),
        "library_searches_a_second": round(searched, 1),
        "cpu_ms_a_search": round(spent / len(answered) * 1e3, 1),
        "cores_used": round(spent / seconds, 2),
    }


def _answered(ready: selectors.BaseSelector, request: bytes, *, seconds: float) -> tuple[float, list[bytes]]:
    """(seconds, the status of each answer). Whoever is answered asks again."""
    began, found = time.monotonic(), []
    while time.monotonic() < began + seconds:
        for key, _ in ready.select(0.5):
            asker: socket.socket = key.fileobj  # type: ignore[assignment]  # as registered
            key.data.extend(asker.recv(2**18))
            head, whole, body = bytes(key.data).partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            if whole and len(body) >= int(length):
                found.append(head.split(b" ")[1])
                key.data.clear()
                asker.sendall(request)
    return time.monotonic() - began, found


def _without_service(picture: bytes, home: Home) -> tuple[float, float]:
    """A second, by as many threads: pictures decoded, detected and embedded; searches by the library."""
    searcher = home.parts.engine().searcher
    ask = searcher.stores.ask(Act.SEARCH, purpose=Purpose(PURPOSE), has_case=True, client=None)
    permit, _ = searcher.stores.policy.decide(ask, classes=None, record={"probe": None, "case": None, "client": None})

    def bare() -> None:
        looked = home.detect(picture)
        searcher.embedder.embed(looked.faces[0].crop[None], permit)

    def search() -> None:
        home.search(picture, purpose=PURPOSE, case=CASE)

    return _rate(bare), _rate(search)


def _rate(act: Callable[[], None]) -> float:
    act()
    began = time.monotonic()
    until = began + SECONDS / 6

    def again() -> int:
        count = 0
        while time.monotonic() < until:
            act()
            count += 1
        return count

    with ThreadPoolExecutor(AT_ONCE) as threads:
        counts = [each.result() for each in [threads.submit(again) for _ in range(AT_ONCE)]]
    return sum(counts) / (time.monotonic() - began)


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


def _pages(scratch: Path, url: str, token: str, home: Home, picture: bytes, lead: str) -> dict[str, Any]:
    """Milliseconds of each page, in turns, while the service ingests the album."""
    host = url.removeprefix("http://")
    new = home.sign_in.add("bench", PASSWORD)
    session = home.sign_in.enter("bench", PASSWORD, pyotp.TOTP(new.totp_secret).now())
    headers = {"cookie": f"countenance-{home.id[:8]}={session}", "sec-fetch-site": "same-origin"}
    evidence = scratch / "evidence.pdf"
    evidence.write_bytes(b"%PDF-1.4 bench\n")
    home.add_source(
        "beside", album(scratch), basis="historical", jurisdiction="CA-ON", purposes=[PURPOSE], evidence=evidence
    )
    seen = home.searches.bring(session, picture)
    search = home.searches.search(session, seen.id, 0, purpose=PURPOSE, case=CASE)
    paths = [*PAGES, "/sources/beside", f"/searches/{search}", f"/people/faces/{lead}"]
    times: dict[str, list[float]] = {path: [] for path in paths}
    with Client(url, token) as client:
        job = client.ingest("beside")["id"]
        connection = http.client.HTTPConnection(host, timeout=60)
        while client.job(job)["state"] in {"queued", "running"}:
            for path in paths:
                began = time.perf_counter()
                if _page(connection, path, headers):
                    times[path].append((time.perf_counter() - began) * 1e3)
        done = client.job(job)
    medians = {path: statistics.median(each) for path, each in times.items()}
    slowest = max(medians, key=lambda path: medians[path])
    return {
        "taken": done["progress"], "state": done["state"], "rounds": len(times["/"]),
        "median_ms": round(statistics.median([ms for each in times.values() for ms in each]), 1),
        "slowest": slowest.replace(search, "ID").replace(lead, "ID"), "slowest_median_ms": round(medians[slowest], 1),
        "medians_ms": {path.replace(search, "ID").replace(lead, "ID"): round(ms, 1) for path, ms in medians.items()},
    }  # fmt: skip


def _page(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bool:
    """Whether it was answered; not where it was asked too often, and then a second has passed."""
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status not in {200, 429}:
        raise AssertionError(f"{path} was answered with {answer.status}")
    if answer.status == 429:  # 1,200 a minute and address
        time.sleep(1)
    return answer.status == 200


def _ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that ended meanwhile
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
