"""A desk: a home, its key and the real command line, in processes of their own. One album is taken once, and copied."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

import pytest

from countenance.app.demo.pictures import write_album
from countenance.cli.main import main
from support.forked import run_module

PROGRAM = (sys.executable, "-m", "countenance.cli.main")
HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")


@dataclass(frozen=True)
class Said:
    """What a run of the program said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def doc(self):
        """The one JSON document on standard output."""
        return json.loads(self.out)

    def ended(self, code: int, *words: str) -> "Said":
        """Itself, if it ended so, without a traceback, and `words` are in its message."""
        assert self.code == code, f"ended with {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err + self.out, self.err
        for word in words:
            assert word in self.out + self.err, f"{word!r} is not in\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True)
class Desk:
    """A folder with a home and, elsewhere in it, a key file."""

    root: Path
    inside: bool = False  # call the command line in this process: for the many small cases

    @property
    def quick(self) -> "Desk":
        """The same desk, its command line called in this process."""
        return replace(self, inside=True)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def keyfile(self) -> Path:
        return self.root / "keys" / "home.key"

    def environment(self, **more) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("COUNTENANCE_", "XDG_", "COV"))}
        ours = {"HOME": self.root / "me", "COUNTENANCE_HOME": self.home, "COUNTENANCE_KEYFILE": self.keyfile,
                "COLUMNS": "80"}  # fmt: skip
        return kept | {name: str(value) for name, value in (ours | more).items()}

    def run(self, *arguments, before=(), stdin=subprocess.DEVNULL, **environment) -> Said:
        """One run of the program; `before` is what starts it (setpriv and the like)."""
        if self.inside and not before:
            return self._call(*arguments, **environment)
        with self._started(
            *arguments, before=before, env=self.environment(**environment), stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            out, err = (part.decode("utf-8", "surrogateescape") for part in process.communicate())
        return Said(process.returncode, out, err)

    def _started(self, *arguments, before=(), **how) -> subprocess.Popen:
        if not before:
            return run_module(PROGRAM[-1], *arguments, cwd=self.root, **how)
        return subprocess.Popen([*before, *PROGRAM, *map(os.fsencode, map(str, arguments))], cwd=self.root, **how)

    def _call(self, *arguments, **environment) -> Said:
        out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", errors="surrogateescape") for _ in "ab")
        with (
            patch.dict(os.environ, self.environment(**environment), clear=True), chdir(self.root),
            redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left,
        ):  # fmt: skip
            main([*map(str, arguments)])
        out.flush()
        err.flush()
        texts = (part.buffer.getvalue().decode("utf-8", "surrogateescape") for part in (out, err))
        return Said(left.value.code, *texts)

    def start(self, *arguments, stdout=subprocess.PIPE) -> subprocess.Popen:
        return self._started(
            *arguments, env=self.environment(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip

    def catch(self, process: subprocess.Popen, condition) -> None:
        """A program that was started stands still (SIGSTOP) in the midst of its work, once `condition` is met there.

        It runs for a moment at a time and stands while it is looked at, so that it cannot come to its end unseen. It
        is caught between two transactions only: others would wait for one that stands still.
        """
        while True:
            os.killpg(process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            assert process.poll() is None, "it ended before it could be caught"
            if all(map(_nobody_writes, self.home.glob("*.db"))) and condition():
                return
            os.killpg(process.pid, signal.SIGCONT)
            time.sleep(0.05)

    def fails(self, code: int, kind: str, *arguments, **options) -> dict:
        """The error of a run with --json: one document on standard output, nothing on standard error."""
        said = self.run("--json", *arguments, **options).ended(code)
        error = said.doc["error"]
        assert said.err == ""
        assert error["kind"] == kind, error
        assert error["message"]
        assert error.keys() >= {"kind", "message", "hint"}
        return error

    def does(self, *arguments, **options) -> dict:
        """The answer of a run with --json that went well."""
        return self.run("--json", *arguments, **options).ended(0).doc


def _nobody_writes(database: Path) -> bool:
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as held:
            if held.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL}:
                raise
            return False
    return True


@pytest.fixture(scope="session")
def album(tmp_path_factory):
    return write_album(tmp_path_factory.mktemp("photographs"))


@pytest.fixture
def desk(tmp_path):
    """Nothing there yet."""
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def taken(tmp_path_factory, album):
    """A household's home with the demo's album in it. For tests that change nothing but its log."""
    desk = Desk(tmp_path_factory.mktemp("taken"))
    desk.run("source", "add", "album", album.root, *HOUSEHOLD).ended(0)
    desk.run("ingest").ended(0)
    return desk


@pytest.fixture
def mine(desk, taken):
    """A copy of `taken`, to change at will."""
    shutil.copytree(taken.home, desk.home)
    desk.keyfile.parent.mkdir()
    shutil.copy2(taken.keyfile, desk.keyfile)
    return desk


@pytest.fixture(scope="session")
def bound_by_permissions():
    """What starts a program that file permissions bind: nothing for a user, root without its capabilities for root."""
    if os.geteuid() != 0:
        return ()
    before = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    if shutil.which("setpriv") is None or subprocess.run([*before, "true"]).returncode != 0:
        pytest.skip("root is bound by no permission here, and setpriv can't change that")
    return before
