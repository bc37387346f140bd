"""What is no picture, through every door of the service: one list, the real decoder, and what stays of it: nothing.

docs/service.md says the same as a table; its rows are these doors.
"""

import base64
import hashlib
import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pyotp
import pytest
from anyio.from_thread import start_blocking_portal

from countenance.api.sigv4 import SignedRequest, signature
from countenance.app.home import open_home
from countenance.http import rates
from countenance.service.app import Serving, application
from countenance.testing.bytescan import Thief
from countenance.testing.hostile import bad_pictures

BAD = bad_pictures()
CONSENT = {"basis": "consent", "jurisdiction": "FR", "purposes": ["event-delivery"], "evidence": b"%PDF-1.7 a form"}
HISTORY = {"basis": "historical", "jurisdiction": "FR", "purposes": ["archive-description"], "evidence": b"%PDF-1.7"}
NAME = "../../etc/whose-picture-this-is"  # never in a log, never a path
PLACE = "a/whose-picture-this-is.jpg"
MINE = {"sec-fetch-site": "same-origin"}


class Doors:
    """A home with nobody in it, behind the whole application in this process; each door is (status, kind of error)."""

    def __init__(self, home, portal):
        app = application(home, Serving(str(home.path), ("localhost",), secure=False))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        self._portal, self.home = portal, home
        self._key = home.access_keys.make(
            "program", rights=["search", "collect"], purpose="archive-description", case="C-1", source="handed"
        )
        new = home.sign_in.add("owner", "a long enough password")
        self._session = home.sign_in.enter("owner", "a long enough password", pyotp.TOTP(new.totp_secret).now())
        self._link = home.guests.open_link("gala", organiser="The gala's committee")["token"]

    def _send(self, path, headers=None, **sent):
        return self._portal.call(lambda: self._client.post(path, headers=headers or MINE, **sent))

    def _v1(self, path, **sent):
        found = self._send(f"/v1{path}", {"authorization": f"Bearer {self._key.token}"}, **sent)
        told = found.json()
        if found.status_code == 201:
            return 201, told["rejected"]
        assert found.headers["content-type"] == "application/problem+json"
        return found.status_code, told["type"].rpartition(":")[2]

    def _rekognition(self, call, params):
        body = json.dumps(params).encode()
        at = datetime.now(UTC)
        headers = [
            ("host", "localhost"), ("x-amz-date", at.strftime("%Y%m%dT%H%M%SZ")),
            ("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"RekognitionService.{call}"),
        ]  # fmt: skip
        signed = sorted(name for name, _ in headers)
        proof = signature(
            SignedRequest("POST", "/", "", headers, body), self._key.secret, signed, at, "eu-west-1", "rekognition"
        )
        scope = f"{self._key.key.key}/{at:%Y%m%d}/eu-west-1/rekognition/aws4_request"
        said = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(signed)}, Signature={proof}"
        found = self._send("/", dict([*headers, ("authorization", said)]), content=body)
        return found.status_code, found.json().get("__type", "")

    def _page(self, path, files, **fields):
        cookie = f"countenance-{self.home.id[:8]}={self._session}"
        fields["form_token"] = self.home.sign_in.form_token(self._session)
        found = self._send(path, {**MINE, "cookie": cookie}, data=fields, files=files)
        assert "Traceback" not in found.text
        return found

    # --- the doors ---------------------------------------------------------------------------------------------------
    def search(self, data):
        return self._v1("/search", json={"picture": base64.b64encode(data).decode()})

    def search_by_form(self, data):
        return self._v1("/search", files={"picture": (NAME, data)})

    def compare(self, data):
        return self._v1("/compare", files={"a": (NAME, data), "b": (NAME, data)})

    def hand_in(self, data):
        return self._v1("/sources/handed/pictures", files={"picture": (NAME, data)}, data={"place": PLACE})

    def detect_faces(self, data):
        return self._rekognition("DetectFaces", {"Image": {"Bytes": base64.b64encode(data).decode()}})

    def search_faces(self, data):
        asked = {"CollectionId": "c", "Image": {"Bytes": base64.b64encode(data).decode()}}
        return self._rekognition("SearchFacesByImage", asked)

    def index_faces(self, data):
        asked = {"CollectionId": "c", "Image": {"Bytes": base64.b64encode(data).decode()}}
        return self._rekognition("IndexFaces", asked)

    def search_page(self, data):
        found = self._page("/search", {"picture": (NAME, data)}, purpose="archive-description", case="C-1")
        return found.status_code, self._alert(found)

    def compare_page(self, data):
        files = {"a": (NAME, data), "b": (NAME, data)}
        found = self._page("/compare", files, purpose="archive-description", case="C-1")
        return found.status_code, self._alert(found)

    def rights_page(self, data):
        found = self._send("/rights", data={"kind": "opt-out", "tier": "2"}, files={"photograph": (NAME, data)})
        return found.status_code, self._alert(found)

    def guest_page(self, data):
        asked = self.home.guests.invitation(self._link)
        found = self._send(
            f"/guest/{self._link}", data={"agreed": asked["version"]}, files={"photograph": (NAME, data)}
        )
        return found.status_code, self._alert(found)

    @staticmethod
    def _alert(found):
        return "told" if 'role="alert"' in found.text else re.sub(r"\s+", " ", found.text)[:2000]


