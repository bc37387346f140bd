"""The doors of a home that is served, as tests of bad input knock at them: each tells a status and a kind of error."""

import base64
import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pyotp
import pytest
from anyio.from_thread import start_blocking_portal

from countenance.api.rekognition.sigv4 import SignedRequest, signature
from countenance.app.home import open_home
from countenance.http import rates
from countenance.service.app import Serving, application

CONSENT = {"basis": "consent", "jurisdiction": "FR", "purposes": ["event-delivery"], "evidence": b"%PDF-1.7 a form"}
HISTORY = {"basis": "historical", "jurisdiction": "FR", "purposes": ["archive-description"], "evidence": b"%PDF-1.7"}
NAME = "../../etc/whose-picture-this-is"  # never in a log, never a path
PLACE = "a/whose-picture-this-is.jpg"
MINE = {"sec-fetch-site": "same-origin"}
PASSWORD = "a long enough password"


class Doors:
    """A home with nobody in it; each door is (status, kind of error)."""

    def __init__(self, home, portal, url=None):
        """url: of a process that serves it; without one, the application in this process."""
        app = application(home, Serving(str(home.path), ("localhost",), secure=False))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False) if url is None else None
        self._client = httpx.AsyncClient(transport=transport, base_url=url or "http://localhost", timeout=300)
        self._portal, self.home = portal, home
        self._key = home.access_keys.make(
            "program", rights=["search", "collect"], purpose="archive-description", case="C-1", source="handed"
        )
        new = home.sign_in.add("owner", PASSWORD)
        self._session = home.sign_in.enter("owner", PASSWORD, pyotp.TOTP(new.totp_secret).now())
        self.link = home.guests.open_link("gala", organiser="The gala's committee")["token"]

    def send(self, path, headers=None, method="POST", **sent):
        """Whatever is sent; the answer is `last`."""
        self.last = self._portal.call(lambda: self._client.request(method, path, headers=headers or MINE, **sent))
        return self.last

    def v1(self, path, headers=(), **sent):
        """By the key, bound to a source, a purpose and a case."""
        found = self.send(f"/v1{path}", {"authorization": f"Bearer {self._key.token}", **dict(headers)}, **sent)
        told = found.json()
        if found.status_code < 300:
            return found.status_code, told.get("rejected")
        assert found.headers["content-type"] == "application/problem+json"
        return found.status_code, told["type"].rpartition(":")[2]

    def rekognition(self, call, params=None, late_s=0, content=None, headers_sent=(), times=1, key=None):
        """Signed as of so many seconds ago; `content` instead of the body that was signed."""
        body = json.dumps(params or {}).encode()
        at = datetime.now(UTC) - timedelta(seconds=late_s)
        headers = [
            ("host", "localhost"), ("x-amz-date", at.strftime("%Y%m%dT%H%M%SZ")),
            ("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"RekognitionService.{call}"),
        ]  # fmt: skip
        signed = sorted(name for name, _ in headers)
        proof = signature(
            SignedRequest("POST", "/", "", headers, body), self._key.secret, signed, at, "eu-west-1", "rekognition"
        )
        scope = f"{key or self._key.key.key}/{at:%Y%m%d}/eu-west-1/rekognition/aws4_request"
        said = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(signed)}, Signature={proof}"
        for _ in range(times):
            sent = {**dict([*headers, ("authorization", said)]), **dict(headers_sent)}
            found = self.send("/", sent, content=body if content is None else content)
        return found.status_code, found.json().get("__type", "")

    def page(self, path, files=None, method="POST", headers=(), **fields):
        """As the owner, who is signed in."""
        cookie = f"countenance-{self.home.id[:8]}={self._session}"
        fields["form_token"] = self.home.sign_in.form_token(self._session)
        sent = {} if method == "GET" else {"data": fields, "files": files}
        found = self.send(path, {**MINE, "cookie": cookie, **dict(headers)}, method, **sent)
        assert "Traceback" not in found.text
        return found

    def page_raw(self, path, headers, content):
        """A body as it is, by the owner's session; from nobody where the page is public."""
        cookie = {} if path == "/rights" else {"cookie": f"countenance-{self.home.id[:8]}={self._session}"}
        return self.send(path, {**MINE, **cookie, **headers}, content=content)

    # --- the doors ---------------------------------------------------------------------------------------------------
    def search(self, data):
        return self.v1("/search", json={"picture": base64.b64encode(data).decode()})

    def search_by_form(self, data):
        return self.v1("/search", files={"picture": (NAME, data)})

    def compare(self, data):
        return self.v1("/compare", files={"a": (NAME, data), "b": (NAME, data)})

    def upload(self, data):
        return self.v1("/sources/handed/pictures", files={"picture": (NAME, data)}, data={"place": PLACE})

    def detect_faces(self, data):
        return self.rekognition("DetectFaces", {"Image": {"Bytes": base64.b64encode(data).decode()}})

    def search_faces(self, data):
        asked = {"CollectionId": "c", "Image": {"Bytes": base64.b64encode(data).decode()}}
        return self.rekognition("SearchFacesByImage", asked)

    def index_faces(self, data):
        asked = {"CollectionId": "c", "Image": {"Bytes": base64.b64encode(data).decode()}}
        return self.rekognition("IndexFaces", asked)

    def compare_faces(self, data):
        image = {"Bytes": base64.b64encode(data).decode()}
        return self.rekognition("CompareFaces", {"SourceImage": image, "TargetImage": image})

    def search_page(self, data):
        found = self.page("/search", {"picture": (NAME, data)}, purpose="archive-description", case="C-1")
        return found.status_code, self.alert(found)

    def compare_page(self, data):
        files = {"a": (NAME, data), "b": (NAME, data)}
        found = self.page("/compare", files, purpose="archive-description", case="C-1")
        return found.status_code, self.alert(found)

    def rights_page(self, data):
        found = self.send("/rights", data={"kind": "opt-out", "tier": "2"}, files={"photograph": (NAME, data)})
        return found.status_code, self.alert(found)

    def guest_page(self, data):
        asked = self.home.guests.invitation(self.link)
        found = self.send(f"/guest/{self.link}", data={"agreed": asked["version"]}, files={"photograph": (NAME, data)})
        return found.status_code, self.alert(found)

    def upload_page(self, data):
        found = self.page("/source/upload", {"pictures": (NAME, data)}, name="handed")
        return found.status_code, self.alert(found)

    @staticmethod
    def alert(found):
        """ "told" where the page says what was wrong, else the page."""
        return "told" if 'role="alert"' in found.text else re.sub(r"\s+", " ", found.text)[:2000]


@contextmanager
def opened(root):
    """Such a home, with the application in this process."""
    with pytest.MonkeyPatch.context() as patch, start_blocking_portal() as portal:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "home.key"))
        patch.setattr(
            rates, "_A_MINUTE", dict.fromkeys(rates.RateLimit, 100_000)
        )  # each door is knocked at quickly here
        with open_home(root / "home", kind="organisation") as home:
            home.add_source("handed", None, **HISTORY)
            home.add_source("gala", None, **CONSENT)
            found = Doors(home, portal)
            assert found.rekognition("CreateCollection", {"CollectionId": "c"})[0] == 200
            yield found


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """One for all tests of a module."""
    with opened(tmp_path_factory.mktemp("doors")) as found:
        yield found


@pytest.fixture
def fresh(tmp_path):
    """One for this test alone."""
    with opened(tmp_path) as found:
        yield found
