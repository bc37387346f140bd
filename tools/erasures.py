"""Measure erasures in a home of any size, then look for what was erased as a thief with the master key would.

    python tools/erasures.py HOME [COUNT]      HOME is changed: COUNT faces of it (100) are erased. Give it a copy.

Before, of COUNT faces that will be erased and of as many that stay, everything is taken down that could give one away:
the wrapped data key with its id, the template in float16 and float32, sealed and open, the crop, sealed and open. The
last tenth is erased while another connection holds a long read open. Then every byte of every file under HOME is read,
and every segment of the index is opened with the keys that are left, and each 16 bytes of all that are looked for.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import countenance
from countenance.app.home import Home
from countenance.pipeline.sealing import crop_binding, template_binding

PIECE = 16  # bytes: no chance of meeting them by accident
BATCH = 2**26  # bytes looked through at once


@dataclass(frozen=True)
class Traces:
    """What could give a face away; each in pieces."""

    uid: str
    pieces: dict[str, list[bytes]]


def traces_of(home: Home, faces: list[str]) -> list[Traces]:
    """Opened while the keys still live."""
    parts, found = home.parts, []
    with closing(sqlite3.connect(f"{(home.path / 'keys.db').as_uri()}?mode=ro", uri=True)) as keys:
        for uid in faces:
            with parts.stores.records.database.read() as connection:
                key, sealed = connection.exec_driver_sql(
                    "SELECT key_id, template FROM faces WHERE uid = ?", (uuid.UUID(uid).bytes,)
                ).one()
            [wrapped] = keys.execute("SELECT wrapped FROM data_key WHERE id = ?", (key,)).fetchone()
            template = parts.keys.open(key, template_binding(uid), sealed)
            crop = parts.blobs.get(uid)
            found.append(Traces(uid, {
                "wrapped key": _pieces(wrapped),
                "template, sealed": _pieces(sealed),
                "template, float16": _pieces(template),
                "template, float32": _pieces(np.frombuffer(template, "<f2").astype("<f4").tobytes()),
                "crop, sealed": _pieces(crop),
                "crop": _pieces(parts.keys.open(key, crop_binding(uid), crop)),
            }))  # fmt: skip
    return found


def _pieces(data: bytes) -> list[bytes]:
    cut = [data[start : start + PIECE] for start in range(0, len(data) - PIECE + 1, PIECE)]
    return [piece for piece in cut if len(set(piece)) > PIECE // 2]


class Searcher:
    """Looks for all pieces at once: by their first three bytes in a table, then by the whole."""

    def __init__(self, traces: list[Traces]) -> None:
        self.of = {
            piece: (trace.uid, what) for trace in traces for what, some in trace.pieces.items() for piece in some
        }
        self._table = np.zeros(2**24, np.bool_)
        for piece in self.of:
            self._table[int.from_bytes(piece[:3], "little")] = True
        self.found: dict[tuple[str, str], set[str]] = {}

    def look(self, data: bytes, where: str) -> None:
        """Notes what lies in `data`."""
        raw = np.frombuffer(data, np.uint8)
        if len(raw) < PIECE:
            return
        for start in range(0, len(raw), BATCH):
            part = raw[start : start + BATCH + PIECE].astype(np.uint32)
            first = part[:-2] | part[1:-1] << 8 | part[2:] << 16
            for at in (np.flatnonzero(self._table[first]) + start).tolist():
                if hit := self.of.get(data[at : at + PIECE]):
                    self.found.setdefault(hit, set()).add(where)


def opened_segments(home: Home) -> Iterator[bytes]:
    """Every row of every segment that a living key opens, as it lies there."""
    store = home.parts.stores.segments.of(home.parts.embedder.space)
    manifest, _ = store._manifest()  # noqa: SLF001  a thief reads what there is
    for _, _, codes in store._opened(manifest.segments if manifest else ()):  # noqa: SLF001  as above
        yield codes.tobytes()


def scan(path: Path, searcher: Searcher) -> int:
    """Every byte of every file; how many bytes that was. Small files are looked through together."""
    total, waiting, where = 0, bytearray(), ""
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder) / name
            data, kind = file.read_bytes(), file.relative_to(path).parts[0]
            total += len(data)
            if waiting and (kind != where or len(waiting) > BATCH):
                searcher.look(bytes(waiting), where)
                waiting.clear()
            where = kind
            waiting += data + bytes(PIECE)
    searcher.look(bytes(waiting), where)
    return total


def faces_of(home: Home, count: int) -> list[str]:
    """Public ids of faces from all over the home."""
    with home.parts.stores.records.database.read() as connection:
        highest = connection.exec_driver_sql("SELECT max(id) FROM faces").scalar_one()
        some = (
            connection.exec_driver_sql(
                "SELECT uid FROM faces WHERE id >= ? AND template IS NOT NULL AND erasure_id IS NULL LIMIT 1",
                (highest * each // count + 1,),
            ).scalar()
            for each in range(count)
        )
        return [str(uuid.UUID(bytes=uid)) for uid in some if uid is not None]


def main(path: Path, count: int) -> None:
    """Prints the times, and what was found."""
    with countenance.open(path) as home:
        chosen = list(dict.fromkeys(faces_of(home, 2 * count)))
        erased, controls = chosen[::2], chosen[1::2]
        before = {"erased": traces_of(home, erased), "controls": traces_of(home, controls)}
        home.parts.live.refreshed()
        walls, pending = [], []
        quiet = len(erased) - len(erased) // 10
        for uid in erased[:quiet]:
            started = time.perf_counter()
            pending.append(home.erase(face=uid).pending)
            walls.append(time.perf_counter() - started)
        with closing(sqlite3.connect(f"{(path / 'records.db').as_uri()}?mode=ro", uri=True)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sources").fetchone()
            held = []
            for uid in erased[quiet:]:
                started = time.perf_counter()
                held.append(home.erase(face=uid).pending)
                walls.append(time.perf_counter() - started)
        home.parts.eraser.resume()
        home.parts.stores.records.database.truncate_wal()
        both = Searcher([*before["erased"], *before["controls"]])
        for data in opened_segments(home):
            both.look(data, "segments, opened")
    total = scan(path, both)
    print(json.dumps({
        "faces": len(erased),
        "wall_ms": {"median": round(statistics.median(walls) * 1e3, 1), "worst": round(max(walls) * 1e3, 1)},
        "beside_a_long_read": {"erased": len(held), "named_as_pending": sum(bool(each) for each in held)},
        "pending_else": sum(bool(each) for each in pending),
        "bytes_read": total,
        **{name: _told(both, {trace.uid for trace in traces}) for name, traces in before.items()},
    }, indent=2))  # fmt: skip


def _told(searcher: Searcher, uids: set[str]) -> dict[str, dict[str, int]]:
    """What -> where -> how many of these faces."""
    told: dict[str, dict[str, int]] = {}
    for (uid, what), places in searcher.found.items():
        if uid in uids:
            for place in places:
                told.setdefault(what, {}).setdefault(place, 0)
                told[what][place] += 1
    return told


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).absolute(), int(sys.argv[2]) if len(sys.argv) == 3 else 100)
