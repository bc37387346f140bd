"""`Home.evaluate`: a model measured, its calibration kept and taken back, and the page that shows it."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from countenance.calibrate.evaluation import LostComparisons, measure
from countenance.calibrate.pairs import EveryPair, Labels
from countenance.errors import NotFound, StorageFailed, WrongUse
from countenance.pipeline.upkeep.evaluate import Evaluation, ExcludedPictures
from countenance.present import evaluation_tables
from countenance.present.evaluation_page import render_report, write_report
from countenance.present.plots import det_svg, scores_svg
from countenance.testing import toy
from countenance.types import EmbeddingSpace

HOSTILE = '"><script src="http://evil.example/x.js">alert(1)</script>\u202e\udcff{{ 7*7 }}'
HERE = "@300,200,360,280"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """450 people, one in three with two pictures: enough to calibrate with."""
    root = tmp_path_factory.mktemp("labelled") / "people"
    for number in range(450):
        folder = root / f"p{number:03}"
        folder.mkdir(parents=True)
        for name in (f"p{number:03}", f"p{number:03}~")[: 2 if number % 3 == 0 else 1]:
            (folder / f"{name}.jpg").write_bytes(toy.picture(name + HERE))
    return root


# --- the calibration of a home ---------------------------------------------------------------------------------------
def test_what_is_measured_becomes_the_homes_calibration_until_it_is_taken_back(toy_home, many, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.ingest("album")
        probe = toy.picture("alice@10,20,60,80")
        shipped = home.search(probe).calibration
        found = home.evaluate(people=many)
        assert found.calibration is None
        assert home.search(probe).calibration == shipped
        found = home.evaluate(people=many, use=True)
        assert found.in_use == shipped
        own = home.search(probe)  # the searcher of this process too
        assert own.calibration == found.calibration.id != shipped
        assert own.threshold == found.calibration.threshold(4)[0]
    with toy_home() as home:  # and every later one
        assert home.search(probe).calibration == found.calibration.id
        assert home.health.status()["calibration_own"]
        assert home.evaluate(people=many).in_use == found.calibration.id
        left = home.use_shipped_calibration()
        assert left.id == shipped == home.search(probe).calibration
        assert not home.health.status()["calibration_own"]
        with pytest.raises(NotFound, match="no calibration of its own"):
            home.use_shipped_calibration()
        kinds = [entry.kind for entry in home.parts.log.entries()]
        assert kinds.count("calibration.used") == kinds.count("calibration.removed") == 1


def test_a_damaged_calibration_stops_searches_and_says_how_to_go_on(toy_home, many, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.evaluate(people=many, use=True)
        [path] = (home.path / "calibrations").iterdir()
        path.write_bytes(path.read_bytes().replace(b"0", b"1"))
    with toy_home() as home:
        with pytest.raises(StorageFailed, match="damaged"):
            home.search(toy.picture("alice@10,20,60,80"))
        home.use_shipped_calibration()
        home.search(toy.picture("alice@10,20,60,80"))


def test_a_calibration_that_was_refused_changes_nothing(toy_home, many, tmp_path):
    (tmp_path / "few" / "ada").mkdir(parents=True)
    for number in range(2):
        (tmp_path / "few" / "ada" / f"{number}.jpg").write_bytes(toy.picture(f"ada{'~' * number}{HERE}"))
    with toy_home() as home:
        kept = home.evaluate(people=many, use=True).calibration
        with pytest.raises(WrongUse, match="too few to calibrate"):
            home.evaluate(people=tmp_path / "few", use=True)
        assert home.parts.engine().calibration == kept


def test_a_model_that_came_without_a_calibration_gets_one_and_loses_it_again(toy_home, many, tmp_path, monkeypatch):
    def none(space):
        raise NotFound(f"no calibration is shipped for {space.model}")

    (tmp_path / "pairs.csv").write_text(f"a,b,same\n{many}/p000/p000.jpg,{many}/p001/p001.jpg,0\n")
    # Undone here: at the end of the test it would put back what `toy_home` had put there, for all tests that follow.
    with monkeypatch.context() as patched, toy_home() as home:
        patched.setattr("countenance.calibrate.calibration.load", none)
        assert home.evaluate(pairs=tmp_path / "pairs.csv").in_use is None
        with pytest.raises(NotFound):
            home.parts.engine().calibration  # noqa: B018  asks for it
        made = home.evaluate(people=many, use=True).calibration
        assert home.parts.engine().calibration == made
        assert home.use_shipped_calibration() is None


def test_labelled_pictures_are_named_in_one_way(toy_home, many):
    with toy_home() as home:
        for named in ({}, {"people": many, "pairs": many / "pairs.csv"}):
            with pytest.raises(WrongUse, match="exactly one way"):
                home.evaluate(**named)
        with pytest.raises(NotFound, match="no model"):
            home.evaluate(people=many, model="buffalo")


# --- what is shown ---------------------------------------------------------------------------------------------------
def evaluation(people=120, *, listed=False, labels=True, name="age", **kw) -> Evaluation:
    """Measures of random directions in 8 dimensions, each person's second picture nearby."""
    generator = np.random.default_rng(3)
    first = generator.normal(size=(people, 8))
    rows = np.stack([first, first + 0.4 * generator.normal(size=first.shape)], axis=1).reshape(2 * people, 8)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    pairs = EveryPair(rows, np.repeat(np.arange(people), 2), people)
    lost = LostComparisons(np.eye(1, people, dtype=np.int64)[0] * 2, 300, np.eye(1, people, dtype=np.int64)[0])
    grouping = Labels(name, ("old", name), (pairs.people % 2).astype(np.int64))
    measures = measure(pairs, lost, [(grouping, {"old": 1})] if labels else ())
    values = {
        "space": EmbeddingSpace("toy", "0" * 64, 8), "detector": "yunet", "made_at": "2026-11-02T09:05:00+00:00",
        "log_entry": "k7Qm2vXe9RtB4pWz", "listed": listed, "people": None if listed else people,
        "pictures": 2 * people + 1, "without_face": 1, "people_without_face": None if listed else 0, "several": 3,
        "excluded": (ExcludedPictures("the same file again", 7, tuple(f"{n}.jpg" for n in range(7))),), "in_use": None,
        "measures": measures, "calibration": None,
    }  # fmt: skip
    return Evaluation(**{**values, **kw})


