import os
from pathlib import Path

import pytest

from countenance import durable
from countenance.durable import create_file, replace_file, sync_file, sync_folders, write_unsynced


class Killed(BaseException):
    """The process is gone: what would tidy up after it does not run."""


class Steps:
    """What touches the disk, in order; the process dies in the place of step number `die_at`."""

    def __init__(self, monkeypatch, die_at=None):
        self.seen, self._die_at, self._names = [], die_at, {}
        for module, name in ((os, "open"), (os, "fsync"), (Path, "replace"), (Path, "unlink")):
            monkeypatch.setattr(module, name, self._step(name, getattr(module, name)))

    def _step(self, name, real):
        def step(what, *rest, **more):
            if self._die_at is not None and len(self.seen) >= self._die_at:
                raise Killed  # also where an error would be tidied up after: a killed process does nothing
            self.seen.append((name, self._names.get(what, Path(str(what)).name)))
            done = real(what, *rest, **more)
            if name == "open":
                self._names[done] = Path(str(what)).name
            return done

        return step


def test_a_file_is_replaced_in_an_order_that_a_power_cut_respects(tmp_path, monkeypatch):
    steps = Steps(monkeypatch)
    replace_file(tmp_path / "f", b"new")
    new = steps.seen[0][1]
    assert new.startswith(".f.")
    assert steps.seen == [
        ("open", new), ("fsync", new), ("replace", new), ("open", tmp_path.name), ("fsync", tmp_path.name)
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("die_at", range(5))
def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch, die_at):
    path = tmp_path / "f"
    replace_file(path, b"old")
    with monkeypatch.context() as patched:
        Steps(patched, die_at)
        with pytest.raises(Killed):
            replace_file(path, b"new" * 1000)
    assert path.read_bytes() == (b"old" if die_at <= 2 else b"new" * 1000)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, step):
    path = tmp_path / "f"
    replace_file(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os if step == "fsync" else Path, step, full)
        with pytest.raises(OSError, match="No space"):
            replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_replaces_nothing_and_is_its_owners(tmp_path):
    create_file(tmp_path / "f", b"1")
    with pytest.raises(FileExistsError):
        create_file(str(tmp_path / "f"), b"2")
    assert (tmp_path / "f").read_bytes() == b"1"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600


def test_a_disk_that_takes_a_part_at_a_time_gets_the_whole(tmp_path, monkeypatch):
    real = os.fdopen

    def slow(*args, **more):
        file = real(*args, **more)
        write = file.write
        return type("Slow", (), {"__enter__": lambda s: s, "__exit__": lambda *_: file.close(),
                                 "write": lambda _, data: write(data[:2])})()  # fmt: skip

    monkeypatch.setattr(durable.os, "fdopen", slow)
    create_file(tmp_path / "f", b"abcdefg")
    assert (tmp_path / "f").read_bytes() == b"abcdefg"


def test_many_files_are_written_first_and_synced_then(tmp_path, monkeypatch):
    steps = Steps(monkeypatch)
    write_unsynced(tmp_path / "a", b"longer")
    write_unsynced(tmp_path / "a", b"a")
    assert [name for name, _ in steps.seen] == ["open", "open"]
    sync_file(tmp_path / "a")
    sync_folders([tmp_path])
    assert steps.seen[2:] == [("open", "a"), ("fsync", "a"), ("open", tmp_path.name), ("fsync", tmp_path.name)]
    assert (tmp_path / "a").read_bytes() == b"a"
