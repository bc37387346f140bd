"""A change of the model killed at any point: one model or the other answers, and running it again comes to the end."""

import pytest

from countenance.pipeline.vectors import pack_vector
from countenance.testing.toy import SPACE, TURNED, picture
from support.bytescan import Thief
from support.disk_home import held_after, held_by, opened, vector_of

CONSENT = {"basis": "consent", "jurisdiction": "FR", "purposes": ["event-delivery"]}
SEARCH = {"purpose": "event-delivery", "case": "2026-7"}
PEOPLE = ("alice-in-the-album", "bob-in-the-album")
OLD, NEW = ({f"{name}: template of {model}": pack_vector(vector_of(name, model)) for name in PEOPLE}
            for model in (SPACE.model, TURNED.model))  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    alice, bob = PEOPLE
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "ab.jpg").write_bytes(picture(f"{alice}@10,20,60,80", f"{bob}@100,20,150,80"))
    (tmp_path / "album" / "a.jpg").write_bytes(picture(f"{alice}@20,20,60,80"))
    (tmp_path / "album" / "b.jpg").write_bytes(picture(f"{bob}@20,20,60,80"))
    return tmp_path / "album"


@pytest.fixture
def subjects(tmp_path):
    """The list of the people in the album."""
    (tmp_path / "form.txt").write_text("the form that all of them signed")
    for name in PEOPLE:
        (tmp_path / f"{name}.jpg").write_bytes(picture(f"{name}@10,20,60,80"))
    lines = "".join(f"{name},form.txt,{name}.jpg\n" for name in PEOPLE)
    (tmp_path / "subjects.csv").write_text("name,evidence,reference\n" + lines)
    return tmp_path / "subjects.csv"


@pytest.fixture
def filled(tmp_path, folder, subjects):
    """An organisation's home with the album of people who agreed."""
    with opened(tmp_path / "home", "organisation") as home:
        home.add_source("album", folder, evidence=str(tmp_path / "form.txt"), subjects=str(subjects), **CONSENT)
        home.ingest()
        assert held_by(home) == held_after({"album": folder})
    return tmp_path / "home"


@pytest.fixture
def both(filled, subjects):
    """That home with templates and references of two models, searched with the old one; gives its old answers."""
    with opened(filled) as home:
        home.reindexing.begin_or_go_on(TURNED.model)
        home.references.add("album", subjects)
        return answers(home)


@pytest.fixture
def switched(filled, both):
    """Now searched with the new one; gives the answers of both."""
    with opened(filled) as home:
        home.reindexing.switch(unmeasured=True)
        assert answers(home)[0] == TURNED.model
        return both, answers(home)


def answers(home):
    """The model that answers, and the leads of everybody's search: picture, face, score."""
    found = [home.search(picture(f"{name}@1,1,50,50"), **SEARCH) for name in PEOPLE]
    assert all(len(result.leads) >= 1 for result in found)
    return found[0].model, [(lead.picture.uri, lead.face_id, lead.score) for result in found for lead in result.leads]


def ended(home, copy, folder, gone):
    """Nothing is under way, and everything fits: one template a face, and of the other model neither bytes nor key."""
    assert home.reindexing.status() is None
    thief = Thief(home.parts.keyfile, copy)
    assert thief.find(gone) == {}
    assert set(thief.keys) == set(home.parts.keys.ids())
    assert held_by(home) == held_after({"album": folder})
    home.ingest()  # faces are tied to subjects by the references that are left
    home.verify_log()


def test_a_reindex_killed_at_every_point(filled, folder, breaker):
    with opened(filled) as home:
        before = answers(home)

    def check(copy, ran):
        with opened(copy) as home:
            assert answers(home) == before
            assert not ran.acknowledged or home.reindexing.status()["lacking"] == 0
            told = home.reindexing.begin_or_go_on(TURNED.model)
            assert (told["state"], told["lacking"], told["percent"]) == ("building", 0, 100)
            assert answers(home) == before
            home.ingest()  # sweeps the keys of a batch that was cut short
            assert held_by(home) == held_after({"album": folder})

    breaker.everywhere(filled, "begin_reindex", TURNED.model, at_least=31, then=check, kills=1)


def test_enrolling_references_again_killed_at_every_point(filled, subjects, breaker):
    with opened(filled) as home:
        home.reindexing.begin_or_go_on(TURNED.model)

    def check(copy, ran):
        with opened(copy) as home:
            lacking = home.reindexing.status()["references_lacking"]
            assert lacking in ([], [{"source": "album", "subjects": [*PEOPLE]}])  # all of them or none
            assert not ran.acknowledged or lacking == []
            assert home.references.add("album", subjects)["lacking"] == []
            home.ingest()
            home.verify_log()

    breaker.everywhere(filled, "enrol_again", "album", str(subjects), at_least=8, then=check, kills=1)


def test_a_switch_killed_at_every_point(filled, both, folder, breaker):
    def check(copy, ran):
        with opened(copy) as home:
            model, leads = answers(home)
            there = home.reindexing.status()
            assert (there["state"], there["model"]) in {("building", SPACE.model), ("switched", TURNED.model)}
            assert there["model"] == model
            assert model == TURNED.model or not ran.acknowledged
            assert model == TURNED.model or (model, leads) == both
            if model == SPACE.model:
                home.reindexing.switch(unmeasured=True)
            assert answers(home)[0] == TURNED.model
            assert {face for _, face, _ in answers(home)[1]} == {face for _, face, _ in both[1]}
            assert held_by(home) == held_after({"album": folder})

    breaker.everywhere(filled, "reindex_step", "switch", at_least=6, then=check, kills=1)


def test_a_roll_back_killed_at_every_point(filled, switched, folder, breaker):
    old, new = switched

    def check(copy, ran):
        with opened(copy) as home:
            found, there = answers(home), home.reindexing.status()
            assert found in (old, new)
            assert found == old or not ran.acknowledged
            if there is not None and there["state"] == "switched":
                assert found == new
                home.reindexing.roll_back()
            elif there is not None:
                assert (found, there["state"]) == (old, "rolling_back")
                assert home.reindexing.begin_or_go_on(None)["state"] == "done"
            assert answers(home) == old
            ended(home, copy, folder, NEW)

    breaker.everywhere(filled, "reindex_step", "roll_back", at_least=26, then=check, kills=1)


def test_a_finish_killed_at_every_point(filled, switched, folder, breaker):
    _, new = switched

    def check(copy, ran):
        with opened(copy) as home:
            there = home.reindexing.status()
            assert answers(home) == new
            assert there is None or not ran.acknowledged
            if there is not None and there["state"] == "switched":
                home.reindexing.finish()
            elif there is not None:
                assert there["state"] == "finishing"
                assert home.reindexing.begin_or_go_on(None)["state"] == "done"
            assert answers(home) == new
            ended(home, copy, folder, OLD)

    breaker.everywhere(filled, "reindex_step", "finish", at_least=45, then=check, kills=1)
