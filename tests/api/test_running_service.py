"""/v1 of a service that runs as a user would run it: whatever may be sent, the typed client, and hostile input."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from pytest_socket import enable_socket

from countenance.app.home import open_home
from countenance.client import Client, Refused
from support.served import serving

pytestmark = pytest.mark.program
EVERY = ("search", "collect", "people", "erase", "requests", "orders", "oversee", "manage")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A household's home that is served, and what makes keys for it."""
    folder = tmp_path_factory.mktemp("running")
    keyfile = str(folder / "key")
    os.environ["COUNTENANCE_KEYFILE"] = keyfile
    try:
        (folder / "pictures").mkdir()
        noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
        Image.fromarray(noise).save(folder / "pictures" / "noise.png")
        with open_home(folder / "home") as home:
            home.add_source("album", folder / "pictures", basis="household", jurisdiction="CA-ON")
            token = home.access_keys.make("tests", rights=EVERY).token
        with serving(folder / "home", folder / "key") as served:
            yield served, token, folder
    finally:
        del os.environ["COUNTENANCE_KEYFILE"]


@pytest.fixture
def client(running):
    enable_socket()  # to this machine's own service
    served, token, _ = running
    with Client(served.url, token) as client:
        yield client


def test_the_typed_client_ingests_follows_searches_and_erases(running, client):
    _, _, folder = running
    job = client.ingest("album")
    states = list(client.follow(job["id"]))
    assert states[-1]["state"] == "done"
    assert states[-1]["progress"]["files"] == 1
    assert client.job(job["id"]) == states[-1]
    assert [source["name"] for source in client.sources()] == ["album"]
    noise = (folder / "pictures" / "noise.png").read_bytes()
    assert client.detect(noise)["faces"] == []
    for refused, kind in ((lambda: client.search(noise), "no_face"), (lambda: client.search(b"x"), "bad_picture"),
                          (lambda: client.compare(noise, noise), "no_face"),
                          (lambda: client.search_face("5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44"), "not_found"),
                          (lambda: client.crop("5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44"), "not_found")):  # fmt: skip
        with pytest.raises(Refused) as told:
            refused()
        assert told.value.kind == kind
    added = client.add_source("event", path=None, basis="household", jurisdiction="CA-ON")
    assert added["state"] == "in_force"
    assert client.upload("event", "noise.png", noise)["picture_id"]
    would = client.erase(source="event", dry_run=True)
    assert (would["dry_run"], would["receipt"]) == (True, None)
    done = client.erase(source="event")
    assert client.receipt(done["receipt"])["receipt"]["about"]
    assert [each["receipt"] for each in client.receipts()] == [done["receipt"]]
    assert client.source("album")["state"] == "in_force"
    assert client.call("GET", "/status")["kind"] == "household"


def test_the_client_needs_nothing_but_the_standard_library():
    code = "import sys; import countenance.client; print(sorted(n for n in sys.modules if n.startswith('countenance')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['countenance', 'countenance.client', 'countenance.version']"


# --- hostile input ---------------------------------------------------------------------------------------------------
def raw(running, head, body=b"", *, wait_s=300.0):
    """The first line and headers of the answer to bytes as they are."""
    enable_socket()
    parts = urlsplit(running[0].url)
    with socket.create_connection((parts.hostname, parts.port), timeout=wait_s) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        found = b""
        while b"\r\n\r\n" not in found:
            part = connection.recv(65536)
            if not part:
                break
            found += part
    return found.decode("latin-1")


def head(running, length, kind="application/json"):
    return (
        f"POST /v1/search HTTP/1.1\nHost: localhost\nAuthorization: Bearer {running[1]}\nContent-Type: {kind}\n"
        f"Content-Length: {length}"
    )


def test_a_body_that_lies_about_its_length_is_refused_before_it_is_read(running):
    assert " 413 " in raw(running, head(running, 10**12)).splitlines()[0]
    assert " 401 " in raw(running, head(running, 10**6).replace(running[1], "x.y")).splitlines()[0]


def test_a_form_that_never_ends_or_names_no_boundary_is_a_problem(running):
    assert " 400 " in raw(running, head(running, 3, "multipart/form-data"), b"abc").splitlines()[0]
    body = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="../../x\r\nX: y"\r\n\r\nabc'
    assert " 422 " in raw(running, head(running, len(body), "multipart/form-data; boundary=b"), body).splitlines()[0]


def test_no_header_of_an_answer_can_be_written_by_who_asks(running):
    for path in ("/v1/sources/a%0d%0aSet-Cookie:%20x=y", "/v1/a%0d%0aX-Evil:%201", "/v1/jobs/%0d%0aX-Evil:1"):
        found = raw(running, f"GET {path} HTTP/1.1\nHost: localhost\nAuthorization: Bearer {running[1]}")
        assert found.startswith("HTTP/1.1 4")
        assert "\nset-cookie" not in found.lower()
        assert "\nx-evil" not in found.lower()


def test_another_host_name_and_a_forwarded_one_are_not_believed(running):
    found = raw(running, f"GET /v1/status HTTP/1.1\nHost: evil.example\nAuthorization: Bearer {running[1]}")
    assert found.startswith("HTTP/1.1 421")


def test_names_that_climb_are_names(client):
    for name in ("..%2f..%2fetc%2fpasswd", "..", "%2e%2e", "a%00b"):
        with pytest.raises(Refused) as told:
            client.call("GET", f"/sources/{name}")
        assert told.value.status in {404, 422}


# --- whatever may be sent --------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_whatever_the_description_allows_and_more_is_answered_as_it_says(running, tmp_path, sample):
    """Schemathesis: statuses, shapes, types and headers as described, no error of ours, no answer without a key.

    One worker: Python 3.11 can't parse in two threads at once ("AST constructor recursion depth mismatch").
    Left out: that what fits the description is accepted (a text that fits may still be no picture), and revoking keys,
    which would end the run's own.
    """
    served, token, _ = running
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None
    chosen = sample.random("requests").randrange(10**9) if sample.fuzz > 1 else 1
    with Client(served.url, token) as client:
        enable_socket()
        paths = sorted(client.call("GET", "/openapi.json")["paths"])
    tried = paths if sample.everything else sample.random("paths").sample(paths, len(paths) // 3)
    ran = subprocess.run(
        [program, "run", f"{served.url}/v1/openapi.json", "--url", f"{served.url}/v1", "--workers", "1",
         "--header", f"Authorization: Bearer {token}", "--phases", "examples,coverage,fuzzing",
         "--max-examples", str(sample.fuzz), "--seed", str(chosen),
         "--exclude-checks", "positive_data_acceptance", "--exclude-path", "/keys/{key_id}/revoke",
         "--include-path-regex", f"^({'|'.join(map(re.escape, tried))})$",
         "--no-shrink", "--continue-on-failure", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-20_000:]
    with Client(served.url, token) as client:  # the key has counted all the while
        enable_socket()
        assert client.call("GET", "/status")["kind"] == "household"


def test_a_service_that_has_stopped_is_told_from_one_that_refuses(running):
    _, _, folder = running
    with serving(folder / "home", folder / "key") as served, Client(served.url, running[1]) as client:
        enable_socket()
        assert client.call("GET", "/status")["kind"] == "household"
        served.process.send_signal(signal.SIGTERM)
        served.process.wait()
        with pytest.raises(OSError):
            client.call("GET", "/status")
