"""A home from Python: opened, filled, asked, and closed."""

import numpy as np
import pytest

import countenance
from countenance.app.inputs import read_picture
from countenance.errors import (
    BadPicture,
    GrantInvalid,
    HomeBusy,
    KeyMissing,
    NotFound,
    PolicyDenied,
    SeveralFaces,
    StorageFailed,
    WrongUse,
)
from countenance.testing import toy

ALICE = toy.picture("alice@10,20,60,80")


@pytest.fixture
def filled(toy_home, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.ingest("album")
        yield home


# --- opening ---------------------------------------------------------------------------------------------------------
def test_open_is_the_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    with countenance.open(tmp_path / "home") as home:
        assert isinstance(home, countenance.Home)
        assert home.kind == "household"
        assert home.sources() == ()


def test_a_home_is_opened_when_it_is_first_used(toy_home, tmp_path):
    toy_home().close()
    (tmp_path / "keys" / "home.key").rename(tmp_path / "away")
    home = toy_home()  # nothing is opened yet
    with pytest.raises(KeyMissing):
        home.sources()
    home.close()


def test_closing_twice_is_harmless_and_a_closed_home_opens_again(filled):
    filled.close()
    filled.close()
    assert filled.source("album").name == "album"


def test_the_kind_is_fixed_when_a_home_is_made(toy_home):
    with toy_home(kind="organisation") as home:
        assert home.kind == "organisation"
    with toy_home() as home:
        assert home.kind == "organisation"
    with pytest.raises(WrongUse, match="fixed"):
        toy_home(kind="household")
    with pytest.raises(WrongUse, match="'company' is not a kind"):
        toy_home(kind="company")


@pytest.mark.parametrize("name", ["records.db", "keys.db", "log.db"])
def test_a_home_without_a_database_is_not_made_anew(filled, toy_home, name):
    filled.close()
    (filled.path / name).unlink()
    with pytest.raises(StorageFailed, match=f"{name} is missing"):
        toy_home().sources()
    assert not (filled.path / name).exists()


# --- sources ---------------------------------------------------------------------------------------------------------
def test_a_name_is_taken_once_and_the_log_says_nothing_of_the_second(filled, pictures):
    before = len(filled.parts.stores.log)
    with pytest.raises(WrongUse, match="exists"):
        filled.add_source(" album ", pictures, basis="household", jurisdiction="FR")
    assert len(filled.parts.stores.log) == before


def test_a_folder_by_a_tilde_or_a_relative_path(toy_home, pictures, monkeypatch):
    monkeypatch.setenv("HOME", str(pictures.parent))
    monkeypatch.chdir(pictures.parent)
    with toy_home() as home:
        assert home.add_source("a", "~/pictures", basis="household", jurisdiction="FR").location == bytes(pictures)
        assert home.add_source("b", "pictures", basis="household", jurisdiction="FR").location == bytes(pictures)


def test_evidence_and_subjects_by_a_tilde(toy_home, pictures, monkeypatch):
    monkeypatch.setenv("HOME", str(pictures.parent))
    (pictures.parent / "form.pdf").write_bytes(b"form")
    (pictures.parent / "people.csv").write_text("name,evidence,reference\nA,form.pdf,pictures/alice.jpg\n")
    with toy_home() as home:
        home.add_source("a", pictures, basis="consent", jurisdiction="FR", purposes=["own-data"],
                        evidence="~/form.pdf", subjects="~/people.csv")  # fmt: skip
        report = home.ingest("a").reports[0]
        assert (report.faces, report.indexed) == (4, 2)
        assert report.refused == {"not_a_subject": 2}


def test_what_is_not_there_or_not_to_be_collected(toy_home, pictures):
    with toy_home() as home:
        (home.path / "blobs").mkdir(exist_ok=True)
        for path, error in (
            (pictures / "nowhere", NotFound),
            (pictures / "alice.jpg", NotFound),
            ("https://example.com/", WrongUse),
            (home.path, WrongUse),
            (home.path / "blobs", WrongUse),
        ):
            with pytest.raises(error):
                home.add_source("x", path, basis="household", jurisdiction="FR")
        for name in ("", "\n", "x" * 201):
            with pytest.raises(WrongUse, match="name"):
                home.add_source(name, pictures, basis="household", jurisdiction="FR")
        with pytest.raises(GrantInvalid):
            home.add_source("x", pictures, basis="public", jurisdiction="FR")
        assert home.sources() == ()
        with pytest.raises(NotFound, match="has no source"):
            home.ingest()
        with pytest.raises(NotFound, match="has no source"):
            home.search(ALICE)


def test_a_home_inside_a_source_is_not_collected(toy_home, pictures, tmp_path):
    with toy_home() as home:
        home.add_source("all", tmp_path, basis="household", jurisdiction="FR")
        done = home.ingest("all")
        assert ("all", "homes/one", "not_a_file", "a Countenance home, not pictures") in set(done.rejected)


def test_withdrawn_once_is_withdrawn(filled):
    first = filled.withdraw("album").grant.withdrawn_at
    assert first is not None
    assert filled.withdraw("album").grant.withdrawn_at == first
    for act in (filled.suspend, filled.resume):
        with pytest.raises(WrongUse, match="has ended"):
            act("album")
    with pytest.raises(PolicyDenied):
        filled.search(ALICE)
    assert filled.takedown("album").pictures == 3
    with pytest.raises(NotFound):
        filled.source("album")


def test_what_may_not_be_collected_now_is_skipped_unless_it_is_named(filled, pictures):
    filled.add_source("second", pictures, basis="household", jurisdiction="FR")
    filled.suspend("album")
    done = filled.ingest()
    assert done.skipped == (("album", "its grant is suspended"),)
    assert [report.source for report in done.reports] == ["second"]
    with pytest.raises(PolicyDenied, match="suspended"):
        filled.ingest("album")
    with pytest.raises(NotFound):
        filled.ingest("second", "third")


def test_one_ingest_at_a_time(filled, toy_home):
    with filled.parts.ingest_lock(), toy_home() as other, pytest.raises(HomeBusy, match="another ingest"):
        other.ingest()


# --- searching -------------------------------------------------------------------------------------------------------
def test_a_search_by_bytes_by_path_and_by_text(filled, pictures):
    by = [
        filled.search(picture, threshold=0.5)
        for picture in (ALICE, pictures / "alice.jpg", str(pictures / "alice.jpg"))
    ]
    assert [[lead.face_id for lead in result.leads] for result in by] == [[lead.face_id for lead in by[0].leads]] * 3
    assert len(by[0].leads) == 2
    assert filled.crop(by[0].leads[0].face_id) == b"thumbnail of alice"


def test_rejected_files_are_read_from_the_records(filled):
    done = filled.ingest("album")
    assert list(done.rejected) == [("album", "notes.jpg", "not_a_picture", "")]
    assert done.as_dict()["rejected"][0]["place"] == "notes.jpg"
    assert done.as_dict()["sources"][0]["unchanged"] == 3


def test_compare_and_detect_need_no_source(toy_home):
    with toy_home() as home:
        assert home.compare(ALICE, ALICE).score == 1.0
        assert home.compare(ALICE, ALICE).as_dict()["fmr"]["bound"] is True
        assert len(home.detect(toy.picture("a@1,1,9,9", "b@20,1,29,9")).faces) == 2
        with pytest.raises(SeveralFaces):
            home.compare(ALICE, toy.picture("a@1,1,9,9", "b@20,1,29,9"))


def test_crops_of_what_may_not_be_shown(filled):
    [lead, *_] = filled.search(ALICE).leads
    filled.erase(face=lead.face_id)
    with pytest.raises(NotFound):
        filled.crop(lead.face_id)
    with pytest.raises(NotFound):
        filled.crop("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_an_array_that_is_no_picture(array):
    with pytest.raises(BadPicture, match="is not a picture"):
        read_picture(array)


def test_an_array_becomes_a_png():
    assert read_picture(np.zeros((20, 30, 3), np.uint8)).startswith(b"\x89PNG")


def test_a_probe_that_is_too_large(tmp_path):
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(513 * 2**20)
    with pytest.raises(BadPicture, match="too large") as caught:
        read_picture(tmp_path / "large.jpg")
    assert caught.value.reason == "too_large"


# --- erasing ---------------------------------------------------------------------------------------------------------
def test_erase_names_one_thing(filled):
    for wrong in ({}, {"face": "x", "source": "album"}):
        with pytest.raises(WrongUse, match="one thing"):
            filled.erase(**wrong)
    assert filled.erase(source="album", dry_run=True).faces == 4
    assert filled.source("album").name == "album"


def test_a_model_is_named_and_a_detector_is_no_embedder(toy_home):
    with toy_home() as home:
        assert home.parts.embedder_of(None) is home.parts.engine().embedder
        assert home.parts.embedder_of("toy") is home.parts.engine().embedder
        with pytest.raises(WrongUse, match="finds faces"):
            home.parts.embedder_of("yunet-2023mar")
        with pytest.raises(NotFound, match="no model is called 'buffalo'"):
            home.parts.embedder_of("buffalo")
