"""A hundred erasures in a home of a million faces, and what a thief of home and master key finds of them afterwards.

Half are made while nobody else reads, half while another process holds a read of the records open. Then every file is
read: as it lies there, and with every key that is left, all that one opens (templates in the records, crops, segments).
Of the erased nothing may be found; a hundred others are looked for on the same way, and must be. So it is with a backup
from before the erasures, once it is restored with the log.

The home is a copy of the large one (`bench.homes`): blobs and segments never change, so they are hard links.
"""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import countenance
from bench.homes import SEED, grown, linked_copy
from bench.made_up import MadeUpLooker, rows
from countenance.app.home import Home
from countenance.app.upkeep.restore import restore
from countenance.associated_data import crop_aad, template_aad
from countenance.index.codes import THRESHOLD, code_book
from countenance.keys import master as masters
from countenance.keys.sealing import unseal, unwrap
from countenance.pipeline.live_index import snapshot
from countenance.pipeline.vectors import pack_vector

ERASURES = CONTROLS = 100
PIECE = 16  # bytes: no chance of meeting them by accident
PIECES = 4  # of a needle that is longer, spread over it
PORTION = 64 * 2**20
TABLE_BITS = 22
BIOMETRIC = ("template, float32", "template, float16", "template, code", "crop")
NAMES = ("key", "face id", "picture id", "picture's hash", "picture's place")
READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM erasures").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""

Found: TypeAlias = set[tuple[int, str, str]]  # (picture's number, where, what)


def measure(scratch: Path, *, rows: tuple[int, ...]) -> dict[str, Any]:
    """Milliseconds, bytes written, and what the thief found."""
    scratch.mkdir(parents=True, exist_ok=True)
    faces = grown(scratch / "large-home", max(rows))
    path, backup, restored = scratch / "erase-home", scratch / "erase.backup", scratch / "erase-restored"
    shutil.rmtree(restored, ignore_errors=True)
    backup.unlink(missing_ok=True)
    linked_copy(scratch / "large-home", path)
    try:
        with countenance.open(path) as home:
            seconds = {"backup": _seconds(lambda: home.backups.write(backup))}
            chosen = _some(home, ERASURES + CONTROLS)
            measured = _measured(home, chosen)
        seconds["restore"] = _seconds(lambda: restore(backup, restored, log=path))
        with countenance.open(restored) as home:
            snapshot(home.parts.stores, home.parts.engine().embedder.space)  # its index is made anew, as an ingest does
            found = _scanned(Thief(home), home, chosen)
            told = {"backup_bytes": backup.stat().st_size, "seconds_to": seconds, **found}
        return {"faces": faces, **measured, "restored": told}
    finally:
        shutil.rmtree(path)
        shutil.rmtree(restored, ignore_errors=True)
        backup.unlink(missing_ok=True)


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return round(time.perf_counter() - started, 1)


