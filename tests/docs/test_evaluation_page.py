"""docs/evaluation.md: its files are read, its Python runs, its numbers are those of the code."""

import contextlib
import io
import shutil

import pytest

from countenance.app.demo.pictures import write_album
from countenance.calibrate.calibration import SHOWN_FROM
from countenance.calibrate.interval import FEW
from countenance.calibrate.measure import MIN_IMPOSTORS, MIN_PEOPLE
from countenance.pipeline.upkeep.acquire import BATCH
from countenance.pipeline.upkeep.labelled_pictures import MAX_GROUPS, read_groups, read_pairs, read_people


@pytest.fixture
def labelled(tmp_path):
    album = write_album(tmp_path / "demo")
    places = {"ada/1.jpg": "portraits/Grace Hopper, 1984.jpg", "ada/2.jpg": "scans/scan 0002.jpg",
              "bob/1.jpg": "portraits/Antoine Claudet.png"}  # fmt: skip
    for name, place in places.items():
        (tmp_path / "labelled" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(album.root / place, tmp_path / "labelled" / name)
    return tmp_path / "labelled"


def test_the_files_of_the_page_are_read(doc, labelled):
    pairs, groups = doc("evaluation.md").blocks("", section="What you need")
    (labelled / "pairs.csv").write_text(pairs)
    assert len(read_pairs(labelled / "pairs.csv").pairs.first) == 2
    (labelled / "groups.csv").write_text(groups)
    found = read_groups(labelled / "groups.csv", read_people(labelled))
    assert [each.attribute for each in found] == ["generation", "camera"]


def test_the_python_of_the_page_runs(doc, labelled, monkeypatch):
    [block] = doc("evaluation.md").blocks("python", section="From Python")
    monkeypatch.chdir(labelled.parent)
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(labelled.parent / "keys" / "key"))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(block, {})
    assert len(said.getvalue().splitlines()) == 2  # what the shipped calibration promises, for so few


def test_the_numbers_of_the_page_are_those_of_the_code(doc):
    text = " ".join(doc("evaluation.md").text.split())
    for words in (
        f"at least {SHOWN_FROM} errors carry it", f"fewer than {FEW} errors", f"at least {MIN_PEOPLE} people",
        f"{MIN_IMPOSTORS:,} pairs of strangers", f"a logged decision for each {BATCH} pictures",
        f"At most {MAX_GROUPS} labels a column",
    ):  # fmt: skip
        assert words in text, words
