"""Options, ids and faces that do not fit: the right exit code, what is wrong, the way out, JSON where asked."""

import uuid

import pytest

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")
NOBODY = str(uuid.UUID(int=0))


@pytest.fixture(scope="module")
def five_faces(album):
    return album.root / "groups" / "Expedition, 1897.jpg"


@pytest.fixture(scope="module")
def no_face(album):
    return album.root / "launches" / "rocket.jpg"


# --- probes ----------------------------------------------------------------------------------------------------------
@pytest.mark.program
def test_a_probe_without_a_face_is_not_found(taken, no_face):
    error = taken.fails(4, "no_face", "search", no_face)
    assert "countenance detect" in error["hint"]
    taken.run("search", no_face).ended(4, "no face was found")


@pytest.mark.program
def test_a_probe_with_five_faces_asks_which(taken, five_faces):
    error = taken.fails(2, "several_faces", "search", five_faces)
    assert len(error["boxes"]) == 5
    said = taken.run("search", five_faces).ended(2, "--face 0", "--face 4")
    assert said.out == ""
    answers = [taken.quick.does("search", five_faces, "--face", number) for number in (0, 4)]
    assert [answer["probe"]["face"]["box"] for answer in answers] == [
        [round(v, 1) for v in error["boxes"][0]],
        [round(v, 1) for v in error["boxes"][4]],
    ]
    assert all(answer["leads"][0]["uri"].endswith("Expedition%2C%201897.jpg") for answer in answers)


def test_a_face_that_the_probe_does_not_hold(taken, album, five_faces):
    taken = taken.quick
    assert "holds 1" in taken.fails(2, "wrong_use", "search", album.probe, "--face", 1)["message"]
    assert "holds 5" in taken.fails(2, "wrong_use", "search", five_faces, "--face", 5)["message"]
    taken.fails(2, "wrong_use", "search", album.probe, "--face", -1)


def test_a_comparison_says_which_picture_holds_several_faces_and_takes_one_of_them(taken, album, five_faces):
    taken = taken.quick
    error = taken.fails(2, "several_faces", "compare", album.probe, five_faces)
    assert "picture B holds 5" in error["message"]
    assert "--face-b N" in error["hint"]
    taken.run("compare", five_faces, album.probe).ended(2, "picture A holds 5", "--face-a 0 ", "--face-a 4 ")
    alike, unlike = (
        taken.does("compare", five_faces, five_faces, "--face-a", 3, "--face-b", n)["score"] for n in (3, 4)
    )
    assert unlike < 0.5 < alike == 1.0
    assert (
        "picture A holds 1"
        in taken.fails(2, "wrong_use", "compare", album.probe, album.probe, "--face-a", 1)["message"]
    )


# --- options ---------------------------------------------------------------------------------------------------------
@pytest.mark.program
@pytest.mark.parametrize(
    "arguments",
    [
        ("search",),
        ("--json", "search", "--bogus"),
        ("search", "--top", "many", "x.jpg"),
        ("search", "x.jpg", "y.jpg"),
        (),
        ("source",),
        ("no-such-command",),
        ("source", "no-such-command"),
        ("compare", "a.jpg"),
        ("ingest", "--workers", "0"),
        ("init", "--kind", "company"),
        ("completion", "tcsh"),
        ("source", "add", "album"),
    ],
)
def test_wrong_use_is_one_json_document_wherever_json_stands(desk, arguments):
    desk = desk.quick
    for line in ((*arguments, "--json"), ("--json", *arguments)):
        said = desk.run(*line).ended(2)
        assert said.doc["error"]["kind"] == "wrong_use"
        assert "--help" in said.doc["error"]["hint"]
        assert said.err == ""
    said = desk.run(*(word for word in arguments if word != "--json")).ended(2)
    assert said.out == ""
    assert said.err


def test_a_file_called_json_is_a_file(taken):
    said = taken.quick.run("search", "--", "--json").ended(2, "is not there (--json)")
    assert said.out == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--top", 0), "the top 0"),
        (("--top", 100_000), "from 1 to 1000"),
        (("--threshold", 1.5), "not a cosine"),
        (("--threshold", "nan"), "not a cosine"),
        (("--fpir", 0), "false positive rate"),
        (("--fpir", 1), "false positive rate"),
        (("--fpir", 0.1, "--threshold", 0), "say the same thing twice"),
        (("--purpose", "mass-identification"), "not a purpose on the list"),
        (("--case", " "), "case reference"),
        (("--case", "x" * 201), "case reference"),
        (("--case", "two\nlines"), "case reference"),
    ],
)
def test_a_search_that_can_not_be_meant(taken, album, options, words):
    assert words in taken.quick.fails(2, "wrong_use", "search", album.probe, *options)["message"]


