"""How long a search takes, what it finds and what it holds, against a scan by numpy of the same rows in the same run.

One thread, CPU time, medians. `python tools/bench/search.py ROWS` prints JSON; `measure` is for the whole benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's own scan is to use one thread too

import numpy as np
from numpy.typing import NDArray

from countenance.index.coded import CodedIndex
from countenance.index.flat import FlatIndex
from countenance.permits import Act, Permit
from countenance.testing import forged
from countenance.types import EmbeddingSpace, Hit

DIMENSION = 128
PORTION = 100_000  # rows made at once
FACES_A_PERSON = 5
PROBES = 64
TOP = 10
HALF = 2.0**-11  # what half precision may move a cosine by


def measure(rows: int, *, repeats: int = 7, approximate: bool = False, seed: int = 1) -> dict[str, Any]:
    """Times in ms, memory in bytes a face and recall@10 of a gallery of `rows` made-up faces, five a person.

    `approximate`: of the coded index as well. Takes about 600 bytes a row, a quarter of it for numpy's own scan of
    float32, which is made of at most a million rows.
    """
    rng = np.random.default_rng(seed)
    few = min(rows, 1_000_000)
    plain = np.concatenate([_portion(rng, PORTION) for _ in range(-(-few // PORTION))])[:few]
    probes = _unit(plain[rng.choice(few, PROBES, replace=False)] + 0.05 * rng.standard_normal((PROBES, DIMENSION)))
    numpy_ms = _median_ms(lambda: plain @ probes[0], 3 * repeats) * rows / few
    answer: dict[str, Any] = {
        "rows": rows,
        "dimension": DIMENSION,
        "threads": 1,
        "clock": "CPU time of the process, medians",
        "numpy_float32_ms": round(numpy_ms, 2),
        "exact": {},
    }
    for classes in (1, 100, 10_000, 100_000) if rows <= 1_000_000 else (100,):
        before = _resident()
        began = time.process_time()
        index = FlatIndex(EmbeddingSpace("bench", "0" * 64, DIMENSION))
        _fill(index, rows, classes, plain, rng)
        adding_s, held = time.process_time() - began, _resident() - before
        truth = _Truth(plain, probes, classes, known=rows == few)
        answer["exact"][f"{classes} classes"] = {
            "bytes_a_face": round(held / rows),
            "adding_us_a_face": round(adding_s / rows * 1e6, 2),
            "permitted": [
                _permitted(index, classes, share, probes, truth, numpy_ms, repeats)
                for share in (1.0, 0.1, 0.01)
                if classes * share >= 1 and not (classes == 100_000 and share == 1)
            ],
        }
        if approximate and classes == 100:
            answer["approximate"] = _approximate(index, classes, probes, numpy_ms, repeats)
        del index
    return answer


def _approximate(
    index: FlatIndex, classes: int, probes: NDArray[np.float32], numpy_ms: float, repeats: int
) -> dict[str, Any]:
    shares = (1.0, 0.1, 0.01)
    exact = {share: index.search(probes, TOP, _permit(classes, share)) for share in shares}
    rows, before, began = len(index), _resident(), time.process_time()
    coded = CodedIndex.over(index)
    coding_s, bytes_a_face = time.process_time() - began, (_resident() - before) / rows
    began = time.process_time()
    recall = coded.recall
    measuring_s = time.process_time() - began
    permitted = []
    for share in shares:
        found = coded.search(probes, TOP, _permit(classes, share))
        one = _search_ms(coded, probes[:1], classes, share, repeats)
        batch = _search_ms(coded, probes, classes, share, 3)
        permitted.append(
            {
                "share": share,
                "one_ms": round(one, 3),
                "of_numpy": round(one / numpy_ms, 4),
                "batch_of_64_gain": round(one * PROBES / batch, 2),
                "recall_at_10_against_exact": round(_overlap(exact[share], found), 4),
            }
        )
    return {
        "coding_s": round(coding_s, 1),
        "extra_bytes_a_face": round(bytes_a_face),
        "recall": {"value": round(recall.value, 4), "sample": recall.sample, "measuring_s": round(measuring_s, 1)},
        "permitted": permitted,
    }


def _permitted(
    index: FlatIndex,
    classes: int,
    share: float,
    probes: NDArray[np.float32],
    truth: _Truth,
    numpy_ms: float,
    repeats: int,
) -> dict[str, Any]:
    permit = _permit(classes, share)  # good for 60 s: every timing below has one of its own
    hits = index.search(probes, TOP, permit)
    alone = [index.search(probe[None], TOP, permit)[0] for probe in probes[:4]]
    one = _search_ms(index, probes[:1], classes, share, repeats * (1 if share == 1 else 5))
    batch = _search_ms(index, probes, classes, share, 3)
    return {
        "share": share,
        "classes": len(permit.classes),
        "one_ms": round(one, 3),
        "of_numpy": round(one / numpy_ms, 4),
        "batch_of_64_gain": round(one * PROBES / batch, 2),
        "same_alone": alone == hits[:4],
        "recall_at_10": truth.recall(hits, permit) if truth.known else None,
    }


class _Truth:
    """What a float64 scan of the permitted rows would find."""

    def __init__(self, plain: NDArray[np.float32], probes: NDArray[np.float32], classes: int, *, known: bool) -> None:
        self.known = known
        self._scores = probes.astype(np.float64) @ plain.T.astype(np.float64) if known else None
        self._classes = np.arange(len(plain)) * classes // len(plain)

    def recall(self, hits: list[list[Hit]], permit: Permit) -> float:
        """The share of answers that are as good as the exact one at their rank, up to half precision."""
        assert self._scores is not None
        rows = np.flatnonzero(np.isin(self._classes, list(permit.classes)))
        good = []
        for scores, found in zip(self._scores, hits, strict=True):
            best = np.sort(scores[rows])[::-1][:TOP]
            good += [scores[hit.face] >= each - HALF for hit, each in zip(found, best, strict=True)]
        return float(np.mean(good))


def _fill(index: FlatIndex, rows: int, classes: int, plain: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Face f stands in class f * classes // rows."""
    for start in range(0, rows, PORTION):
        end = min(rows, start + PORTION)
        part = plain[start:end] if end <= len(plain) else _portion(rng, end - start)
        owners = np.arange(start, end) * classes // rows
        for at in np.split(np.arange(end - start), np.flatnonzero(np.diff(owners)) + 1):
            index.add(int(owners[at[0]]), start + at, part[at])


