"""The harness itself: it misses no step, says so when one is missing, and its two ways of breaking agree."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support import crash

HERE = "crash_scenarios:"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


def test_every_way_to_the_disk_is_a_point(tmp_path):
    ran = crash.rehearse(HERE + "every_way", str(tmp_path / "x"))
    assert ran.points == (
        "make x",
        "make a", "write a", "write, half done a", "fsync a",
        "make b", "write b", "write, half done b",
        "make c", "write c", "write, half done c",
        "make d",
        "write d", "write, half done d",
        "replace a", "rename b", "link c", "unlink c",
        "make k.db", "journal_mode=wal k.db", "create k.db", "commit k.db", "insert k.db",
        "wal_checkpoint(truncate) k.db", "close k.db",
        "acknowledge", "end",
    )  # fmt: skip
    assert ran.told == ("all",)


def test_a_write_is_met_before_and_in_its_midst(tmp_path):
    file = tmp_path / "file"
    seen = [file.read_bytes() if file.exists() else None for _ in crash.stop_at_each(HERE + "in_place", str(file))]
    assert seen == [None, b"", b"new ", b"new text", b"new text"]


@pytest.mark.parametrize("number", range(5))
def test_a_kill_leaves_what_a_stop_shows(tmp_path, number):
    file, again = tmp_path / "file", tmp_path / "again"
    [stopped] = [
        (ran, file.read_bytes() if file.exists() else None)
        for at, ran in enumerate(crash.stop_at_each(HERE + "in_place", str(file)))
        if at == number
    ]
    killed = crash.kill_at(number, HERE + "in_place", str(again))
    assert stopped[1] == (again.read_bytes() if again.exists() else None)
    assert [p.split()[0] for p in stopped[0].points] == [p.split()[0] for p in killed.points]
    assert killed.acknowledged == (number == 4)


def test_a_commit_that_is_killed_before_did_not_happen(tmp_path):
    points = crash.rehearse(HERE + "commit", str(tmp_path / "a.db")).points
    before = points.index("commit a.db")
    for number, rows in ((before, 0), (before + 1, 1)):
        path = tmp_path / f"{number}" / "a.db"
        path.parent.mkdir()
        crash.kill_at(number, HERE + "commit", str(path))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (rows,)


def test_fewer_points_than_counted_is_a_failure(tmp_path):
    with pytest.raises(AssertionError, match="met 5 points, not 6"):
        crash.kill_at(5, HERE + "in_place", str(tmp_path / "file"))


def test_a_scenario_that_fails_is_told_with_what_it_said(tmp_path):
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        crash.rehearse(HERE + "broken")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        list(crash.stop_at_each(HERE + "broken"))
