"""Requests as a pictured person and an operator meet them: real models, each step for the very next process."""

import io
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import pytest
import sqlalchemy as sa

from countenance.app.home import open_home
from countenance.records import schema as t

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def leads(desk, album):
    return desk.does("search", album.probe)["leads"]


@pytest.fixture
def photo(mine, album):
    """A photograph of the person whom the album's probe shows; another than the probe."""
    place = unquote(urlsplit(leads(mine.quick, album)[0]["uri"]).path)
    copied = mine.root / "me.jpg"
    copied.write_bytes(Path(place).read_bytes())
    return copied


def one_face(desk, photo):
    """--face-number, where the photograph shows several: the largest."""
    faces = desk.does("detect", photo)["faces"]
    sizes = [(face["box"][2] - face["box"][0], number) for number, face in enumerate(faces)]
    return ("--face-number", max(sizes)[1])


def opened(desk, photo, *more, kind="opt-out"):
    return desk.does("request", "open", "--kind", kind, "--photo", photo, *one_face(desk, photo), *more)


@pytest.mark.slow
@pytest.mark.program
def test_an_opt_out_from_its_photograph_to_the_very_next_search(mine, photo, album):
    quick = mine.quick
    asked = quick.run(
        "request", "open", "--kind", "opt-out", "--photo", photo, *one_face(mine.quick, photo), "--jurisdiction", "FR"
    ).ended(0, "tracking code", "GDPR", "Nothing of your face")
    [request] = re.findall(r"^Request ([0-9a-f-]{36})", asked.out)
    [tracking] = re.findall(r"tracking code ([0-9A-Z-]{23})", asked.out)
    assert max(map(len, asked.out.splitlines())) <= 80
    quick.run("request", "show", request).ended(0, "open; answer by")
    quick.run("request", "verify", request, "--photo", album.probe).ended(0, "verified by live-photo", "file://")
    mine.run("request", "decide", request, "--grant").ended(0, "faces erased", "keep the person out")
    assert mine.does("search", album.probe)["leads"] == []
    quick.run("ingest").ended(0)
    assert quick.does("search", album.probe)["leads"] == []
    told = quick.run("request", "show", tracking).ended(0, "decided, granted", "Nothing of your face")
    assert "file://" not in told.out
    assert "Traceback" not in told.err
    mine.run("request", "withdraw", tracking).ended(0, "withdrawn")
    quick.run("ingest").ended(0)
    assert len(quick.does("search", album.probe)["leads"]) == 3


@pytest.mark.slow
def test_an_access_request_is_answered_once_in_a_sealed_file(mine, photo, album):
    import pyzipper

    desk = mine.quick
    request = opened(desk, photo, kind="access")["request"]
    desk.run("request", "verify", request, "--photo", album.probe).ended(0)
    desk.fails(2, "wrong_use", "request", "decide", request, "--grant")
    (desk.root / "taken.zip").write_bytes(b"mine")
    desk.fails(2, "wrong_use", "request", "decide", request, "--grant", "--out", "taken.zip")
    assert (desk.root / "taken.zip").read_bytes() == b"mine"
    answer = desk.does("request", "decide", request, "--grant", "--out", "answer.zip")
    file = desk.root / "answer.zip"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = [each for lead in leads(desk, album) for each in (lead, *lead["duplicates"])]
    assert answer["pictures"] == len({each["picture_id"] for each in shown}) > 3
    with pyzipper.AESZipFile(io.BytesIO(file.read_bytes())) as archive:
        archive.setpassword(answer["passphrase"].encode())
        assert len([name for name in archive.namelist() if name.startswith("pictures/")]) == answer["pictures"]
    assert answer["passphrase"].encode() not in b"".join(
        path.read_bytes() for path in desk.home.rglob("*") if path.is_file()
    )
    desk.fails(2, "wrong_use", "request", "decide", request, "--grant", "--out", "again.zip")
    assert not (desk.root / "again.zip").exists()
    assert len(leads(desk, album)) == 3


def test_opening_gives_one_answer_whoever_is_in_the_gallery(mine, photo, album):
    desk = mine.quick
    [first, *_] = leads(desk, album)
    answers = [
        desk.does("request", "open", "--kind", "erasure", *about)
        for about in (
            ("--face", first["face_id"]), ("--face", UNKNOWN), ("--address", first["uri"]),
            ("--address", "file:///nowhere/at/all.jpg"), ("--name", "Nobody"),
        )
    ]  # fmt: skip
    same = [{k: v for k, v in answer.items() if k not in {"request", "tracking", "due_at"}} for answer in answers]
    assert all(each == same[0] for each in same)
    assert all(desk.does("request", "show", answer["request"])["faces"] == [] for answer in answers)
    told = [desk.does("request", "show", answer["tracking"]) for answer in answers]
    assert all(each.keys() == told[0].keys() for each in told)


def test_wrong_use_says_what_and_why(mine, photo):
    desk = mine.quick
    request = opened(desk, photo)["request"]
    for code, kind, arguments in (
        (2, "wrong_use", ("show", "no id")),
        (4, "not_found", ("show", UNKNOWN)),
        (4, "not_found", ("show", "00000-00000-00000-00000")),
        (2, "wrong_use", ("open", "--kind", "opt-out")),
        (2, "wrong_use", ("open", "--kind", "complaint", "--name", "Ada")),
        (2, "wrong_use", ("open", "--kind", "opt-out", "--face", "7")),
        (2, "wrong_use", ("open", "--kind", "opt-out", "--name", "Ada", "--tier", "2")),
        (2, "wrong_use", ("open", "--kind", "access", "--name", "Ada", "--law", "lgpd")),
        (2, "bad_picture", ("open", "--kind", "access", "--photo", "nowhere.jpg")),
        (2, "wrong_use", ("verify", request)),
        (2, "wrong_use", ("verify", request, "--document", "government-id")),
        (2, "wrong_use", ("verify", request, "--send-code", "--code", "X")),
        (3, "policy_denied", ("verify", request, "--code", "X")),
        (3, "policy_denied", ("verify", request, "--photo", photo, *one_face(desk, photo))),
        (2, "wrong_use", ("decide", request)),
        (2, "wrong_use", ("decide", request, "--grant", "--refuse")),
        (2, "wrong_use", ("decide", request, "--grant")),
        (2, "wrong_use", ("decide", request, "--refuse")),
        (2, "wrong_use", ("extend", request)),
    ):
        desk.fails(code, kind, "request", *arguments)
    assert desk.does("request", "show", request)["state"] == "open"


def as_if_late(desk):
    """The deadline as it will stand some day: the program's clock can't be turned."""
    late = sa.update(t.requests).values(due_at=datetime.now(UTC) - timedelta(days=3))
    with (
        patch.dict(os.environ, desk.environment()),
        open_home(desk.home) as home,
        home.parts.stores.records.database.write() as connection,
    ):
        connection.execute(late)


def test_an_overdue_request_shouts(mine):
    desk = mine.quick
    request = desk.does("request", "open", "--kind", "erasure", "--name", "Ada", "--contact", "ada@example.org")
    desk.run("status").ended(0, "due within", request["request"])
    assert desk.does("status")["requests"][0]["overdue"] is False
    as_if_late(desk)
    desk.run("status").ended(0, "OVERDUE since")
    desk.run("request", "list").ended(0, "OVERDUE since")
    desk.run("request", "decide", request["request"], "--refuse", "--reason", "nobody answered").ended(0, "refused")
    desk.run("request", "list").ended(0, "No open request.")
    desk.run("request", "list", "--all").ended(0, request["request"], "decided")
    assert desk.does("status")["requests"] == []
