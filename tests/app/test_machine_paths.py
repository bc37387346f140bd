"""What programs and pages are told names no path of the machine."""

import pytest

from countenance.app.redact import without_paths


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{home} is full", "the home is full"),
        ("look at {home}/index, then {home}s", "look at the home/index, then a path of its machine"),
        ("the key {key}: gone", "the key the key file: gone"),
        ("opened '/etc/countenance/x.toml' twice", "opened 'a path of its machine' twice"),
        ("~/pictures is no folder", "a path of its machine is no folder"),
        ("see https://example.org/a/b, and/or 3/4 of it: docs/models.md", None),
        ("crops and evidence: 3 of 4 are missing", None),
    ],
)
def test_paths_are_replaced_and_nothing_else(toy_home, tmp_path, monkeypatch, said, told):
    with toy_home() as home:
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "home.key"))
        said = said.format(home=home.path, key=tmp_path / "keys" / "home.key")
        assert without_paths(home.parts, said) == (said if told is None else told)
