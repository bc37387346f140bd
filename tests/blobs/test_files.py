"""Blobs as files: the contract, and bad days."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from countenance.blobs import files
from countenance.blobs.files import FileBlobStore
from countenance.errors import StorageFailed
from countenance.testing.blobstore import BlobStoreContract


class TestFiles(BlobStoreContract):
    def make(self, tmp_path_factory):
        return FileBlobStore(tmp_path_factory.mktemp("blobs") / "blobs")


def test_nothing_is_made_before_the_first_blob(tmp_path):
    store = FileBlobStore(tmp_path / "blobs")
    assert list(store.names()) == []
    assert not (tmp_path / "blobs").exists()


def test_only_the_owner_may_read(tmp_path):
    FileBlobStore(tmp_path / "blobs").put_many({"a": b"sealed"})
    for path in (tmp_path / "blobs").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_size_is_exact_and_of_very_many_an_estimate(tmp_path, monkeypatch):
    store = FileBlobStore(tmp_path / "blobs")
    assert store.size() == (0, True)
    store.put_many({f"b{n}": b"x" * (50 + n % 3) for n in range(3_000)})
    assert store.size() == (153_000, True)
    monkeypatch.setattr(files, "ENOUGH_ASKED", 100)
    estimate, exact = store.size()
    assert not exact
    assert abs(estimate - 153_000) < 30_000


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "writable")])
def test_a_disk_that_fills_leaves_none_of_the_call(tmp_path, monkeypatch, number, said):
    store = FileBlobStore(tmp_path / "blobs")
    store.put_many({"kept": b"1"})
    real, written = files.create_file, []

    def fills(path, data):
        written.append(path)
        if len(written) == 3:
            raise OSError(number, os.strerror(number))
        real(path, data)

    monkeypatch.setattr(files, "create_file", fills)
    with pytest.raises(StorageFailed) as failed:
        store.put_many({f"b{n}": b"x" for n in range(5)})
    assert said in failed.value.hint
    assert set(store.names()) == {"kept"}
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.name != ".writers"] == [
        "kept"
    ]


def test_a_blob_that_cannot_be_read_or_deleted_is_named(tmp_path, monkeypatch):
    store = FileBlobStore(tmp_path / "blobs")
    store.put_many({"a": b"1"})
    path = store._path("a")
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageFailed, match="blob a"):
        store.get("a")
    with pytest.raises(StorageFailed, match="deleted"):
        store.delete_many(["a"])


def test_what_a_crash_left_half_written_is_no_blob_and_is_swept(tmp_path):
    store = FileBlobStore(tmp_path / "blobs")
    store.put_many({"a": b"1"})
    (tmp_path / "blobs" / "new" / "b.0123abcd").write_bytes(b"half")
    assert set(store.names()) == {"a"}
    assert store.remove_unfinished() == 1
    assert store.remove_unfinished() == 0
    assert store.get("a") == b"1"


def test_nothing_is_swept_while_somebody_writes(tmp_path, monkeypatch):
    store = FileBlobStore(tmp_path / "blobs")
    swept = []
    real = files.create_file

    def write_and_sweep(path, data):
        real(path, data)
        swept.append(FileBlobStore(tmp_path / "blobs").remove_unfinished())

    monkeypatch.setattr(files, "create_file", write_and_sweep)
    store.put_many({"a": b"1", "b": b"2"})
    assert swept == [0, 0]
    assert (store.get("a"), store.get("b")) == (b"1", b"2")


def test_a_store_without_a_blob_has_nothing_to_sweep(tmp_path):
    assert FileBlobStore(tmp_path / "blobs").remove_unfinished() == 0
    assert not (tmp_path / "blobs").exists()


def test_what_cannot_be_swept_is_told(tmp_path):
    store = FileBlobStore(tmp_path / "blobs")
    store.put_many({"a": b"1"})
    (tmp_path / "blobs" / "new" / "b.0123abcd").mkdir()
    with pytest.raises(StorageFailed, match="half-written"):
        store.remove_unfinished()


def synced(monkeypatch):
    folders, real = [], files.sync_folders

    def noted(some):
        some = set(some)
        folders.append(some)
        real(some)

    monkeypatch.setattr(files, "sync_folders", noted)
    return folders


def test_every_folder_touched_is_synced_once(tmp_path, monkeypatch):
    folders = synced(monkeypatch)
    store = FileBlobStore(tmp_path / "blobs")
    store.put_many({f"b{n}": b"x" for n in range(600)})
    assert folders == [{tmp_path}, {tmp_path / "blobs", *(tmp_path / "blobs").glob("[0-9a-f][0-9a-f]")}]


def test_a_deletion_that_is_repeated_after_a_crash_is_synced_though_nothing_is_there(tmp_path, monkeypatch):
    store = FileBlobStore(tmp_path / "blobs")
    store.put_many({"a": b"1"})
    store._path("a").unlink()
    folders = synced(monkeypatch)
    assert store.delete_many(["a"]).physically
    assert folders == [{store._path("a").parent}]


KILLED = """
import sys
from pathlib import Path
from countenance.blobs.files import FileBlobStore
store = FileBlobStore(Path(sys.argv[1]))
for n in range(100_000):
    store.put_many({f"b{n}-{m}": b"x" * 50_000 for m in range(8)})
    print(n, flush=True)
"""


def test_what_was_put_survives_a_kill_and_each_blob_is_whole(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "blobs"], stdout=subprocess.PIPE, text=True)
    seen = [int(process.stdout.readline()) for _ in range(5)]
    process.kill()
    process.communicate()
    store = FileBlobStore(tmp_path / "blobs")
    names = set(store.names())
    assert {f"b{n}-{m}" for n in seen for m in range(8)} <= names
    assert all(store.get(name) == b"x" * 50_000 for name in names)
    store.remove_unfinished()
    assert set(store.names()) == names
    assert list((tmp_path / "blobs" / "new").iterdir()) == []
