"""`ingest --watch` as a user runs it, and what one process sees of what another takes."""

import json
import os
import shutil
import signal
import threading
from queue import Empty, Queue
from unittest.mock import patch

import pytest
from PIL import Image

from countenance.app.home import open_home
from support.patience import PATIENCE_S

pytestmark = [pytest.mark.program, pytest.mark.slow]

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")
MANY = 60


class Lines:
    """What a process prints, a line at a time, as it comes."""

    def __init__(self, stream):
        self._lines = Queue()
        self._thread = threading.Thread(target=lambda: [self._lines.put(line) for line in stream], daemon=True)
        self._thread.start()

    def next(self):
        try:
            return self._lines.get(timeout=PATIENCE_S)
        except Empty:
            raise AssertionError("no line came") from None

    def rest(self):
        self._thread.join(PATIENCE_S)
        return [self._lines.get_nowait() for _ in range(self._lines.qsize())]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photographs"
    made.mkdir()
    return made


@pytest.fixture
def watching(desk, folder):
    """Starts a watcher over `folder`; gives (process, its answers, its notices)."""
    desk.quick.run("source", "add", "album", folder, *HOUSEHOLD).ended(0)
    started = []

    def start(*options):
        process = desk.start("ingest", "--watch", *options)
        started.append(process)
        return process, Lines(process.stdout), Lines(process.stderr)

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        process.stdout.close()
        process.stderr.close()


def test_a_picture_that_was_half_there_is_taken_when_it_is_whole(desk, folder, album, watching):
    process, answers, _ = watching("--json")
    assert json.loads(answers.next())["sources"][0]["files"] == 0
    whole = (album.root / "portraits" / "Grace Hopper, 1984.jpg").read_bytes()
    path = folder / "hopper.jpg"
    path.write_bytes(whole[: len(whole) // 2])
    half = json.loads(answers.next())
    assert half["sources"][0]["rejected"] == {"damaged": 1}
    assert half["rejected"][0]["place"] == "hopper.jpg"
    with path.open("ab") as file:
        file.write(whole[len(whole) // 2 :])
    done = json.loads(answers.next())
    assert (done["sources"][0]["taken"], done["sources"][0]["rejected"], done["rejected"]) == (1, {}, [])
    assert desk.quick.does("search", album.probe)["leads"], "nobody waits for a watcher"
    assert desk.quick.does("ingest")["sources"][0]["unchanged"] == 1, "nor does an ingest, between rounds"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    [said] = answers.rest()
    assert json.loads(said)["error"]["kind"] == "interrupted"
    desk.quick.run("doctor").ended(0)


def test_for_people_a_round_is_a_line(desk, folder, album, watching):
    process, answers, notices = watching("album")
    assert answers.next().startswith("album: 0 files")
    assert "no files" in answers.next()
    assert notices.next() == "watching the folders; press Ctrl-C to stop\n"
    shutil.copy(album.root / "portraits" / "Grace Hopper, 1984.jpg", folder / "a.jpg")
    assert answers.next() == "album: 1 added; 1 face, 1 indexed\n"
    desk.quick.run("source", "suspend", "album").ended(0)
    assert answers.next() == "album: skipped, its grant is suspended\n"
    assert notices.next().startswith("none of the sources can be collected now")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 130
    told = "".join(notices.rest())
    assert "interrupted; finished work is kept" in told
    assert "Traceback" not in told


def test_a_source_that_is_not_there_is_an_error_at_once(desk):
    error = desk.fails(4, "not_found", "ingest", "--watch", "nobody")
    assert "nobody" in error["message"]


def test_an_open_home_sees_new_faces_while_another_process_ingests(desk, folder, album):
    with Image.open(album.root / "portraits" / "Grace Hopper, 1984.jpg") as opened:
        hopper = opened.convert("RGB")
    for number in range(MANY):
        hopper.paste((number, 255 - number, 99), (0, 0, 16 + number, 16))
        hopper.save(folder / f"{number:03}.jpg", quality=90)
    desk.quick.run("source", "add", "album", folder, *HOUSEHOLD).ended(0)
    with patch.dict(os.environ, desk.environment(), clear=True), open_home() as home:
        probe = folder / "000.jpg"
        assert home.search(probe).leads == ()  # every model is loaded
        process = desk.start("ingest", "--workers", "1")
        try:
            desk.catch(process, lambda: home.parts.stores.records.gallery.counts()["indexed"])
            assert home.search(probe).leads, "the very first search after a commit sees it, and waits for no ingest"
            assert home.parts.stores.records.gallery.counts()["indexed"] < MANY
        finally:
            os.killpg(process.pid, signal.SIGCONT)
            out, err = process.communicate()
        assert process.returncode == 0, err
        assert f"{MANY} added" in out
