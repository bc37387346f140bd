"""`countenance evaluate`, as a user would type it, over the demo's photographs."""

import json
import shutil

import pytest

PEOPLE = {
    "hopper": ("portraits/Grace Hopper, 1984.jpg", "scans/scan 0002.jpg", "edited/Hopper, grey.tif"),
    "dahlgren": ("portraits/Erik Wilhelm Dahlgren.jpg", "scans/scan 0004.jpg"),
    "claudet": ("portraits/Antoine Claudet.png",),
    "nobody": ("launches/rocket.jpg", "damaged/notes.jpg"),
}


@pytest.fixture(scope="module")
def people(album, tmp_path_factory):
    root = tmp_path_factory.mktemp("labelled") / "people"
    for name, places in PEOPLE.items():
        (root / name).mkdir(parents=True)
        for number, place in enumerate(places):
            shutil.copy(album.root / place, root / name / f"{number}.jpg")
    return root


@pytest.mark.program
def test_a_few_pictures_are_measured_and_called_too_few(desk, people):
    said = desk.run("evaluate", "--people", people, "--out", "report").ended(
        0, "sface-2021dec on 7 labelled pictures of 4 people", "too few pictures to demonstrate an error rate",
        "1 of 7",
        "not demonstrated", "The calibration in use", "rank 1", "Excluded, 1: not a usable picture: not a picture",
        "nobody/1.jpg", "written: report/report.html",
    )  # fmt: skip
    assert "written" in said.err
    report = json.loads((desk.root / "report" / "report.json").read_text())
    assert report["verification"]["genuine_pairs"] == 4
    assert report["verification"]["impostor_pairs"] == 11
    missed = report["identification"]["rank_1_missed"]
    assert (missed["errors"], missed["trials"], missed["low"]) == (0, 3, 0)
    assert missed["high"] > 0.5  # three searches for two people show next to nothing
    assert report["people_without_face"] == 1
    assert (desk.root / "report" / "det.svg").read_text().startswith("<svg ")
    desk.run("log", "verify").ended(0)
    assert "templates" not in {path.name for path in desk.home.rglob("*")}


def test_the_same_as_json_and_by_group(desk, people, tmp_path):
    (tmp_path / "groups.csv").write_text("person,kind\nhopper,a\ndahlgren,b\n")
    found = desk.quick.does("evaluate", "--people", people, "--groups", tmp_path / "groups.csv")
    assert [group["label"] for group in found["groups"][0]["groups"]] == ["a", "b"]
    assert found["groups"][0]["pictures_without_label"] == 1
    assert found["excluded"] == [{"why": "not a usable picture: not a picture", "count": 1, "names": ["nobody/1.jpg"]}]


def test_listed_pairs(desk, people):
    (people / "pairs.csv").write_text("a,b,same\nhopper/0.jpg,hopper/2.jpg,1\nhopper/0.jpg,claudet/0.jpg,0\n")
    try:
        found = desk.quick.does("evaluate", "--pairs", people / "pairs.csv")
    finally:
        (people / "pairs.csv").unlink()
    assert (found["verification"]["genuine_pairs"], found["verification"]["impostor_pairs"]) == (1, 1)
    assert found["identification"] is None
    promised = found["verification"]["points"][0]
    assert (promised["fmr"]["errors"], promised["fnmr"]["errors"]) == (0, 0)


def test_wrong_use_is_said_plainly(desk, people, tmp_path):
    desk = desk.quick
    desk.fails(2, "wrong_use", "evaluate")
    assert "too few to calibrate" in desk.fails(2, "wrong_use", "evaluate", "--people", people, "--use")["message"]
    desk.fails(4, "not_found", "evaluate", "--people", tmp_path / "nowhere")
    desk.fails(4, "not_found", "evaluate", "--people", people, "--model", "buffalo")
    desk.fails(4, "not_found", "evaluate", "--use-shipped")
    desk.fails(2, "wrong_use", "evaluate", "--people", people, "--use-shipped")
    (tmp_path / "pairs.csv").write_text("a,b,same\ngone.jpg,gone too.jpg,1\n")
    error = desk.fails(2, "wrong_use", "evaluate", "--pairs", tmp_path / "pairs.csv")
    assert "2 of the pictures" in error["message"]
