"""/v1: what changes something, and the keys by which it may be sent again."""

import base64

import pytest

from countenance.errors import NotFound, StorageFailed
from countenance.testing import toy

ALICE = toy.picture("alice@10,20,60,80")
EVERY = ("search", "collect", "people", "erase", "requests", "orders", "oversee", "manage")


def b64(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def ask(program):
    return program(*EVERY)


@pytest.fixture
def faces(made):
    return [lead.face_id for lead in made.search(ALICE, threshold=-1.0).leads]


def test_persons_are_made_named_merged_split_and_undone(ask, faces):
    one = ask.post("/persons", {"faces": faces[:1], "name": "May"})
    assert one.status_code == 201
    may = one.json()["person_id"]
    assert ask.post(f"/persons/{may}/faces", {"faces": faces[1:2]}).json()["faces"] == 2
    assert len(ask.get(f"/persons/{may}").json()["shown"]) == 2
    like = ask.post("/search", {"person_id": may, "threshold": -1.0}).json()
    assert [lead["face_id"] for lead in like["leads"]] == faces[2:]
    bob = ask.post("/persons", {"faces": faces[2:]}).json()["person_id"]
    assert ask.post(f"/persons/{may}/merge", {"other": bob}).json()["faces"] == 3
    split = ask.post(f"/persons/{may}/split", {"faces": faces[2:]})
    assert (split.status_code, split.json()["faces"]) == (201, 1)
    assert ask.post("/persons/history/undo").json()["act"] == "split"
    assert ask("PUT", f"/persons/{may}/name", json={"name": None}).json()["name"] is None
    assert ask.post(f"/persons/{may}/remove", {"faces": faces[2:]}).json()["faces"] == 2
    assert ask.get("/persons/history").json()["decisions"][0]["act"] == "remove"
    assert [each["person_id"] for each in ask.get("/persons").json()["items"]] == [may]
    assert ask.get("/persons/5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44").status_code == 404
    assert ask.get("/persons/none").status_code == 422


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_subjects_of_a_grant_come_in_the_body(made, ask):
    """Never as a path of the service's machine: what it can read would be told by its errors."""
    consent = {
        "name": "gala", "path": str(made.path.parent / "pictures"), "basis": "consent", "jurisdiction": "FR",
        "purposes": ["event-delivery"], "evidence": b64(b"a form"),
    }  # fmt: skip
    for path in ("/etc/passwd", "/dev/zero", "~nobodyhere/people.csv", "a\0b"):
        refused = ask.post("/sources", {**consent, "subjects": path})
        assert (refused.status_code, "root" in refused.text) == (422, False)
    ada = {"name": "Ada", "evidence": b64(b"her form"), "reference": b64(toy.picture("alice@10,20,60,80"))}
    nobody = {**ada, "reference": b64(b"no picture")}
    several = {**ada, "reference": b64(toy.picture("alice@10,20,60,80", "bob@100,20,150,80"))}
    for wrong in ([], [{**ada, "name": "A\nB"}], [nobody], [several], [{**several, "face": 2}], [{**ada, "face": -1}]):
        assert ask.post("/sources", {**consent, "subjects": wrong}).status_code == 422
    assert made.sources()[-1].name == "album"
    assert (
        ask.post("/sources", {**consent, "subjects": [ada, {**several, "name": "Bob", "face": 1}]}).status_code == 201
    )
    made.ingest("gala")
    taken = ask.get("/sources/gala").json()["counts"]
    assert (taken["indexed"], taken["refused"]) == (3, {})


@pytest.mark.parametrize(
    ("path", "status"),
    [("~nobodyhere/x", 400), ("a\0b", 400), ("/etc/passwd", 404), ("/dev/zero", 404), ("nowhere", 404)],
)
def test_a_folder_that_is_none(ask, path, status):
    sent = {"name": "new", "path": path, "basis": "household", "jurisdiction": "CA-ON"}
    assert ask.post("/sources", sent).status_code == status


def test_a_suggested_group_is_accepted(ask):
    [group] = ask.get("/persons/suggestions").json()["groups"]
    assert ask.post(f"/persons/suggestions/{group['group']}/accept", {"name": "May"}).json()["name"] == "May"
    assert ask.post(f"/persons/suggestions/{group['group']}/accept").status_code == 404


def test_a_face_is_shown_and_erased_and_its_receipt_holds(made, ask, faces):
    shown = ask.get(f"/faces/{faces[0]}").json()
    assert shown["source"] == "album"
    assert ask.get(f"/faces/{faces[0]}/crop").content == made.crop(faces[0])
    would = ask.post("/erasures", {"face": faces[0], "dry_run": True}).json()
    assert (would["faces"], would["receipt"]) == (1, None)
    done = ask.post("/erasures", {"face": faces[0]}).json()
    assert ask.post("/erasures", {"face": faces[0]}).json()["already"]
    assert ask.get(f"/faces/{faces[0]}").status_code == 404
    assert ask.get(f"/faces/{faces[0]}/crop").status_code == 404
    with pytest.raises(NotFound):
        made.crop(faces[0])
    receipt = ask.get(f"/receipts/{done['receipt']}").json()
    assert ask.get("/receipts").json()["items"][0]["receipt"] == done["receipt"]
    assert ask.get(f"/receipts/{done['receipt']}/recipients").json() == {"recipients": []}
    checked = ask.post("/receipt-checks", {"receipt": receipt, "about": faces[0]}).json()
    assert checked["holds"]
    receipt["receipt"]["counts"]["faces"] = 0
    assert not ask.post("/receipt-checks", {"receipt": receipt}).json()["holds"]
    assert not ask.post("/receipt-checks", {"receipt": {}}).json()["holds"]
    assert ask.post("/erasures", {}).status_code == 422
    assert ask.post("/erasures", {"face": faces[0], "source": "album"}).status_code == 422


def test_a_face_that_may_not_be_shown_has_no_page_and_no_crop(made, ask, faces):
    made.suspend("album")
    assert ask.get(f"/faces/{faces[0]}").status_code == 404
    assert ask.get(f"/faces/{faces[0]}/crop").status_code == 404


def test_a_source_is_taken_down_and_terms_are_run(ask):
    assert ask.get("/retention").json() == {"due": [], "erased": [], "probes": 0}
    assert ask.post("/sources/album/takedown").json()["pictures"] == 2
    assert ask.post("/retention/run").json() == {"due": [], "erased": [], "probes": 0}


def test_a_key_bound_to_a_source_erases_no_other(program, faces):
    bound = program("erase", source="album")
    assert bound.post("/erasures", {"face": faces[0]}).status_code == 403
    assert bound.post("/erasures", {"source": "album", "dry_run": True}).status_code == 200


def test_an_opt_out_from_its_taking_up_to_its_end(ask, made):
    taken = ask.post("/requests", data={"kind": "opt-out", "tier": "1"}, files={"photo": ("me.jpg", ALICE)})
    assert taken.status_code == 201
    request = taken.json()["request"]
    assert ask.get(f"/requests/{taken.json()['tracking']}").json()["state"] == "open"
    code = ask.post(f"/requests/{request}/code").json()["code"]
    found = ask.post(f"/requests/{request}/verify", {"code": code}).json()
    assert len(found["faces"]) == 2
    done = ask.post(f"/requests/{request}/decide", {"grant": True}).json()
    assert (done["outcome"], done["erased"]) == ("granted", 2)
    assert made.search(ALICE).leads == ()
    assert ask.post(f"/requests/{request}/withdraw").json()["state"] == "withdrawn"
    assert [r["request"] for r in ask.get("/requests", params={"every": "true"}).json()["items"]] == [request]
    assert ask.get("/requests/none").status_code in {400, 404}


def test_the_answer_to_an_access_request_comes_sealed(ask, tmp_path):
    taken = ask.post("/requests", {"kind": "access", "photo": b64(ALICE)}).json()["request"]
    ask.post(f"/requests/{taken}/verify", {"code": ask.post(f"/requests/{taken}/code").json()["code"]})
    assert ask.post(f"/requests/{taken}/extend", {"reasons": "many pictures"}).json()["extended"]
    done = ask.post(f"/requests/{taken}/decide", {"grant": True}).json()
    assert base64.b64decode(done["answer"])[:2] == b"PK"
    assert done["passphrase"]


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_an_order_from_its_draft_to_its_end(ask, made):
    made.clients.add("Gazette", client_class="newsroom", jurisdiction="FR")
    fields = {"authority": "CNIL", "dated": "2022-10-17", "stop_offering": "true", "jurisdictions": ["FR"]}
    drafted = ask.post("/orders", data=fields, files={"document": ("order.pdf", b"an order")})
    assert drafted.status_code == 201
    order = drafted.json()["id"]
    plan = ask.post(f"/orders/{order}/simulate").json()
    assert plan["faces_out_of_search"] == 3
    applied = ask.post(f"/orders/{order}/apply", {"simulated": plan}).json()
    assert applied["as_simulated"]
    assert ask.post(f"/orders/{order}/apply").json()["done_at"] == applied["done_at"]
    search = {"picture": b64(ALICE), "purpose": "archive-description", "case": "A-1"}
    assert ask.post("/search", search).status_code == 403
    for act, state in (("stay", "stayed"), ("resume", "in_force"), ("lift", "lifted")):
        assert ask.post(f"/orders/{order}/{act}", {"document": b64(b"a decision")}).json()["state"] == state
    assert ask.get(f"/orders/{order}/papers/1").content == b"an order"
    assert ask.get(f"/orders/{order}/papers/9").status_code == 404
    assert ask.get(f"/orders/{order}").json() == ask.get("/orders").json()["items"][0]
    assert ask.get("/orders/5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44").status_code == 404


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_an_order_that_is_in_force_by_then_is_not_said_to_be_unchanged(ask, made, monkeypatch):
    fields = {"authority": "CNIL", "dated": "2022-10-17", "stop_offering": "true", "jurisdictions": ["FR"]}
    order = ask.post("/orders", data=fields, files={"document": ("order.pdf", b"an order")}).json()["id"]

    def fails(*_, **__):
        raise StorageFailed(f"{made.path}/records.db could not be used: disk I/O error", "run `countenance doctor`")

    with monkeypatch.context() as broken:
        broken.setattr(made.parts.stores.records.orders, "mark_done", fails)
        failed = ask.post(f"/orders/{order}/apply")
    assert failed.status_code == 503
    assert "nothing was changed" not in failed.text
    assert "part of it may have been done" in failed.json()["detail"]
    assert failed.json()["hint"] == f"GET /v1/orders/{order} shows its state"
    assert str(made.path) not in failed.text
    assert ask.get(f"/orders/{order}").json()["state"] == "in_force"


def test_what_only_reads_and_fails_says_nothing_of_changes(ask, made, monkeypatch):
    def fails(*_, **__):
        raise StorageFailed(f"{made.path}/records.db could not be used: disk I/O error")

    monkeypatch.setattr(made.parts.stores.records.sources, "all", fails)
    failed = ask.get("/sources")
    assert (failed.status_code, failed.json()["detail"]) == (503, "it could not be done here")
    assert str(made.path) not in failed.text


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_clients_and_keys_are_managed_and_no_key_makes_a_stronger_one(ask, program):
    new = {"name": "Gazette", "client_class": "newsroom", "jurisdiction": "FR"}
    assert ask.post("/clients", new).status_code == 201
    assert ask.get("/clients").json()["items"] == [ask.get("/clients/Gazette").json()]
    key = ask.post("/keys", {"name": "desk", "client": "Gazette"})
    assert key.status_code == 201
    made = key.json()
    assert made["token"] == f"{made['id']}.{made['secret']}"
    desk = {"headers": {"authorization": f"Bearer {made['token']}"}}
    assert program("search").post("/detect", {}, **desk).status_code == 422  # it is let in
    assert made["secret"] not in str(ask.get("/keys").json()["items"])
    assert ask.post(f"/keys/{key.json()['id']}/revoke").json()["state"] == "revoked"
    assert ask.post("/clients/Gazette/end").json()["contract"] == "ended"
    weak = program("manage")
    assert weak.post("/keys", {"name": "x", "rights": ["search"]}).status_code == 403
    bound = program("manage", client="Gazette")
    assert bound.post("/keys", {"name": "x", "rights": ["manage"]}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/doctor"), ("GET", "/backups"), ("POST", "/backups"), ("GET", "/users"), ("GET", "/keys"),
     ("GET", "/clients"), ("DELETE", "/users/x")],
)  # fmt: skip
def test_a_key_that_is_bound_to_a_source_manages_nothing_of_the_whole_home(program, method, path):
    assert program("manage", source="album")(method, path).status_code == 403


