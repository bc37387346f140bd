"""Every page in a language that nobody speaks: whatever was not translated stands out."""

import gettext
import re
from html.parser import HTMLParser

import httpx
import pyotp
import pytest
from anyio.from_thread import start_blocking_portal

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from countenance.service.app import Serving, application
from countenance.web import context as web_ask
from countenance.web import remedies, render
from countenance.web.app import PAGES

# What is data and not text: names of this home's own things, of laws, files, commands and formats; ids and times.
DATA = re.compile(
    r"""[0-9a-f]{8}-[0-9a-f-]{27} | \b[0-9a-f]{8,64}\b | \b[0-9A-Z]{5}(-[0-9A-Z]{5})+\b | \d{4}-\d\d-\d\d(T[0-9:.+Z]+)?
    | \b(album|gala|May|alice|both|notes|me)(\.jpg|\.pdf)?\b | \bCA-ON\b | \bFR\b | \bCountenance\b | \bC-1\b
    | \bfile://\S* | /\S*/(pictures|album)\S* | \bcountenance\ [a-z][a-z\ -]* | \b[A-Z]{2,4}\b | \btoy[a-z0-9-]*\b
    | \bPIPEDA\b | \bonnxruntime\b | /home/you/Pictures | \bpx\b
    | \bsface\S* | \byunet\S* | \bCPUExecutionProvider\b | \bUTC\b | \bsha256\b | \b[kMG]B\b
    """,
    re.VERBOSE,
)


class Unspoken(gettext.NullTranslations):
    """Every text in brackets."""

    def gettext(self, message):
        return f"⟦{message}⟧"

    def ngettext(self, one, more, n):
        return f"⟦{one if n == 1 else more}⟧"


class Read(HTMLParser):
    """What a reader sees or hears of a page; but for parts that say in which language they are (WCAG 3.1.2)."""

    SILENT = ("script", "style", "pre", "code", "time", "title")
    EMPTY = ("meta", "link", "img", "input", "br", "hr", "path", "circle", "rect", "line", "source")
    SPOKEN = ("alt", "aria-label", "placeholder", "title")

    def __init__(self, page):
        super().__init__()
        self.said, self._within, self._silent = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag in self.EMPTY:
            silent = self._silent
        else:
            silent = self._silent or tag in self.SILENT or (tag != "html" and "lang" in dict(attrs))
            self._within.append((tag, self._silent))
        if not silent:
            self.said += [value or "" for name, value in attrs if name in self.SPOKEN]
        self._silent = silent

    def handle_endtag(self, tag):
        while self._within:  # a <p> or <li> may end unsaid
            opened, self._silent = self._within.pop()
            if opened == tag:
                return

    def handle_data(self, data):
        if not self._silent:
            self.said.append(data)


def untranslated(page, names):
    """Words that stand outside brackets and are no data."""
    text = names.sub(" ", "\n".join(Read(page).said))
    while "⟦" in text:
        text, before = re.sub(r"⟦[^⟦⟧]*⟧", " ", text), text
        assert text != before, text
    return re.findall(r"[^\W\d_]{2,}(?: [^\W\d_]{2,})*", DATA.sub(" ", text))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A household's home with something on every page, and the addresses of what has one of its own."""
    root = tmp_path_factory.mktemp("every text")
    album = write_album(root / "album")
    probe = album.probe.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "home.key"))
        for module in (render, web_ask, remedies):
            patch.setattr(module, "translations", lambda _: Unspoken())
        render.environment.cache_clear()
        remedies.door.cache_clear()
        with open_home(root / "home") as home:
            home.add_source("album", album.root, basis="household", jurisdiction="CA-ON")
            home.ingest("album")
            session = home.sign_in.follow(home.sign_in.link())
            seen = home.searches.bring(session, probe)
            search = home.searches.search(session, seen.id, 0)
            lower = home.searches.lower(session, search, home.searches.searched(session, search).floor)
            leads = home.searches.searched(session, lower).result.leads
            may = home.people.new([lead.face_id for lead in leads[:2]], "May")
            opened = home.requests.open(kind="opt-out", tier=1, photo=probe)
            erased = home.erase(face=leads[-1].face_id)
            demand = root / "order.pdf"
            demand.write_bytes(b"%PDF-1.7 stop")
            asked = home.searches.note(session, "question", {"picture": seen.id, "purpose": None, "case": None})
            drafted = home.orders.draft(
                document=demand, authority="CNIL", dated="2026-10-01", sources=["album"], stop_collecting=True
            )
            parts = {part for path in album.root.rglob("*") for part in (path.name, path.stem)} | {str(root)}
            yield home, session, re.compile("|".join(map(re.escape, sorted(parts, key=len, reverse=True)))), {
                "name:path": "album", "person": may.id, "id": opened["request"], "receipt": erased.receipt,
                "search": lower, "picture": leads[0].picture.id, "probe": asked,
                "order": drafted.uid,
            }  # fmt: skip
        render.environment.cache_clear()
        remedies.door.cache_clear()


