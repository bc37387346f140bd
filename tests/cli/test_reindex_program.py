"""`countenance reindex`, as a user types it: another SFace beside the shipped one, killed on the way, and back."""

import hashlib
import json
import shutil
import signal
from importlib import resources

import pytest

from countenance.app.home import open_home
from countenance.associated_data import template_aad
from countenance.records import schema as t
from countenance.weights.manifest import SFACE
from support.bytescan import Thief
from support.networks import turned_sface, write_entry

NAME = "sface-96"


@pytest.fixture(scope="session")
def entry(tmp_path_factory):
    """The turned SFace with a calibration: that of SFace, which its scores nearly follow."""
    folder = tmp_path_factory.mktemp("turned")
    data = turned_sface()
    shipped = json.loads((resources.files("countenance.calibrate") / "data" / f"{SFACE}.json").read_bytes())
    shipped["space"] = {"model": NAME, "weights_sha256": hashlib.sha256(data).hexdigest(), "dimension": 96}
    (folder / "c.json").write_text(json.dumps(shipped))
    write_entry(folder, "uncalibrated", data, 96)
    return write_entry(folder, NAME, data, 96, calibration="c.json")


@pytest.fixture
def people(album, tmp_path):
    """Two people, of one of whom there are two pictures."""
    for name, place in (("hopper/1", "portraits/Grace Hopper, 1984.jpg"), ("hopper/2", "scans/scan 0002.jpg"),
                        ("claudet/1", "portraits/Antoine Claudet.png")):  # fmt: skip
        file = tmp_path / "people" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(album.root / place, file)
    return tmp_path / "people"


def found(desk, probe):
    answer = desk.does("search", probe)
    return answer["model"], [lead["picture_id"] for lead in answer["leads"]]


def templates(desk, monkeypatch):
    """The plain templates of every face, in every space, by what they are."""
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(desk.keyfile))
    with open_home(desk.home) as home:
        stores = home.parts.stores
        with stores.records.database.read() as connection:
            first = connection.execute(t.faces.select().where(t.faces.c.key_id.is_not(None))).all()
            uids = {row.id: row.uid for row in first}
            second = connection.execute(t.face_templates.select()).all()

        def opened(key, face, sealed):
            return stores.keys.open(key, template_aad(uids[face]), sealed)

        return {
            **{f"face {row.id}, 128-d": opened(row.key_id, row.id, row.template) for row in first},
            **{f"face {row.face_id}, 96-d": opened(row.key_id, row.face_id, row.template) for row in second},
        }


def stolen(desk, name):
    """What a thief finds where templates are kept: databases, their logs, segments. The ONNX file takes minutes."""
    copy = desk.root / name
    shutil.copytree(desk.home / "index", copy / "index")
    for path in desk.home.glob("*.db*"):
        shutil.copy(path, copy)
    return Thief(desk.keyfile, copy)


@pytest.mark.slow
@pytest.mark.program
def test_a_model_is_changed_killed_on_the_way_and_the_old_templates_are_gone(mine, album, entry, people, monkeypatch):
    quick = mine.quick
    before = found(quick, album.probe)
    assert before[0] == SFACE
    assert before[1]
    quick.does("model", "add", entry)
    quick.fails(2, "wrong_use", "reindex")
    quick.fails(2, "wrong_use", "reindex", "--switch")

    run = mine.start("reindex", "--model", NAME)
    mine.catch(run, lambda: quick.does("status")["reindex"] is not None)
    assert quick.fails(1, "home_busy", "reindex", "--model", NAME)["hint"]
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert found(quick, album.probe) == before

    built = quick.does("reindex")
    assert (built["state"], built["lacking"], built["percent"], built["model"]) == ("building", 0, 100, SFACE)
    assert found(quick, album.probe) == before
    assert quick.fails(2, "wrong_use", "model", "remove", NAME)["message"].endswith("a reindex")
    assert "not held against" in quick.fails(2, "wrong_use", "reindex", "--switch")["message"]
    said = mine.run("reindex", "--people", people).ended(0, "Both models on your own pictures", "not demonstrated")
    assert "3 labelled pictures of 2 people" in said.out
    assert NAME in said.out
    assert said.out in quick.run("reindex").ended(0, "Next: countenance reindex --switch").out  # kept
    assert "measured" in quick.run("status").ended(0).out
    with open_home(mine.home) as other:  # another process, open all the while
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(mine.keyfile))
        assert other.search(album.probe).model == SFACE
        assert quick.does("reindex", "--switch")["model"] == NAME
        assert other.search(album.probe).model == NAME
    after = found(quick, album.probe)
    assert after[0] == NAME
    assert set(after[1]) >= set(before[1][:1])
    status = quick.does("status")
    assert (status["model"], status["reindex"]["state"]) == (NAME, "switched")

    plain = templates(mine, monkeypatch)
    old = {what: data for what, data in plain.items() if "128-d" in what}
    new = {what: data for what, data in plain.items() if "96-d" in what}
    assert len(old) == len(new) > 5
    old, new = (dict(sorted(each.items())[:2]) for each in (old, new))
    assert stolen(mine, "before").find(old).keys() == old.keys()
    assert quick.does("reindex", "--finish") == {"state": "done", "model": NAME, "pending": []}
    thief = stolen(mine, "after")
    assert thief.find(old) == {}
    assert thief.find(new).keys() == new.keys()
    assert found(quick, album.probe) == after
    assert quick.run("doctor").code == 0
    assert quick.does("ingest")["sources"][0]["taken"] == 0
    quick.fails(2, "wrong_use", "model", "remove", NAME)


@pytest.mark.slow
@pytest.mark.program
def test_going_back_after_the_switch_leaves_the_old_answers(mine, album, entry):
    quick = mine.quick
    before = found(quick, album.probe)
    quick.does("model", "add", entry)
    quick.does("reindex", "--model", NAME)
    quick.run("reindex").ended(0, "Next: countenance reindex --people DIR, then --switch")
    assert "not measured here" in quick.run("status").ended(0).out
    quick.does("reindex", "--switch", "--unmeasured")
    quick.fails(2, "wrong_use", "reindex", "--switch")
    assert quick.does("reindex", "--roll-back")["model"] == SFACE
    assert found(quick, album.probe) == before
    assert quick.does("status")["reindex"] is None
    quick.does("model", "remove", NAME)


def test_without_a_calibration_or_with_faces_lacking_there_is_no_switch(mine, entry):
    quick = mine.quick
    quick.does("model", "add", entry.with_name("uncalibrated.toml"))
    quick.does("source", "suspend", "album")
    told = quick.does("reindex", "--model", "uncalibrated")
    assert told["made"] == 0
    assert told["lacking"] > 5
    assert "no calibration" in quick.fails(2, "wrong_use", "reindex", "--switch")["message"]
    assert quick.does("reindex", "--roll-back")["model"] == SFACE
    quick.does("model", "add", entry)
    quick.does("reindex", "--model", NAME)
    assert "would be lost" in quick.fails(2, "wrong_use", "reindex", "--switch", "--unmeasured")["message"]
    quick.does("reindex", "--switch", "--accept-loss", "--unmeasured")
    quick.fails(2, "wrong_use", "reindex", "--finish")
    quick.does("reindex", "--roll-back")
    quick.does("source", "resume", "album")
    quick.fails(2, "wrong_use", "reindex", "--model", SFACE)
    quick.fails(4, "not_found", "reindex", "--model", "nobody")
    quick.fails(2, "wrong_use", "reindex", "--model", NAME, "--switch")
    quick.fails(2, "wrong_use", "reindex", "--people", mine.root, "--switch")
