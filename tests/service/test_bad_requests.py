"""Requests that are no good, row by row of docs/service.md ("What bad input gets"), at each door where one can be sent.

Each row says which row of the table it belongs to.
"""

import functools
import uuid
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
import structlog

from countenance.http import bodies
from support import bad_input
from support.bytescan import Thief

MARK = "zq-whose-picture-qz"  # stands in whatever is sent; nothing keeps or tells it
FORM = {"content-type": "multipart/form-data; boundary=b"}
CUT = f'--b\r\nContent-Disposition: form-data; name="picture"; filename="../../{MARK}"\r\n\r\nabc'.encode()
PURPOSE = {"purpose": "archive-description", "case": "C-1"}


@dataclass(frozen=True)
class Row:
    """One bad request at one door; `of` begins the table's row."""

    of: str
    what: str
    door: str
    send: object
    status: int
    kind: str = ""  # of the problem or error; of a page: "told", where the form says it

    def __str__(self):
        return f"{self.what}-{self.door}"


def told(found):
    """(status, kind) of an answer that is no call of a door's own method."""
    if found.headers.get("content-type") == "application/problem+json":
        return found.status_code, found.json()["type"].rpartition(":")[2]
    return found.status_code, "told" if 'role="alert"' in found.text else ""


def raw(path, headers, content):
    """As it is, by the owner's session where the path is a page's."""

    def send(doors):
        if path.startswith("/v1"):
            return doors.v1(path[3:], headers, content=content())
        return told(doors.page_raw(path, headers, content()))

    return send


# Rows of the table that stand elsewhere.
ELSEWHERE = {
    "text, HTML": "service/test_bad_pictures.py",
    "the same, uploaded": "service/test_bad_pictures.py",
    "a picture without a face": "service/test_bad_pictures.py",
    "one with several faces": "api/test_searching.py",
    "too many requests": "http/test_guards.py",
    "a full disk": "service/test_full_disk.py",
    "a worker process": "service/test_killed_worker.py",
}


async def endless():
    yield CUT
    await anyio.sleep_forever()


async def nothing():
    yield b""


DOORS = {"/v1": "/v1/search", "search page": "/search", "/rights": "/rights", "upload page": "/source/upload"}
TOO_LONG = {**FORM, "content-length": str(10**12)}
NO_ID = str(uuid.UUID(int=7))


def asked(path, method="GET"):
    return lambda doors: doors.v1(path, method=method)


