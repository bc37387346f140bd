"""The demo's photographs are what their manifest says, and the album made of them is the same each time."""

import hashlib
import io
import re
from pathlib import Path

import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from countenance.app.demo import pictures as demo_pictures
from countenance.app.demo.pictures import DemoAlbum, picture_bytes, pictures, write_album

DOCS = Path(__file__).parents[2] / "docs" / "demo-photographs.md"
DATA = Path(demo_pictures.__file__).parent / "data"
MAX_SHIPPED_BYTES = 1_500_000


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> DemoAlbum:
    return write_album(tmp_path_factory.mktemp("demo"))


def upright(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("L")


def test_each_shipped_photograph_has_the_hash_of_its_manifest():
    for picture in pictures():
        assert hashlib.sha256(picture_bytes(picture.file)).hexdigest() == picture.sha256, picture.file


def test_an_unchanged_photograph_has_the_hash_of_its_origin():
    for picture in pictures():
        assert (picture.sha256 == picture.origin["sha256"]) == (picture.changes is None), picture.file


def test_nothing_is_shipped_that_the_manifest_does_not_name():
    assert {p.name for p in DATA.iterdir()} == {picture.file for picture in pictures()} | {"manifest.toml"}


def test_everybody_in_a_shipped_photograph_is_dead():
    for picture in pictures():
        years = [int(year) for year in re.findall(r"\d{4}", picture.died or "")]
        assert (picture.people == 0) == (picture.person is None) == (not years), picture.file
        assert all(year < 2000 for year in years), picture.file


def test_every_licence_is_a_free_one():
    assert {picture.licence for picture in pictures()} <= {"Public domain", "CC0", "CC BY 2.0"}
    assert all(picture.reason and picture.attribution for picture in pictures())


def test_the_shipped_photographs_stay_small():
    assert sum(path.stat().st_size for path in DATA.iterdir()) < MAX_SHIPPED_BYTES


def test_the_page_in_the_docs_says_what_the_manifest_says():
    rows = [
        line for line in DOCS.read_text(encoding="utf-8").splitlines() if re.match(r"\| [\w-]+\.(jpg|png) \|", line)
    ]
    assert len(rows) == len(pictures())
    for row, picture in zip(rows, pictures(), strict=True):
        origin = picture.origin
        said = [picture.file, picture.shows, picture.person or "nobody", picture.died or "", picture.licence]
        said += [picture.reason, picture.attribution, picture.changes or "", origin["package"]]
        said += [origin["version"], origin["path"]]
        assert [part for part in said if part not in row] == []


def test_no_photograph_carries_metadata_of_a_place_or_a_device():
    for picture in pictures():
        with Image.open(io.BytesIO(picture_bytes(picture.file))) as image:
            assert not dict(image.getexif()), picture.file


def test_the_album_is_the_same_each_time(album: DemoAlbum, tmp_path: Path):
    again = write_album(tmp_path)
    everything = [p.relative_to(album.root.parent) for p in album.root.parent.rglob("*") if p.is_file()]
    assert len(everything) == len(album.pictures) + len(album.without_face) + len(album.to_reject) + 3
    for path in everything:
        assert (album.root.parent / path).read_bytes() == (tmp_path / path).read_bytes(), path
    assert write_album(tmp_path) == again


def test_the_album_holds_what_a_demo_needs(album: DemoAlbum):
    orientations, formats = set(), set()
    for path in album.pictures:
        with Image.open(path) as image:
            orientations.add(image.getexif().get(0x0112, 1))
            formats.add(image.format)
    assert orientations == set(range(1, 9))
    assert formats == {"JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"}
    contents = [path.read_bytes() for path in album.pictures]
    assert len(contents) - len(set(contents)) == 1  # one picture stands in two places
    assert min(max(upright(path).size) for path in album.pictures) <= 131  # an avatar that a face fills


def test_a_turned_scan_is_displayed_upright(album: DemoAlbum):
    """Whatever the orientation, her cap is dark and above the white of her shirt: the original's own rows."""
    for name, of in (("scan 0002", "grace-hopper.jpg"), ("scan 0006", "grace-hopper.jpg"), ("scan 0004", None)):
        original = DATA / (of or "erik-wilhelm-dahlgren.jpg")
        scan = upright(album.root / "scans" / f"{name}.jpg").resize((32, 32))
        with Image.open(original) as image:
            wanted = image.convert("L").resize((32, 32))
        assert sum(abs(a - b) for a, b in zip(scan.tobytes(), wanted.tobytes(), strict=True)) / 1024 < 6, name


def test_no_probe_is_byte_equal_to_a_picture_of_the_album(album: DemoAlbum):
    known = {path.read_bytes() for path in album.root.rglob("*") if path.is_file()}
    known |= {picture_bytes(picture.file) for picture in pictures()}
    for probe in (album.probe, album.stranger, album.lookalike):
        assert probe.read_bytes() not in known
        assert album.root not in probe.parents


@pytest.mark.parametrize("name", ["notes.jpg", "half a portrait.jpg", "leaflet.png"])
def test_a_file_to_reject_is_no_picture(album: DemoAlbum, name: str):
    path = album.root / "damaged" / name
    assert path in album.to_reject
    with pytest.raises((UnidentifiedImageError, OSError)), Image.open(path) as image:
        image.load()