def text(found, width=120):
    return "\n".join(
        line for table in evaluation_tables.tables(found) for line in evaluation_tables.as_text(table, width)
    )


def test_counts_stand_beside_rates_and_what_is_beyond_the_data_is_said():
    said = re.sub(" +", " ", text(evaluation()))
    for words in (
        "120 genuine and 28,560 impostor pairs", "1 in 1,000", "1 in 10,000 not demonstrated",
        "1 in 10,000 needs 100,000 impostor pairs (10 errors). There are 28,560", "fewer than 30 errors",
        "120 people with one picture enrolled, searched 120 times", "FPIR 1.0 %", "1 of 241", "GFNMR",
    ):  # fmt: skip
        assert words in said, words


def test_groups_are_told_apart_only_where_the_data_do():
    said = text(evaluation())
    assert "Chance can explain every difference in FNMR between groups (95 %, 1 comparison)" in said
    assert "is possible" in said
    grouping = evaluation().measures.groupings[0]
    clear = replace(grouping.gaps[0], rate="fnmr", low=-0.03, high=-0.011)
    [sentence] = evaluation_tables.differences(replace(grouping, gaps=(clear,)), "fnmr")
    assert sentence == (
        "FNMR is higher for age than for old, by 1.1 percentage points to 3 percentage points (95 %, 1 comparison)."
    )
    [sentence] = evaluation_tables.differences(replace(grouping, gaps=()), "fmr")
    assert "can't be measured" in sentence


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, text(evaluation(), width).splitlines())) <= width


def test_nobody_with_two_pictures_and_no_pair_are_called_so():
    alone = EveryPair(np.eye(60, dtype=np.float32), np.arange(60), 60)
    measures = measure(alone, LostComparisons(np.zeros(60, np.int64), 0, np.zeros(60, np.int64)))
    found = evaluation(measures=measures)
    assert "No one has two pictures" in evaluation_tables.summary(found)
    assert "no pair" in text(found)
    assert "no search" in text(found)
    assert "two people" in scores_svg(measures, "x")
    assert "one person" not in scores_svg(measures, "x")


def test_pictures_without_a_label_are_counted_beside_the_groups():
    found = evaluation()
    [grouping] = found.measures.groupings
    changed = replace(found.measures, groupings=(replace(grouping, unlabelled=1234),))
    assert "1,234 pictures have no label" in text(replace(found, measures=changed))


def test_too_little_data_are_called_so_in_the_summary():
    assert "too few pictures to demonstrate an error rate" in evaluation_tables.summary(
        evaluation(people=10, labels=False)
    )
    assert re.search(r"At a threshold of 0\.\d+, about 1 in 1,000 pairs", evaluation_tables.summary(evaluation()))


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0, "0 %"), (0.0031, "0.31 %"), (0.042, "4.2 %"), (0.5, "50 %"), (0.9954, "99.54 %"), (1, "100 %")],
)
def test_percentages_keep_their_figures_at_both_ends(rate, said):
    assert evaluation_tables.percent(rate) == said