def test_a_threshold_of_zero_is_a_threshold(taken, album):
    everything = taken.quick.does("search", album.probe, "--threshold", 0, "--top", 1000)
    assert everything["threshold"] == 0
    assert everything["extrapolated"] is False
    scores = [lead["score"] for lead in everything["leads"]]
    assert scores == sorted(scores, reverse=True)
    assert all(score >= 0 for score in scores)
    by_default = taken.quick.does("search", album.probe, "--top", 1000)
    assert len(scores) > len(by_default["leads"]) > 0
    below = taken.quick.does("search", album.probe, "--threshold", -1, "--top", 1000)
    assert sum(1 + len(lead["duplicates"]) for lead in below["leads"]) == below["searched"]


def test_a_list_is_never_padded(taken, album):
    answer = taken.quick.does("search", album.stranger)
    assert answer["leads"] == []
    said = taken.quick.run("search", album.stranger).ended(0, "No lead among about 26 faces", "not an identification")
    assert said.err == ""


# --- names and ids ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "command",
    [
        "ingest",
        "source show",
        "source suspend",
        "source resume",
        "source withdraw",
        "source takedown",
        "erase --source",
    ],
)
def test_a_source_that_is_not_there(taken, command):
    assert "nothing-of-it" in taken.quick.fails(4, "not_found", *command.split(), "nothing-of-it")["message"]


def test_an_id_that_is_not_there(taken):
    taken = taken.quick
    for what in ("--face", "--picture"):
        assert NOBODY in taken.fails(4, "not_found", "erase", what, NOBODY)["message"]
        taken.fails(4, "not_found", "erase", what, NOBODY, "--dry-run")
        assert "like this: 6f1c2a34-" in taken.fails(2, "wrong_use", "erase", what, "'; drop table faces")["hint"]
    taken.fails(2, "wrong_use", "erase")
    taken.fails(2, "wrong_use", "erase", "--face", NOBODY, "--source", "album")


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "x" * 201, "\x1b[31m"])
def test_a_source_needs_a_name_that_can_be_shown(taken, album, name):
    taken.quick.run("source", "add", name, album.root, *HOUSEHOLD).ended(2)
    assert len(taken.quick.does("source", "list")["sources"]) == 1


def test_what_a_source_can_not_be(taken, album, tmp_path):
    taken = taken.quick
    taken.fails(4, "not_found", "source", "add", "x", tmp_path / "nowhere", *HOUSEHOLD)
    taken.fails(4, "not_found", "source", "add", "x", album.probe, *HOUSEHOLD)
    taken.fails(2, "wrong_use", "source", "add", "x", "https://example.com/album", *HOUSEHOLD)
    taken.fails(2, "wrong_use", "source", "add", "x", taken.home, *HOUSEHOLD)
    taken.fails(2, "wrong_use", "source", "add", "x", taken.home / "blobs", *HOUSEHOLD)
    taken.fails(2, "wrong_use", "source", "add", "x", album.root, "--basis", "household", "--jurisdiction", "Ontario")
    before = len(taken.does("log", "show", "--last", 1000)["entries"])
    error = taken.fails(2, "wrong_use", "source", "add", "album", album.root, *HOUSEHOLD)
    assert "exists" in error["message"]
    assert len(taken.does("log", "show", "--last", 1000)["entries"]) == before


def test_a_home_without_a_source(desk, album):
    desk = desk.quick
    for command in (("search", album.probe), ("ingest",)):
        error = desk.fails(4, "not_found", *command)
        assert "has no source" in error["message"]
        assert "source add" in error["hint"]
    desk.run("source", "list").ended(0, "source add")
    desk.run("status").ended(0, "source add", "0 pictures")


def test_nothing_to_see_is_no_claim_about_the_person(desk, album, tmp_path):
    (tmp_path / "empty").mkdir()
    desk.quick.run("source", "add", "empty", tmp_path / "empty", *HOUSEHOLD).ended(0)
    said = desk.quick.run("search", album.probe).ended(0, "there is no face that this search may show")
    assert "may still be there" not in said.out


# --- erase -----------------------------------------------------------------------------------------------------------
@pytest.mark.program
def test_what_is_erased_once_is_answered_the_same_again_and_stays_away(mine, album):
    leads = mine.does("search", album.probe)["leads"]
    face, picture = leads[0]["face_id"], leads[1]["picture_id"]
    assert mine.does("erase", "--face", face, "--dry-run")["faces"] == 1
    assert mine.does("search", album.probe)["leads"][0]["face_id"] == face
    quick = mine.quick
    for option, one in (("--face", face), ("--picture", picture)):
        first, again = mine.does("erase", option, one), quick.does("erase", option, one)
        assert (first["faces"], first["already"]) == (1, False)
        assert again == first | {"already": True}
    left = quick.does("search", album.probe, "--top", 100)["leads"]
    assert not {face, leads[1]["face_id"]} & {lead["face_id"] for lead in left}
    quick.run("ingest").ended(0)
    assert len(quick.does("search", album.probe, "--top", 100)["leads"]) == len(left)
    quick.run("erase", "--source", "album").ended(0, "Erased 23 pictures")
    assert quick.does("erase", "--source", "album")["already"]
    assert quick.does("status")["faces"] == 0
    quick.run("doctor").ended(0)
