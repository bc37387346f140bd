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


# --- pictures and jobs -----------------------------------------------------------------------------------------------
def test_a_picture_is_shown_with_what_became_of_each_face(made, program):
    ask = program("search")
    picture = made.search(toy.picture("bob@10,20,60,80")).leads[0].picture.id
    found = ask.get(f"/pictures/{picture}").json()
    assert [face["state"] for face in found["faces"]] == ["indexed", "indexed"]
    assert [each["picture_id"] for each in ask.get("/sources/album/pictures").json()["items"]].count(picture) == 1
    first = ask.get("/sources/album/pictures", params={"limit": 1}).json()
    second = ask.get("/sources/album/pictures", params={"limit": 1, "after": first["next"]}).json()
    assert first["items"] != second["items"]
    assert ask.get(f"/pictures/{picture}/image").content.startswith(b"\xff\xd8\xff")
    made.suspend("album")
    assert ask.get(f"/pictures/{picture}").status_code == 404
    assert ask.get(f"/pictures/{picture}/image").status_code == 404


def test_pictures_are_handed_in_and_their_names_are_data(made, program, tmp_path):
    ask = program("collect")
    new = {"name": "event", "basis": "household", "jurisdiction": "CA-ON"}
    assert ask.post("/sources", new).status_code == 201
    files = {"picture": ("../../x.jpg", toy.picture("dora@10,20,60,80"))}
    taken = ask.post("/sources/event/pictures", data={"place": "day one/a.jpg"}, files=files)
    assert taken.status_code == 201
    assert [face["state"] for face in taken.json()["faces"]] == ["indexed"]
    for place in ("../../etc/passwd", "/etc/passwd", "a\x00b", "a/../../b"):
        ask.post("/sources/event/pictures", data={"place": place}, files=files)
    assert not (tmp_path / "etc").exists()
    refused = ask.post("/sources/event/pictures", data={"place": "n.jpg"}, files={"picture": ("n", b"notes")})
    assert refused.json()["rejected"] == "not_a_picture"
    waits = ask.post("/sources/event/pictures", data={"place": "b.jpg", "wait": "false"}, files=files)
    assert waits.json()["waiting"]
    assert ask.post("/sources/album/pictures", data={"place": "b.jpg"}, files=files).status_code == 400


def test_an_ingest_is_a_job_that_can_be_followed(made, program, tmp_path):
    (tmp_path / "pictures" / "new.jpg").write_bytes(toy.picture("dora@10,20,60,80"))
    ask = program("collect")
    job = ask.post("/jobs", {"source": "album"})
    assert job.status_code == 202
    events = ask.get(f"/jobs/{job.json()['id']}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert "event: end" in events.text
    done = ask.get(f"/jobs/{job.json()['id']}").json()
    assert (done["state"], done["progress"]["taken"]) == ("done", 1)
    assert ask.get("/jobs").json()["items"] == [done]
    assert ask.post(f"/jobs/{done['id']}/stop").json()["state"] == "done"
    assert ask.get("/jobs/5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44/events").status_code == 404
    assert ask.post("/jobs", {"source": "none"}).status_code == 404
    assert ask.post("/jobs", {"source": "album", "prune": True}).status_code == 403


def test_a_key_bound_to_a_source_knows_no_other_ones_jobs(made, program, tmp_path):
    (tmp_path / "other").mkdir()
    made.add_source("other", tmp_path / "other", basis="household", jurisdiction="CA-ON")
    job = program("collect").post("/jobs", {"source": "other"}).json()["id"]
    bound = program("collect", source="album")
    assert bound.get(f"/jobs/{job}").status_code == 404
    assert bound.get(f"/jobs/{job}/events").status_code == 404
    assert bound.post("/jobs", {"source": "other"}).status_code == 404
    assert bound.get("/jobs").json()["items"] == []
