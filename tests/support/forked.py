"""`python -m MODULE` that starts at once: a process that has imported all of ours forks each program.

A new interpreter imports for a second before it does anything, and a run starts hundreds. What forks is a new
interpreter too: it shares nothing with the test, and has done nothing but import. A forked program is the test's own
child, so it is waited for, stopped and killed as any other.

`make test-all` starts each as a user does, and so does any run on what is no Linux, or where the environment holds
what an interpreter reads as it starts.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

SUBREAPER: Final = 36  # prctl(2): orphans below become children of this process
LONGEST: Final = 2**17  # bytes of a request
AT_START: Final = ("PYTHON", "LD_PRELOAD", "LC_", "LANG", "TZ", "OMP_", "OPENBLAS_", "MKL_")  # read as it starts
OURS: Final = dict(os.environ)  # that of the run, before any test changes it
_ASKING: Final = threading.Lock()


def run_module(module: str, *arguments: Any, env: Mapping[str, str] | None = None, **how: Any) -> subprocess.Popen[Any]:
    """`python -m module arguments` as a Popen, forked where that makes no difference."""
    command: list[str | bytes] = [sys.executable, "-m", module, *map(os.fsencode, map(str, arguments))]
    alike = _at_start(os.environ if env is None else env) == _at_start(OURS)
    if sys.platform != "linux" or os.environ.get("TEST_ALL") == "1" or not alike:
        return subprocess.Popen(command, env=env, **how)
    return _Forked(command, env=env, **how)


@contextmanager
def program_folder(folder: Path, name: str, module: str) -> Iterator[Path]:
    """A folder for PATH with a program `name` in it, which is `run_module(module, ...)` in the shell that calls it."""
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening, ThreadPoolExecutor() as calls:
        listening.bind(str(folder / "asked"))
        listening.listen()
        program = folder / name
        program.write_text(_PROGRAM.format(python=sys.executable, asked=str(folder / "asked")))
        program.chmod(0o755)

        def accept() -> None:
            with suppress(OSError):  # shut down below
                while True:
                    calls.submit(_answer_call, listening.accept()[0], module)

        calls.submit(accept)
        try:
            yield folder
        finally:
            listening.shutdown(socket.SHUT_RDWR)


_PROGRAM: Final = """#!{python} -IS
import json, os, socket, sys
asks = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asks.connect({asked!r})
socket.send_fds(asks, [json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()], [0, 1, 2])
sys.exit(int(asks.recv(16)))
"""


def _answer_call(call: socket.socket, module: str) -> None:
    with call:
        data, fds, _, _ = socket.recv_fds(call, LONGEST, 3)
        arguments, cwd, env = json.loads(data)
        stdin, stdout, stderr = fds
        running = run_module(module, *arguments, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr)
        for fd in fds:
            os.close(fd)
        call.send(str(running.wait() % 256).encode())


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_START)}


class _Forked(subprocess.Popen[Any]):
    """A Popen whose program is forked; only how the child comes to be differs."""

    def _execute_child(self, *given: Any) -> None:
        """Replaces the standard library's own, a private one: 3.11 to 3.14 give it these by place."""
        args, _, preexec_fn, _, pass_fds, cwd, env, _, _, shell, *pipes_and_more = given
        *pipes, _, gid, gids, uid, umask, session, group = pipes_and_more
        stdin, _, _, stdout, _, stderr = pipes  # those of the child
        assert preexec_fn is gid is gids is uid is None
        assert not shell
        assert (umask, group) == (-1, -1)
        standard = [own if fd == -1 else fd for own, fd in enumerate((stdin, stdout, stderr))]
        asked = {
            "argv": [os.fsdecode(each) for each in args[2:]],
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd or Path.cwd()),
            "fds": [0, 1, 2, *pass_fds],
            "session": session,
        }
        try:
            self.pid = _fork(json.dumps(asked).encode(), [*standard, *pass_fds])
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # its own, too


def _fork(asked: bytes, fds: list[int]) -> int:
    with _ASKING:
        to, _ = _forker()
        ctypes.CDLL(None).prctl(SUBREAPER, 1)
        try:
            socket.send_fds(to, [asked], fds)
            pid = to.recv(32)
            if not pid:
                raise ChildProcessError("the process that forks could not start one; it said why on standard error")
            return int(pid)
        finally:
            ctypes.CDLL(None).prctl(SUBREAPER, 0)


@cache
def _forker() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """What forks for this test process, and where it is asked; it ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, start_new_session=True, env=OURS,
    )  # fmt: skip
    theirs.close()
    return ours, process


# --- the process that forks ------------------------------------------------------------------------------------------
def _import_all() -> None:
    import importlib
    import pkgutil

    import countenance

    for module in pkgutil.walk_packages(countenance.__path__, "countenance."):
        if not module.name.startswith("countenance.records.migrations.") and module.name != "countenance.__main__":
            importlib.import_module(module.name)
    for name in ("alembic.command", "cv2", "sqlalchemy.dialects.sqlite.pysqlite", "uvicorn", "support.disk_home"):
        importlib.import_module(name)
    gc.freeze()  # else each child copies all of that as it ends: a second


def _fork_for(asks: socket.socket) -> None:
    """Forks what is asked for until nobody asks any more; returns in a child alone."""
    _import_all()
    while True:
        data, fds, _, _ = socket.recv_fds(asks, LONGEST, 16)
        if not data:
            os._exit(0)
        said, says = os.pipe()
        between = os.fork()
        if between == 0:
            os.close(said)
            between = os.getpid()
            if os.fork():
                os._exit(0)
            asks.close()
            while os.getppid() == between:  # nothing tells a process that it got another parent
                time.sleep(0.0005)
            _become(json.loads(data), fds)
            os.write(says, str(os.getpid()).encode())
            os.close(says)
            return
        os.close(says)
        os.waitpid(between, 0)
        asks.send(os.read(said, 32))
        os.close(said)
        for fd in fds:
            os.close(fd)


def _become(asked: Mapping[str, Any], fds: list[int]) -> None:
    """What a new interpreter would be, but for what is imported."""
    if asked["session"]:
        os.setsid()
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200) for fd in fds]  # out of the way of those that are wanted
    for fd in fds:
        os.close(fd)
    for fd, wanted in zip(moved, asked["fds"], strict=True):
        os.dup2(fd, wanted)
        os.close(fd)
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        old = getattr(sys, name)
        # Open until the process ends, as the standard streams are.
        setattr(sys, name, open(fd, mode, encoding=old.encoding, errors=old.errors, closefd=False))  # noqa: SIM115
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # just opened
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv[:] = asked["argv"]
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    import runpy

    _fork_for(socket.socket(fileno=int(sys.argv[1])))
    sys.modules.pop(sys.argv[0], None)  # it runs anew, as the main module
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
