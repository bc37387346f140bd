"""Ctrl-C, a second ingest, a reader that goes away, a disk that fills: nothing is lost, and running again goes on."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

pytestmark = [pytest.mark.program, pytest.mark.slow]

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")
MANY = 60


@pytest.fixture(scope="module")
def many(tmp_path_factory, album):
    """A folder of different pictures, enough to be interrupted among them."""
    root = tmp_path_factory.mktemp("many")
    with Image.open(album.root / "portraits" / "Grace Hopper, 1984.jpg") as opened:
        hopper = opened.convert("RGB")
    for number in range(MANY):
        hopper.paste((number, 255 - number, 99), (0, 0, 16 + number, 16))
        hopper.save(root / f"{number:03}.jpg", quality=90)
    return root


@pytest.fixture
def begun(desk, many):
    """An ingest that stands still (SIGSTOP) after it has recorded something, before its end."""
    desk.quick.run("source", "add", "many", many, *HOUSEHOLD).ended(0)

    def begin(*options):
        process = desk.start("ingest", "--workers", "1", *options)
        desk.catch(process, lambda: desk.quick.does("status")["pictures"])
        return desk, process

    return begin


@pytest.mark.parametrize(("options", "told"), [((), signal.SIGINT), (("--json",), signal.SIGTERM)])
def test_interrupted_it_ends_with_130_and_goes_on_from_there(begun, options, told):
    desk, process = begun(*options)
    os.killpg(process.pid, told)  # as a terminal or a service manager does: children hear it too
    os.killpg(process.pid, signal.SIGCONT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    if options:
        assert json.loads(out)["error"]["kind"] == "interrupted"
        assert err.strip() == ""
    else:
        assert "interrupted; finished work is kept" in err
        assert out == ""
    kept = desk.quick.does("status")["pictures"]
    assert kept
    [report] = desk.quick.does("ingest")["sources"]
    assert (report["unchanged"], report["taken"]) == (kept, MANY - kept)
    assert desk.quick.does("status")["indexed"] == MANY
    desk.quick.run("doctor").ended(0)


def test_a_second_ingest_is_refused_and_the_first_goes_on(begun, album):
    desk, process = begun()
    error = desk.fails(1, "home_busy", "ingest")
    assert "another ingest" in error["message"]
    assert error["hint"]
    assert desk.does("search", album.probe)["leads"], "a search waits for nobody"
    os.killpg(process.pid, signal.SIGCONT)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert f"{MANY} added" in out
    assert desk.quick.does("status")["indexed"] == MANY


# Ctrl-C comes while the command line is imported, at the first module of that name; then the program runs.
LOADING = """
import os, signal, sys
module = sys.argv.pop()
class Finder:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from countenance.cli.entry import main
sys.argv.append("--version")
main()
"""


@pytest.mark.parametrize("module", ["click", "countenance.cli.main", "countenance.errors"])
@pytest.mark.parametrize("ignored", [False, True])
def test_interrupted_while_it_is_loaded_it_ends_without_a_word(desk, module, ignored):
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"] if ignored else []  # as nohup and background jobs of sh do
    done = subprocess.run(
        [*shell, sys.executable, "-c", LOADING, module], env=desk.environment(), capture_output=True, text=True
    )
    assert done.stderr == ""
    assert (done.returncode, bool(done.stdout)) == ((0, True) if ignored else (130, False))


def test_the_program_begins_where_ctrl_c_is_heard_first():
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert pyproject["project"]["scripts"] == {"countenance": "countenance.cli.entry:main"}


@pytest.mark.parametrize("arguments", [("log", "show", "--last", "1000"), ("search", "PROBE", "--json"), ("--help",)])
def test_a_reader_that_goes_away_is_no_error(taken, album, arguments):
    arguments = [str(album.probe) if word == "PROBE" else word for word in arguments]
    process = taken.start(*arguments)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0, err
    assert err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_answer_that_can_not_be_written_is_told(taken, options):
    with Path("/dev/full").open("wb") as full:
        process = taken.start(*options, "status", stdout=full)
    err = process.communicate()[1]
    assert process.returncode == 1
    assert "No space left on device" in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 2
