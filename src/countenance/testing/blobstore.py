"""The contract of the blob store."""

from __future__ import annotations

import pytest

from countenance.errors import NotFound
from countenance.protocols import BlobStore


class BlobStoreContract:
    """Subclass it and give `make`."""

    @pytest.fixture
    def blobs(self, tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
        """An empty store."""
        return self.make(tmp_path_factory)

    def make(self, tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
        """An empty store."""
        raise NotImplementedError

    def test_what_was_put_is_got(self, blobs: BlobStore) -> None:
        blobs.put_many({"a": b"1", "b-2": b"\0" * 100_000, "empty": b""})
        assert (blobs.get("a"), blobs.get("b-2"), blobs.get("empty")) == (b"1", b"\0" * 100_000, b"")
        assert set(blobs.names()) == {"a", "b-2", "empty"}
        blobs.put_many({"a": b"again"})
        assert blobs.get("a") == b"again"
        blobs.put_many({})

    def test_what_was_deleted_is_not_there(self, blobs: BlobStore) -> None:
        blobs.put_many(dict.fromkeys(("a", "b", "c"), b"x"))
        assert blobs.delete_many(["a", "c", "never-there"]).physically
        assert set(blobs.names()) == {"b"}
        with pytest.raises(NotFound):
            blobs.get("a")
        assert blobs.delete_many(["a"]).physically
        assert blobs.delete_many([]).physically

    @pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "a.b", "x" * 65, "a\0"])
    def test_a_name_is_plain(self, blobs: BlobStore, name: str) -> None:
        with pytest.raises(ValueError, match="name"):
            blobs.put_many({name: b""})
        with pytest.raises(ValueError, match="name"):
            blobs.get(name)

    def test_a_bad_name_among_good_ones_leaves_nothing(self, blobs: BlobStore) -> None:
        with pytest.raises(ValueError, match="name"):
            blobs.put_many({"good": b"1", "Bad": b"2"})
        assert list(blobs.names()) == []

    def test_many_blobs_are_named_each_once(self, blobs: BlobStore) -> None:
        names = {f"crop-{n}" for n in range(300)}
        blobs.put_many(dict.fromkeys(names, b"x"))
        assert sorted(blobs.names()) == sorted(names)
        blobs.delete_many(iter(names))
        assert list(blobs.names()) == []
