"""/v1: search, detect and compare, and what stands before every operation."""

import base64

import pytest

from countenance.app.access.identity import Right
from countenance.testing import toy

ALICE = toy.picture("alice@10,20,60,80")
BOTH = toy.picture("alice@10,20,60,80", "bob@100,20,150,80")


def b64(data):
    return base64.b64encode(data).decode()


def test_a_picture_finds_leads_as_base64_and_as_a_form_and_as_the_library_does(made, program):
    ask = program("search")
    one = ask.post("/search", {"picture": b64(ALICE), "top": 5})
    assert one.status_code == 200
    two = ask.post("/search", data={"top": "5"}, files={"picture": ("a.jpg", ALICE)})
    wanted = made.search(ALICE, top=5).as_dict()
    for found in (one.json(), two.json()):
        assert found | {"log_entry": ""} == wanted | {"log_entry": ""}
    assert len({one.json()["log_entry"], two.json()["log_entry"]}) == 2
    assert one.headers["x-request-id"]


def test_a_lead_is_a_probe_too(program):
    ask = program("search")
    first, second = ask.post("/search", {"picture": b64(ALICE)}).json()["leads"]
    found = ask.post("/search", {"face_id": first["face_id"]}).json()
    assert [lead["face_id"] for lead in found["leads"]] == [second["face_id"]]
    assert found["probe"]["face_id"] == first["face_id"]
    assert ask.post("/search", {"face_id": "5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44"}).status_code == 404


def test_several_faces_are_told_with_their_boxes_and_one_can_be_named(program):
    ask = program("search")
    problem = ask.post("/search", {"picture": b64(BOTH)})
    assert problem.status_code == 422
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["boxes"] == [[10, 20, 60, 80], [100, 20, 150, 80]]
    assert problem.json()["instance"] == f"urn:uuid:{problem.headers['x-request-id']}"
    assert ask.post("/search", {"picture": b64(BOTH), "face": 1}).json()["leads"][0]["score"] == 1.0


def test_detect_and_compare(program):
    ask = program("search")
    assert [face["index"] for face in ask.post("/detect", {"picture": b64(BOTH)}).json()["faces"]] == [0, 1]
    same = ask.post("/compare", {"a": b64(ALICE), "b": b64(BOTH), "face_b": 0}).json()
    assert same["score"] == 1.0
    files = {"a": ("a", ALICE), "b": ("b", ALICE)}
    assert ask.post("/compare", files=files).json()["score"] == 1.0


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        ({"picture": "https://example.org/a.jpg"}, 422, "bad_picture"),
        ({"picture": "file:///etc/passwd"}, 422, "bad_picture"),
        ({"picture": b64(b"no picture")}, 422, "bad_picture"),
        ({"picture": b64(b"toy ")}, 422, "no_face"),
        ({"picture": "no base64!"}, 422, "invalid"),
        ({}, 422, "invalid"),
        ({"picture": b64(ALICE), "face_id": "5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44"}, 422, "invalid"),
        ({"picture": b64(ALICE), "top": 0}, 422, "invalid"),
        ({"picture": b64(ALICE), "top": "10"}, 422, "invalid"),
        ({"picture": b64(ALICE), "url": "https://example.org/a.jpg"}, 422, "invalid"),
        ({"picture": b64(ALICE), "threshold": 0.5, "fpir": 0.5}, 400, "wrong_use"),
        ({"picture": b64(ALICE), "face": 7}, 400, "wrong_use"),
        ({"picture": b64(ALICE), "purpose": "mass-identification"}, 422, "invalid"),
        ({"picture": b64(ALICE), "client": "Gazette"}, 400, "wrong_use"),
    ],
)
def test_what_can_not_be_searched_for_is_a_problem(program, sent, status, kind):
    found = program("search").post("/search", sent)
    assert found.status_code == status
    assert found.json()["type"] == f"urn:countenance:problem:{kind}"


def test_a_problem_never_quotes_what_was_sent(program):
    secret = "zq-secret-qz"
    wrong = ({"purpose": secret}, {"top": secret}, {"threshold": {"x": secret}})
    for sent in ({"picture": secret}, {"face_id": secret}, *({"picture": b64(ALICE), **each} for each in wrong)):
        found = program("search").post("/search", sent)
        assert found.status_code == 422
        assert secret not in found.text
    broken = program("search").post(
        "/search", content=f'{{"picture": {secret}', headers={"content-type": "application/json"}
    )
    assert broken.status_code == 422
    assert secret not in broken.text


