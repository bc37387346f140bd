import pytest

from countenance.testing.toy import picture
from countenance.types import HomeKind
from support.requests import ALICE, BOB, desk_of
from support.toy_home import ToyHome


@pytest.fixture
def toy(tmp_path):
    home = ToyHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def organisation(tmp_path):
    home = ToyHome(tmp_path / "organisation", kind=HomeKind.ORGANISATION)
    yield home
    home.close()


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    return folder


@pytest.fixture
def filled(toy, album):
    (album / "both.jpg").write_bytes(picture(ALICE, BOB, "#garden"))
    (album / "alice.jpg").write_bytes(picture("alice~@10,20,60,80", "#beach"))
    (album / "bob.jpg").write_bytes(picture("bob@20,20,70,80", "#street"))
    toy.add_source(album)
    toy.ingest()
    toy.source = toy.records.sources.get("album")
    return toy


@pytest.fixture
def desk(filled):
    return desk_of(filled)