def _measured(home: Home, chosen: list[Chosen]) -> dict[str, Any]:
    home.parts.engine().live.refresh()
    erased = chosen[::2]
    segments, written = _segments(home), _written()
    alone, pending_alone = _erase(home, erased[: ERASURES // 2])
    with _reader(home.path / "records.db"):
        beside, pending_beside = _erase(home, erased[ERASURES // 2 :])
        written = _written() - written
        thief = Thief(home)
        found = thief.look(_biometrics(home, chosen))
    return {
        "acknowledged_ms": _spread(alone),
        "acknowledged_beside_a_reader_ms": _spread(beside),
        "pending": {"alone": pending_alone, "beside_a_reader": pending_beside},
        "written_bytes_an_erasure": round(written / len(erased)),
        "segments": {"all": len(segments), "written_anew": len(_segments(home) - segments)},
        "scan": _scanned(thief, home, chosen, found),
    }


def _scanned(thief: Thief, home: Home, chosen: list[Chosen], found: Found | None = None) -> dict[str, Any]:
    """What the thief finds of the erased and of the controls; `found`: of their biometrics, if he looked already."""
    found = thief.look(_biometrics(home, chosen)) if found is None else found
    assert home.parts.stores.records.database.truncate_wal()
    named = thief.read_files(Needles({face.number: face.names for face in chosen}), blobs=False)
    thief.told.pop("bytes")
    gone, there = {face.number for face in chosen[::2]}, {face.number for face in chosen[1::2]}
    return {
        **thief.told,
        "erased": len(gone),
        "erased_found": sorted({(where, what) for who, where, what in found | named if who in gone}),
        "lying_open": sorted({(where, what) for _, where, what in found if where in {"files", "blobs"}}),
        "controls": len(there),
        "controls_found": _counted(found | named, there),
    }


def _biometrics(home: Home, chosen: list[Chosen]) -> Needles:
    return Needles({face.number: _biometric(face.number, home) for face in chosen})


def _counted(found: Found, who: set[int]) -> dict[str, int]:
    """How many of them were found, by place and thing."""
    kinds = sorted({(where, what) for _, where, what in found})
    counts = {f"{what} ({where})": len({n for n, *kind in found if (*kind,) == (where, what)} & who)
              for where, what in kinds}  # fmt: skip
    return {kind: count for kind, count in counts.items() if count}


def _spread(ms: list[float]) -> dict[str, float]:
    return {"count": len(ms), "median": round(statistics.median(ms), 1), "worst": round(max(ms), 1)}


def _segments(home: Home) -> set[str]:
    return {each.name for each in (home.path / "index").rglob("*.segment")}


def _written() -> int:
    """Bytes that this process has handed to write()."""
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("wchar")).split()[1])


@contextmanager
def _reader(database: Path) -> Iterator[None]:
    """Another process holds a read of it open."""
    with subprocess.Popen([sys.executable, "-c", READ, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ran:
        assert ran.stdin is not None
        assert ran.stdout is not None
        ran.stdout.readline()
        yield


# --- who -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Chosen:
    """A picture of one face, and all by which it could be met."""

    number: int
    uid: str
    names: Mapping[str, bytes]


def _some(home: Home, count: int) -> list[Chosen]:
    """From all over the home, in the order of the faces' ids."""
    with home.parts.stores.records.database.read() as connection:
        highest = connection.exec_driver_sql("SELECT max(id) FROM faces").scalar_one()
        found = [
            connection.exec_driver_sql(
                "SELECT f.uid, f.key_id, p.uid AS picture, p.sha256, l.place FROM faces f "
                "JOIN pictures p ON p.id = f.picture_id JOIN placements l ON l.picture_id = p.id "
                "WHERE f.id >= ? AND f.template IS NOT NULL LIMIT 1",
                (highest * (2 * each + 1) // (2 * count),),
            ).one()
            for each in range(count)
        ]
    return [
        Chosen(
            int(row.place[-13:-4]), str(uuid.UUID(bytes=row.picture)),
            dict(zip(NAMES, (row.key_id, row.uid, row.picture, row.sha256, bytes(row.place)), strict=True)),
        )
        for row in found
    ]  # fmt: skip


def _biometric(number: int, home: Home) -> dict[str, bytes]:
    """What a template or crop of it could be on a disk."""
    space = home.parts.engine().embedder.space
    vector = rows(SEED, [number], space.dimension)[0]
    turned = vector @ code_book(space.dimension)._rotation  # noqa: SLF001  # the code of one row, as `CodeBook` has it
    edge = THRESHOLD / np.sqrt(space.dimension)
    level = np.sum([turned > -edge, turned > 0, turned > edge], axis=0).astype(np.uint8)
    pairs = level[0::2] | level[1::2] << 2
    looked = MadeUpLooker().analyse(b"%09d" % number)
    thumbnail = looked.faces[0].thumbnail  # type: ignore[union-attr]  # it sees a face in everything
    forms = (vector.astype("<f4").tobytes(), pack_vector(vector), (pairs[0::2] | pairs[1::2] << 4).tobytes(), thumbnail)
    return dict(zip(BIOMETRIC, forms, strict=True))


def _erase(home: Home, chosen: list[Chosen]) -> tuple[list[float], dict[str, int]]:
    """Milliseconds of each, and how often each place was named as pending."""
    times: list[float] = []
    pending: dict[str, int] = {}
    for face in chosen:
        started = time.perf_counter()
        report = home.erase(picture=face.uid)
        times.append((time.perf_counter() - started) * 1e3)
        assert (report.faces, report.pictures, bool(report.receipt)) == (1, 1, True)
        for place in report.pending:
            pending[place] = pending.get(place, 0) + 1
    return times, pending


# --- the thief -------------------------------------------------------------------------------------------------------
class Needles:
    """Many needles, each met by any of its pieces, in one pass over the hay."""

    def __init__(self, needles: Mapping[int, Mapping[str, bytes]]) -> None:
        self._pieces: dict[bytes, tuple[int, str]] = {}
        for who, forms in needles.items():
            for what, needle in forms.items():
                last = len(needle) - PIECE
                for start in {last * each // (PIECES - 1) for each in range(PIECES)}:
                    self._pieces[needle[start : start + PIECE]] = who, what
        self._table = np.zeros(2**TABLE_BITS, np.bool_)
        self._table[_mixed(np.frombuffer(b"".join(piece[:4] for piece in self._pieces), "<u4"))] = True

    def find(self, hay: bytes, where: str) -> Found:
        """Which lie in the hay."""
        found: Found = set()
        for shift in range(4):
            words = np.frombuffer(hay, "<u4", max(0, (len(hay) - shift) // 4), shift)
            for at in (np.flatnonzero(self._table[_mixed(words)]) * 4 + shift).tolist():
                if (met := self._pieces.get(hay[at : at + PIECE])) is not None:
                    found.add((met[0], where, met[1]))
        return found


def _mixed(words: np.typing.NDArray[np.uint32]) -> np.typing.NDArray[np.uint32]:
    """A place in the table for each: the upper bits of a product (Knuth, TAOCP 3, 6.4)."""
    return (words * np.uint32(2_654_435_769)) >> np.uint32(32 - TABLE_BITS)


class Hay:
    """Pieces of bytes, gathered until they are worth a pass."""

    def __init__(self, needles: Needles, where: str) -> None:
        self.found: Found = set()
        self.bytes = self.pieces = 0
        self._needles, self._where = needles, where
        self._waiting = bytearray()

    def add(self, piece: bytes) -> None:
        """FaceAnalysis through now or later, apart from its neighbours."""
        self.bytes, self.pieces = self.bytes + len(piece), self.pieces + 1
        self._waiting += piece + bytes(PIECE)
        if len(self._waiting) >= PORTION:
            self.done()

    def done(self) -> Found:
        """All that was found."""
        if self._waiting:
            self.found |= self._needles.find(bytes(self._waiting), self._where)
        self._waiting.clear()
        return self.found


class Thief:
    """The files of a home, its master key, and every data key that is left."""

    def __init__(self, home: Home) -> None:
        self._home = home
        wrapping = AESGCM(masters.load(home.id, home.parts.keyfile).derive("wrap data keys"))
        self._keys = {
            bytes(key): unwrap(wrapping, b"data key|" + key, wrapped)
            for key, wrapped in _rows(home.path / "keys.db", "SELECT id, wrapped FROM data_key")
        }
        self.told: dict[str, Any] = {"keys": len(self._keys)}

    def look(self, needles: Needles) -> Found:
        """What lies open in any file, and what a key opens: templates in the records, segments, crops."""
        started = time.perf_counter()
        faces = {}
        templates = Hay(needles, "records, opened")
        query = "SELECT uid, key_id, template FROM faces WHERE key_id IS NOT NULL"
        for uid, key, template in _rows(self._home.path / "records.db", query):
            name = str(uuid.UUID(bytes=uid))
            faces[name] = bytes(key)
            templates.add(self._opened(key, template_aad(name), template))
        crops, segments, lying = (Hay(needles, f"{each}, opened") for each in ("blobs", "index", "blobs"))
        lying = Hay(needles, "blobs")
        for path in (self._home.path / "blobs").rglob("*"):
            if path.is_file():
                sealed = path.read_bytes()
                lying.add(sealed)
                if path.name in faces:
                    crops.add(self._opened(faces[path.name], crop_aad(path.name), sealed))
        for path in (self._home.path / "index").rglob("*.segment"):
            segments.add(self._opened(bytes.fromhex(path.stem), f"index|{path.stem}|segment", path.read_bytes()))
        found = self.read_files(needles, blobs=False)
        for hay in (templates, crops, segments, lying):
            found |= hay.done()
        self.told |= {
            "templates_opened": templates.pieces, "crops_opened": crops.pieces, "segments_opened": segments.pieces,
            "blobs_read": lying.pieces, "bytes_read": lying.bytes + self.told.pop("bytes"),
            "seconds": round(time.perf_counter() - started, 1),
        }  # fmt: skip
        return found

    def read_files(self, needles: Needles, *, blobs: bool) -> Found:
        """What lies open in any file, but for blobs where those were read apart."""
        hay = Hay(needles, "files")
        for path in sorted(self._home.path.rglob("*")):
            if path.is_file() and (blobs or "blobs" not in path.relative_to(self._home.path).parts):
                for portion in _portions(path):
                    hay.add(portion)
        self.told["bytes"] = hay.bytes
        return hay.done()

    def _opened(self, key: bytes, binding: str, sealed: bytes) -> bytes:
        secret = self._keys.get(bytes(key))
        return b"" if secret is None else unseal(AESGCM(secret), binding, sealed)


def _portions(path: Path) -> Iterator[bytes]:
    """The file in overlapping parts. In a process of its own: closing a database's file would drop SQLite's locks."""
    read: Callable[[], bytes]
    with subprocess.Popen(["/bin/cat", path], stdout=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        read = partial(ran.stdout.read, PORTION)
        kept = b""
        while portion := read():
            yield kept + portion
            kept = portion[-PIECE + 1 :]


def _rows(path: Path, query: str) -> Sequence[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
