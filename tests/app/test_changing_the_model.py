"""A change of the model in a home on disk, with toy eyes: the report before the switch, and subjects' references."""

import json

import pytest

from countenance.app.upkeep.reindex_report import table
from countenance.app.upkeep.reindex_state import ReindexState
from countenance.errors import GrantInvalid, NotFound, SpaceMismatch, WrongUse
from countenance.pipeline.vectors import pack_vector
from countenance.present.evaluation_tables import as_text
from countenance.remedies import Remedy
from countenance.rights.guests import VERSION
from countenance.testing.toy import TURNED, picture, turned, vector
from support.bytescan import Thief

HERE = "@300,200,360,280"
CONSENT = {"basis": "consent", "jurisdiction": "FR", "purposes": ["event-delivery"]}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """60 people, two pictures of each, and one that shows nobody."""
    root = tmp_path_factory.mktemp("labelled") / "people"
    for number in range(60):
        folder = root / f"p{number:02}"
        folder.mkdir(parents=True)
        for name in (f"p{number:02}", f"p{number:02}~"):
            (folder / f"{name}.jpg").write_bytes(picture(name + HERE))
    (root / "p00" / "nobody.jpg").write_bytes(picture())
    return root


@pytest.fixture
def changing(toy_home, pictures):
    """A home whose faces have templates of both models."""
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.ingest()
        home.reindexing.begin_or_go_on(TURNED.model)
        yield home


# --- the report ------------------------------------------------------------------------------------------------------
def test_the_switch_needs_a_report_or_the_word_that_there_is_none(changing, labelled):
    with pytest.raises(WrongUse, match="turned-toy was not held against toy on labelled pictures of your own") as why:
        changing.reindexing.switch()
    assert why.value.remedy is Remedy.COMPARE_MODELS
    made = changing.reindexing.report(people=labelled)
    assert changing.reindexing.status()["report"] == made
    assert changing.health.status()["reindex"]["report"] == made
    assert changing.reindexing.switch()["state"] == "switched"
    assert changing.search(picture("alice@10,20,60,80")).model == TURNED.model
    entries = {entry.kind: entry.record for entry in changing.parts.log.entries()}
    assert entries["reindex.measured"]["evaluations"] == [made[side]["log_entry"] for side in ("from", "to")]
    assert entries["reindex.switched"]["measured"] is True


def test_without_a_report_the_log_says_so(changing):
    changing.reindexing.switch(unmeasured=True)
    assert {e.kind: e.record for e in changing.parts.log.entries()}["reindex.switched"]["measured"] is False


def test_a_report_has_both_models_at_the_thresholds_that_will_be_used(changing, labelled):
    made = changing.reindexing.report(people=labelled)
    assert (made["from"]["model"], made["to"]["model"]) == ("toy", "turned-toy")
    assert (made["people"], made["pictures"], made["pictures_without_face"]) == (60, 121, 1)
    for side, model in (("from", "toy"), ("to", "turned-toy")):
        alone = changing.evaluate(people=labelled, model=model).as_dict()
        promised = [p for p in alone["verification"]["points"] if p["threshold_from"] == "calibration in use"]
        mine = made[side]["at_its_calibration"]
        assert [point["threshold"] for point in mine[:2]] == [point["threshold"] for point in promised]
        assert mine[2]["threshold"] == changing.search(picture("alice@10,20,60,80")).threshold  # one calibration here
        assert mine[0]["fnmr"] == promised[0]["fnmr"]
        assert made[side]["rank_1_missed"] == alone["identification"]["rank_1_missed"]
        low, high = mine[0]["fnmr"]["low"], mine[0]["fnmr"]["high"]
        assert 0 <= low <= mine[0]["fnmr"]["rate"] <= high <= 1
    said = table(made)
    assert said.header == ("", "toy", "turned-toy")
    rows = {row[0]: row[1:] for row in said.rows}
    assert float(rows["Search of 4 faces at FPIR 1.0 %, threshold"][0]) == mine[2]["threshold"]
    assert rows["TPIR at FPIR 0.10 %"] == ("not demonstrated", "not demonstrated")
    assert "100 %" in rows["found at rank 1"][0]
    assert all(len(line) <= 80 for line in as_text(said, 80))