def test_the_log_is_read_proven_and_checked(ask):
    entries = ask.get("/log/entries", params={"limit": 2}).json()
    assert [entry["position"] for entry in entries["items"]] == [0, 1]
    more = ask.get("/log/entries", params={"limit": 2, "after": entries["next"]}).json()
    assert [entry["position"] for entry in more["items"]] == [2, 3]
    newest = ask.get("/log/entries", params={"limit": 1, "last": "true"}).json()
    assert newest["next"] is None
    assert ask.get(f"/log/entries/{entries['items'][1]['id']}/proof").status_code == 200
    assert ask.get("/log/entries/none/proof").status_code == 404
    kept = ask.get("/log/checkpoint").json()
    assert ask.post("/log/verify", {"checkpoint": kept["checkpoint"]}).json()["whole"]
    assert ask.post("/log/verify").json()["whole"]
    assert not ask.post("/log/verify", {"checkpoint": "forged"}).json()["whole"]
    assert len(ask.get("/log/export").text.splitlines()) > 3


# --- sent again ------------------------------------------------------------------------------------------------------
def test_a_write_that_is_sent_again_is_done_once_and_answered_alike(ask, made, faces):
    once = {"headers": {"idempotency-key": "a-1"}}
    first = ask.post("/persons", {"faces": faces[:1]}, **once)
    again = ask.post("/persons", {"faces": faces[:1]}, **once)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len(made.people.all()) == 1
    other = ask.post("/persons", {"faces": faces[1:2]}, **once)
    assert (other.status_code, other.json()["type"]) == (422, "urn:countenance:problem:other_request")
    assert ask.post("/persons", {"faces": faces[:1]}, headers={"idempotency-key": "a b"}).status_code == 400


