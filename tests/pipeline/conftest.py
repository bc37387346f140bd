import pytest

from countenance.types import HomeKind
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
