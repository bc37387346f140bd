"""Two worker processes of one home: what one of them was told the other knows, whichever answers."""

import os
import re
import signal
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import pytest
import pytest_socket

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from support.served import serving, worker_ids

pytestmark = [pytest.mark.program, pytest.mark.slow]
MINE = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(the service, a key, the album)."""
    root = tmp_path_factory.mktemp("two workers")
    album = write_album(root / "album")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        with open_home(root / "home") as home:
            home.add_source("album", album.root, basis="household", jurisdiction="CA-ON")
            home.ingest("album")
            token = home.access_keys.make("tests", rights=["search", "people", "manage"]).token
        with serving(root / "home", root / "key", "--workers", "2") as served:
            yield served, token, album


@pytest.fixture(autouse=True)
def loopback(no_network):
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"])


@contextmanager
def only_one(served, *, but=None):
    """One worker is awake, another one than `but`, and so it answers; its process id.

    Who sleeps for long is ended by the supervisor, and another takes its place, which may still be starting.
    """
    deadline = time.monotonic() + 300
    while len(workers := worker_ids(served.process)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    awake = min(workers - {but})
    for each in workers - {awake}:
        os.kill(each, signal.SIGSTOP)
    try:
        yield awake
    finally:
        for each in workers - {awake}:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def ask(served, method, path, **sent):
    """Over a connection of its own, and once: a link signs in once."""
    with httpx.Client(base_url=served.url, timeout=300) as client:
        return client.request(method, path, **sent)


def test_a_session_a_probe_and_a_sign_out_are_known_to_both(place):
    served, _, album = place
    with only_one(served) as one:
        entered = ask(served, "GET", served.link.removeprefix(served.url), headers=MINE)
        cookie = {"cookie": entered.headers["set-cookie"].partition(";")[0], **MINE}
    with only_one(served, but=one) as two:
        start = ask(served, "GET", "/", headers=cookie)
        assert start.status_code == 200
        token = re.search(r'name="form_token" value="([^"]+)"', start.text)[1]
        brought = ask(
            served, "POST", "/search", headers=cookie, data={"form_token": token},
            files={"picture": ("probe.jpg", album.probe.read_bytes())},
        )  # fmt: skip
        assert brought.status_code == 303
        leads = brought.headers["location"]
    with only_one(served, but=two) as one:
        assert "3 leads" in ask(served, "GET", leads, headers=cookie).text
        out = ask(served, "POST", "/sign-out", headers=cookie, data={"form_token": token})
        assert out.status_code == 303
    with only_one(served, but=one) as two:
        assert ask(served, "GET", leads, headers=cookie, follow_redirects=False).status_code in {303, 401}


def test_a_write_that_both_are_sent_at_once_is_done_once(place):
    served, token, album = place
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "one-and-the-same"}
    found = ask(served, "POST", "/v1/search", headers={"authorization": headers["authorization"]},
                files={"picture": ("p", album.probe.read_bytes())})  # fmt: skip
    face = found.json()["leads"][0]["face_id"]
    answers = []

    def send():
        answers.append(ask(served, "POST", "/v1/persons", headers=headers, json={"faces": [face]}))

    senders = [threading.Thread(target=send) for _ in range(8)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert {each.status_code for each in answers} <= {201, 409}
    made = {each.json()["person_id"] for each in answers if each.status_code == 201}
    assert len(made) == 1
    listed = ask(served, "GET", "/v1/persons", headers=headers).json()["items"]
    assert [each["person_id"] for each in listed] == [*made]


def test_a_key_that_one_revoked_counts_with_neither(place):
    served, token, _ = place
    headers = {"authorization": f"Bearer {token}"}
    with only_one(served) as one:
        made = ask(served, "POST", "/v1/keys", headers=headers, json={"name": "short", "rights": ["search"]}).json()
        other = {"authorization": f"Bearer {made['id']}.{made['secret']}"}
    with only_one(served, but=one) as two:
        assert ask(served, "GET", "/v1/persons", headers=other).status_code == 403
        gone = ask(served, "POST", f"/v1/keys/{made['id']}/revoke", headers=headers)
        assert gone.status_code == 200, gone.text
    with only_one(served, but=two) as one:
        assert ask(served, "GET", "/v1/persons", headers=other).status_code == 401
