"""/v1: every problem that a stranger or a key may meet has a kind, says what happened, and how to go on."""

import json
import re

import anyio
import pytest

from countenance import errors
from countenance.api.problems import OTHERWISE
from countenance.app.access.identity import Right
from countenance.http import bodies, rates
from countenance.http.problems import OTHERS, TYPE, status_of
from countenance.testing import toy

NO_ID = "5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44"
JSON = {"content-type": "application/json"}
BODIES = (
    {},
    {"content": b"{", "headers": JSON},
    {"content": b"[]", "headers": JSON},
    {"json": {}},
    {"json": {"zq": 1}},
    {"content": b"x", "headers": {"content-type": "text/plain"}},
    {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
    {"json": {}, "headers": {"idempotency-key": "a b"}},
)
QUERIES = ({}, {"params": {"limit": 0}}, {"params": {"after": "x"}}, {"params": {"zq": "1"}})


def kinds(base=errors.CountenanceError):
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from kinds(error)


KINDS = {each.kind for each in kinds()} | {each.kind for each in OTHERS.values()}


def told(found):
    """The kind of a problem that says all it should; fails for another answer."""
    assert found.headers["content-type"] == "application/problem+json", found.text
    document = json.loads(found.text)
    assert document["status"] == found.status_code
    assert document["type"].startswith(TYPE)
    assert document["instance"] == f"urn:uuid:{found.headers['x-request-id']}"
    texts = [
        document["title"],
        document["detail"],
        document["hint"],
        *(e["message"] for e in document.get("errors", ())),
    ]
    assert all(texts), document
    assert not re.search(r"<\w+\.\w+: |--[a-z]", " ".join(texts)), document
    assert document["type"].removeprefix(TYPE) in KINDS
    return document["type"].removeprefix(TYPE)


def operations(described):
    """(method, path) of each, with ids and names of what is not there."""
    for path, ways in described.document["paths"].items():
        filled = re.sub(r"\{\w*name\}", "none", re.sub(r"\{(?!\w*name\})\w+\}", NO_ID, path))
        yield from ((method.upper(), f"/v1{filled}") for method in ways)


def test_a_stranger_and_a_key_without_the_right_are_told_how_to_go_on(client, program, described):
    none = {"authorization": "Bearer x.y"}
    others = (program("search"), program("collect"))
    for method, path in operations(described):
        assert told(client.request(method, path)) == "sign_in_needed"
        assert told(client.request(method, path, headers=none)) == "sign_in_needed"
        refused = [each for each in (ask(method, path[3:]) for ask in others) if each.status_code == 403]
        assert refused or path.startswith("/v1/duplicates"), path
        assert {told(each) for each in refused} <= {"not_allowed"}


def test_a_key_with_every_right_that_asks_for_what_is_not_there_or_sends_what_does_not_fit(program, described):
    ask, met = program(*Right), set()
    for method, path in operations(described):
        for sent in QUERIES if method == "GET" else BODIES:
            found = ask(method, path[3:], **sent)
            if found.status_code >= 400:
                met.add(told(found))
    assert met >= {"invalid", "unsupported_type", "wrong_use", "not_found"}


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nowhere", "/v1/a%0Ab", "/v1/sources/", "/v1/search/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_what_is_no_path_is_answered_as_the_rest_of_v1_is(client, method, path):
    found = client.request(method, path)
    assert (found.status_code, told(found)) == (404, "not_found")
    assert "/v1/openapi.json" in found.json()["hint"]


def test_a_method_that_a_path_does_not_have(client):
    found = client.get("/v1/search")
    assert (found.status_code, told(found), found.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_a_body_that_is_missing(program):
    found = program("search").post("/search")
    assert (found.status_code, told(found)) == (415, "unsupported_type")
    assert "application/json" in found.json()["hint"]


def test_a_picture_for_a_source_that_is_a_folder(program):
    found = program("collect").post(
        "/sources/album/pictures", files={"picture": ("a", toy.picture())}, data={"place": "a"}
    )
    assert (found.status_code, told(found)) == (400, "wrong_use")
    assert "POST /v1/sources" in found.json()["hint"]


def test_a_form_that_can_not_be_read_is_no_page_to_load_again(program):
    found = program("search").post("/search", content=b"x", headers={"content-type": "multipart/form-data"})
    assert told(found) == "wrong_use"
    assert "page" not in found.json()["hint"]


def test_a_body_that_is_too_long_or_too_slow(program, monkeypatch):
    async def endless():
        yield b"{"
        await anyio.sleep_forever()

    monkeypatch.setattr(bodies, "PATIENCE_S", 0.1)
    ask = program("search")
    found = ask.post("/search", content=b"", headers={**JSON, "content-length": str(10**12)})
    assert (found.status_code, told(found)) == (413, "too_large")
    found = ask.post("/search", content=endless(), headers=JSON)
    assert (found.status_code, told(found)) == (408, "too_slow")


@pytest.mark.parametrize("path", ["/v1", "/v1/status"])
def test_another_host_name(client, path):
    found = client.get(path, headers={"host": "evil.example"})
    assert (found.status_code, told(found)) == (421, "other_host")


def test_too_many_requests(monkeypatch, request):
    monkeypatch.setattr(rates, "_A_MINUTE", dict.fromkeys(rates.RateLimit, 1))
    client = request.getfixturevalue("client")
    assert told(client.get("/v1/status")) == "sign_in_needed"
    found = client.get("/v1/status")
    assert (found.status_code, told(found)) == (429, "too_many")
    assert "Retry-After" in found.json()["hint"]


def test_a_bug(made, program, monkeypatch):
    monkeypatch.setattr(made.parts.stores.records.sources, "all", lambda *_: 1 / 0)
    found = program("collect").get("/sources")
    assert (found.status_code, told(found)) == (500, "internal")


def test_each_status_has_words_for_an_error_that_names_no_remedy():
    statuses = {status_of(each("it is so")) for each in kinds()}
    assert {status for status in statuses if status < 500} == set(OTHERWISE)
