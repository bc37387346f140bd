"""Homes that can't be used as they are: each says what is wrong and the way out, and nothing in them changes."""

import hashlib
import re
import shutil
import sqlite3
import subprocess

import pytest

from countenance.cli.main import COMMANDS

pytestmark = [pytest.mark.program, pytest.mark.slow]

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")
DATABASES = ("records.db", "keys.db", "log.db")


def contents(home):
    """Every file of a home, as a hash; locks and SQLite's shared memory say nothing."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and not path.name.endswith(("-shm", "-wal"))
    }


# --- which folder ----------------------------------------------------------------------------------------------------
def test_a_home_that_is_a_file(desk):
    desk = desk.quick
    (desk.root / "a file").write_text("no home")
    for home in (desk.root / "a file", desk.root / "a file" / "below"):
        assert "is a file" in desk.fails(2, "wrong_use", "--home", home, "status")["message"]
    (desk.root / "dangling").symlink_to("nothing")
    desk.fails(2, "wrong_use", "--home", desk.root / "dangling", "status")
    assert (desk.root / "a file").read_text() == "no home"


def test_a_folder_that_holds_something_else(desk):
    (desk.root / "pictures").mkdir()
    (desk.root / "pictures" / "mine.jpg").write_bytes(b"mine")
    error = desk.fails(2, "wrong_use", "--home", desk.root / "pictures", "init")
    assert "not empty" in error["message"]
    assert "name an empty folder" in error["hint"]
    assert [p.name for p in (desk.root / "pictures").iterdir()] == ["mine.jpg"]


def test_an_empty_variable_is_none(desk):
    """It does not make a home of the folder one stands in."""
    desk.run("status", COUNTENANCE_HOME="", XDG_DATA_HOME=desk.root / "data").ended(0)
    assert (desk.root / "data" / "countenance" / "home.toml").is_file()
    assert not (desk.root / "home.toml").exists()


def test_the_kind_is_fixed(desk):
    desk = desk.quick
    desk.run("init", "--kind", "organisation").ended(0, "organisation")
    assert "fixed" in desk.fails(2, "wrong_use", "init", "--kind", "household")["message"]
    assert desk.does("status")["kind"] == "organisation"


def test_init_without_a_kind_takes_the_home_that_is_there(desk):
    desk = desk.quick
    desk.run("init", "--kind", "organisation").ended(0)
    assert desk.does("init")["kind"] == "organisation"


def test_making_a_home_twice_is_harmless(desk):
    desk = desk.quick
    first = desk.does("init")
    assert desk.does("init") == first
    assert desk.home.stat().st_mode & 0o777 == 0o700
    assert desk.keyfile.stat().st_mode & 0o777 == 0o600


# --- the key ---------------------------------------------------------------------------------------------------------
def test_a_lost_key(mine):
    mine = mine.quick
    mine.keyfile.unlink()
    before = contents(mine.home)
    for command in (("status",), ("ingest",), ("search", "x.jpg"), ("erase", "--source", "album"), ("log", "verify")):
        error = mine.fails(1, "key_missing", *command)
        assert error["path"] == str(mine.keyfile)
        assert "COUNTENANCE_KEYFILE" in error["hint"]
    said = mine.run("doctor").ended(1, "problem", str(mine.keyfile))
    assert said.out.count("problem") == 1
    assert contents(mine.home) == before
    assert not mine.keyfile.exists()


def test_another_homes_key(mine, taken, tmp_path):
    mine = mine.quick
    other = {"COUNTENANCE_HOME": tmp_path / "other", "COUNTENANCE_KEYFILE": tmp_path / "other.key"}
    mine.run("init", **other).ended(0)
    error = mine.fails(1, "key_missing", "status", COUNTENANCE_KEYFILE=tmp_path / "other.key")
    assert "belongs to home" in error["message"]
    error = mine.fails(
        2, "wrong_use", "init", COUNTENANCE_HOME=tmp_path / "third", COUNTENANCE_KEYFILE=tmp_path / "other.key"
    )
    assert "never overwritten" in error["message"]
    mine.run("init", COUNTENANCE_HOME=tmp_path / "third", COUNTENANCE_KEYFILE=tmp_path / "third.key").ended(0)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_may_read_or_write(mine, mode):
    mine = mine.quick
    mine.keyfile.chmod(mode)
    error = mine.fails(1, "key_missing", "status")
    assert f"mode {mode:04o}" in error["message"]
    assert error["path"] == str(mine.keyfile)
    assert "chmod 600" in error["hint"]
    mine.keyfile.chmod(0o600)
    mine.run("status").ended(0)


@pytest.mark.parametrize("content", [b"", b"no key file", bytes(range(256)), b"version: 9\nhome: x\n", b"x" * 10_000])
def test_a_key_file_that_is_none(mine, content):
    mine = mine.quick
    mine.keyfile.write_bytes(content)
    mine.fails(1, "key_missing", "status")


# --- the version -----------------------------------------------------------------------------------------------------
def test_a_newer_format(mine):
    toml = mine.home / "home.toml"
    toml.write_text(re.sub(r"format = \d+", "format = 999", toml.read_text()))
    before = contents(mine.home)
    error = mine.fails(1, "home_too_new", "status")
    assert "999" in error["message"]
    assert "--upgrade" in error["hint"]
    assert contents(mine.home) == before


def test_a_newer_schema(mine):
    mine = mine.quick
    with sqlite3.connect(mine.home / "records.db") as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    before = contents(mine.home)
    for command in ("status", "ingest"):
        error = mine.fails(1, "home_too_new", command)
        assert "9999" in error["message"]
        assert "--upgrade" in error["hint"]
    assert contents(mine.home) == before


@pytest.mark.parametrize("text", ["", "format", 'format = "1"', "format = 1\n", 'format = 1\nid = "x"\nkind = "other"'])
def test_a_damaged_manifest(mine, text):
    mine = mine.quick
    (mine.home / "home.toml").write_text(text)
    error = mine.fails(1, "storage_failed", "status")
    assert "home.toml is damaged" in error["message"]
    assert "backup" in error["hint"]
    mine.fails(1, "storage_failed", "doctor")


# --- the disk --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", DATABASES)
def test_a_database_that_is_gone_or_garbage(mine, name):
    mine = mine.quick
    (mine.home / name).write_bytes(b"this is no database, and much longer than its header" * 99)
    error = mine.fails(1, "storage_failed", "search", "x.jpg")
    assert name in error["message"]
    assert error["hint"]
    said = mine.run("doctor").ended(1, f"{name}: file is not a database", "restore the home from a backup")
    assert said.out.count("problem") == 2
    (mine.home / name).unlink()
    assert f"{name} is missing" in mine.fails(1, "storage_failed", "status")["message"]
    mine.run("doctor").ended(1, name)
    assert not (mine.home / name).exists()


def test_a_home_on_a_read_only_disk(mine, album, own_mounts):
    """Every act is logged before it is done, so none is done; nothing is half done."""
    before = contents(mine.home)
    script = 'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; exec "$@"'
    starts = (*own_mounts, script, str(mine.home))
    for command in (("search", album.probe), ("source", "suspend", "album")):
        error = mine.fails(1, "storage_failed", *command, before=starts)
        assert "read-only" in error["message"]
        assert "writable" in error["hint"]
    mine.run("doctor", before=starts).ended(1, "read-only")
    mine.run("detect", album.probe, before=starts).ended(0, "1 face")
    assert contents(mine.home) == before


def test_a_new_home_on_a_read_only_disk(desk, own_mounts):
    (desk.root / "disk").mkdir()
    script = 'mount -t tmpfs -o ro none "$0"; exec "$@"'
    starts = (*own_mounts, script, str(desk.root / "disk"))
    error = desk.fails(1, "storage_failed", "--home", desk.root / "disk" / "new", "init", before=starts)
    assert "Read-only file system" in error["message"]
    error = desk.fails(1, "storage_failed", "init", before=starts, COUNTENANCE_KEYFILE=desk.root / "disk" / "key")
    assert "COUNTENANCE_KEYFILE" in error["hint"]
    assert desk.does("init")["kind"] == "household"  # the one that was begun is finished, with a key that can be kept


def test_a_home_that_this_user_may_not_write(mine, album, bound_by_permissions):
    mine.home.chmod(0o500)
    try:
        error = mine.fails(1, "storage_failed", "search", album.probe, before=bound_by_permissions)
        assert "can't write to the home" in error["message"]
        mine.home.chmod(0)
        mine.fails(1, "storage_failed", "status", before=bound_by_permissions)
    finally:
        mine.home.chmod(0o700)


# --- doctor, and homes that lie about ---------------------------------------------------------------------------------
def test_a_home_can_be_moved_with_its_key_where_it_was(mine, album):
    mine = mine.quick
    shutil.move(mine.home, mine.root / "elsewhere")
    assert len(mine.does("--home", mine.root / "elsewhere", "search", album.probe)["leads"]) == 3


def test_two_processes_that_make_one_home_at_once(desk):
    both = [desk.start("init", "--json") for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert desk.run("doctor").ended(0)
    assert len({out for out, _ in said}) == 1


def test_only_detect_and_completion_need_no_home(desk, album):
    desk.run("detect", album.probe).ended(0, "1 face")
    desk.run("completion", "bash").ended(0)
    assert not desk.home.exists()
    assert "completion" in COMMANDS


def test_help_and_wrong_use_make_no_home(desk):
    desk = desk.quick
    for arguments, code in ((("--help",), 0), (("search", "--help"), 0), ((), 2), (("source",), 2), (("search",), 2),
                            (("source", "add", "album"), 2), (("no-such-command",), 2)):  # fmt: skip
        desk.run(*arguments).ended(code)
    assert not desk.home.exists()
    assert subprocess.run(["ls", "-A", desk.root], capture_output=True).stdout == b""
