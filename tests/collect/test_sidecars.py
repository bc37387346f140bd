import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.collect.folder import FolderCollector
from countenance.collect.sidecar import MalformedValue, PictureManifest, parse_manifest, parse_sidecar
from countenance.errors import WrongUse
from countenance.testing.collector import found_in, rejected_in
from countenance.types import RejectReason


@pytest.fixture
def source(tmp_path):
    for place in ("a.jpg", "b.jpg", "sub/c.jpg"):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def own(source):
    return {place: found.jurisdictions for place, found in found_in(FolderCollector(source)).items()}


def reasons(source):
    return {place: each.reason for place, each in rejected_in(FolderCollector(source)).items()}


# --- sidecars --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('jurisdiction = "ca-on"', {"CA-ON"}),
        ('jurisdiction = ["CA-ON", "US-NY"]', {"CA-ON", "US-NY"}),
        ('jurisdiction = "unknown"', {"unknown"}),
    ],
)
def test_a_sidecar_names_one_code_or_several(text, codes):
    assert parse_sidecar(text.encode()) == codes


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"jurisdiction = ",
        b'jurisdiction = "Ontario"',
        b'jurisdiction = ""',
        b"jurisdiction = []",
        b"jurisdiction = 5",
        b"jurisdiction = [5]",
        b'jurisdiction = "CA"\nlicence = "x"',
        b'jurisdictions = "CA"',
        b'[jurisdiction]\nx = "CA"',
        b"\xff\xfe",
        b"a=" + b"[" * 5_000,
        b"#" * 20_000,
    ],
)
def test_a_malformed_sidecar_says_what_is_wrong(content):
    result = parse_sidecar(content)
    assert isinstance(result, MalformedValue)
    assert "sidecar" in result.detail


@given(st.binary(max_size=200))
def test_no_bytes_of_a_sidecar_raise(content):
    parse_sidecar(content)


def test_a_sidecar_replaces_the_default_for_its_picture_alone(source):
    (source / "sub" / "c.jpg.countenance.toml").write_text('jurisdiction = "CA-ON"')
    assert own(source) == {"a.jpg": None, "b.jpg": None, "sub/c.jpg": {"CA-ON"}}
    assert reasons(source) == {}


def test_a_malformed_sidecar_costs_its_picture_alone(source):
    (source / "a.jpg.countenance.toml").write_text("nonsense")
    assert own(source) == {"b.jpg": None, "sub/c.jpg": None}
    assert reasons(source) == {"a.jpg": RejectReason.BAD_SIDECAR}


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "dangling"])
def test_a_sidecar_that_is_no_file_costs_its_picture(source, kind):
    sidecar = source / "a.jpg.countenance.toml"
    (source / "good.toml").write_text('jurisdiction = "CA-ON"')
    match kind:
        case "link":
            sidecar.symlink_to("good.toml")
        case "dangling":
            sidecar.symlink_to("nowhere")
        case "fifo":
            os.mkfifo(sidecar)
        case "folder":
            sidecar.mkdir()
    assert reasons(source) == {"a.jpg": RejectReason.BAD_SIDECAR}


def test_a_sidecar_without_its_picture_is_reported(source):
    (source / "renamed.jpg.countenance.toml").write_text('jurisdiction = "CA-ON"')
    assert reasons(source) == {"renamed.jpg.countenance.toml": RejectReason.BAD_SIDECAR}


# --- the manifest ----------------------------------------------------------------------------------------------------
def test_a_manifest_names_codes_by_place():
    text = 'path,jurisdiction\r\na.jpg,CA-ON\r\n\r\n"sub/c, d.jpg",CA-ON;US\r\n'
    assert parse_manifest(text.encode("utf-8-sig")) == PictureManifest(
        {"a.jpg": frozenset({"CA-ON"}), "sub/c, d.jpg": frozenset({"CA-ON", "US"})}, ()
    )


def test_columns_stand_in_any_order_and_names_in_any_bytes():
    manifest = parse_manifest(b"Jurisdiction, Path\nCA,broken-\xff.jpg\n")
    assert manifest.rows == {"broken-\udcff.jpg": frozenset({"CA"})}


def test_a_malformed_row_costs_that_row_alone():
    manifest = parse_manifest(
        b"path,jurisdiction\n"
        b"good.jpg,CA\n"
        b"named.jpg,Ontario\n"
        b"none.jpg,\n"
        b"short.jpg\n"
        b"long.jpg,CA,US\n"
        b"twice.jpg,CA\n"
        b"twice.jpg,US\n"
        b"../outside.jpg,CA\n"
        b"/etc/passwd,CA\n"
        b",CA\n"
    )
    good = {place for place, value in manifest.rows.items() if not isinstance(value, MalformedValue)}
    assert good == {"good.jpg"}
    assert manifest.rows.keys() == {"good.jpg", "named.jpg", "none.jpg", "short.jpg", "long.jpg", "twice.jpg"}
    assert manifest.homeless == (9, 10, 11)
    assert "CA-ON" in manifest.rows["named.jpg"].detail


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"a.jpg,CA\n",
        b"path,jurisdiction,extra\n",
        b'path,jurisdiction\n"a.jpg,CA\nb.jpg,CA\n',
        b"path,path\n",
    ],
)
def test_a_manifest_that_cannot_be_read_is_an_error_that_names_it(source, content):
    (source / "countenance-manifest.csv").write_bytes(content)
    with pytest.raises(WrongUse, match=r"countenance-manifest\.csv"):
        own(source)


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_a_manifest_that_is_no_file_is_an_error_that_names_it(source, kind):
    path = source / "countenance-manifest.csv"
    match kind:
        case "link":
            path.symlink_to("a.jpg")
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
    with pytest.raises(WrongUse, match=r"countenance-manifest\.csv"):
        own(source)


@given(st.binary(max_size=200))
def test_no_bytes_of_a_manifest_raise_anything_else(content):
    for head in (b"", b"path,jurisdiction\n"):
        try:
            parse_manifest(head + content)
        except WrongUse:
            continue


def test_a_manifest_at_the_root_replaces_the_default_and_is_no_picture(source):
    (source / "countenance-manifest.csv").write_text("path,jurisdiction\nsub/c.jpg,CA-ON\na.jpg,Ontario\n")
    (source / "sub" / "countenance-manifest.csv").write_text("")  # not at the root: a file like any other
    assert own(source) == {"b.jpg": None, "sub/c.jpg": {"CA-ON"}, "sub/countenance-manifest.csv": None}
    assert reasons(source) == {"a.jpg": RejectReason.BAD_SIDECAR}


def test_rows_that_help_nobody_are_reported_once(source):
    (source / "countenance-manifest.csv").write_text("path,jurisdiction\ngone.jpg,CA\n../x,CA\nb.jpg,US\n")
    rejected = rejected_in(FolderCollector(source))
    assert list(rejected) == ["countenance-manifest.csv"]
    assert "1 rows name no file" in rejected["countenance-manifest.csv"].detail
    assert "lines 3" in rejected["countenance-manifest.csv"].detail


def test_a_sidecar_and_a_row_that_disagree_cost_the_picture(source):
    (source / "countenance-manifest.csv").write_text("path,jurisdiction\na.jpg,CA\nb.jpg,CA\n")
    (source / "a.jpg.countenance.toml").write_text('jurisdiction = "US"')
    (source / "b.jpg.countenance.toml").write_text('jurisdiction = "CA"')
    assert own(source) == {"b.jpg": {"CA"}, "sub/c.jpg": None}
    assert reasons(source) == {"a.jpg": RejectReason.BAD_SIDECAR}
