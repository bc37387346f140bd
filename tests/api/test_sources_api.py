"""/v1: sources, status and duplicates."""

import pytest

from countenance.api.paging import page
from countenance.errors import WrongUse
from countenance.testing import toy


def test_sources_are_added_shown_suspended_and_ended(made, program, tmp_path):
    ask = program("collect")
    (tmp_path / "more").mkdir()
    new = {"name": "more", "path": str(tmp_path / "more"), "basis": "household", "jurisdiction": "CA-ON"}
    added = ask.post("/sources", new)
    assert added.status_code == 201
    assert added.json()["state"] == "in_force"
    assert ask.post("/sources", new).status_code == 400
    assert [each["name"] for each in ask.get("/sources").json()["items"]] == ["album", "more"]
    assert ask.get("/sources/album").json()["counts"]["pictures"] == 2
    for act, state in (("suspend", "suspended"), ("resume", "in_force"), ("interaction", "in_force"),
                       ("purpose-met", "in_force"), ("withdraw", "withdrawn")):  # fmt: skip
        found = ask.post(f"/sources/more/{act}")
        assert found.status_code == 200
        assert found.json()["state"] == state
    assert ask.post("/sources/more/resume").status_code == 400
    assert ask.get("/sources/none").status_code == 404


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_evidence_is_sent_with_the_grant_and_kept_sealed(made, program, tmp_path):
    ask = program("collect")
    (tmp_path / "plates").mkdir()
    fields = {"name": "plates", "path": str(tmp_path / "plates"), "basis": "historical", "jurisdiction": "FR",
              "purposes": ["archive-description", "research"]}  # fmt: skip
    assert ask.post("/sources", fields).status_code == 422
    found = ask.post("/sources", data=fields, files={"evidence": ("../../deed.pdf", b"a deed of gift")})
    assert found.status_code == 201
    assert found.json()["purposes"] == ["archive-description", "research"]
    assert len(found.json()["evidence_sha256"]) == 64
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"deed of gift" in path.read_bytes()]


def test_a_key_that_is_bound_to_a_source_knows_of_no_other(made, program, tmp_path):
    (tmp_path / "other").mkdir()
    made.add_source("other", tmp_path / "other", basis="household", jurisdiction="CA-ON")
    ask = program("collect", source="album")
    assert [each["name"] for each in ask.get("/sources").json()["items"]] == ["album"]
    none, hidden = ask.get("/sources/none"), ask.get("/sources/other")
    assert hidden.status_code == 404

    def said(answer, name):
        document = answer.json()
        return {**document, "instance": "", "detail": document["detail"].replace(name, "...")}

    assert said(none, "none") == said(hidden, "other")
    assert ask.post("/sources/other/suspend").status_code == 404
    new = {"name": "more", "path": str(tmp_path), "basis": "household", "jurisdiction": "CA-ON"}
    assert ask.post("/sources", new).status_code == 404


def test_lists_come_in_pages_that_nobody_who_joins_can_shift(made, program, tmp_path):
    for name in ("b", "d", "f"):
        (tmp_path / name).mkdir()
        made.add_source(name, tmp_path / name, basis="household", jurisdiction="CA-ON")
    ask = program("collect")
    first = ask.get("/sources", params={"limit": 2}).json()
    assert [each["name"] for each in first["items"]] == ["album", "b"]
    (tmp_path / "a").mkdir()
    made.add_source("a", tmp_path / "a", basis="household", jurisdiction="CA-ON")
    second = ask.get("/sources", params={"limit": 2, "after": first["next"]}).json()
    assert [each["name"] for each in second["items"]] == ["d", "f"]
    assert second["next"] is None
    for forged in ("x", "e30", "W251bGxd", "%00", "W1tdXQ", "WzFd"):
        assert ask.get("/sources", params={"after": forged}).status_code == 400
    assert ask.get("/sources", params={"limit": 0}).status_code == 422


def test_a_page_is_cut_by_its_key_alone():
    with pytest.raises(WrongUse):
        page([1, 2], lambda n: (n,), 1, "no cursor")
    cursor = page([3, 1, 2], lambda n: (n,), 2, None)["next"]
    assert page([3, 1, 2], lambda n: (n,), 2, cursor) == {"items": [3], "next": None}


def test_status_tells_of_no_path(made, program):
    found = program("oversee").get("/status")
    assert found.json()["pictures"] == 2
    assert str(made.path) not in found.text


def test_duplicates_are_listed(made, program, tmp_path):
    (tmp_path / "pictures" / "copy.jpg").write_bytes(toy.picture("alice@10,20,60,80"))
    made.ingest("album")
    found = program("search").get("/duplicates", params={"source": "album"}).json()
    assert len(found["groups"][0]) == 2
    assert program("search", source="album").get("/duplicates").json()["groups_found"] == 1
    assert program("search").get("/duplicates", params={"source": "none"}).status_code == 404
