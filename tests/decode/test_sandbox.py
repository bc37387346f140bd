"""A child that dies, hangs, lies or grows costs its picture and nothing else."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from countenance.decode.sandbox import QUEUED, QUEUED_BYTES, Sandbox, SandboxLimits
from countenance.errors import SandboxFailed
from countenance.types import Rejected, RejectReason
from support.patience import until

HERE = str(Path(__file__).parent)
ECHO, MISBEHAVE = "sandbox_targets:echo", "sandbox_targets:misbehaving"


@pytest.fixture(autouse=True)
def targets_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


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
     ("bug", RejectReason.DECODER_DIED), ("odd", RejectReason.DECODER_DIED), ("hungry", RejectReason.TOO_MANY_PIXELS)],
)  # fmt: skip
def test_one_bad_picture_does_not_stop_the_run(word, reason):
    bounds = SandboxLimits(time_s=3.0 if word == "hang" else 60.0)
    with Sandbox(MISBEHAVE, workers=2, bounds=bounds) as sandbox:
        answers = dict(sandbox.run_many((n, word.encode() if n == 3 else b"good", {}) for n in range(9)))
    assert isinstance(answers[3], Rejected)
    assert answers[3].reason is reason
    assert all(answers[n][0] == {"word": "good"} for n in range(9) if n != 3)


@pytest.mark.parametrize(("word", "says"), [("crash", "SIGSEGV"), ("exit", "exit code 3"), ("bug", "KeyError")])
def test_a_rejection_says_how_the_child_ended(word, says):
    with Sandbox(MISBEHAVE) as sandbox:
        assert sandbox.run(word.encode(), {}).detail == says
        assert sandbox.run(b"good", {})[0] == {"word": "good"}


@pytest.mark.parametrize(
    ("target", "why"),
    [("no_such_module:f", "ModuleNotFoundError"), ("sandbox_targets:cannot_start", "no such model"),
     ("sandbox_targets:dies_at_once", "exit code 7"), ("sandbox_targets:never_ready", "more than")],
)  # fmt: skip
def test_a_decoder_that_cannot_start_is_an_error_and_not_a_thousand_rejections(target, why):
    with Sandbox(target, bounds=SandboxLimits(start_s=1.0 if target.endswith("never_ready") else 60.0)) as sandbox:
        with pytest.raises(SandboxFailed, match=why):
            sandbox.run(b"good", {})
        with pytest.raises(SandboxFailed, match=why):
            list(sandbox.run_many((n, b"good", {}) for n in range(10)))


def pipe_to_the_parent(pid):
    """The descriptor on which a child answers: the pipe that is not its input."""
    folder = Path(f"/proc/{pid}/fd")
    pipes = {int(fd.name): fd.readlink().name for fd in folder.iterdir() if fd.readlink().name.startswith("pipe")}
    return next(fd for fd, pipe in pipes.items() if fd > 2 and pipe != pipes[0])


@pytest.mark.parametrize(
    "lie",
    [
        "ff" * 64,
        "0000000000000001" + "00000000",
        "0200000000000000" + "00000000" + b"[]".hex(),
        "0200000000000000" + "ffffffff" + b"{}".hex(),
        "0200000000000000" + "01000000" + b"{}".hex() + "ffffffffffffffff",
        "0300000000000000" + "00000000" + b"{x}".hex(),
        "a086010000000000" + "00000000" + (b"[" * 100_000).hex(),
        "0200000000000000" + "02000000" + b"{}".hex() + "0100000000000000",
    ],
    ids=["noise", "long header", "no object", "many parts", "endless part", "no JSON", "deep JSON", "cut off"],
)
def test_a_child_that_lies_is_a_dead_child(lie):
    with Sandbox(MISBEHAVE) as sandbox:
        header, _ = sandbox.run(b"pid", {})
        answer = sandbox.run(b"nonsense", {"fd": pipe_to_the_parent(header["pid"]), "hex": lie})
        assert answer.reason is RejectReason.DECODER_DIED
        assert sandbox.run(b"good", {})[0] == {"word": "good"}


def test_a_child_opens_neither_file_nor_connection():
    with Sandbox(MISBEHAVE) as sandbox:
        opened, _ = sandbox.run(b"open", {"path": __file__})
        connected, _ = sandbox.run(b"connect", {})
    assert opened["error"] == errno.EMFILE
    assert connected["error"] == errno.EMFILE


def test_a_child_knows_no_secret_and_looks_for_code_nowhere_else(monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", "/secret")
    monkeypatch.setenv("COUNTENANCE_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONSTARTUP", "/elsewhere")
    with Sandbox(MISBEHAVE, environment={"COUNTENANCE_RUNTIME": "x"}) as sandbox:
        header, _ = sandbox.run(b"environment", {})
    assert {name for name in header["names"] if "COUNTENANCE" in name or "PYTHON" in name} == {"COUNTENANCE_RUNTIME"}
    assert header["path"] == [place for place in sys.path if place]
    assert "secret" not in str(header)


def test_what_a_library_prints_does_not_spoil_the_answer():
    with Sandbox(MISBEHAVE) as sandbox:
        assert sandbox.run(b"print", {})[0] == {"word": "print"}


def test_a_child_that_stops_reading_holds_nobody_up():
    with Sandbox("sandbox_targets:deaf", bounds=SandboxLimits(time_s=0.5)) as sandbox:
        assert sandbox.run(b"x", {}).reason is RejectReason.TIMED_OUT
        assert sandbox.run(bytes(10**7), {}).reason is RejectReason.TIMED_OUT


def test_a_child_that_is_stopped_while_it_is_sent_a_large_picture_times_out():
    with Sandbox(MISBEHAVE, bounds=SandboxLimits(time_s=3.0)) as sandbox:
        header, _ = sandbox.run(b"pid", {})
        os.kill(header["pid"], signal.SIGSTOP)
        assert sandbox.run(bytes(10**7), {}).reason is RejectReason.TIMED_OUT


def test_a_run_takes_only_what_the_children_can_soon_use():
    taken = 0

    def source(size):
        nonlocal taken
        for n in range(100):
            taken += 1
            yield n, bytes(size), {}

    with Sandbox(ECHO, workers=2) as sandbox:
        answers = sandbox.run_many(source(1000))
        next(answers)
        assert taken <= 2 * QUEUED + 1
        answers.close()
        taken = 0
        answers = sandbox.run_many(source(QUEUED_BYTES))
        next(answers)
        assert taken <= 2
        answers.close()


def test_a_slow_source_gets_its_answers_as_they_come():
    events = []

    def source():
        while events.count("taken") < 1_000 and "answered" not in events:
            time.sleep(0.1)  # slow as a network is
            events.append("taken")
            yield len(events), b"x", {}

    with Sandbox(ECHO, workers=2) as sandbox:
        events.extend("answered" for _ in sandbox.run_many(source()))
    assert events.count("answered") == events.count("taken") < 1_000


def test_one_picture_starts_one_child_and_none_starts_none():
    with Sandbox(ECHO, workers=2) as sandbox:
        assert sandbox._children == []
        sandbox.run(b"x", {})
        sandbox.run(b"x", {})
        assert len(sandbox._children) == 1


def test_an_iterator_closed_early_leaves_no_child_and_the_sandbox_of_use():
    with Sandbox(ECHO, workers=2) as sandbox:
        answers = sandbox.run_many((n, b"x", {}) for n in range(100))
        next(answers)
        processes = [child._process for child in sandbox._children]
        answers.close()
        assert all(process.returncode is not None for process in processes)
        assert sandbox.run(b"x", {})[0]["length"] == 1


def test_an_error_in_the_source_ends_the_run_and_its_children():
    def source():
        yield 1, b"x", {}
        raise KeyboardInterrupt

    with Sandbox(ECHO) as sandbox:
        with pytest.raises(KeyboardInterrupt):
            list(sandbox.run_many(source()))
        assert sandbox._children == []


def test_several_threads_may_ask_at_once():
    answers = {}
    with Sandbox(ECHO, workers=2) as sandbox:
        threads = [
            threading.Thread(target=lambda n=n: answers.update({n: sandbox.run(bytes([n]) * 5000, {"n": n})}))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(sandbox._children) <= 2
    assert all(answers[n] == ({"length": 5000, "n": n}, [bytes([n]) * 5000] * 2) for n in range(8))


def test_a_child_outlives_the_thread_that_first_asked():
    with Sandbox(MISBEHAVE) as sandbox:
        pids = []
        for _ in range(2):
            thread = threading.Thread(target=lambda: pids.append(sandbox.run(b"pid", {})[0]["pid"]))
            thread.start()
            thread.join()
        assert pids[0] == pids[1]


def test_children_end_with_a_parent_that_is_killed_even_at_work():
    program = (
        "from countenance.decode.sandbox import Sandbox\nimport threading\n"
        "s = Sandbox('sandbox_targets:misbehaving')\nprint(s.run(b'pid', {})[0]['pid'], flush=True)\n"
        "s.run(b'hang', {})"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": HERE}
    )
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3])
