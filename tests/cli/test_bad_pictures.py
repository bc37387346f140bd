"""What a folder holds that is no picture, and what is brought as a probe: a named reason, and the run goes on."""

import os
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

pytestmark = [pytest.mark.program, pytest.mark.slow]

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="500" height="500"><circle r="99"/></svg>'
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def png_of(width, height):
    """A PNG of a kilobyte whose header, with the right checksum, says that it is so large."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def webp_of(frames):
    """An animated WebP of so many frames of 16 x 16: two, over and over."""
    out = BytesIO()
    one, two = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    one.save(out, "WEBP", save_all=True, append_images=[two], lossless=True)
    data, at, head, moving = out.getvalue(), 12, b"", []
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunk = data[at : at + 8 + size + size % 2]
        if chunk.startswith(b"ANMF"):
            moving.append(chunk)
        else:
            head += chunk
        at += len(chunk)
    body = b"WEBP" + head + b"".join(moving[number % 2] for number in range(frames))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def hopper(album) -> bytes:
    return (album.root / "portraits" / "Grace Hopper, 1984.jpg").read_bytes()


# A file's name -> what is in it, and why it is no picture.
BYTES = {
    "a text.jpg": (b"Names on the back of the photographs.\n", "not_a_picture"),
    "empty.jpg": (b"", "not_a_picture"),
    "drawing.svg": (SVG, "not_a_picture"),
    "drawing.png": (SVG, "not_a_picture"),
    "leaflet.png": (PDF, "not_a_picture"),
    "huge.png": (png_of(50_000, 50_000), "too_many_pixels"),
    "film.webp": (webp_of(10_000), "too_many_frames"),
    "dot.png": (png_of(3, 3), "too_small"),
    "noise.jpg": (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8, "damaged"),
    "bomb.tif": (b"II*\0\xff\xff\xff\xff", "damaged"),
}
ODD_NAMES = {
    "two\nlines.jpg": r"two\nlines.jpg",
    "a bell\x07 and \x1b[31mred.jpg": r"a bell\x07 and \x1b[31mred.jpg",
    "no \udcff utf-8 \udcfe.jpg": r"no \xff utf-8 \xfe.jpg",
    "-rf --help.jpg": "-rf --help.jpg",
    "\u202egpj.exe": r"\u202egpj.exe",
}


@pytest.fixture
def horrors(tmp_path, album):
    """A folder with all of it, and one good picture."""
    root = tmp_path / "horrors"
    (root / "deep" / "er").mkdir(parents=True)
    for name, (data, _) in BYTES.items():
        (root / name).write_bytes(data)
    good = hopper(album)
    (root / "cut.jpg").write_bytes(good[: len(good) // 3])
    for name in ODD_NAMES:
        (root / name).write_bytes(b"no picture, and what a name\n")
    (root / "deep" / "er" / "good.jpg").write_bytes(good)
    os.mkfifo(root / "pipe.jpg")
    (root / "round.jpg").symlink_to("round.jpg")
    (root / "deep" / "loop").symlink_to("..")
    (root / "nowhere.jpg").symlink_to("no/such/file.jpg")
    return root


def test_each_is_rejected_by_name_and_the_good_one_is_found(desk, horrors, album):
    desk.quick.run("source", "add", "horrors", horrors, *HOUSEHOLD).ended(0)
    answer = desk.does("ingest")
    told = {row["place"]: row["reason"] for row in answer["rejected"]}
    assert told == (
        {name: reason for name, (_, reason) in BYTES.items()}
        | dict.fromkeys(ODD_NAMES.values(), "not_a_picture")
        | {"cut.jpg": "damaged", "pipe.jpg": "not_a_file"}
        | dict.fromkeys(("round.jpg", "deep/loop", "nowhere.jpg"), "link")
    )
    [report] = answer["sources"]
    assert (report["taken"], report["indexed"]) == (1, 1)
    assert report["files"] == report["taken"] + len(told)
    [lead] = desk.quick.does("search", album.probe)["leads"]
    assert lead["uri"].endswith("horrors/deep/er/good.jpg")
    again = desk.quick.does("ingest")["sources"][0]
    assert (again["unchanged"], again["taken"], sum(again["rejected"].values())) == (1, 0, len(told))


def test_no_name_steers_the_terminal(desk, horrors):
    desk.quick.run("source", "add", "horrors", horrors, *HOUSEHOLD).ended(0)
    said = desk.run("ingest").ended(0)
    assert r"horrors/a bell\x07 and \x1b[31mred.jpg" in said.out
    assert "more" in said.err
    assert not set(said.out + said.err) & {"\x07", "\x1b", "\u202e"}
    assert not any("\ud800" <= letter <= "\udfff" for letter in said.out + said.err)


@pytest.mark.parametrize("name", BYTES)
def test_as_a_probe_it_is_wrong_use_with_the_same_reason(taken, tmp_path, name):
    data, reason = BYTES[name]
    (tmp_path / name).write_bytes(data)
    error = taken.quick.fails(2, "bad_picture", "search", tmp_path / name)
    assert error["reason"] == reason
    assert error["hint"]


def test_a_probe_that_is_no_file(taken, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    for name, said in (("pipe.jpg", "is not a file"), ("round.jpg", "leads nowhere"), ("none.jpg", "is not there")):
        error = taken.quick.fails(2, "bad_picture", "search", tmp_path / name)
        assert said in error["message"]
        assert error["reason"] == "unreadable"
    taken.run("search", tmp_path).ended(2, "is a folder")


@pytest.mark.parametrize("name", ["no \udcff.jpg", "\x1b[31mred\n.jpg"])
def test_a_probe_with_an_odd_name_is_named_without_harm(taken, tmp_path, name):
    error = taken.fails(2, "bad_picture", "search", tmp_path / name)
    assert os.fsencode(name) in os.fsencode(error["path"])  # JSON keeps every byte, as an escape
    said = taken.run("search", tmp_path / name, LC_ALL="C").ended(2, "is not there")
    assert said.err.isascii()
    assert not {"\x1b"} & set(said.err)


def test_what_may_not_be_read_is_counted(desk, album, tmp_path, bound_by_permissions):
    root = tmp_path / "mixed"
    (root / "closed").mkdir(parents=True)
    (root / "good.jpg").write_bytes(hopper(album))
    (root / "locked.jpg").write_bytes(hopper(album))
    (root / "locked.jpg").chmod(0)
    (root / "closed").chmod(0)
    try:
        desk.quick.run("source", "add", "mixed", root, *HOUSEHOLD).ended(0)
        answer = desk.does("ingest", before=bound_by_permissions)
        told = {row["place"]: (row["reason"], row["detail"]) for row in answer["rejected"]}
        assert told == dict.fromkeys(("locked.jpg", "closed"), ("unreadable", "permission denied"))
        assert answer["sources"][0]["taken"] == 1
        error = desk.fails(2, "bad_picture", "search", root / "locked.jpg", before=bound_by_permissions)
        assert "Permission denied" in error["message"]
    finally:
        (root / "closed").chmod(0o700)
    (root / "locked.jpg").chmod(0o600)
    assert desk.does("ingest")["sources"][0]["rejected"] == {}


def test_a_source_that_may_not_be_read_at_all(desk, tmp_path, bound_by_permissions):
    root = tmp_path / "closed"
    root.mkdir()
    desk.quick.run("source", "add", "closed", root, *HOUSEHOLD).ended(0)
    root.chmod(0)
    try:
        error = desk.fails(1, "storage_failed", "ingest", before=bound_by_permissions)
        assert "Permission denied" in error["message"]
    finally:
        root.chmod(0o700)


def test_an_empty_folder_is_done_at_once(desk, tmp_path):
    (tmp_path / "empty").mkdir()
    desk.quick.run("source", "add", "empty", tmp_path / "empty", *HOUSEHOLD).ended(0)
    desk.quick.run("ingest").ended(0, "0 files", "no files")
    assert desk.quick.does("ingest")["sources"][0]["files"] == 0


def test_a_folder_that_went_away(desk, tmp_path):
    (tmp_path / "away").mkdir()
    desk.quick.run("source", "add", "away", tmp_path / "away", *HOUSEHOLD).ended(0)
    (tmp_path / "away").rmdir()
    assert "the folder of the source does not exist" in desk.quick.fails(4, "not_found", "ingest", "away")["message"]
