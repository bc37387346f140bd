"""Which home is meant."""

from pathlib import Path

import pytest

from countenance.app.settings import Settings, approximate_above, core_count, free_bytes, worker_count
from countenance.errors import WrongUse


@pytest.mark.parametrize(
    ("argument", "variable", "home"), [("/a", "/b", "/a"), (None, "/b", "/b"), ("", "/b", "/b"), ("/a", None, "/a")]
)
def test_an_argument_is_stronger_than_the_variable(argument, variable, home):
    env = {} if variable is None else {"COUNTENANCE_HOME": variable}
    assert Settings.read(argument, env).home == Path(home)


@pytest.mark.parametrize("env", [{}, {"COUNTENANCE_HOME": ""}])
def test_else_the_users_data_folder(env, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    home = Settings.read(None, env).home
    assert home.name == "countenance"
    assert home.is_absolute()
    assert home != Path.cwd()


def test_a_home_is_absolute_and_a_tilde_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Settings.read("~/h", {}).home == tmp_path / "h"
    assert Settings.read("h", {}).home == tmp_path / "h"


def test_workers_as_asked_else_one_a_core():
    assert worker_count(3) == 3
    assert worker_count(None) == core_count() >= 1
    assert worker_count(0) == 1


def test_room_on_the_disk(tmp_path):
    assert free_bytes(tmp_path) > 0


@pytest.mark.parametrize(("said", "above"), [(None, None), ("", None), ("0", 0), ("5000000", 5_000_000)])
def test_searches_are_exact_unless_a_number_of_faces_is_given(said, above):
    assert approximate_above({} if said is None else {"COUNTENANCE_APPROXIMATE": said}) == above


@pytest.mark.parametrize("said", ["-1", "many", "1e6", "5_000"])
def test_what_is_no_number_of_faces_is_refused(said):
    with pytest.raises(WrongUse, match="COUNTENANCE_APPROXIMATE"):
        approximate_above({"COUNTENANCE_APPROXIMATE": said})
