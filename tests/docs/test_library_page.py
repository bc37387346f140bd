"""docs/library.md: its blocks run in their order, and everything that a home offers is named there."""

import re

import countenance
from countenance.app.home import Home, open_home
from countenance.testing import toy
from support.disk_home import toy_eyes


def test_the_blocks_of_the_page_run_in_their_order(doc, tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "home.key"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "form.pdf").write_bytes(b"a form")
    for name in ("alice", "alice~", "bob", "carol"):
        (tmp_path / "pictures" / f"{name}.jpg").write_bytes(toy.picture(f"{name}@10,20,60,80"))
    (tmp_path / "probe.jpg").write_bytes(toy.picture("alice~~@10,20,60,80"))
    for number in range(60):
        (tmp_path / "labelled" / f"p{number}").mkdir(parents=True)
        for name in (f"p{number}", f"p{number}~"):
            (tmp_path / "labelled" / f"p{number}" / f"{name}.jpg").write_bytes(toy.picture(f"{name}@10,20,60,80"))
    names = {}
    blocks = re.findall(r"^```python\n(.*?)^```$", doc("library.md").text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 10
    with toy_eyes():
        for block in blocks:
            if 'organisation", kind' in block:
                monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "organisation.key"))
            exec(block.replace("another-model", toy.TURNED.model), names)
    assert (tmp_path / "path" / "to" / "restored" / "home.toml").is_file()


def test_everything_that_a_home_offers_is_named(doc, tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "home.key"))
    text = doc("library.md").text
    with open_home(tmp_path / "home") as home:
        offered = {*vars(home), *vars(Home), "id"} - {"parts"}
    missing = {name for name in offered if not name.startswith("_") and f"home.{name}" not in text}
    assert missing == set()
    assert all(f"countenance.{name}" in text for name in ("open", "restore", "CountenanceError"))
    assert countenance.restore