def test_a_key_is_the_askers_own(ask, program, faces):
    once = {"headers": {"idempotency-key": "a-1"}}
    ask.post("/persons", {"faces": faces[:1]}, **once)
    assert program("people").post("/persons", {"faces": faces[1:2]}, **once).status_code == 201


def test_a_form_that_is_sent_again_has_another_boundary_and_is_the_same(ask):
    sent = {"data": {"kind": "access"}, "headers": {"idempotency-key": "a-1"}}
    first = ask.post("/requests", files={"photo": ("me.jpg", ALICE)}, **sent)
    assert ask.post("/requests", files={"photo": ("me.jpg", ALICE)}, **sent).json() == first.json()
    other = toy.picture("bob@10,20,60,80")
    assert ask.post("/requests", files={"photo": ("me.jpg", other)}, **sent).status_code == 422


def test_an_error_is_not_kept(ask, faces):
    once = {"headers": {"idempotency-key": "a-1"}}
    missing = "5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44"
    assert ask.post("/persons", {"faces": [missing]}, **once).status_code == 404
    assert ask.post("/persons", {"faces": faces[:1]}, **once).status_code == 201


def test_what_is_under_way_is_not_begun_twice(ask, made, faces):
    repeats = made.idempotency
    digest = repeats.digest(made.access_keys.all()[0].uid, "a-1")
    sent = {"faces": faces[:1]}
    once = {"headers": {"idempotency-key": "a-1"}}
    first = ask.post("/persons", sent, **once)
    assert first.status_code == 201
    with made.parts.stores.records.database.write() as connection:  # as a process that was killed leaves it
        connection.exec_driver_sql("UPDATE answers SET status = NULL, body = NULL, key_id = NULL")
    assert ask.post("/persons", sent, **once).status_code == 409
    repeats.drop(digest)
    assert ask.post("/persons", sent, **once).status_code == 400  # it is done anew: the face belongs to somebody


