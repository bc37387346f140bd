"""My rights, over toy homes in this process: the whole way by a tracking code, and what the pages tell nobody."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from countenance.app.home import open_home
from countenance.app.requests import access_answers
from countenance.app.upkeep.restore import restore
from countenance.errors import StorageFailed
from countenance.service.app import Serving, application
from countenance.testing import toy
from support.disk_home import toy_eyes

ONE, TWO = toy.picture("alice@1,1,50,50", "#one"), toy.picture("alice~~~@1,1,50,50", "#two")
MINE = {"sec-fetch-site": "same-origin"}


class Anybody:
    """A browser without an account."""

    def __init__(self, home, portal):
        app = application(home, Serving(str(home.path), ("localhost",), secure=False))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        self._portal = portal

    def get(self, path):
        return self._portal.call(lambda: self._client.get(path))

    def post(self, path, photo=None, **fields):
        files = {"photograph": ("me.jpg", photo)} if photo else {"photograph": ("", b"")}
        return self._portal.call(lambda: self._client.post(path, data=fields, files=files, headers=MINE))

    def ask(self, kind="opt-out", photo=ONE, **more):
        found = self.post("/rights", photo, kind=kind, **more)
        assert found.status_code == 200, found.text
        return re.search(r'id="tracking">([0-9A-Z-]+)<', found.text)[1]


@pytest.fixture
def portal():
    with start_blocking_portal() as found:
        yield found


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """homes(name, *pictures): a home with an album of these."""
    made = []

    def make(name, *pictures):
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / name))
        folder = tmp_path / f"album of {name}"
        folder.mkdir()
        for number, faces in enumerate(pictures):
            (folder / f"{number}.jpg").write_bytes(toy.picture(*faces))
        home = open_home(tmp_path / name)
        made.append(home)
        home.add_source("album", folder, basis="household", jurisdiction="CA-ON")
        home.ingest("album")
        return home

    with toy_eyes():
        yield make
        for home in made:
            home.close()


@pytest.fixture
def home(homes):
    return homes("one", ["alice@10,20,60,80", "bob@100,20,150,80"], ["alice~@10,20,60,80"])


@pytest.fixture
def anybody(home, portal):
    return Anybody(home, portal)


def test_an_opt_out_from_the_form_to_its_end(home, anybody):
    assert len(home.search(ONE).leads) == 2
    code = anybody.ask(contact="me@example.org", place="EEA")
    assert "Waiting for your proof" in anybody.post("/rights/status", tracking=code.lower()).text
    assert "Your identity is confirmed" in anybody.post("/rights/proof", TWO, tracking=code).text
    [line] = home.requests.listed()
    home.requests.decide(line["request"], grant=True)
    assert home.search(ONE).leads == ()
    told = anybody.post("/rights/status", tracking=code).text
    assert "Approved and carried out" in told
    assert "Hashes and an encrypted fingerprint" in told
    assert anybody.post("/rights/withdraw", tracking=code).status_code == 400  # not sure
    assert "Withdrawn" in anybody.post("/rights/withdraw", tracking=code, sure="yes").text
    assert home.requests.listed(every=True)[0]["state"] == "withdrawn"


def test_nobody_learns_from_it_who_is_in_the_gallery(homes, portal):
    """Two homes that differ by one person give the same bytes, but for ids, codes and moments."""
    both = [homes("with", ["alice@10,20,60,80", "bob@100,20,150,80"]), homes("without", ["bob@100,20,150,80"])]
    [face] = [lead.face_id for lead in both[0].search(ONE).leads]
    ways = [
        {"photo": ONE}, {"photo": ONE, "tier": "2"}, {"photo": None, "which": face},
        {"photo": None, "which": "file:///album/0.jpg"}, {"photo": None, "name": "Alice"}, {"kind": "access"},
    ]  # fmt: skip

    def walk(home, way):
        anybody = Anybody(home, portal)  # whom no rate has counted yet
        said = {"kind": "opt-out", "photo": ONE, **way}
        opened = anybody.post("/rights", said.pop("photo"), **said)
        code = re.search(r'id="tracking">([0-9A-Z-]+)<', opened.text)[1]
        stranger = toy.picture("carol@1,1,50,50")
        found = [opened]
        for path, photo, fields in [
            ("status", None, {}), ("proof", stranger, {}), ("proof", TWO, {}), ("proof", None, {"code": "AAAAA-AAAAA"}),
            ("status", None, {}), ("answer", None, {}), ("withdraw", None, {"sure": "yes"}), ("status", None, {}),
        ]:  # fmt: skip
            found.append(anybody.post(f"/rights/{path}", photo, tracking=code, **fields))
        return [(each.status_code, sorted(each.headers), each.text.replace(code, "CODE")) for each in found]

    for way in ways:
        one, other = (walk(each, way) for each in both)
        assert one == other


def test_a_photograph_does_not_tell_whether_a_face_that_is_named_is_theirs(home, anybody):
    [lead] = home.search(toy.picture("bob@1,1,50,50")).leads
    code = anybody.ask(photo=None, which=lead.face_id)
    for brought in (toy.picture("bob~@1,1,50,50"), TWO):
        told = anybody.post("/rights/proof", brought, tracking=code)
        assert (told.status_code, "proves nothing" in told.text) == (400, True)


def test_an_answer_waits_for_whoever_asked_and_goes(home, anybody, monkeypatch):
    code = anybody.ask("access")
    anybody.post("/rights/proof", TWO, tracking=code)
    assert anybody.post("/rights/answer", tracking=code).status_code == 404
    [line] = home.requests.listed()
    decided = home.requests.decide(line["request"], grant=True, to_fetch=True)
    assert decided["pictures"] == 2
    assert "Download my answer" in anybody.post("/rights/status", tracking=code).text
    found = anybody.post("/rights/answer", tracking=code)
    assert found.content.startswith(b"PK")
    assert found.headers["content-disposition"].startswith("attachment")
    monkeypatch.setattr(access_answers, "FETCH_FOR", timedelta(0))
    assert anybody.post("/rights/answer", tracking=code).status_code == 404
    kept = list((home.path / "answers").iterdir())
    home.requests.listed(every=True)
    home.health.status()
    assert list((home.path / "answers").iterdir()) == kept  # what reads deletes nothing
    home.requests.sweep_answers()
    assert list((home.path / "answers").iterdir()) == []


@pytest.mark.parametrize("when", ["before the files are listed", "after"])
def test_an_answer_that_is_decided_while_others_are_swept_stays(home, anybody, monkeypatch, when):
    code = anybody.ask("access")
    anybody.post("/rights/proof", TWO, tracking=code)
    [line] = home.requests.listed()
    (home.path / "answers").mkdir()
    glob, decided = Path.glob, []

    def decide(*_):
        if not decided:
            decided.append(line)
            decided.append(home.requests.decide(line["request"], grant=True, to_fetch=True))

    def interleaved(folder, pattern):
        if when != "after":
            decide()
        found = list(glob(folder, pattern))
        decide()
        return iter(found)

    with monkeypatch.context() as beside:
        beside.setattr(Path, "glob", interleaved)
        home.requests.sweep_answers()
    assert len(decided) == 2
    assert anybody.post("/rights/answer", tracking=code).status_code == 200


@pytest.mark.parametrize(
    "sweeps", [lambda home: list(home.health.examine()), lambda home: home.retention.retain(run=True)]
)
def test_an_answer_past_its_term_goes_with_doctor_and_retain(home, anybody, monkeypatch, sweeps):
    code = anybody.ask("access")
    anybody.post("/rights/proof", TWO, tracking=code)
    home.requests.decide(home.requests.listed()[0]["request"], grant=True, to_fetch=True)
    monkeypatch.setattr(access_answers, "FETCH_FOR", timedelta(0))
    sweeps(home)
    assert list((home.path / "answers").iterdir()) == []


def test_withdrawing_takes_an_answer_with_it(home, anybody):
    code = anybody.ask("access")
    anybody.post("/rights/proof", TWO, tracking=code)
    home.requests.decide(home.requests.listed()[0]["request"], grant=True, to_fetch=True)
    anybody.post("/rights/withdraw", tracking=code, sure="yes")
    assert list((home.path / "answers").iterdir()) == []
    assert anybody.post("/rights/answer", tracking=code).status_code == 404


@pytest.mark.parametrize(
    ("photo", "fields", "says"),
    [
        (None, {"kind": "opt-out"}, "ay who it is about"),
        (ONE, {"kind": "anything"}, "what you ask for"),
        (ONE, {"kind": "opt-out", "tier": "7"}, "how much can be kept"),
        (None, {"kind": "opt-out", "tier": "2", "name": "Alice"}, "a photograph of you is needed"),
        (None, {"kind": "opt-out", "which": "~root/x.jpg"}, "an ID of 32 letters and digits"),
        (None, {"kind": "opt-out", "which": "http://[#"}, "not the address of a picture"),
        (ONE, {"kind": "opt-out", "place": "Mars"}, "oose a jurisdiction from the list"),
        (b"no picture", {"kind": "access"}, "t be used"),
        (toy.picture("alice@1,1,50,50", "bob@60,1,90,50"), {"kind": "access"}, "Send a photograph that shows only you"),
    ],
)
def test_what_is_wrong_is_said_on_the_form(home, anybody, photo, fields, says):
    found = anybody.post("/rights", photo, **fields)
    assert found.status_code in {400, 422}
    assert says in found.text, found.text
    assert 'role="alert"' in found.text
    assert home.requests.listed() == []


@pytest.mark.parametrize("said", ["", "7KQM2-F9XAB-7KQM2-F9XAB", "id", "x" * 500])
def test_no_request_is_shown_but_by_its_code(home, anybody, said):
    anybody.ask()
    if said == "id":
        said = home.requests.listed()[0]["request"]
    for path in ("status", "proof", "withdraw", "answer"):
        found = anybody.post(f"/rights/{path}", tracking=said)
        assert found.status_code == 404
        assert "No request has this code" in found.text


def test_what_fails_here_tells_nobody_of_the_machine(home, anybody, monkeypatch):
    def fails(*_, **__):
        raise StorageFailed(f"{home.path}/records.db could not be used: disk I/O error", "run `countenance doctor`")

    monkeypatch.setattr(home.parts.stores.log, "append", fails)
    for found in (anybody.post("/rights", ONE, kind="opt-out"), anybody.post("/rights/status", tracking="7" * 20)):
        assert str(home.path) not in found.text
        assert "records.db" not in found.text
    found = anybody.post("/rights", ONE, kind="opt-out")
    assert found.status_code == 503
    assert "Part of it may have been done" in found.text


def test_a_request_that_is_withdrawn_by_then_is_not_said_to_be_unchanged(home, anybody, monkeypatch):
    code = anybody.ask()

    def fails(*_, **__):
        raise StorageFailed(f"{home.path}/answers can't be used: disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(access_answers.AccessAnswers, "forget", fails)
        found = anybody.post("/rights/withdraw", tracking=code, sure="yes")
    assert found.status_code == 503
    assert "nothing was changed" not in found.text
    assert "Part of it may have been done" in found.text
    assert str(home.path) not in found.text
    assert "Withdrawn" in anybody.post("/rights/status", tracking=code).text


def test_another_site_can_not_send_the_form(anybody):
    found = anybody._portal.call(
        lambda: anybody._client.post("/rights", data={"kind": "opt-out"}, headers={"sec-fetch-site": "cross-site"})
    )
    assert found.status_code == 403


def test_who_asks_too_often_waits(home, anybody):
    for _ in range(20):
        anybody.post("/rights/status", tracking="7KQM2-F9XAB-7KQM2-F9XAB")
    found = anybody.post("/rights/status", tracking="7KQM2-F9XAB-7KQM2-F9XAB")
    assert found.status_code == 429
    assert int(found.headers["retry-after"]) > 0


def test_an_answer_that_came_back_with_a_backup_goes_where_it_was_withdrawn_since(home, anybody, tmp_path):
    code = anybody.ask("access")
    anybody.post("/rights/proof", TWO, tracking=code)
    home.requests.decide(home.requests.listed()[0]["request"], grant=True, to_fetch=True)
    [waiting] = (home.path / "answers").iterdir()
    assert waiting.stat().st_mode & 0o077 == 0
    home.backups.write(tmp_path / "backup")
    anybody.post("/rights/withdraw", tracking=code, sure="yes")
    restore(tmp_path / "backup", tmp_path / "again", log=home.path / "log.db")
    assert list((tmp_path / "again" / "answers").iterdir()) != []
    with open_home(tmp_path / "again") as again:
        again.requests.sweep_answers()
    assert list((tmp_path / "again" / "answers").iterdir()) == []