@pytest.mark.parametrize(
    ("path", "sent", "at", "message"),
    [
        ("/search", {}, "", "send exactly one of these: picture, face_id, person_id"),
        ("/search", {"picture": 5}, "picture", "send base64, or a file of a form"),
        ("/erasures", {}, "", "name exactly one of these: face, picture, source, person, jurisdiction, probe, case"),
        ("/erasures", {"source": "a", "case": "b"}, "",
         "name exactly one of these: face, picture, source, person, jurisdiction, probe, case"),
        ("/sources", {"name": "a", "jurisdiction": "FR", "basis": "zq"}, "basis",
         "Input should be 'household', 'consent', 'licence', 'statute' or 'historical'"),
        ("/keys", {"name": "a", "rights": ["zq"]}, "rights.0",
         "Input should be 'search', 'collect', 'people', 'erase', 'requests', 'orders', 'oversee' or 'manage'"),
        ("/erasures", {"face": "zq"}, "face", "Input should be a valid UUID"),
        ("/search", {"face_id": "5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44", "top": 0}, "top",
         "Input should be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_each_reason_is_told_in_full_unless_it_would_quote_what_was_sent(program, path, sent, at, message):
    found = program(*Right).post(path, sent)
    assert found.status_code == 422
    assert found.json()["errors"] == [{"at": at, "message": message}]
    assert "zq" not in found.text


@pytest.mark.parametrize("sent", ['{"zq" "zq"}', '{"zq": [zq]}', '["zq"', '{"zq": "\\zq"}', '{"zq": 1zq}', "zq", ""])
def test_json_that_can_not_be_read_is_told_with_the_place_and_quoted_nowhere(program, sent):
    found = program("search").post("/search", content=sent, headers={"content-type": "application/json"})
    [error] = found.json()["errors"]
    assert "at line 1 column" in error["message"]
    assert "zq" not in found.text


def test_a_body_of_another_type_is_refused(program):
    ask = program("search")
    assert ask.post("/search", content=b"x", headers={"content-type": "text/plain"}).status_code == 415
    assert ask.post("/search").status_code == 415
    assert ask.post("/search", content=b"x", headers={"content-type": "multipart/form-data"}).status_code == 400
    deep = b"[" * 100_000
    assert ask.post("/search", content=deep, headers={"content-type": "application/json"}).status_code == 422


# --- who asks --------------------------------------------------------------------------------------------------------
def test_who_asks_is_known_before_anything_else(client, described):
    for headers in ({}, {"authorization": "Bearer x.y"}, {"authorization": "Basic x"}, {"authorization": "Bearer"}):
        found = client.post("/v1/search", content=b"{", headers=headers)
        assert found.status_code == 401
        assert found.headers["www-authenticate"] == 'Bearer realm="countenance"'
        assert found.headers["content-type"] == "application/problem+json"
        described.check("POST", found)


def test_a_key_without_the_right_is_refused_and_told_which(program):
    refused = program("collect").post("/search", {"picture": b64(ALICE)})
    assert (refused.status_code, refused.json()["detail"]) == (403, "this key does not have the right search")
    assert program("search").get("/sources").status_code == 403


def test_a_key_that_was_revoked_counts_no_more(made, program):
    ask = program("search")
    assert ask.post("/detect", {"picture": b64(ALICE)}).status_code == 200
    made.access_keys.revoke(made.access_keys.all()[0].key)
    assert ask.post("/detect", {"picture": b64(ALICE)}).status_code == 401


def test_the_pages_own_session_reads_and_writes_only_with_its_form_token(made, client):
    token = made.sign_in.follow(made.sign_in.link())
    client.cookies.set(f"countenance-{made.id[:8]}", token)
    assert client.get("/v1/status").status_code == 200
    assert client.get("/v1/status", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    sent = {"json": {"picture": b64(ALICE)}}
    assert client.post("/v1/detect", **sent).status_code == 403
    allowed = {"x-form-token": made.sign_in.form_token(token)}
    assert client.post("/v1/detect", headers=allowed, **sent).status_code == 200
    assert client.post("/v1/detect", headers=allowed | {"origin": "https://evil.example"}, **sent).status_code == 403


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_a_keys_binding_is_added_and_may_only_be_narrowed(made, program):
    made.clients.add("Gazette", client_class="newsroom", jurisdiction="FR")
    made.clients.add("Herald", client_class="newsroom", jurisdiction="FR")
    bound = program("search", purpose="archive-description", client="Gazette", case="A-1")
    picture = {"picture": b64(ALICE)}
    found = bound.post("/search", picture)
    assert found.status_code == 200
    entry = made.parts.log.position_of(found.json()["log_entry"])
    decided = next(iter(made.parts.log.entries(entry)))
    assert decided.record["client"] == made.clients.get("Gazette").uid
    assert bound.post("/search", picture | {"client": "Gazette", "case": "A-1"}).status_code == 200
    for other in ({"client": "Herald"}, {"client": "Nobody"}, {"purpose": "research"}, {"case": "A-2"}):
        refused = bound.post("/search", picture | other)
        assert refused.status_code == 403
        assert "Gazette" not in refused.text
    free = program("search")
    assert free.post("/search", picture).status_code == 400
    assert free.post("/search", picture | {"purpose": "archive-description"}).status_code == 403
    assert free.post("/search", picture | {"purpose": "archive-description", "case": "A-1"}).status_code == 200


# --- the description -------------------------------------------------------------------------------------------------
def test_the_description_is_given_to_anybody_and_asks_no_other_host(client, described):
    found = client.get("/v1/openapi.json")
    assert found.json() == described.document
    assert client.get("/v1/docs").status_code == 404
    assert client.get("/v1/nowhere").headers["content-type"] == "application/problem+json"
    assert client.get("/v1/search").status_code == 405
    both = client.request("OPTIONS", "/v1/sources")
    assert (both.status_code, both.headers["allow"]) == (405, "GET, POST")
    assert client.get("/v1/a%0Ab").headers["content-type"] == "application/problem+json"


def test_every_operation_has_an_id_a_description_and_every_error_a_schema(described):
    ids = []
    for operations in described.document["paths"].values():
        for operation in operations.values():
            ids.append(operation["operationId"])
            assert operation["tags"]
            assert operation["description"]
            assert operation["security"] == [{"access key": []}]
            assert {"400", "401", "403", "422", "429", "500", "503"} <= set(operation["responses"])
            for status, response in operation["responses"].items():
                assert response["content"], status
    assert len(set(ids)) == len(ids)
