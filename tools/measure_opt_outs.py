"""Whether anybody can tell an opt-out by the clock, and whether one holds while others search.

    PYTHONPATH=tests python tools/measure_opt_outs.py [--searches N] [--opt-outs N]    # needs scipy, which no lock pins

Homes on the disk with `app`'s own wiring and toy eyes: no model runs, since it would do the same for any probe, and
hide what differs. First, searches for opted-out people and for people who were never there, interleaved at random, and
their times compared by two-sample tests; so that it is known that the tests would see a difference, with people who are
there too. Second, opt-outs acknowledged one after another while threads search for the same people.

Prints JSON. Ends with 1 if an opted-out person was shown, or a test tells the first two apart at 1 in 100 (four tests,
Bonferroni).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from countenance.pipeline.requests.requests import RequestWorkflow
from countenance.rights.requests import RequestLimits, check_asked
from countenance.testing.toy import picture
from support.disk_home import opened

TOLD_APART = 0.01 / 4  # Bonferroni: two clocks, two tests
MOST = 10**6


def desk_of(home: Any) -> RequestWorkflow:
    """A desk that takes up as many as come."""
    engine = home.parts.engine()
    limits = RequestLimits(a_day=MOST, waiting=MOST)
    return RequestWorkflow(
        home.parts.stores, engine.analyser, engine.embedder, engine.live, engine.calibration, engine.eraser, "operator",
        limits,
    )  # fmt: skip


def opt_out(desk: RequestWorkflow, name: str) -> float:
    """Seconds from the decision to its acknowledgement."""
    asked = check_asked(kind="opt-out", tier=1, name="", contact="", text="", address="", face="", has_photo=True)
    request = desk.open(asked, photo=picture(f"{name}@1,1,50,50", f"#{name}one"))
    desk.verify(request.uid, photo=picture(f"{name}~~~@1,1,50,50", f"#{name}two"))
    began = time.perf_counter()
    desk.decide(request.uid, grant=True)
    return time.perf_counter() - began


def filled(home: Any, folder: Path, names: list[str]) -> None:
    """A picture each of these people is in the gallery."""
    folder.mkdir()
    for name in names:
        (folder / f"{name}.jpg").write_bytes(picture(f"{name}@10,20,60,80", f"#{name}"))
    home.add_source("album", folder, basis="household", jurisdiction="CA-ON")
    home.ingest()


def timings(folder: Path, searches: int) -> dict[str, Any]:
    """Two-sample tests over the CPU and wall time of each search."""
    hers, there = ([f"{kind}{n:03}" for n in range(20)] for kind in ("gone", "kept"))
    nobody = [f"none{n:03}" for n in range(20)]
    with opened(folder / "home") as home:
        filled(home, folder / "album", [*hers, *there, *(f"rest{n:03}" for n in range(400))])
        desk = desk_of(home)
        for name in hers:
            opt_out(desk, name)
        groups = {"opted_out": hers, "nobody": nobody, "there": there}
        order = [group for group in groups for _ in range(searches)]
        draw = np.random.default_rng(1)
        draw.shuffle(order)
        for name in (*hers, *nobody, *there):  # what is loaded at first use is loaded
            home.search(picture(f"{name}@1,1,50,50"))
        took: dict[str, list[tuple[int, int]]] = {group: [] for group in groups}
        for group in order:
            probe = picture(f"{draw.choice(groups[group])}@1,1,50,50")
            wall, cpu = time.perf_counter_ns(), time.process_time_ns()
            found = home.search(probe)
            took[group].append((time.process_time_ns() - cpu, time.perf_counter_ns() - wall))
            assert bool(found.leads) == (group == "there")
    answer: dict[str, Any] = {"searches_a_group": searches}
    for column, clock in enumerate(("cpu", "wall")):
        rows = {group: np.array(times)[:, column] / 1e6 for group, times in took.items()}
        answer[clock] = {
            "median_ms": {group: round(float(np.median(times)), 4) for group, times in rows.items()},
            **{f"opted_out_and_{other}": compared(rows["opted_out"], rows[other]) for other in ("nobody", "there")},
        }
    return answer


def compared(one: Any, other: Any) -> dict[str, float]:
    """p-values: how likely such a difference is between samples of one distribution."""
    return {
        "mann_whitney_p": float(stats.mannwhitneyu(one, other).pvalue),
        "kolmogorov_smirnov_p": float(stats.ks_2samp(one, other).pvalue),
    }


def while_searching(folder: Path, opt_outs: int) -> dict[str, Any]:
    """Opt-outs acknowledged while two threads search for the same people."""
    names = [f"person{n:05}" for n in range(opt_outs)]
    gone: set[str] = set()
    faults: list[str] = []
    counts = [0, 0]
    over = threading.Event()

    with opened(folder / "home") as home:
        filled(home, folder / "album", names)

        def search(number: int) -> None:
            draw = np.random.default_rng(number)
            while not over.is_set():
                name = draw.choice(names)
                acknowledged = name in gone
                leads = home.search(picture(f"{name}@1,1,50,50"), threshold=0.5).leads
                counts[number] += 1
                if acknowledged and leads:
                    faults.append(name)

        threads = [threading.Thread(target=search, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        took = []
        try:
            desk = desk_of(home)
            for name in names:
                took.append(opt_out(desk, name))
                gone.add(name)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        left = sum(bool(home.search(picture(f"{name}@1,1,50,50"), threshold=0.5).leads) for name in names)
    return {
        "opt_outs": opt_outs, "searches_meanwhile": sum(counts), "shown_after_their_opt_out": len(faults),
        "shown_at_the_end": left, "median_ms": round(float(np.median(took)) * 1e3, 1),
        "p99_ms": round(float(np.quantile(took, 0.99)) * 1e3, 1),
    }  # fmt: skip


def main() -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--searches", type=int, default=10_000, help="of each group; 0: leave them out")
    parser.add_argument("--opt-outs", type=int, default=1_000, help="0: leave them out")
    args = parser.parse_args()
    answer: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="opt-outs-") as folder:
        os.environ["COUNTENANCE_KEYFILE"] = f"{folder}/key"
        for name, measure, count in (
            ("timings", timings, args.searches), ("while_searching", while_searching, args.opt_outs)
        ):  # fmt: skip
            if count:
                place = Path(folder) / name
                place.mkdir()
                os.environ["COUNTENANCE_KEYFILE"] = f"{place}/key"
                answer[name] = measure(place, count)
    print(json.dumps(answer, indent=2))
    apart = [
        p for clock in ("cpu", "wall") for p in answer.get("timings", {}).get(clock, {}).get(
            "opted_out_and_nobody", {}).values() if p < TOLD_APART
    ]  # fmt: skip
    held = answer.get("while_searching", {})
    return int(bool(apart or held.get("shown_after_their_opt_out") or held.get("shown_at_the_end")))


if __name__ == "__main__":
    sys.exit(main())
