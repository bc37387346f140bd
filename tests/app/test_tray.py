"""What a page remembers: sealed for its session, for a while."""

import os
import time

import pytest

from countenance.app.search.session_store import LASTS_S, MOST, SessionStore
from countenance.errors import NotFound


def test_it_gives_back_what_was_put_to_that_session_alone(tmp_path):
    tray = SessionStore(tmp_path / "tray")
    name = tray.put("mine", {"a": 1}, [b"one", b""])
    assert tray.get("mine", name) == ({"a": 1}, [b"one", b""])
    with pytest.raises(NotFound):
        tray.get("theirs", name)
    tray.close()


def test_nothing_of_it_lies_open(tmp_path):
    tray = SessionStore(tmp_path / "tray")
    tray.put("mine", "a secret word", [b"a secret picture"])
    [file] = (tmp_path / "tray").iterdir()
    assert b"secret" not in file.read_bytes()
    assert "mine" not in file.name
    assert file.stat().st_mode & 0o077 == 0
    tray.close()
    assert list((tmp_path / "tray").iterdir()) == []


def test_what_is_over_is_not_given_and_is_swept_by_the_next_tray(tmp_path):
    tray = SessionStore(tmp_path / "tray")
    name = tray.put("mine", 1)
    [file] = (tmp_path / "tray").iterdir()
    over = time.time() - LASTS_S - 1
    os.utime(file, (over, over))
    with pytest.raises(NotFound):
        tray.get("mine", name)
    SessionStore(tmp_path / "tray")
    assert not file.exists()
    tray.close()


def test_a_session_holds_no_more_than_so_much(tmp_path):
    tray = SessionStore(tmp_path / "tray")
    other = tray.put("theirs", 0)
    for number in range(MOST + 3):
        last = tray.put("mine", number)
    assert tray.get("mine", last) == (MOST + 2, [])
    assert tray.get("theirs", other) == (0, [])
    assert len(list((tmp_path / "tray").iterdir())) == MOST + 1
    tray.close()


@pytest.mark.parametrize("name", ["", "../key", "0" * 32, "0" * 31 + "/"])
def test_a_name_that_is_none_finds_nothing(tmp_path, name):
    with pytest.raises(NotFound):
        SessionStore(tmp_path / "tray").get("mine", name)