def test_a_report_holds_until_a_calibration_or_the_detector_changes(changing, labelled, monkeypatch):
    changing.reindexing.report(people=labelled)
    monkeypatch.setattr(ReindexState, "calibration_id", lambda state, space: "another")
    assert changing.reindexing.status()["report"] is None
    with pytest.raises(WrongUse, match="since a calibration or the detector changed"):
        changing.reindexing.switch()
    assert changing.reindexing.report(people=labelled)["stands_on"]["calibration_to"] == "another"
    changing.reindexing.switch()


def test_what_differs_by_more_than_chance_is_said_and_nothing_else(changing, labelled):
    made = json.loads(json.dumps(changing.reindexing.report(people=labelled)))
    assert any("intervals overlap" in line for line in table(made).after)
    made["to"]["rank_1_missed"] |= {"rate": 0.9, "low": 0.8, "high": 0.95}
    assert "turned-toy misses clearly more at rank 1." in table(made).after
    made["from"]["rank_1_missed"], made["to"]["rank_1_missed"] = (
        made["to"]["rank_1_missed"], made["from"]["rank_1_missed"],
    )  # fmt: skip
    assert "turned-toy misses clearly less at rank 1." in table(made).after


def test_listed_pairs_are_measured_too(changing, labelled):
    pairs = labelled / "pairs.csv"
    pairs.write_text("a,b,same\np01/p01.jpg,p01/p01~.jpg,1\np01/p01.jpg,p02/p02.jpg,0\n")
    try:
        made = changing.reindexing.report(pairs=pairs)
    finally:
        pairs.unlink()
    assert (made["protocol"], made["people"], made["to"]["rank_1_missed"]) == ("listed pairs", None, None)
    assert not [row for row in table(made).rows if "rank" in row[0] or "TPIR" in row[0]]


def test_what_can_not_be_measured_is_refused_and_the_report_of_before_stays(changing, labelled, tmp_path):
    made = changing.reindexing.report(people=labelled)
    with pytest.raises(NotFound):
        changing.reindexing.report(people=tmp_path / "nowhere")
    with pytest.raises(WrongUse, match="exactly one way"):
        changing.reindexing.report()
    (tmp_path / "pairs.csv").write_text("a,b,same\nnone.jpg,neither.jpg,1\n")
    with pytest.raises(WrongUse, match=r"2 of the pictures .* are not there.*: neither.jpg, none.jpg"):
        changing.reindexing.report(pairs=tmp_path / "pairs.csv")
    with pytest.raises(WrongUse, match="not a purpose"):
        changing.reindexing.report(people=labelled, purpose="fun")
    assert changing.reindexing.status()["report"] == made
    changing.reindexing.roll_back()
    with pytest.raises(WrongUse, match="no two models"):
        changing.reindexing.report(people=labelled)


def test_a_report_of_a_reindex_that_ended_meanwhile_is_not_kept(changing):
    stale = ReindexState(changing.parts).under_way()
    changing.reindexing.roll_back()
    with pytest.raises(WrongUse, match="ended while"):
        changing.parts.stores.records.reindexes.keep_report(stale, "{}")


# --- subjects --------------------------------------------------------------------------------------------------------
@pytest.fixture
def consented(toy_home, tmp_path):
    """An organisation's home with an album of two people who agreed and one who did not; gives (home, list)."""
    folder = tmp_path / "event"
    folder.mkdir()
    for name in ("alice", "bob", "stranger"):
        (folder / f"{name}.jpg").write_bytes(picture(f"{name}@10,20,60,80"))
        (tmp_path / f"{name}-reference.jpg").write_bytes(picture(f"{name}@10,20,60,80"))
    (tmp_path / "form.txt").write_text("signed")
    subjects = tmp_path / "subjects.csv"
    subjects.write_text(
        "name,evidence,reference\nAlice A.,form.txt,alice-reference.jpg\nBob B.,form.txt,bob-reference.jpg\n"
    )
    with toy_home(kind="organisation") as home:
        home.add_source("event", folder, subjects=str(subjects), evidence=str(tmp_path / "form.txt"), **CONSENT)
        home.ingest()
        yield home, folder, subjects


def found(home, name):
    asked = {"purpose": "event-delivery", "case": "7"}
    return [lead.picture.uri.rpartition("/")[2] for lead in home.search(picture(f"{name}@1,1,50,50"), **asked).leads]


