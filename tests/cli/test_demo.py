"""The demo: the main job over the photographs that come with it, and over somebody's own."""

import pytest

pytestmark = [pytest.mark.program, pytest.mark.slow]


def test_the_demo_shows_the_main_job_and_leaves_no_home(desk):
    (desk.root / "temporary").mkdir()
    said = desk.run("demo", "--out", desk.root / "out", TMPDIR=desk.root / "temporary").ended(
        0, "Add a source under a grant", "26 indexed", "strong lead", "No lead among about 26 faces",
        "an identification",
        "the temporary home is deleted", "countenance source add album ~/Pictures",
    )  # fmt: skip
    assert "\x1b" not in said.out + said.err
    for page in ("search.html", "search-stranger.html", "search-lookalike.html"):
        assert str(desk.root / "out" / page) in said.out
        text = (desk.root / "out" / page).read_text("utf-8")
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert 'src="http' not in text
    assert not desk.home.exists()
    assert list((desk.root / "temporary").iterdir()) == []


def test_the_demo_in_json_over_a_folder_of_ones_own(desk, album):
    answer = desk.does("demo", "--out", desk.root / "out", "--pictures", album.root, "--probe", album.probe,
                       "--jurisdiction", "CA-ON")  # fmt: skip
    [search] = answer["searches"]
    assert sum(1 + len(lead["duplicates"]) for lead in search["leads"]) == 12
    said = desk.run("demo", "--out", desk.root / "out", "--pictures", album.root / "portraits", "--probe", album.probe,
                    "--jurisdiction", "CA-ON").ended(0)  # fmt: skip
    assert "A search for probe.jpg\n" in said.out
    assert search["leads"][0]["basis"] == "household"


def test_what_the_demo_needs_where_nobody_can_be_asked(desk, album):
    error = desk.quick.fails(2, "wrong_use", "demo", "--pictures", album.root)
    assert "--probe" in error["message"]
    desk.quick.fails(2, "wrong_use", "demo", "--pictures", desk.root / "nowhere")
    desk.fails(2, "wrong_use", "demo", "--out", desk.root / "out", "--pictures", album.root, "--probe", album.probe,
               "--jurisdiction", "Atlantis")  # fmt: skip
    desk.fails(4, "no_face", "demo", "--out", desk.root / "out", "--pictures", album.root,
               "--probe", album.root / "launches" / "rocket.jpg", "--jurisdiction", "US")  # fmt: skip


def test_an_output_folder_that_can_not_be_written(desk):
    (desk.root / "file").write_text("x")
    desk.fails(1, "storage_failed", "demo", "--out", desk.root / "file" / "below")
    desk.fails(2, "wrong_use", "demo", "--out", desk.root / "file")
