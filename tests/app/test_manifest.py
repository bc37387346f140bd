"""home.toml: written last, read first."""

import errno
import os
from pathlib import Path

import pytest

from countenance.app import manifest
from countenance.errors import HomeTooNew, StorageFailed, WrongUse
from countenance.types import HomeKind


def test_what_was_written_is_read(tmp_path):
    home = tmp_path / "home"
    drafted = manifest.draft(home, HomeKind.ORGANISATION)
    assert manifest.read(home) is None, "a draft is no home"
    manifest.finish(home, drafted)
    assert manifest.read(home) == drafted
    assert [path.name for path in home.iterdir()] == ["home.toml"]
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_killed_init_goes_on_with_the_same_identity(tmp_path):
    first = manifest.draft(tmp_path, HomeKind.HOUSEHOLD)
    (tmp_path / "home.toml.new.999").write_text("half a li")  # of one that was killed while it wrote
    assert manifest.draft(tmp_path, HomeKind.HOUSEHOLD) == first


def test_of_two_who_make_one_home_at_once_both_have_the_first_identity(tmp_path, monkeypatch):
    first = manifest.draft(tmp_path, HomeKind.HOUSEHOLD)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", lambda _: False)  # looked before the first had written
        assert manifest.draft(tmp_path, HomeKind.HOUSEHOLD) == first
    assert [path.name for path in tmp_path.iterdir()] == ["home.toml.new"]


def test_a_disk_without_hard_links_holds_a_home_too(tmp_path, monkeypatch):
    def refuses(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuses)
    first = manifest.draft(tmp_path, HomeKind.HOUSEHOLD)
    assert manifest.draft(tmp_path, HomeKind.HOUSEHOLD) == first


def test_a_killed_init_does_not_go_on_as_the_other_kind(tmp_path):
    begun = manifest.draft(tmp_path / "home", HomeKind.ORGANISATION)
    with pytest.raises(WrongUse, match="of kind organisation was started"):
        manifest.draft(tmp_path / "home", HomeKind.HOUSEHOLD)
    assert manifest.draft(tmp_path / "home", HomeKind.ORGANISATION) == begun


def test_no_home(tmp_path):
    assert manifest.read(tmp_path) is None
    assert manifest.read(tmp_path / "nowhere") is None


@pytest.mark.parametrize("text", ["", "x", "format = 1", 'format = "1"', "format = true", "format = 1.0",
                                  'format = 1\nid = "no uuid"\nkind = "household"\nmade_at = "x"'])  # fmt: skip
def test_a_damaged_manifest_is_said_so(tmp_path, text):
    (tmp_path / "home.toml").write_text(text)
    with pytest.raises(StorageFailed, match=r"home\.toml is damaged"):
        manifest.read(tmp_path)


def test_a_damaged_draft_is_said_so(tmp_path):
    (tmp_path / "home.toml.new").write_text("half a li")
    with pytest.raises(StorageFailed, match="damaged") as caught:
        manifest.draft(tmp_path, HomeKind.HOUSEHOLD)
    assert "delete its folder" in caught.value.message


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "home.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(StorageFailed, match="damaged"):
        manifest.read(tmp_path)


def test_a_newer_home(tmp_path):
    (tmp_path / "home.toml").write_text("format = 2\n")
    with pytest.raises(HomeTooNew, match="format 2") as caught:
        manifest.read(tmp_path)
    assert "newer version" in caught.value.hint


def test_what_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WrongUse, match="is a file"):
            manifest.read(home)
        with pytest.raises(WrongUse, match="is a file"):
            manifest.draft(home, HomeKind.HOUSEHOLD)


def test_a_folder_with_something_else_in_it(tmp_path):
    (tmp_path / "letter.txt").write_text("x")
    with pytest.raises(WrongUse, match="not empty"):
        manifest.draft(tmp_path, HomeKind.HOUSEHOLD)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