def test_a_report_is_four_files_and_its_json_is_the_answer(tmp_path):
    found = evaluation()
    assert write_report(found, tmp_path / "a" / "report") == tmp_path / "a" / "report" / "report.html"
    assert {path.name for path in (tmp_path / "a" / "report").iterdir()} == {
        "report.html", "report.json", "det.svg", "scores.svg"
    }  # fmt: skip
    assert json.loads((tmp_path / "a" / "report" / "report.json").read_text()) == found.as_dict()
    for name in ("det.svg", "scores.svg"):
        drawn = ET.parse(tmp_path / "a" / "report" / name).getroot()
        assert (drawn.get("width"), drawn.get("height")) == ("640", "440")
        assert len(drawn.findall(".//{*}polyline")) == 2


def test_a_report_that_can_not_be_written_says_where(tmp_path, monkeypatch):
    for plot in ("det_svg", "scores_svg"):
        monkeypatch.setattr(f"countenance.present.evaluation_page.{plot}", lambda *_: "<svg/>")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file"):
        write_report(evaluation(), tmp_path / "file")


def test_a_page_fetches_nothing_and_no_name_breaks_out_of_it(tmp_path):
    found = evaluation(
        name=HOSTILE, space=EmbeddingSpace(HOSTILE, "0" * 64, 8), log_entry=HOSTILE, detector=HOSTILE,
        excluded=(ExcludedPictures(HOSTILE, 1, (HOSTILE,)),), in_use=HOSTILE,
    )  # fmt: skip
    page = write_report(found, tmp_path / "report").read_text(encoding="utf-8")  # the plots take any name too
    tags = set(re.findall(r"<([a-z0-9]+)", page))
    assert tags <= {
        "html", "head", "meta", "title", "style", "body", "a", "header", "div", "p", "svg", "path", "circle", "time",
        "main", "section", "h1", "h2", "dl", "dt", "dd", "figure", "img", "figcaption", "table", "thead", "tbody", "tr",
        "th", "td", "ul", "li", "span", "footer",
    }  # fmt: skip
    assert all(
        uri.startswith(("data:image/svg+xml;base64,", "#")) for uri in re.findall(r'(?:src|href)="([^"]*)"', page)
    )
    assert not re.search(r"<[^>]*\s(?:on[a-z]+|style|srcset)=", page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in page
    assert "&lt;script" in page
    assert "49" not in re.findall(r"\{\{.*?\}\}|49(?=</)", page)
    assert "\u202e" not in page


@pytest.mark.parametrize("found", [evaluation(), evaluation(listed=True, labels=False), evaluation(people=3)])
def test_a_page_can_be_read_by_everybody(found):
    page = render_report(found, "<svg/>", "<svg/>")
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert all('alt="' in image for image in re.findall(r"<img[^>]*>", page))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', page)) <= set(ids)
    assert page.count("<h1") == page.count("<main") == 1
    for region in re.findall(r'<div class="scroll"[^>]*>', page):  # wider than a phone: reached by keyboard
        assert 'tabindex="0"' in region
        assert 'role="region"' in region


def test_plots_of_nothing_say_so_and_the_same_data_give_the_same_text():
    alone = EveryPair(np.eye(3, dtype=np.float32), np.arange(3), 3)
    nothing = measure(alone, LostComparisons(np.zeros(3, np.int64), 0, np.zeros(3, np.int64)))
    assert "nothing to draw: no pair of one person" in det_svg(nothing, "x")
    assert "two people" in scores_svg(nothing, "x")
    measures = evaluation().measures
    assert det_svg(measures, "x") == det_svg(measures, "x")


def test_the_plots_show_the_measured_thresholds_and_rates():
    measures = evaluation().measures
    points = [point for point in measures.points if not point.promised]
    det, scores = (ET.fromstring(draw(measures, "x")) for draw in (det_svg, scores_svg))
    assert len(det.findall("{*}circle")) == len(points) > 0
    marks = [text.text for text in scores.findall("{*}text") if "FMR" in text.text]
    assert marks == [f"FMR {point.wanted:.0e}" for point in points]
    dotted, solid = (
        [float(pair.split(",")[0]) for pair in line.get("points").split()] for line in det.findall("{*}polyline")
    )
    assert min(solid) == max(dotted)  # what few impostors carry begins where the rest ends
    assert max(solid) <= 624


@pytest.mark.parametrize("draw", [det_svg, scores_svg])
def test_no_name_breaks_a_plot(draw):
    drawn = ET.fromstring(draw(evaluation().measures, f"a $ \x00 {HOSTILE}"))
    assert {element.tag.partition("}")[2] for element in drawn.iter()} == {
        "svg", "rect", "text", "path", "polyline", "g", *(["circle"] if draw is det_svg else ["polygon"])
    }  # fmt: skip