def test_an_answer_is_sealed_kept_for_a_day_and_emptied_by_an_erasure(ask, made, faces, tmp_path):
    once = {"headers": {"idempotency-key": "a-1"}}
    sent = {"faces": faces[:1], "name": "Secret Name"}
    person = ask.post("/persons", sent, **once).json()["person_id"]
    for file in (tmp_path / "home").glob("*.db*"):
        assert b"Secret Name" not in file.read_bytes()
    ask.post("/erasures", {"person": person})
    assert ask.post("/persons", sent, **once).status_code == 409
    with made.parts.stores.records.database.write() as connection:
        connection.exec_driver_sql("UPDATE answers SET at = '2020-01-01T00:00:00.000000Z'")
    ask.post("/persons/history/undo", headers={"idempotency-key": "a-2"})
    with made.parts.stores.records.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM answers WHERE at < '2021'").scalar()
    assert rows == 0


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_a_client_who_was_shown_it_is_told_and_its_answer_kept(made, ask):
    made.clients.add("Agency", client_class="archive", jurisdiction="FR")
    asked = {"purpose": "archive-description", "case": "7"}
    lead = made.search(ALICE, client="Agency", **asked).leads[0]
    receipt = ask.post("/erasures", {"face": lead.face_id}).json()["receipt"]
    told = ask.post(f"/receipts/{receipt}/tell", {"client": "Agency"}).json()
    assert (told["to"], told["searches"], told["receipt"]["receipt"]["id"]) == ("Agency", 1, receipt)
    kept = ask.post(f"/receipts/{receipt}/answer", {"client": "Agency", "answer": b64(b"it is erased here too")})
    assert kept.json()["answered"] is True
    [agency] = ask.get(f"/receipts/{receipt}/recipients").json()["recipients"]
    assert (agency["client"], agency["told_at"] is None, agency["answered"]) == ("Agency", False, True)
    assert ask.post(f"/receipts/{receipt}/tell", {"client": "Nobody"}).status_code == 404
    assert ask.post(f"/receipts/{receipt}/answer", {"client": "Agency", "answer": b64(b"\xff")}).status_code == 400


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_links_for_guests_are_made_listed_and_closed_and_a_token_is_told_once(made, ask, program):
    asked = {"organiser": "Ann, ann@weddings.example"}
    assert ask.post("/sources/album/guest-links", asked).status_code == 422  # its grant is for no event
    made.add_source("gala", None, basis="consent", jurisdiction="FR", purposes=["event-delivery"], evidence=b"a form")
    link = ask.post("/sources/gala/guest-links", asked).json()
    assert link["open"]
    assert len(link["token"]) > 20
    listed = ask.get("/sources/gala/guest-links")
    assert link["token"] not in listed.text
    assert ([each["link"] for each in listed.json()["items"]], listed.json()["waiting"]) == ([link["link"]], 0)
    assert ask.post(f"/sources/album/guest-links/{link['link']}/close").status_code == 404
    assert ask.post(f"/sources/gala/guest-links/{link['link']}/close").json()["open"] is False
    assert program("collect", source="album").get("/sources/gala/guest-links").status_code == 404
    assert program("search").post("/sources/gala/guest-links", asked).status_code == 403
