"""Erasing by hand and checking a receipt, over a toy home in this process, by somebody who is signed in."""

import re

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from countenance.app.home import open_home
from countenance.service.app import Serving, application
from countenance.testing import toy
from support.disk_home import toy_eyes

MINE = {"sec-fetch-site": "same-origin"}


class Owner:
    """The owner's browser, signed in by a link."""

    def __init__(self, home, portal):
        app = application(home, Serving(str(home.path), ("localhost",), secure=False))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=True)
        self._portal = portal
        self.get(f"/in/{home.sign_in.link()}")

    def get(self, path):
        return self._portal.call(lambda: self._client.get(path))

    def post(self, path, form, files=None, **fields):
        """As the form on the page `form` sends it."""
        token = re.search(r'name="form_token" value="([^"]+)"', self.get(form).text)[1]
        data = {"form_token": token, **fields}
        return self._portal.call(lambda: self._client.post(path, data=data, files=files, headers=MINE))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "alice.jpg").write_bytes(toy.picture("alice@10,20,60,80"))
    with toy_eyes(), open_home(tmp_path / "home") as opened:
        opened.add_source("album", tmp_path / "album", basis="household", jurisdiction="CA-ON")
        opened.ingest()
        yield opened


@pytest.fixture
def owner(home):
    with start_blocking_portal() as portal:
        yield Owner(home, portal)


def test_a_person_is_erased_by_name_and_the_one_who_was_counted_goes(home, owner):
    face = home.search(toy.picture("alice@1,1,50,50")).leads[0].face_id
    keanu = home.people.new([face], "Keanu")
    answer = owner.post("/erase", "/erase", scope="person", value="May")
    assert (answer.status_code, "There is no person" in answer.text) == (404, True)
    assert "The page People lists the persons" in answer.text
    answer = owner.post("/erase", "/erase", scope="person", value="keanu")
    assert "What would be erased" in answer.text
    assert f'<input type="hidden" name="value" value="{keanu.id}">' in answer.text
    owner.post("/erase", "/erase", scope="person", value=keanu.id, sure="yes")
    assert home.people.all() == ()


def test_a_page_that_is_brought_as_a_receipt_is_told_apart_and_the_signed_file_holds(home, owner, tmp_path):
    report = home.erase(source="album")
    for name in ("receipt.html", "receipt.json"):
        home.receipts.export(report.receipt, tmp_path / name)
    answer = owner.post(
        "/receipts/check", "/receipts", {"receipt": ("receipt.html", (tmp_path / "receipt.html").read_bytes())}
    )
    told = answer.text
    assert answer.status_code == 422  # no failure of the service
    assert "This is a page for reading" in told
    assert "Download the signed file from the page of the receipt" in told
    assert "Expecting value" not in told
    told = owner.post(
        "/receipts/check", "/receipts", {"receipt": ("receipt.json", (tmp_path / "receipt.json").read_bytes())}
    ).text
    assert "The receipt is valid." in told
