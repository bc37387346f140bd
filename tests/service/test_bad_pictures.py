"""What is no picture, through every door of the service: one list, the real decoder, and what stays of it: nothing.

docs/service.md says the same as a table; its rows are these doors.
"""

import hashlib

import pytest

from support import bad_input
from support.bytescan import Thief
from support.hostile import bad_pictures
from support.patience import until

BAD = bad_pictures()


def v1(bad):
    return 422, "no_face" if bad.reason is None else "bad_picture"


def rekognition(bad):
    if bad.reason is None:
        return 400, "InvalidParameterException"
    return 400, "InvalidImageFormatException"


def on_the_form(_bad):
    return 422, "told"


EXPECTED = {
    "search": v1,
    "search_by_form": v1,
    "compare": v1,
    "upload": lambda bad: (201, bad.reason),
    "detect_faces": lambda bad: (200, "") if bad.reason is None else rekognition(bad),
    "search_faces": rekognition,
    "compare_faces": rekognition,
    "index_faces": lambda bad: (200, "") if bad.reason is None else rekognition(bad),
    "search_page": on_the_form,
    "compare_page": on_the_form,
    "rights_page": on_the_form,
    "guest_page": on_the_form,
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
@pytest.mark.parametrize("door", EXPECTED)
def test_each_door_says_so_and_its_own_log_names_nobody(doors, door, bad, capfd):
    assert getattr(doors, door)(bad.data) == EXPECTED[door](bad)
    told = "".join(capfd.readouterr())
    assert '"' not in told or "request" in told
    for secret in ("whose-picture", "example.org", "a mark that", "Traceback"):
        assert secret not in told


@pytest.mark.parametrize(
    ("of", "column", "doors"),
    [
        ("text, HTML", "/v1", ["search", "search_by_form", "compare"]),
        ("text, HTML", "pages", ["search_page", "compare_page", "rights_page", "guest_page"]),
        ("the same, uploaded", "/v1", ["upload"]),
        ("a picture without a face", "/v1", ["search", "search_by_form", "compare"]),
        ("a picture without a face", "pages", ["search_page", "compare_page", "rights_page", "guest_page"]),
    ],
)
def test_the_table_names_the_statuses_of_these_doors_and_no_other(of, column, doors):
    bad = next(bad for bad in BAD if (bad.reason is None) == ("without a face" in of))
    assert bad_input.statuses(bad_input.row(of)[column]) == {EXPECTED[door](bad)[0] for door in doors}


@pytest.mark.slow
def test_nothing_of_them_stays_in_the_home_nor_in_a_backup_of_its_bytes(fresh):
    """After every door was knocked at: bytes, hashes and names, as somebody finds them who has the master key too.

    Of a file that was handed in to a source its place, reason and hash stay there, as of one that lay in a folder; a
    picture that shows nobody is a picture of its source like any other.
    """
    pictures = [bad for bad in BAD if bad.reason]
    needles = {f"{bad.name}: bytes": bad.data for bad in pictures}
    hashes = {f"{bad.name}: sha256": hashlib.sha256(bad.data).digest() for bad in pictures}
    for door in EXPECTED:
        if door != "upload":
            for bad in pictures:
                getattr(fresh, door)(bad.data)
    home = fresh.home
    assert Thief(home.parts.keyfile, home.path).find(needles | hashes) == {}
    for bad in pictures:
        fresh.upload(bad.data)
    assert home.parts.stores.records.gallery.counts()["indexed"] == 0
    assert home.uploads.waiting("handed") == 0
    assert not list((home.path / "tray").rglob("*.*"))
    assert Thief(home.parts.keyfile, home.path).find(needles) == {}


@pytest.mark.slow
def test_handed_in_by_the_page_each_is_refused_with_its_reason_and_no_byte_stays(fresh):
    home = fresh.home
    for bad in BAD:
        assert fresh.upload_page(bad.data)[0] == 303
        until(lambda: not home.uploads.waiting("handed") and not any(job.open for job in home.jobs.newest(50)))
        found = home.grants.counted(home.source("handed"))["counts"]
        assert bad.reason is None or bad.reason in found["rejected"]
    assert found["pictures"] == 1  # the last one, that shows nobody
    needles = {bad.name: bad.data[-2_000:] for bad in BAD if bad.reason}  # two JPEGs of one size begin alike
    assert Thief(home.parts.keyfile, home.path).find(needles) == {}
