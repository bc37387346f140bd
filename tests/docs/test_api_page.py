"""docs/api.md: its paths and statuses are those of the description, and its Python runs against a service."""

import os

import pytest
from pytest_socket import enable_socket

from countenance.api.app import rest
from countenance.api.problems import MEANINGS
from countenance.app.home import open_home
from support.served import serving


def test_every_subject_is_on_the_page_and_no_other(doc):
    told = {path for first in doc("api.md").table("path") for path in first.replace("`", "").split(", ")}
    there = {"/" + path.split("/")[1] for path in rest().openapi()["paths"]}
    assert told == there


def test_every_status_of_the_page_is_described(doc):
    told = {int(status) for first in doc("api.md").table("status") for status in first.split(", ")}
    assert told == set(MEANINGS) - {415, 500}


@pytest.mark.program
def test_the_python_of_the_page_runs(doc, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    (tmp_path / "album").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "album" / "plain.png")
    with open_home(tmp_path / "home") as home:
        home.add_source("album", tmp_path / "album", basis="household", jurisdiction="CA-ON")
        key = home.access_keys.make("page", rights=["search", "collect"]).token
    [code] = doc("api.md").blocks("python", section="In Python")
    enable_socket()
    with serving(tmp_path / "home", tmp_path / "key") as served:
        names = {"address": served.url, "key": key, "picture": (tmp_path / "album" / "plain.png").read_bytes()}
        from countenance.client import Refused

        with pytest.raises(Refused, match="no face"):
            exec(code, names)
    assert "done 1" in capsys.readouterr().out
    assert os.environ["COUNTENANCE_KEYFILE"] == str(tmp_path / "key")
