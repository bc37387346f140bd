"""A home of toy pictures behind the whole application, in this process."""

import io
import json

import httpx
import jsonschema_rs
import pytest
from anyio.from_thread import start_blocking_portal

from countenance.api.app import rest
from countenance.app.home import open_home
from countenance.client import Client
from countenance.service.app import Serving, application
from countenance.testing import toy
from support.disk_home import toy_eyes

ALICE = toy.picture("alice@10,20,60,80")


class InProcess:
    """Sends requests to the application, without a socket."""

    def __init__(self, app, portal):
        self._portal = portal
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        self.cookies = self._client.cookies

    def request(self, method, path, **sent):
        return self._portal.call(lambda: self._client.request(method, path, **sent))

    def get(self, path, **sent):
        return self.request("GET", path, **sent)

    def post(self, path, **sent):
        return self.request("POST", path, **sent)


class Program:
    """A program with a key. Every answer of JSON that it gets fits the description."""

    def __init__(self, client, token, described):
        self._client, self._token, self._described = client, token, described

    def __call__(self, method, path, **sent):
        headers = {"authorization": f"Bearer {self._token}", **sent.pop("headers", {})}
        found = self._client.request(method, f"/v1{path}", headers=headers, **sent)
        self._described.check(method, found)
        return found

    def get(self, path, **sent):
        return self("GET", path, **sent)

    def post(self, path, document=None, **sent):
        return self("POST", path, **({"json": document} if document is not None else {}), **sent)


class Described:
    """What /v1 says of itself."""

    def __init__(self):
        self.document = rest().openapi()

    def check(self, method, found):
        operation = self._operation(method, found.url.path.removeprefix("/v1"))
        if operation is None:
            return
        answer = operation["responses"][str(found.status_code)]
        kind = found.headers.get("content-type", "").partition(";")[0]
        if found.status_code == 204:
            return
        assert kind in answer["content"]
        if kind in {"application/json", "application/problem+json"}:
            schema = {**answer["content"][kind]["schema"], "components": self.document["components"]}
            jsonschema_rs.Draft202012Validator(schema).validate(json.loads(found.text))

    def _operation(self, method, path):
        parts = path.split("/")
        for template, operations in self.document["paths"].items():
            wanted = template.split("/")
            if len(wanted) == len(parts) and all(w == p or w[:1] == "{" for w, p in zip(wanted, parts, strict=True)):
                return operations.get(method.lower())
        return None


@pytest.fixture(scope="session")
def described():
    return Described()


@pytest.fixture
def made(tmp_path, monkeypatch, request):
    """An open home with an album of toy pictures; a test may ask for another kind of home."""
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "home.key"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "alice.jpg").write_bytes(ALICE)
    (folder / "both.jpg").write_bytes(toy.picture("alice~@10,20,60,80", "bob@100,20,150,80"))
    (folder / "notes.jpg").write_bytes(b"notes")
    with toy_eyes(), open_home(tmp_path / "home", kind=getattr(request, "param", "household")) as home:
        if home.kind == "household":
            home.add_source("album", folder, basis="household", jurisdiction="CA-ON")
        else:
            home.add_source(
                "album", folder, basis="historical", jurisdiction="FR", purposes=["archive-description"],
                evidence=b"a deed",
            )  # fmt: skip
        home.ingest("album")
        yield home


@pytest.fixture
def client(made):
    """Anybody who reaches the service."""
    app = application(made, Serving(str(made.path), ("localhost",), secure=False))
    with start_blocking_portal() as portal:
        yield InProcess(app, portal)


@pytest.fixture
def program(made, client, described):
    """Makes programs: program(*rights, **binding)."""

    def make(*rights, **binding):
        key = made.access_keys.make("a program", rights=rights, **binding)
        return Program(client, key.token, described)

    return make


class Answered(io.BytesIO):
    """What http.client would give."""

    def __init__(self, found):
        super().__init__(found.content)
        self.status = found.status_code


class Carried:
    """The typed client's connection, without a socket. Every answer of JSON fits the description."""

    def __init__(self, client, described):
        self._client, self._described = client, described

    def request(self, method, path, body, headers):
        self._found = self._client.request(method, path, content=body, headers=headers)
        self._described.check(method, self._found)

    def getresponse(self):
        return Answered(self._found)

    def close(self):
        pass


class CarriedClient(Client):
    """The typed client, in this process."""

    def __init__(self, token, connection):
        super().__init__("http://localhost", token)
        self._connection = connection


@pytest.fixture
def typed(made, client, described):
    """Makes typed clients: typed(*rights, **binding)."""

    def make(*rights, **binding):
        key = made.access_keys.make("a typed program", rights=rights, **binding)
        return CarriedClient(key.token, Carried(client, described))

    return make
