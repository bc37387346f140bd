"""A child that dies, hangs, lies or grows costs its picture and nothing else."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from countenance.decode.sandbox import Bounds, Sandbox
from countenance.errors import SandboxFailed
from countenance.types import Rejected, RejectReason

HERE = str(Path(__file__).parent)
ECHO, MISBEHAVE = "sandbox_targets:echo", "sandbox_targets:misbehave"


@pytest.fixture(autouse=True)
def targets_on_the_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)


def test_bytes_and_options_go_there_and_back():
    with Sandbox(ECHO) as sandbox:
        header, parts = sandbox.run(b"abc", {"n": 1})
    assert header == {"length": 3, "n": 1}
    assert parts == [b"abc", b"cba"]


def test_large_pictures_both_ways_do_not_wait_for_each_other():
    big = bytes(range(256)) * 40_000
    with Sandbox(ECHO, workers=2) as sandbox:
        answers = dict(sandbox.run_many((n, big, {}) for n in range(8)))
    assert all(answers[n][1] == [big, big[::-1]] for n in range(8))


@pytest.mark.parametrize(
    ("word", "reason"),
    [("crash", RejectReason.DECODER_DIED), ("exit", RejectReason.DECODER_DIED), ("hang", RejectReason.TIMED_OUT),
     ("hungry", RejectReason.TOO_MANY_PIXELS)],
)  # fmt: skip
def test_one_bad_picture_does_not_stop_the_run(word, reason):
    with Sandbox(MISBEHAVE, workers=2, bounds=Bounds(time_s=0.5, start_s=20)) as sandbox:
        sandbox.run(b"warm", {})
        answers = dict(sandbox.run_many((n, word.encode() if n == 3 else b"good", {}) for n in range(9)))
    assert isinstance(answers[3], Rejected)
    assert answers[3].reason is reason
    assert [n for n in answers if not isinstance(answers[n], Rejected)] != []
    assert all(answers[n][0] == {"word": "good"} for n in range(9) if n != 3)


def test_a_first_picture_that_kills_does_not_look_like_a_decoder_that_cannot_start():
    with Sandbox(MISBEHAVE) as sandbox:
        assert sandbox.run(b"crash", {}).reason is RejectReason.DECODER_DIED
        assert sandbox.run(b"good", {})[0] == {"word": "good"}


def test_a_decoder_that_cannot_start_is_an_error_and_not_a_thousand_rejections():
    with Sandbox("no_such_module:f") as sandbox, pytest.raises(SandboxFailed):
        for _ in range(10):
            sandbox.run(b"good", {})


def test_a_child_that_lies_is_a_dead_child():
    with Sandbox(MISBEHAVE) as sandbox:
        sandbox.run(b"good", {})
        [child] = sandbox._children
        answers_fd = next(
            int(fd) for fd in os.listdir(f"/proc/{child._process.pid}/fd")
            if int(fd) > 2 and os.readlink(f"/proc/{child._process.pid}/fd/{fd}").startswith("pipe")
        )  # fmt: skip
        answer = sandbox.run(b"nonsense", {"fd": answers_fd})
    assert answer.reason is RejectReason.DECODER_DIED


def test_a_child_writes_no_file_and_knows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", "/secret")
    monkeypatch.setenv("COUNTENANCE_KEY", "secret")
    with Sandbox(MISBEHAVE) as sandbox:
        header, _ = sandbox.run(b"write", {"path": str(tmp_path / "x")})
        names, _ = sandbox.run(b"environment", {})
    assert header["error"] == errno.EFBIG
    assert not {"COUNTENANCE_KEYFILE", "COUNTENANCE_KEY"} & set(names["names"])


def test_what_a_library_prints_does_not_spoil_the_answer():
    with Sandbox(MISBEHAVE) as sandbox:
        assert sandbox.run(b"print", {})[0] == {"word": "print"}


def test_a_run_takes_only_what_the_children_can_hold():
    taken = 0

    def source():
        nonlocal taken
        for n in range(100):
            taken += 1
            yield n, b"x" * 1000, {}

    with Sandbox(ECHO, workers=2) as sandbox:
        answers = sandbox.run_many(source())
        next(answers)
        assert taken <= 6
        answers.close()
        assert sandbox._children == []


def test_children_end_with_a_parent_that_is_killed():
    program = (
        "from countenance.decode.sandbox import Sandbox\nimport time\n"
        "s = Sandbox('sandbox_targets:echo')\ns.run(b'x', {})\n"
        "print(s._children[0]._process.pid, flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
            return
        time.sleep(0.05)  # until the kernel has delivered the signal
    pytest.fail("the child outlived its parent")