ROWS = (
    # A picture is sent, never an address for one.
    Row("an address", "as the picture", "/v1", lambda d: d.v1("/search", json={"picture": f"https://{MARK}.example"}),
        422, "bad_picture"),
    Row("an address", "in its place", "/v1", lambda d: d.v1("/search", json={"url": f"https://{MARK}.example"}),
        422, "invalid"),
    Row("an address", "in its place", "Rekognition",
        lambda d: d.rekognition("DetectFaces", {"Image": {"S3Object": {"Bucket": MARK, "Name": MARK}}}),
        400, "InvalidS3ObjectException"),
    Row("an address", "in its place", "search page",
        lambda d: told(d.page("/search", picture=f"https://{MARK}.example/a.jpg", **PURPOSE)), 422, "told"),
    Row("an address", "in its place", "/rights",
        lambda d: told(d.send("/rights", data={"kind": "opt-out", "tier": "2", "photograph": f"https://{MARK}"})),
        400, "told"),
    Row("an address", "in its place", "guest page",
        lambda d: told(d.send(f"/guest/{d.link}", data={"agreed": "x", "photograph": f"https://{MARK}"})),
        400, "told"),
    *(Row("a body of more", "too long", door, raw(path, TOO_LONG, nothing), 413, "too_large")
      for door, path in DOORS.items()),
    Row("a body of more", "too long", "Rekognition",
        lambda d: d.rekognition("DetectFaces", headers_sent={"content-length": str(16 * 2**20)}, content=nothing()),
        400, "ImageTooLargeException"),
    *(Row("a body of more", "endless", door, raw(path, FORM, endless), 408, "too_slow")
      for door, path in DOORS.items()),
    Row("a body of more", "endless", "Rekognition",
        lambda d: d.rekognition("DetectFaces", content=endless()), 408, "RequestTimeoutException"),
    *(Row("a form without", "no boundary", door, raw(path, {"content-type": "multipart/form-data"}, lambda: CUT), 400,
          "wrong_use" if door == "/v1" else "told") for door, path in DOORS.items()),
    Row("a form without", "cut off", "/v1", raw("/v1/search", FORM, lambda: CUT), 422, "invalid"),
    *(Row("a form without", "cut off", door, raw(path, FORM, lambda: CUT), status, "told")
      for door, path, status in (("search page", "/search", 403), ("/rights", "/rights", 400))),
    *(Row("a form without", "too many parts", door, raw(path, FORM, lambda: b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\nx\r\n' % n for n in range(300)) + b"--b--"), 400,
          "wrong_use" if door == "/v1" else "told") for door, path in DOORS.items()),
    *(Row("a place that climbs", f"place {place!r}", "/v1", functools.partial(
        lambda d, place: d.v1("/sources/handed/pictures", files={"picture": ("x", b"x")}, data={"place": place}),
        place=place), 400, "wrong_use") for place in (f"../../{MARK}", f"/{MARK}", f"a/../{MARK}", f"{MARK}\0.jpg")),
    *(Row("a place that climbs", f"path {path!r}", "/v1", asked(path), 404, "not_found")
      for path in (f"/sources/..%2f{MARK}", f"/sources/{MARK}%0d%0aX-Evil:%201")),
    Row("a place that climbs", "an id", "/v1", asked(f"/faces/{MARK}%00"), 422, "invalid"),
    *(Row("a place that climbs", f"path {path!r}", "page", functools.partial(
        lambda d, path: told(d.page(path, method="GET")), path=path), 404, kind)
      for path, kind in ((f"/sources/..%2f{MARK}", "told"), (f"/sources/{MARK}%0d%0aX-Evil:%201", "not_found"),
                         (f"/searches/..%2f{MARK}", ""), (f"/static/x/..%2f{MARK}", ""))),
    *(Row("a place that climbs", f"collection {name!r}", "Rekognition", functools.partial(
        lambda d, name: d.rekognition("CreateCollection", {"CollectionId": name}), name=name),
          400, "InvalidParameterException") for name in (f"../{MARK}", f"{MARK}\r\nX-Evil: 1", f"{MARK}\0")),
    *(Row("an unknown id", f"source {name}", "/v1", asked(f"/sources/{name}"), 404, "not_found")
      for name in ("gala", MARK)),
    *(Row("an unknown id", path.split("/")[1], "/v1", asked(path), 404, "not_found")
      for path in (f"/faces/{NO_ID}/crop", f"/jobs/{NO_ID}")),
    *(Row("an unknown id", path.split("/")[1], "page", functools.partial(
        lambda d, path: told(d.page(path, method="GET")), path=path), 404, "told" if "guest" not in path else "")
      for path in (f"/pictures/{NO_ID}", f"/receipts/{NO_ID}", f"/orders/{NO_ID}", f"/requests/{NO_ID}",
                   f"/guest/{MARK}")),
    Row("an unknown id", "collection", "Rekognition",
        lambda d: d.rekognition("DescribeCollection", {"CollectionId": MARK}), 400, "ResourceNotFoundException"),
    Row("no key", "none", "/v1", lambda d: told(d.send("/v1/search", json={})), 401, "sign_in_needed"),
    Row("no key", "unknown", "/v1", lambda d: d.v1("/search", {"authorization": f"Bearer {MARK}"}, json={}),
        401, "sign_in_needed"),
    Row("no key", "unknown", "Rekognition", lambda d: d.rekognition("ListCollections", key="AKIAIOSFODNN7EXAMPLE"),
        400, "UnrecognizedClientException"),
    *(Row("no key", f"signed {late_s} s off", "Rekognition", functools.partial(
        lambda d, late_s: d.rekognition("ListCollections", late_s=late_s), late_s=late_s),
          400, "InvalidSignatureException") for late_s in (-400, 400)),
    Row("no key", "another body", "Rekognition", lambda d: d.rekognition("ListCollections", content=b'{"a": 1}'),
        400, "InvalidSignatureException"),
    Row("no key", "none", "page", lambda d: told(d.send("/log", method="GET")), 303),
    Row("a write that is sent", "replayed", "Rekognition",
        lambda d: d.rekognition("CreateCollection", {"CollectionId": "twice"}, times=2), 400, "ThrottlingException"),
    *(Row("another host", "host", door, functools.partial(
        lambda d, path: told(d.send(path, {"host": f"{MARK}.example"})), path=path),
          421, "other_host" if door == "/v1" else "") for door, path in (*DOORS.items(), ("Rekognition", "/"))),
    Row("another host", "another site's form", "/v1",
        lambda d: told(d.page("/v1/search", headers={"sec-fetch-site": "cross-site"}, name=MARK)), 403, "not_allowed"),
    *(Row("another host", "another site's form", door, functools.partial(
        lambda d, path: told(d.page(path, headers={"sec-fetch-site": "cross-site"}, name=MARK)), path=path),
          403, "told") for door, path in DOORS.items() if door != "/v1"),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_is_told_as_the_table_says_and_named_nowhere(doors, row, capfd, monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.2)
    with structlog.testing.capture_logs() as lines:
        assert row.send(doors) == (row.status, row.kind)
    assert [line["event"] for line in lines][-1:] == ["request"]
    assert not [line for line in lines if line["event"] == "request.failed"]
    for said in (repr(lines), *capfd.readouterr()):
        assert MARK not in said
        assert "Traceback" not in said
    headers = doors.last.headers
    assert "x-evil" not in headers
    assert row.door != "/v1" or row.kind in {"wrong_use", "not_found"} or MARK not in doors.last.text


def test_another_clients_and_none_get_one_answer(doors):
    found = []
    for name in ("gala", "none"):
        assert doors.v1(f"/sources/{name}", method="GET")[0] == 404
        said = doors.last.json()
        found.append({**said, "instance": "", "detail": said["detail"].replace(name, "")})
    assert found[0] == found[1]


def test_nothing_of_them_stays(fresh, monkeypatch):
    """Every row again, then every byte of the home as somebody reads it who has its master key too."""
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.05)
    for row in ROWS:
        row.send(fresh)
    home = fresh.home
    assert Thief(home.parts.keyfile, home.path).find({"the mark": MARK.encode()}) == {}
    assert home.uploads.waiting("handed") == 0


def test_the_table_and_these_rows_are_the_same():
    ours = {row.of for row in ROWS} | set(ELSEWHERE)
    for of in ours:
        bad_input.row(of)
    assert [row["what"] for row in bad_input.rows() if not row["what"].startswith(tuple(ours))] == []
    assert [name for name in ELSEWHERE.values() if not (Path(__file__).parent.parent / name).is_file()] == []


@pytest.mark.parametrize("of", sorted({row.of for row in ROWS}))
def test_the_table_names_each_status_that_these_rows_get_and_no_other(of):
    for column, doors in (("/v1", {"/v1"}), ("pages", {row.door for row in ROWS} - {"/v1", "Rekognition"})):
        cell = bad_input.row(of)[column]
        if named := bad_input.statuses(cell):
            assert named == {row.status for row in ROWS if row.of == of and row.door in doors}, cell


def test_what_the_table_says_of_a_row_at_one_page_alone():
    """An address is no file: where a photograph is one field of several, the form came without one."""
    assert "`/rights` and on a guest's page 400" in bad_input.row("an address")["pages"]
    got = {row.door: row.status for row in ROWS if row.of == "an address"}
    assert [door for door, status in got.items() if status == 400 and door != "Rekognition"] == [
        "/rights",
        "guest page",
    ]