def _permit(classes: int, share: float) -> Permit:
    """That share of the classes, spread evenly."""
    return forged.live(Act.SEARCH, range(0, classes, round(1 / share)))


def _portion(rng: np.random.Generator, rows: int) -> NDArray[np.float32]:
    people = rng.standard_normal((-(-rows // FACES_A_PERSON), DIMENSION), dtype=np.float32)
    faces = np.repeat(people, FACES_A_PERSON, axis=0)[:rows]
    return _unit(faces + 0.9 * rng.standard_normal(faces.shape, dtype=np.float32))


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _overlap(exact: Iterable[list[Hit]], found: Iterable[list[Hit]]) -> float:
    pairs = zip(exact, found, strict=True)
    return float(np.mean([len({hit.face for hit in a} & {hit.face for hit in b}) / len(a) for a, b in pairs]))


def _search_ms(index: FlatIndex, probes: NDArray[np.float32], classes: int, share: float, repeats: int) -> float:
    permit = _permit(classes, share)
    return _median_ms(lambda: index.search(probes, TOP, permit), repeats)


def _median_ms(act: Callable[[], object], repeats: int) -> float:
    act()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1e3


def _resident() -> int:
    """Bytes of this process in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--approximate", action="store_true")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.rows, approximate=asked.approximate), indent=1))