def test_references_are_enrolled_again_before_the_switch_and_faces_are_tied_after_it(consented, tmp_path):
    home, folder, subjects = consented
    home.reindexing.begin_or_go_on(TURNED.model)
    assert home.reindexing.status()["references_lacking"] == [{"source": "event", "subjects": ["Alice A.", "Bob B."]}]
    with pytest.raises(WrongUse, match=r"Alice A\., Bob B\. \(source event\)") as refused:
        home.reindexing.switch(unmeasured=True)
    assert (refused.value.remedy, refused.value.values) == (Remedy.ENROL_REFERENCES, ("event",))
    one = tmp_path / "one.csv"
    one.write_text("name,evidence,reference\nAlice A.,form.txt,alice-reference.jpg\n")
    assert home.references.add("event", one) == {"source": "event", "enrolled": 1, "lacking": ["Bob B."]}
    with pytest.raises(WrongUse, match=r"model: Bob B\.|turned-toy: Bob B\."):
        home.reindexing.switch(unmeasured=True)
    assert home.references.add("event", subjects)["lacking"] == []
    home.ingest()  # still with the old references
    home.reindexing.switch(unmeasured=True)
    (folder / "alice-again.jpg").write_bytes(picture("alice~@10,20,60,80"))
    (folder / "stranger-again.jpg").write_bytes(picture("stranger~@10,20,60,80"))
    home.ingest()
    assert set(found(home, "alice")) == {"alice.jpg", "alice-again.jpg"}
    assert found(home, "stranger") == []
    old = {name: pack_vector(vector(name)) for name in ("alice", "bob")}
    new = {name: pack_vector(turned(vector(name)[None])[0]) for name in ("alice", "bob")}
    assert Thief(home.parts.keyfile, home.path).find(old).keys() == old.keys()
    home.reindexing.finish()
    thief = Thief(home.parts.keyfile, home.path)
    assert thief.find(old) == {}  # neither of a face nor of a reference
    assert thief.find(new).keys() == new.keys()
    (folder / "bob-again.jpg").write_bytes(picture("bob~@10,20,60,80"))
    home.ingest()
    assert set(found(home, "bob")) == {"bob.jpg", "bob-again.jpg"}
    kinds = [entry.kind for entry in home.parts.log.entries()]
    assert kinds.count("source.references") == 2
    home.verify_log()


def test_going_back_keeps_the_old_references_and_drops_the_new(consented):
    home, folder, subjects = consented
    home.reindexing.begin_or_go_on(TURNED.model)
    home.references.add("event", subjects)
    home.reindexing.switch(unmeasured=True)
    home.reindexing.roll_back()
    new = {name: pack_vector(turned(vector(name)[None])[0]) for name in ("alice", "bob")}
    assert Thief(home.parts.keyfile, home.path).find(new) == {}
    (folder / "alice-again.jpg").write_bytes(picture("alice~@10,20,60,80"))
    home.ingest()
    assert set(found(home, "alice")) == {"alice.jpg", "alice-again.jpg"}


def test_after_an_accepted_loss_the_old_reference_is_gone_and_the_list_brings_a_new_one(consented):
    home, folder, subjects = consented
    home.reindexing.begin_or_go_on(TURNED.model)
    home.reindexing.switch(unmeasured=True, accept_loss=True)
    with pytest.raises(WrongUse, match="no reference"):
        home.reindexing.finish()
    home.reindexing.finish(accept_loss=True)
    assert Thief(home.parts.keyfile, home.path).find({"alice": pack_vector(vector("alice"))}) == {}
    (folder / "alice-again.jpg").write_bytes(picture("alice~@10,20,60,80"))
    with pytest.raises(SpaceMismatch, match=r"Alice A\., Bob B\. have no reference of the model turned-toy") as refused:
        home.ingest("event")
    assert (refused.value.remedy, refused.value.values) == (Remedy.ENROL_REFERENCES, ("event",))
    assert home.references.add("event", subjects) == {"source": "event", "enrolled": 2, "lacking": []}
    assert home.references.add("event", subjects)["enrolled"] == 0
    home.ingest("event")
    assert set(found(home, "alice")) == {"alice.jpg", "alice-again.jpg"}


