import logging
import threading

import pytest
from filelock import FileLock, Timeout

from countenance.locking import held


def test_a_free_lock_is_taken_without_a_word(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "countenance")
    with held(FileLock(tmp_path / "lock"), "index"), pytest.raises(Timeout):
        FileLock(tmp_path / "lock").acquire(timeout=0)
    FileLock(tmp_path / "lock").acquire(timeout=0).lock.release()
    assert caplog.records == []


def test_a_wait_is_told_and_ends(tmp_path, caplog):
    caplog.set_level(logging.INFO, "countenance")
    other = FileLock(tmp_path / "lock", thread_local=False)
    other.acquire()
    threading.Timer(0.2, other.release).start()
    with held(FileLock(tmp_path / "lock", timeout=10), "index"):
        pass
    assert [record.getMessage().split(" 0.")[0] for record in caplog.records] == [
        "waiting for another process: index lock", "waited"
    ]  # fmt: skip


def test_who_may_not_wait_is_refused_at_once_and_who_may_in_time(tmp_path, caplog):
    caplog.set_level(logging.INFO, "countenance")
    with FileLock(tmp_path / "lock"):
        with pytest.raises(Timeout), held(FileLock(tmp_path / "lock"), "ingest", wait_s=0):
            pass
        assert caplog.records == []
        with pytest.raises(Timeout), held(FileLock(tmp_path / "lock"), "ingest", wait_s=0.1):
            pass
    assert [record.getMessage() for record in caplog.records] == ["waiting for another process: ingest lock"]
