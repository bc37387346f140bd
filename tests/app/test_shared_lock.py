"""Held by many, or by one alone."""

import subprocess
import sys
import threading

import pytest

from countenance.app.shared_lock import SharedLock
from countenance.errors import HomeBusy

HOLD = """
import sys, time
from pathlib import Path
from countenance.app.shared_lock import SharedLock
with SharedLock(Path(sys.argv[1]), timeout_s=300).alone():
    print("held", flush=True)
    time.sleep(1e6)
"""


@pytest.fixture
def lock(tmp_path):
    return SharedLock(tmp_path / "naming.lock", timeout_s=0.05)


def in_a_thread(act):
    ended = []

    def run():
        try:
            act()
            ended.append("done")
        except HomeBusy:
            ended.append("busy")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return ended[0]


def take(how):
    with how():
        pass


def test_many_share_it(lock):
    with lock.shared():
        assert in_a_thread(lambda: take(lock.shared)) == "done"


def test_who_is_alone_is_alone(lock):
    with lock.alone():
        assert in_a_thread(lambda: take(lock.shared)) == "busy"
        assert in_a_thread(lambda: take(lock.alone)) == "busy"
    with lock.shared():
        assert in_a_thread(lambda: take(lock.alone)) == "busy"
    assert in_a_thread(lambda: take(lock.alone)) == "done"


def test_a_thread_may_share_it_again_even_where_somebody_waits_to_be_alone(tmp_path):
    lock = SharedLock(tmp_path / "naming.lock", timeout_s=300)
    ended = []
    with lock.shared():
        waiting = threading.Thread(target=lambda: ended.append(take(lock.alone)))
        waiting.start()
        while not _shut(tmp_path):  # by who waits
            pass
        with lock.shared():
            assert not ended
    waiting.join()
    assert ended == [None]


def test_newcomers_wait_behind_who_wants_to_be_alone(tmp_path):
    patient, quick = (SharedLock(tmp_path / "naming.lock", timeout_s=seconds) for seconds in (300, 0.05))
    with quick.shared():
        waiting = threading.Thread(target=lambda: take(patient.alone))
        waiting.start()
        while not _shut(tmp_path):
            pass
        assert in_a_thread(lambda: take(quick.shared)) == "busy"
    waiting.join()
    assert in_a_thread(lambda: take(quick.shared)) == "done"


def test_a_killed_process_lets_go(tmp_path):
    path = tmp_path / "naming.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        lock = SharedLock(path, timeout_s=0.05)
        assert in_a_thread(lambda: take(lock.shared)) == "busy"
        process.kill()
        process.wait()
        assert in_a_thread(lambda: take(lock.alone)) == "done"


def _shut(folder):
    """Whether somebody keeps the gate shut."""
    gate = SharedLock(folder / "naming.lock", timeout_s=0)
    return in_a_thread(lambda: take(gate.shared)) == "busy"
