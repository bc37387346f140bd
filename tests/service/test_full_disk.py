"""A disk that fills while a home is served: each door says that nothing was done, and does it once there is room."""

import json
import subprocess
import sys

import pytest

from countenance.app.demo.pictures import write_album

pytestmark = [pytest.mark.program, pytest.mark.slow]

# In a process with mounts of its own, on a disk of 6 MB: a home is made there and served, the disk filled but for so
# many bytes, each door knocked at, and once more when there is room again.
STEPS = r"""
import base64, contextlib, json, os, sys
from pathlib import Path

disk, keyfile, probe = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]).read_bytes()
os.environ["COUNTENANCE_KEYFILE"] = str(keyfile)
from countenance.app.home import open_home
from countenance.client import Client, Refused
from support.served import serving

grant = {"basis": "historical", "jurisdiction": "FR", "purposes": ["archive-description"], "evidence": b"a deed"}
with open_home(disk / "home", kind="organisation") as home:
    home.add_source("handed", None, **grant)
    token = home.access_keys.make(
        "tests", rights=["search", "collect", "oversee", "manage", "erase"], purpose="archive-description", case="C-1"
    ).token

def fill(left):
    stat = os.statvfs(disk)
    with open(disk / "filler", "wb") as filler:
        filler.write(bytes(max(0, stat.f_bavail * stat.f_frsize - left)))

def told(act):
    try:
        found = act()
        return [200, found.get("rejected") if isinstance(found, dict) else None]
    except Refused as refused:
        return [refused.status, refused.kind]

said = {}
with serving(disk / "home", keyfile) as served, Client(served.url, token) as client:
    doors = {
        "hand in": lambda: client.upload("handed", "a.jpg", probe),
        "search": lambda: client.search(probe, threshold=-1.0),
        "note": lambda: client.call("POST", "/sources/handed/interaction", {}),
        "erase": lambda: client.erase(source="handed"),
    }
    client.search(probe)  # weights are unpacked elsewhere, and what is made once is made
    for left in map(int, sys.argv[4:]):
        fill(left)
        said[f"full {left}"] = {name: told(act) for name, act in doors.items() if name != "erase" or left == 0}
        said[f"ready {left}"] = told(lambda: client.call("GET", "/status"))[0]
        os.unlink(disk / "filler")
    said["free"] = {name: told(act) for name, act in doors.items()}
    said["waiting"] = [each for each in client.call("GET", "/status")["waiting"]]
with open_home(disk / "home") as home:
    said["doctor"] = [each.said for each in home.health.examine() if each.state == "problem"]
    said["log"] = home.audit.verify()["entries"] > 0
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory, own_mounts):
    root = tmp_path_factory.mktemp("full disk")
    (root / "disk").mkdir()
    probe = write_album(root / "album").probe
    ran = subprocess.run(
        [*own_mounts, 'mount -t tmpfs -o size=6m none "$0"; exec "$@"', root / "disk", sys.executable, "-c", STEPS,
         root / "disk", root / "home.key", probe, "0", "60000"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_nothing_is_done_that_can_not_be_kept_and_the_answer_says_so(said):
    for name, (status, kind) in said["full 0"].items():
        assert (status, kind) in {(503, "storage_failed"), (503, "log_unwritable")}, name


def test_with_a_little_room_each_is_done_whole_or_not_at_all(said):
    for name, (status, kind) in said["full 60000"].items():
        assert status == 200 or (status, kind) in {(503, "storage_failed"), (503, "log_unwritable")}, name


def test_the_service_goes_on_when_there_is_room_again(said):
    assert said["ready 0"] == said["ready 60000"] == 200
    assert {name: status for name, (status, _) in said["free"].items()} == dict.fromkeys(said["free"], 200)
    assert said["waiting"] == []
    assert said["doctor"] == []
    assert said["log"]
