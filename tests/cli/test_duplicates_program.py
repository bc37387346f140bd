"""`countenance duplicates`, and stacks of leads, over the demo's album."""

import pytest

pytestmark = pytest.mark.program


def test_the_albums_copies_and_crops_are_listed(taken, album):
    answer = taken.does("duplicates")
    sizes = [len(group) for group in answer["groups"]]
    assert sizes == sorted(sizes, reverse=True)
    assert answer["groups_found"] == len(sizes) == 2
    assert (answer["pictures"], answer["unhashed"]) == (24, 0)
    hopper = {copy["uri"].rpartition("/")[2]: copy["link"] for copy in answer["groups"][0]}
    assert hopper["scan%200003.jpg"] == hopper["hopper-low-quality.jpg"] == "near"
    assert hopper["scan%200005.jpg"] == "crop"
    assert "exact" in hopper.values()
    assert not [name for name in hopper if "mirrored" in name or "avatar" in name]
    said = taken.quick.run("duplicates", "album", "--top", 1).ended(0, "2 groups of duplicates among 24 pictures")
    assert "scan 0003.jpg" in said.out
    assert "and 1 group more" in said.out
    assert "duplicates.shown" in taken.quick.run("log", "show").out


def test_a_search_stacks_them_and_says_so(taken, album):
    answer = taken.quick.does("search", album.probe)
    assert [len(lead["duplicates"]) for lead in answer["leads"]] == [9, 0, 0]
    best = answer["leads"][0]
    assert all(answer["threshold"] <= copy["score"] <= best["score"] for copy in best["duplicates"])
    said = taken.quick.run("search", album.probe, "--export", taken.root / "leads").ended(
        0, "3 leads", "duplicates:", "the same photograph 9 times more", "and 4 more"
    )
    page = (taken.root / "leads" / "search.html").read_text("utf-8")
    assert page.count("data:image/jpeg") >= 13
    assert "The same photograph, 9 more times" in page
    assert said.err


def test_what_is_named_wrongly(desk, taken):
    taken.quick.fails(4, "not_found", "duplicates", "attic")
    taken.quick.fails(2, "wrong_use", "duplicates", "--top", 0)
    error = desk.quick.fails(4, "not_found", "duplicates")
    assert "no source" in error["message"]


def test_a_suspended_source_has_no_duplicates_to_show(mine):
    mine.quick.run("source", "suspend", "album").ended(0)
    answer = mine.quick.does("duplicates")
    assert (answer["pictures"], answer["groups"]) == (0, [])
