"""What stands before every door, each alone: names, headers, bodies, the journal, rates."""

import json

import anyio
import httpx
import pytest
import structlog
from anyio.from_thread import start_blocking_portal
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from countenance.errors import TooMany
from countenance.http import bodies
from countenance.http.access_log import Journal
from countenance.http.bodies import BodyLimit
from countenance.http.middleware import OwnHosts, StrictHeaders
from countenance.http.rates import RateLimit, Rates
from countenance.web.context import own_path
from countenance.web.texts import chosen

SECRET = "Jane Doe, 12 Elm Street"


async def echo(scope, receive, send):
    request = Request(scope, receive)
    if request.url.path == "/bug":
        raise RuntimeError(SECRET)
    body = await request.body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def in_own_loop(function):
    """In a thread of its own: a browser that an earlier test opened keeps a loop running in this one."""
    with start_blocking_portal() as portal:
        return portal.call(function)


def asked(app, method="GET", url="http://faces.example/", **more):
    async def ask():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, url, **more)

    return in_own_loop(ask)


@pytest.mark.parametrize(("host", "status"), [
    ("faces.example", 200), ("FACES.example:8470", 200), ("[::1]:8470", 200), ("evil.example", 421), ("", 421),
    ("faces.example.evil", 421), ("faces.example@evil", 421),
])  # fmt: skip
def test_only_its_own_names_are_answered(host, status):
    app = OwnHosts(echo, names=["faces.example", "::1"])
    assert asked(app, headers={"host": host}).status_code == status


@pytest.mark.parametrize("secure", [False, True])
def test_every_answer_tells_the_browser_to_be_strict_and_may_say_otherwise(secure):
    answer = asked(StrictHeaders(echo, secure=secure))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert ("strict-transport-security" in answer.headers) is secure


def test_a_body_that_is_announced_too_long_is_refused_before_it_is_read():
    read = []

    async def body():
        read.append(1)
        yield b"x"

    answer = asked(Journal(BodyLimit(echo, max_bytes=10)), "POST", content=body(), headers={"content-length": "11"})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert read == []


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
def test_a_body_that_lies_about_its_length_is_cut_off(size, status):
    async def body():
        for _ in range(size):
            yield b"x"

    assert asked(Journal(BodyLimit(echo, max_bytes=10)), "POST", content=body()).status_code == status


def test_a_body_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.2)

    async def body():
        yield b"x"
        await anyio.sleep_forever()

    app = Journal(BodyLimit(echo))
    sent = []

    async def talk():
        messages = [{"type": "http.request", "body": b"x", "more_body": True}]

        async def receive():
            if messages:
                return messages.pop()
            return await anyio.sleep_forever()

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"",
                 "server": ("faces.example", 80), "client": ("192.0.2.1", 1), "scheme": "http"}  # fmt: skip
        with anyio.fail_after(5):
            await app(scope, receive, send)

    in_own_loop(talk)
    assert sent[0]["status"] == 408


def test_a_bug_is_told_to_the_journal_by_its_lines_and_to_the_client_not_at_all():
    with structlog.testing.capture_logs() as lines:
        answer = asked(Journal(echo), url=f"http://faces.example/bug?q={SECRET}", headers={"x-name": SECRET})
    assert answer.status_code == 500
    told = json.dumps(lines) + answer.text
    assert [line["event"] for line in lines] == ["request.failed", "request"]
    assert lines[0]["trace"][-1].startswith("test_guards.py:")
    assert not any(part in told for part in ("Jane", "Elm", "192.", "/bug"))
    assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"


def test_too_often_is_refused_for_each_address_apart_and_says_when_again():
    rates = Rates()
    for _ in range(10):
        rates.take(RateLimit.SIGN_IN, "192.0.2.1")
    with pytest.raises(TooMany) as refused:
        rates.take(RateLimit.SIGN_IN, "192.0.2.1")
    assert 0 < refused.value.after_s <= 61
    rates.take(RateLimit.SIGN_IN, "192.0.2.2")
    rates.take(RateLimit.PAGES, "192.0.2.1")


@pytest.mark.parametrize(("said", "path"), [
    ("/log?before=3", "/log?before=3"), ("//evil.example", "/"), ("/\\evil.example", "/"),
    ("https://evil.example", "/"), ("/a\r\nset-cookie: x", "/"), ("", "/"), (None, "/"),
])  # fmt: skip
def test_nobody_is_sent_elsewhere(said, path):
    assert own_path(said) == path


@pytest.mark.parametrize("accepted", ["", "xx, yy;q=0.5", "en-GB,en;q=0.9", "fr;q=nothing", ";;;", "*"])
def test_a_language_that_there_is_no_catalogue_for_is_english(accepted):
    assert chosen(accepted) == "en"
