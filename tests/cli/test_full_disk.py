"""A disk that fills while something is done: it says so, ends with 1, and nothing acknowledged is lost."""

import json
import subprocess
import sys

import pytest

from countenance.weights.manifest import SFACE
from support.networks import tiny, write_entry

pytestmark = [pytest.mark.program, pytest.mark.slow]

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")
# In a process with mounts of its own: a disk of 4 MB with a copy of a home, if one is named; then commands of
# Countenance, and between them the disk filled but for so many bytes.
STEPS = """
import json, os, shutil, sys
from subprocess import DEVNULL, PIPE
from support.forked import run_module
disk, home, steps = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
if home:
    shutil.copytree(home, disk + "/home")
said = []
for step in steps:
    if step == "free":
        os.unlink(disk + "/filler")
    elif isinstance(step, int):
        stat = os.statvfs(disk)
        with open(disk + "/filler", "wb") as filler:
            filler.write(bytes(max(0, stat.f_bavail * stat.f_frsize - step)))
    else:
        streams = {"stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE, "text": True}
        with run_module("countenance.cli.main", "--json", *step, **streams) as running:
            out, err = running.communicate()
        said.append((running.returncode, out, err))
print(json.dumps(said))
"""


@pytest.fixture
def on_a_small_disk(desk, own_mounts):
    """Takes steps there, and gives (exit code, document) of each command."""
    disk = desk.root / "disk"
    disk.mkdir()

    def take(*steps, home=""):
        mount = 'mount -t tmpfs -o size=4m none "$0"; exec "$@"'
        done = subprocess.run(
            [*own_mounts, mount, disk, sys.executable, "-c", STEPS, disk, str(home), json.dumps(steps, default=str)],
            env=desk.environment(COUNTENANCE_HOME=disk / "home"), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert "".join(err for _, _, err in said) == ""
        return [(code, json.loads(out)) for code, out, _ in said]

    return take


def refused(said):
    """It ended with 1, and says what would help."""
    code, document = said
    assert code == 1, document
    assert document["error"]["kind"] in {"storage_failed", "log_unwritable"}
    assert "free some space" in document["error"]["hint"], document
    return True


def test_an_ingest_that_fills_the_disk(on_a_small_disk, album):
    add, full, again, twice, search, doctor = on_a_small_disk(
        ("source", "add", "album", album.root, *HOUSEHOLD), 200_000, ("ingest",), "free", ("ingest",), ("ingest",),
        ("search", album.probe), ("doctor",),
    )  # fmt: skip
    assert add[0] == 0
    assert refused(full)
    assert again[0] == 0
    assert again[1]["sources"][0]["rejected"] == {"damaged": 1, "not_a_picture": 2}
    assert twice[1]["sources"][0]["unchanged"] == 25
    assert len(search[1]["leads"]) == 3
    assert doctor[0] == 0, doctor[1]


@pytest.mark.parametrize("left", [0, 140_000])
def test_on_a_full_disk_nothing_is_shown_that_can_not_be_logged(on_a_small_disk, mine, album, left):
    search, erase, after, there, log, doctor = on_a_small_disk(
        left, ("search", album.probe), ("erase", "--source", "album"), "free", ("search", album.probe), ("status",),
        ("log", "verify"), ("doctor",), home=mine.home,
    )  # fmt: skip
    assert search[0] == 0 or refused(search)
    assert erase[0] == 0 or refused(erase)
    assert (log[0], doctor[0]) == (0, 0), doctor
    if erase[0] == 0:
        assert after[1]["error"]["kind"] == "not_found"
        assert there[1]["faces"] == 0
    else:  # nothing was done, or it was hidden, and doctor finished what was begun
        assert len(after[1].get("leads", ())) in {0, 3}


def test_a_new_home_on_a_full_disk(on_a_small_disk):
    full, made = on_a_small_disk(10_000, ("init",), "free", ("init",))
    assert refused(full)
    assert made[0] == 0


def test_a_reindex_is_not_begun_on_a_disk_without_room_for_it(on_a_small_disk, mine, album):
    mine.quick.does("model", "add", write_entry(mine.root / "new", "tiny-16", tiny(), 16))
    full, status = on_a_small_disk(("reindex", "--model", "tiny-16"), ("status",), home=mine.home)
    assert refused(full)
    assert not full[1]["error"].get("partly")
    assert status[1]["reindex"] is None


def test_a_reindex_that_fills_the_disk_goes_on_and_the_old_space_answers(on_a_small_disk, mine, album):
    quick = mine.quick
    before = [lead["face_id"] for lead in quick.does("search", album.probe)["leads"]]
    quick.does("model", "add", write_entry(mine.root / "new", "tiny-16", tiny(), 16))
    quick.does("source", "suspend", "album")
    begun = quick.does("reindex", "--model", "tiny-16")  # while there is room for it, and nothing to read
    assert begun["made"] == 0 < begun["lacking"]
    quick.does("source", "resume", "album")
    full, search, status, built, back, again, after, doctor = on_a_small_disk(
        160_000, ("reindex",), "free", ("search", album.probe), ("status",), ("reindex",),
        120_000, ("reindex", "--roll-back"), "free", ("reindex", "--roll-back"), ("search", album.probe), ("doctor",),
        home=mine.home,
    )  # fmt: skip
    assert refused(full)
    assert "the disk that holds" not in full[1]["error"]["message"], "it opened the home, and was at work"
    assert status[1]["reindex"]["lacking"] > 0
    assert (built[1]["lacking"], built[1]["percent"]) == (0, 100)
    assert refused(back)
    assert (again[0], again[1]["state"]) == (0, "done")
    for _, answer in (search, after):
        assert (answer["model"], [lead["face_id"] for lead in answer["leads"]]) == (SFACE, before)
    assert doctor[0] == 0, doctor


def test_an_order_on_a_full_disk_is_not_in_force_or_goes_on(on_a_small_disk, mine, album):
    (mine.root / "order.pdf").write_bytes(b"an order")
    order = mine.does(
        "order", "draft", "--stop-offering", "--delete", "--jurisdiction", "CA", "--authority", "A court", "--dated",
        "2021-02-02", "--document", mine.root / "order.pdf",
    )["id"]  # fmt: skip
    full, drafts, listed, search, again, log, doctor = on_a_small_disk(
        200_000, ("order", "apply", order),
        ("order", "draft", "--stop-offering", "--jurisdiction", "FR", "--authority", "A court", "--dated", "2021-02-02",
         "--document", mine.root / "order.pdf"),
        "free", ("order", "list"), ("search", album.probe), ("order", "apply", order), ("log", "verify"), ("doctor",),
        home=mine.home,
    )  # fmt: skip
    assert full[0] == 0 or refused(full)
    assert drafts[0] == 0 or refused(drafts)
    in_force = listed[1]["orders"][0]["state"] == "in_force"
    if full[0]:
        assert full[1]["error"]["message"].startswith("the order is in force") is in_force
    assert search[0] == (3 if in_force else 0)
    assert again[1]["pictures_deleted"] == again[1]["plan"]["pictures_deleted"] > 0
    assert (log[0], doctor[0]) == (0, 0), doctor
