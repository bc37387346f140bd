"""Blobs as files: the contract, and bad days."""

import errno
import os
import stat

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


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "write to")])
def test_a_disk_that_fills_leaves_none_of_the_call(tmp_path, monkeypatch, number, said):
    store = FileBlobStore(tmp_path / "blobs")
    store.put_many({"kept": b"1"})
    real, written = files._write_durably, []

    def fills(path, data):
        written.append(path)
        if len(written) == 3:
            raise OSError(number, os.strerror(number))
        real(path, data)

    monkeypatch.setattr(files, "_write_durably", fills)
    with pytest.raises(StorageFailed) as failed:
        store.put_many({f"b{n}": b"x" for n in range(5)})
    assert said in failed.value.hint
    assert set(store.names()) == {"kept"}
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == ["kept"]


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
    store._path("a").with_name("b.0123abcd.new").write_bytes(b"half")
    assert set(store.names()) == {"a"}
    assert store.sweep() == 1
    assert store.sweep() == 0
    assert store.get("a") == b"1"
