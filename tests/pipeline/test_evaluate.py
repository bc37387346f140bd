"""An evaluation in a home: what is asked of policy, what is logged, what is counted, what is left out."""

import numpy as np
import pytest

from countenance.errors import LogUnwritable, PolicyDenied, WrongUse
from countenance.pipeline.upkeep import acquire as acquire_module
from countenance.pipeline.upkeep.evaluate import Evaluator
from countenance.pipeline.upkeep.labelled_pictures import read_groups, read_pairs, read_people
from countenance.testing import toy
from countenance.types import HomeKind, Purpose
from countenance.weights.manifest import YUNET
from countenance.weights.store import shipped

HERE = "@300,200,360,280"  # in the middle of a toy picture


def write(root, **people):
    """A folder a person; each picture is the words of a toy picture, or bytes as they are."""
    for name, pictures in people.items():
        (root / name).mkdir(parents=True)
        for number, words in enumerate(pictures):
            data = words if isinstance(words, bytes) else toy.picture(*words.split())
            (root / name / f"{number}.jpg").write_bytes(data)
    return root


@pytest.fixture
def some(tmp_path):
    """Ten people with two pictures, nothing special."""
    return write(tmp_path / "some", **{f"p{n}": [f"p{n}{HERE}", f"p{n}~{HERE}"] for n in range(10)})


@pytest.fixture
def odd(tmp_path):
    """One of everything that can be wrong with a picture."""
    return write(
        tmp_path / "odd",
        ada=[f"ada{HERE}", f"ada~{HERE}", b"toy "],  # the third shows no face
        bob=[f"bob{HERE}", f"bob~~{HERE}", f"bob{HERE}"],  # the third is the first again
        cid=[f"cid{HERE}", b"no picture at all"],
        dan=[b"toy  ", b"toy   "],  # nobody at all; two different files
        eva=[f"eva{HERE}", f"both{HERE}"],
        fay=[f"fay{HERE}", f"both{HERE}"],  # the same file under two people
        gus=[f"stranger@0,0,50,60 gus{HERE}", f"gus~{HERE}"],  # two faces, the labelled one central
    )


def evaluator(home, *, in_use=True):
    return Evaluator(home.stores, home.analyser, home.embedder, shipped(YUNET), home.calibration if in_use else None)


def kinds(home):
    return [entry.kind for entry in home.log.entries()]


# --- what is counted -------------------------------------------------------------------------------------------------
def test_everything_is_counted_and_nothing_is_lost_silently(toy, odd):
    labelled = read_people(odd)
    found = evaluator(toy).evaluate(labelled)
    left_out = {each.why: each.names for each in found.excluded}
    assert left_out == {
        "not a usable picture: not a picture": ("cid/1.jpg",),
        "the same file of one person again": ("bob/2.jpg",),
        "the same file under two people": ("eva/1.jpg", "fay/1.jpg"),
    }
    assert (found.people, found.pictures, found.without_face, found.several) == (7, 12, 3, 1)
    assert found.people_without_face == 1  # dan
    assert len(labelled.pictures) == found.pictures + sum(each.count for each in found.excluded)
    measures = found.measures
    assert measures.found.genuine.total == 3  # ada, bob, gus
    rows = 2 + 2 + 1 + 1 + 1 + 2
    assert measures.found.impostor.total == rows * (rows - 1) // 2 - 3
    promised = measures.points[0]
    assert promised.gfnmr.trials == 3 + 2 + 1  # ada's two with the faceless one, dan's own pair
    assert promised.gfmr.trials == 12 * 11 // 2 - 6
    assert measures.identification.grank_1.trials - measures.identification.rank_1.trials == 2  # ada's third, dan's 2nd


def test_of_several_faces_the_most_central_is_the_labelled_one(toy, tmp_path):
    root = write(tmp_path / "p", gus=[f"stranger@0,0,250,260 gus{HERE}", f"gus{HERE}"], ada=[f"ada{HERE}"])
    found = evaluator(toy).evaluate(read_people(root))
    assert found.measures.found.genuine.at_or_above(0.99) == 1


def test_groups_count_their_faceless_pictures(toy, odd, tmp_path):
    labelled = read_people(odd)
    (tmp_path / "groups.csv").write_text("person,team\nada,x\nbob,x\ncid,y\ndan,y\n")
    found = evaluator(toy).evaluate(labelled, read_groups(tmp_path / "groups.csv", labelled))
    [team] = found.measures.groupings
    assert [(group.pictures, group.without_face) for group in team.groups] == [(4, 1), (1, 2)]
    assert team.unlabelled == 4


def test_listed_pairs(toy, odd):
    (odd / "pairs.csv").write_text(
        "a,b,same\nada/0.jpg,ada/1.jpg,1\nada/0.jpg,ada/2.jpg,1\nbob/0.jpg,bob/2.jpg,1\nada/0.jpg,bob/0.jpg,0\n"
        "ada/0.jpg,dan/0.jpg,0\nada/0.jpg,cid/1.jpg,0\nada/0.jpg,gus/0.jpg,0\ngus/0.jpg,ada/0.jpg,0\n"
    )
    found = evaluator(toy).evaluate(read_pairs(odd / "pairs.csv"))
    measures = found.measures
    assert (measures.found.genuine.total, measures.found.impostor.total) == (1, 2)
    assert (measures.points[0].gfnmr.trials, measures.points[0].gfmr.trials) == (2, 3)
    assert measures.identification is None
    assert {each.why: each.count for each in found.excluded} == {
        "not a usable picture: not a picture": 1,
        "a pair of a picture with itself": 1,
        "a pair with a file that is not a usable picture": 1,
        "a line that repeats a pair": 1,
    }
    assert (found.listed, found.people, found.people_without_face) == (True, None, None)


