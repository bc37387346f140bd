"""Homes on disk with toy eyes: the real stores and wiring, and no model to load."""

import pytest

from countenance.app.home import open_home
from countenance.testing import toy
from support.disk_home import toy_eyes


@pytest.fixture
def toy_home(tmp_path, monkeypatch):
    """Opens the home of this test, with its key elsewhere."""
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "home.key"))
    with toy_eyes():
        yield lambda **options: open_home(tmp_path / "homes" / "one", **options)


@pytest.fixture
def pictures(tmp_path):
    """A folder with three toy pictures and something that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "alice.jpg").write_bytes(toy.picture("alice@10,20,60,80"))
    (folder / "both.jpg").write_bytes(toy.picture("alice~@10,20,60,80", "bob@100,20,150,80"))
    (folder / "carol.jpg").write_bytes(toy.picture("carol@10,20,60,80"))
    (folder / "notes.jpg").write_bytes(b"notes")
    return folder