@contextmanager
def opened(root):
    with pytest.MonkeyPatch.context() as patch, start_blocking_portal() as portal:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "home.key"))
        patch.setattr(rates, "_A_MINUTE", dict.fromkeys(rates.Rate, 100_000))  # each door is knocked at quickly here
        with open_home(root / "home", kind="organisation") as home:
            home.add_source("handed", None, **HISTORY)
            home.add_source("gala", None, **CONSENT)
            found = Doors(home, portal)
            assert found._rekognition("CreateCollection", {"CollectionId": "c"})[0] == 200
            yield found


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("bad pictures")) as found:
        yield found


@pytest.fixture
def fresh(tmp_path):
    with opened(tmp_path) as found:
        yield found


def v1(bad):
    return 422, "no_face" if bad.reason is None else "bad_picture"


def rekognition(bad):
    if bad.reason is None:
        return 400, "InvalidParameterException"
    return 400, "InvalidImageFormatException"


def on_the_form(_bad):
    return 422, "told"


def in_plain_words(_bad):
    return 400, "told"


EXPECTED = {
    "search": v1,
    "search_by_form": v1,
    "compare": v1,
    "hand_in": lambda bad: (201, bad.reason),
    "detect_faces": lambda bad: (200, "") if bad.reason is None else rekognition(bad),
    "search_faces": rekognition,
    "index_faces": lambda bad: (200, "") if bad.reason is None else rekognition(bad),
    "search_page": on_the_form,
    "compare_page": on_the_form,
    "rights_page": in_plain_words,
    "guest_page": on_the_form,
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
@pytest.mark.parametrize("door", EXPECTED)
def test_each_door_says_so_and_its_own_log_names_nobody(doors, door, bad, capfd):
    assert getattr(doors, door)(bad.data) == EXPECTED[door](bad)
    told = "".join(capfd.readouterr())
    assert '"' not in told or "request" in told
    for secret in ("whose-picture", "example.org", "a mark that", "Traceback"):
        assert secret not in told


def test_nothing_of_them_stays_in_the_home_nor_in_a_backup_of_its_bytes(fresh):
    """After every door was knocked at: bytes, hashes and names, as somebody finds them who has the master key too.

    Of a file that was handed in to a source its place, reason and hash stay there, as of one that lay in a folder; a
    picture that shows nobody is a picture of its source like any other.
    """
    pictures = [bad for bad in BAD if bad.reason]
    needles = {f"{bad.name}: bytes": bad.data for bad in pictures}
    hashes = {f"{bad.name}: sha256": hashlib.sha256(bad.data).digest() for bad in pictures}
    for door in EXPECTED:
        if door != "hand_in":
            for bad in pictures:
                getattr(fresh, door)(bad.data)
    home = fresh.home
    assert Thief(home.parts.keyfile, home.path).find(needles | hashes) == {}
    for bad in pictures:
        fresh.hand_in(bad.data)
    assert home.parts.stores.records.gallery.counts()["indexed"] == 0
    assert home.uploads.waiting("handed") == 0
    assert not list((home.path / "tray").rglob("*.*"))
    assert Thief(home.parts.keyfile, home.path).find(needles) == {}
