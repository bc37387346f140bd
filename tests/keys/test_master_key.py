"""The master key file: made once, closed to others, refused with what to do."""

import base64
import os
import stat

import pytest

from countenance.errors import KeyMissing, StorageFailed, WrongUse
from countenance.keys import master
from countenance.keys.master import MasterKey, create, find, keyfile_path, load, promote, stage
from countenance.remedies import Remedy

HOME = "0b8f1c6e-home"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "keys" / "h.key"


def test_a_made_key_is_read_again(path):
    made = create(HOME, path)
    assert load(HOME, path) == made
    assert len(made.secret) == 32


def test_two_homes_have_two_keys(tmp_path):
    one, two = create("a", tmp_path / "a"), create("b", tmp_path / "b")
    assert one.secret != two.secret
    assert one.key_id != two.key_id


def test_the_file_and_its_folder_are_closed_to_others(path):
    create(HOME, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["h.key"]


def test_the_file_explains_itself_and_the_repr_holds_no_secret(path):
    made = create(HOME, path)
    text = path.read_text()
    assert text.startswith("# Countenance")
    assert "Losing it loses the home" in text
    assert made.key_id in text
    assert made.secret.hex() not in repr(made)
    assert repr(made.secret) not in repr(made)


def test_a_key_is_never_overwritten(path):
    made = create(HOME, path)
    assert create(HOME, path) == made
    with pytest.raises(WrongUse, match="another home"):
        create("another-home", path)
    assert load(HOME, path) == made


def test_a_crash_while_making_leaves_none_or_a_whole_one(path, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", die)
        with pytest.raises(KeyboardInterrupt):
            create(HOME, path)
    assert not path.exists()
    create(HOME, path)
    assert load(HOME, path).home_id == HOME


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageFailed, KeyMissing), match="file"):
        create(HOME, tmp_path / "file" / "deeper" / "h.key")


def test_a_full_disk_leaves_nothing(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        create(HOME, path)
    assert list(path.parent.iterdir()) == []


def refused(path, home=HOME):
    with pytest.raises(KeyMissing) as told:
        load(home, path)
    assert told.value.hint
    return told.value


def test_a_missing_key_says_what_to_do(path):
    error = refused(path)
    assert error.path == str(path)
    assert "copy" in error.hint
    assert error.exit_code == 1


def test_another_homes_key_is_refused(path):
    create(HOME, path)
    assert "belongs to home" in refused(path, "another-home").message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_that_others_may_read_is_refused(path, mode):
    create(HOME, path)
    path.chmod(mode)
    assert refused(path).remedy is Remedy.PROTECT_KEY_FILE


def test_a_key_that_only_the_owner_may_read_is_taken(path):
    made = create(HOME, path)
    path.chmod(0o400)
    assert load(HOME, path) == made


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "hello\n",
        lambda text: text.replace("version: 1", "version: 2"),
        lambda text: text.replace("version: 1\n", ""),
        lambda text: text.replace("key: ", "key: AA"),
        lambda text: text.replace("key: ", "key: !!"),
        lambda text: text[: text.index("key: ") + 9],
        lambda text: text.replace("key-id: ", "key-id: f"),
        lambda text: text + "é\n",
        lambda text: text + "#" * 5000,
    ],
)
def test_a_damaged_file_is_refused(path, damage):
    create(HOME, path)
    path.write_text(damage(path.read_text()))
    refused(path)


def test_a_changed_key_does_not_fit_its_key_id(path):
    create(HOME, path)
    other = create(HOME, path.with_name("other.key"))
    lines = path.read_text().splitlines()
    theirs = path.with_name("other.key").read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], theirs[-1]]))
    assert "do not fit" in refused(path).message
    assert other.home_id == HOME


def test_no_bit_of_a_key_can_be_changed(path, unnoticed_bits):
    made = create(HOME, path)
    before, _, _ = path.read_text().rpartition(" ")

    def opened(secret):
        path.write_text(f"{before} {base64.b64encode(secret).decode()}\n")
        return load(HOME, path)

    assert opened(made.secret) == made
    assert unnoticed_bits(made.secret, opened, KeyMissing) == []


def test_a_folder_and_a_fifo_are_no_key_files(tmp_path):
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    refused(tmp_path / "fifo")
    refused(tmp_path / "folder")


def test_the_path_follows_the_variable_then_the_users_configuration(monkeypatch, tmp_path):
    assert keyfile_path("h", {"COUNTENANCE_KEYFILE": str(tmp_path / "k")}) == tmp_path / "k"
    monkeypatch.setattr(master.platformdirs, "user_config_dir", lambda app: f"/config/{app}")
    assert str(keyfile_path("h", {})) == "/config/countenance/keys/h.key"


def test_derived_keys_differ_by_use_and_home():
    one, two = MasterKey("a", bytes(32)), MasterKey("b", bytes(32))
    assert one.derive("x") == one.derive("x")
    assert len({one.derive("x"), one.derive("y"), two.derive("x"), one.secret}) == 4
    assert len(one.derive("x", 8)) == 8


@pytest.mark.parametrize(("home", "secret"), [("", bytes(32)), ("a b", bytes(32)), ("a\n", bytes(32)), ("a", b"short")])
def test_no_invalid_master_key_exists(home, secret):
    with pytest.raises(ValueError):
        MasterKey(home, secret)


# --- another key for the same home ------------------------------------------------------------------------------------
def test_a_staged_key_takes_the_place_of_the_old_whose_bytes_are_overwritten(path):
    old = create(HOME, path)
    with path.open("rb") as held:
        new = stage(old, path)
        assert (load(HOME, path), find(HOME, path, old.key_id)) == (old, old)
        promote(path)
        assert set(held.read()) == {0}
    assert load(HOME, path) == new
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["h.key"]
    promote(path)  # nothing is staged: nothing happens
    assert load(HOME, path) == new


def test_a_rotation_that_was_cut_short_ends_with_whoever_looks_for_its_key(path):
    old = create(HOME, path)
    lost, new = stage(old, path), stage(old, path)
    assert find(HOME, path, lost.key_id) is None
    assert load(HOME, path) == old
    assert find(HOME, path, new.key_id) == load(HOME, path) == new
    assert find(HOME, path, old.key_id) is None


def test_a_key_file_that_may_not_be_written_is_told_before_anything_is_done(path, monkeypatch):
    old = create(HOME, path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StorageFailed, match="may not be written"):
        stage(old, path)
    assert [p.name for p in path.parent.iterdir()] == ["h.key"]


def test_a_new_key_that_finds_no_room_leaves_nothing_and_the_old_one(path, monkeypatch):
    old = create(HOME, path)

    def full(where, _data):
        where.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(master, "create_file", full)
    with pytest.raises(StorageFailed, match="No space"):
        stage(old, path)
    assert [p.name for p in path.parent.iterdir()] == ["h.key"]
    assert load(HOME, path) == old