def test_fewer_than_two_faces_measure_nothing(toy, tmp_path):
    root = write(tmp_path / "p", ada=[b"toy ", f"ada{HERE}"], bob=[b"nothing"])
    with pytest.raises(WrongUse, match="1 labelled pictures show a usable face"):
        evaluator(toy).evaluate(read_people(root))


def test_a_file_that_goes_away_is_left_out_by_name(toy, some):
    labelled = read_people(some)
    (some / "p3" / "0.jpg").unlink()
    found = evaluator(toy).evaluate(labelled)
    assert [(each.why, each.names) for each in found.excluded] == [("not a usable picture: unreadable", ("p3/0.jpg",))]


def test_a_file_with_too_many_bytes_and_a_file_beside_the_people_are_named(toy, some, monkeypatch):
    (some / "p3" / "0.jpg").write_bytes(b"toy " + b" " * 200)
    (some / "README").write_text("")
    monkeypatch.setattr(acquire_module, "MAX_PICTURE_BYTES", 100)
    found = evaluator(toy).evaluate(read_people(some))
    assert {each.why: each.names for each in found.excluded} == {
        "not a usable picture: too large": ("p3/0.jpg",),
        "a file outside the folders of people": ("README",),
    }


# --- permits and the log ---------------------------------------------------------------------------------------------
def test_every_batch_is_decided_and_logged_before_it_is_embedded(toy, some, monkeypatch):
    monkeypatch.setattr(acquire_module, "BATCH", 10)  # the last batch is a whole one
    found = evaluator(toy).evaluate(read_people(some))
    assert kinds(toy) == ["evaluate.begun", *["search.decided"] * 3, "evaluate.ended"]
    begun, _, *batches, ended = toy.log.entries()
    assert begun.record["pictures"] == 20
    assert [len(batch.record["pictures"]) for batch in batches] == [10, 10]
    assert {batch.record["evaluation"] for batch in batches} == {begun.id} == {found.log_entry}
    assert (ended.record["embedded"], ended.record["evaluation"]) == (20, begun.id)
    assert toy.embedder.embedded == 20


def test_nothing_is_kept(toy, some):
    before = {path: path.stat().st_size for path in toy.folder.rglob("*") if path.is_file()}
    evaluator(toy).evaluate(read_people(some))
    assert {path: path.stat().st_size for path in toy.folder.rglob("*") if path.is_file()} == before
    assert list(toy.blobs.names()) == []


def test_no_log_no_template(toy, some, monkeypatch):
    def unwritable(*_, **__):
        raise LogUnwritable("full")

    monkeypatch.setattr(toy.log, "append", unwritable)
    with pytest.raises(LogUnwritable):
        evaluator(toy).evaluate(read_people(some))
    assert toy.embedder.embedded == toy.analyser.looked == 0


def test_an_organisation_names_purpose_and_case_before_any_picture_is_looked_at(organisation, some):
    labelled = read_people(some)
    measuring = evaluator(organisation)
    with pytest.raises(WrongUse, match="purpose"):
        measuring.evaluate(labelled)
    with pytest.raises(PolicyDenied, match="needs a case"):
        measuring.evaluate(labelled, purpose=Purpose.RESEARCH)
    assert organisation.analyser.looked == 0
    assert organisation.stores.kind is HomeKind.ORGANISATION
    assert measuring.evaluate(labelled, purpose=Purpose.RESEARCH, case="2026-1").pictures == 20


# --- calibration -----------------------------------------------------------------------------------------------------
def test_too_few_to_calibrate_with_is_said_before_any_work(toy, some):
    with pytest.raises(WrongUse, match="180 impostor and 10 genuine pairs of 10 people are too few"):
        evaluator(toy).evaluate(read_people(some), calibrate=True)
    (some / "pairs.csv").write_text("a,b,same\np0/0.jpg,p1/0.jpg,0\n")
    with pytest.raises(WrongUse, match="a list of pairs names no people"):
        evaluator(toy).evaluate(read_pairs(some / "pairs.csv"), calibrate=True)
    assert toy.analyser.looked == 0
    assert kinds(toy) == []


def test_a_model_without_a_calibration_can_be_measured_and_gets_one(toy, tmp_path):
    root = write(tmp_path / "many", **{f"p{n:03}": [f"p{n:03}{HERE}"] for n in range(455)}, q=["q" + HERE, "q~" + HERE])
    seen = []
    found = evaluator(toy, in_use=False).evaluate(
        read_people(root), calibrate=True, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (457, 457)
    assert found.in_use is None
    assert not [point for point in found.measures.points if point.promised]
    made = found.calibration
    assert made.space == toy.embedder.space
    assert made.impostor == found.measures.found.impostor
    assert made.about["people"] == 456
    # Directions by chance in 64 dimensions: cosines have a standard deviation of 1/8, and reach 3.1 of them 1 in 1,000.
    assert made.threshold(1, 1e-3)[0] == pytest.approx(3.09 / 8, abs=0.02)
    assert made.threshold(10_000)[1]  # beyond the data a threshold is extrapolated, and says so
    assert np.isfinite(made.threshold_interval(10_000)).all()