def test_a_source_that_came_after_the_switch_gets_its_old_references_before_going_back(consented, tmp_path):
    home, _, subjects = consented
    home.reindexing.begin_or_go_on(TURNED.model)
    home.references.add("event", subjects)
    home.reindexing.switch(unmeasured=True)
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "bob.jpg").write_bytes(picture("bob~@10,20,60,80", "alice~@100,20,150,80"))
    home.add_source("later", tmp_path / "later", subjects=str(subjects), evidence=str(tmp_path / "form.txt"), **CONSENT)
    home.ingest()
    with pytest.raises(WrongUse, match=r"\(source later\)"):
        home.reindexing.roll_back()
    assert home.references.add("later", subjects)["lacking"] == []
    home.reindexing.roll_back()
    assert set(found(home, "bob")) == {"bob.jpg"}
    home.ingest()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Carol C.,form.txt,alice-reference.jpg", "'Carol C.' is not one of the subjects"),
        ("Alice A.,form.txt,alice-reference.jpg\nAlice A.,form.txt,bob-reference.jpg", "line 3: 'Alice A.'"),
        ("Alice A.,form.txt,none.jpg", "none.jpg does not exist"),
        ("Alice A.,form.txt,form.txt", "can't be used"),
    ],
)
def test_a_list_that_names_somebody_else_or_nothing_usable_enrols_nobody(consented, tmp_path, line, words):
    home, _, _ = consented
    home.reindexing.begin_or_go_on(TURNED.model)
    (tmp_path / "other.csv").write_text(f"name,evidence,reference\n{line}\n")
    with pytest.raises(GrantInvalid, match=words):
        home.references.add("event", tmp_path / "other.csv")
    assert len(home.reindexing.status()["references_lacking"][0]["subjects"]) == 2


def test_references_need_a_grant_in_force_and_two_models_that_stand(consented):
    home, _, subjects = consented
    home.reindexing.begin_or_go_on(TURNED.model)
    records = home.parts.stores.records.reindexes
    under_way = records.newest()
    home.suspend("event")
    with pytest.raises(WrongUse, match="not in force"):
        home.references.add("event", subjects)
    home.resume("event")
    records.set_state(under_way, "finishing", active=under_way.to_space)
    with pytest.raises(WrongUse, match="destroying the templates"):
        home.references.add("event", subjects)
    with pytest.raises(WrongUse, match="meanwhile"):
        records.add_references(under_way, {1: (under_way.to_space, b"sealed")})
    with pytest.raises(WrongUse, match="meanwhile"):
        records.add_references(None, {1: (under_way.to_space, b"sealed")})


def test_guests_get_their_references_from_the_photographs_that_they_gave(toy_home, tmp_path):
    folder, form = tmp_path / "event", tmp_path / "form.txt"
    folder.mkdir()
    form.write_text("signed")
    (folder / "alice.jpg").write_bytes(picture("alice@10,20,60,80"))
    with toy_home(kind="organisation") as home:
        home.add_source("event", folder, evidence=str(form), **CONSENT)
        home.ingest()
        link = home.guests.open_link("event", organiser="Ada")["token"]
        token = home.guests.consent(link, picture("alice~@10,20,60,80"), agreed=VERSION)[1]
        home.search_for_guests("event")
        home.reindexing.begin_or_go_on(TURNED.model)
        with pytest.raises(WrongUse, match="guest "):
            home.reindexing.switch(unmeasured=True)
        assert home.references.add("event") == {"source": "event", "enrolled": 1, "lacking": []}
        assert home.references.add("event")["enrolled"] == 0
        home.reindexing.switch(unmeasured=True)
        home.reindexing.finish()
        (folder / "alice-again.jpg").write_bytes(picture("alice@10,20,60,80", "#again"))
        home.ingest()
        assert [each.name for each in home.guests.pictures(token)] == ["alice-again.jpg", "alice.jpg"]
        home.guests.withdraw(token)
        gone = {"reference": pack_vector(turned(vector("alice~")[None])[0]), "old": pack_vector(vector("alice~"))}
        assert Thief(home.parts.keyfile, home.path).find(gone) == {}


def test_a_source_that_is_erased_while_models_change_takes_its_references_along(consented):
    home, _, subjects = consented
    home.reindexing.begin_or_go_on(TURNED.model)
    home.references.add("event", subjects)
    home.erase(source="event")
    assert home.sources() == ()
    needles = {name: pack_vector(turned(vector(name)[None])[0]) for name in ("alice", "bob")}
    assert Thief(home.parts.keyfile, home.path).find(needles) == {}