@pytest.fixture(scope="module")
def get(filled):
    home, session, *_ = filled
    with start_blocking_portal() as portal:
        app = application(home, Serving(str(home.path), ("localhost",), secure=False))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        client.cookies.set(f"countenance-{home.id[:8]}", session)
        yield lambda path: portal.call(lambda: client.get(path, headers={"sec-fetch-site": "same-origin"}))


PLAIN = sorted(
    {route.path for module in PAGES for route in module.routes if "GET" in route.methods and "{" not in route.path}
)


@pytest.mark.parametrize("path", PLAIN)
def test_a_page_says_nothing_that_no_catalogue_has(filled, get, path):
    found = get(path)
    if not found.headers.get("content-type", "").startswith("text/html"):
        return  # a file to take away
    assert untranslated(found.text, filled[2]) == []


@pytest.mark.parametrize(
    "path",
    ["/sources/{name:path}", "/people/{person}", "/pictures/{picture}", "/pictures/{picture}/erase", "/requests/{id}",
     "/receipts/{receipt}", "/orders/{order}", "/probes/{probe}", "/searches/{search}",
     "/searches/{search}?threshold=0.9", "/nowhere", "/requests/none"],
)  # fmt: skip
def test_what_has_a_page_of_its_own_too(filled, get, path):
    for name, value in filled[3].items():
        path = path.replace("{" + name + "}", str(value))
    found = get(path)
    assert found.status_code == (404 if path in {"/nowhere", "/requests/none"} else 200)
    assert untranslated(found.text, filled[2]) == []


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """(get, address of the link for guests): an organisation's home with a client, a key and an event."""
    root = tmp_path_factory.mktemp("every text of an office")
    with pytest.MonkeyPatch.context() as patch, start_blocking_portal() as portal:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "home.key"))
        for module in (render, web_ask, remedies):
            patch.setattr(module, "translations", lambda _: Unspoken())
        render.environment.cache_clear()
        remedies.door.cache_clear()
        with open_home(root / "home", kind="organisation") as home:
            home.add_source(
                "gala", None, basis="consent", jurisdiction="FR", purposes=["event-delivery"], evidence=b"x"
            )
            link = home.guests.open_link("gala", organiser="May")["token"]
            home.access_keys.make("gala", rights=["search"], purpose="archive-description", case="C-1")
            new = home.sign_in.add("May", "a long enough password")
            session = home.sign_in.enter("May", "a long enough password", pyotp.TOTP(new.totp_secret).now())
            app = application(home, Serving(str(home.path), ("localhost",), secure=False))
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://localhost"
            )

            def get(path, signed_in):
                cookie = {"cookie": f"countenance-{home.id[:8]}={session}"} if signed_in else {}
                return portal.call(lambda: client.get(path, headers={"sec-fetch-site": "same-origin", **cookie}))

            yield get, f"/guest/{link}"
        render.environment.cache_clear()
        remedies.door.cache_clear()


@pytest.mark.parametrize("path", [path for path in PLAIN if path != "/source/progress"])
def test_the_pages_of_an_office_too(office, path):
    found = office[0](path, True)
    if found.headers.get("content-type", "").startswith("text/html"):
        assert untranslated(found.text, re.compile(r"gala|May")) == []


def test_what_a_guest_and_a_stranger_read(office):
    get, link = office
    for path in (link, "/sign-in", "/rights", "/guest/none"):
        assert untranslated(get(path, False).text, re.compile(r"gala|May")) == [], path
