"""The whole way of a guest in a real browser: an organiser's link, consent, their pictures, the files, the way out."""

import zipfile

import pyotp
import pytest

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from support.served import axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
PASSWORD = "a horse, a battery and a staple"
EVENT = "Garden party"


@pytest.fixture(scope="module")
def party(tmp_path_factory, browser):
    """(what is served, the second factor of Ada, the demo's album): an event of whom nobody is a subject."""
    folder = tmp_path_factory.mktemp("party")
    album = write_album(folder / "album")
    (folder / "form.pdf").write_bytes(b"a form")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(folder / "key"))
        with open_home(folder / "home", kind="organisation") as home:
            home.add_source(
                EVENT, album.root, basis="consent", jurisdiction="CA-ON", purposes=["event-delivery"],
                evidence=folder / "form.pdf",
            )  # fmt: skip
            home.ingest(EVENT)
            new = home.sign_in.add("Ada", PASSWORD)
        with serving(folder / "home", folder / "key") as served:
            yield served, new.totp_secret, album


@pytest.fixture(scope="module")
def link(party, browser):
    """The address that an organiser shares, as their page shows it."""
    served, secret, _ = party
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{served.url}/guests?source={EVENT}")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{served.url}/guests?source={EVENT}")
        page.get_by_label("Who is responsible").fill("Ada Byron, ada@example.org")
        page.get_by_role("button", name="Make a link").click()
        page.get_by_role("img", name="The link as a code to scan").locator("svg").wait_for()
        check(page)
        page.set_viewport_size({"width": 390, "height": 844})
        check(page)
        return page.locator(".address").inner_text()


def check(page):
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def consent(page, link, photograph):
    page.goto(link)
    page.get_by_role("checkbox").check()
    page.set_input_files("input[type=file]", photograph)
    page.get_by_role("button", name="Find my pictures").click()


def test_a_guest_finds_takes_and_withdraws(party, link, browser):
    _, _, album = party
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(link)
        assert page.get_by_text("Ada Byron, ada@example.org").count() == 2  # in the text, and below it
        check(page)
        consent(page, link, album.probe)
        page.get_by_text("Save this address").wait_for()
        mine = page.url
        assert mine != link
        page.get_by_role("link", name="Download all").wait_for()  # the page tells by itself
        pictures = page.locator(".guest-grid li")
        assert pictures.count() >= 3
        page.wait_for_load_state("networkidle")
        page.wait_for_function("document.querySelector('.guest-grid img').naturalWidth > 0")
        check(page)
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download all").click()
        with zipfile.ZipFile(saved.value.path()) as archive:
            assert len(archive.namelist()) == pictures.count()
        with page.expect_download() as one:
            page.get_by_role("link", name="Download scan").first.click()
        assert one.value.suggested_filename.startswith("scan ")
        page.get_by_role("link", name="Withdraw").click()
        check(page)
        page.get_by_role("button", name="Withdraw and erase").click()
        page.get_by_role("heading", name="You have withdrawn").wait_for()
        assert page.url == mine
        assert pictures.count() == 0
        check(page)
        with page.expect_download() as receipt:
            page.get_by_role("link", name="Download the signed receipt").click()
        assert '"scope":"guest"' in receipt.value.path().read_text().replace(" ", "")


def test_without_javascript_and_of_somebody_in_no_picture(party, link, browser):
    with browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        consent(page, link, party[2].stranger)
        page.get_by_text("Save this address").wait_for()
        for _ in range(600):
            if page.get_by_role("heading", name="No picture of you was found").is_visible():
                break
            page.wait_for_timeout(500)
            page.get_by_role("link", name="Show those found so far").click()
        assert page.get_by_text("kept out").is_visible()  # to everybody
        page.get_by_role("link", name="Withdraw").click()
        page.get_by_role("button", name="Withdraw and erase").click()
        page.get_by_role("heading", name="You have withdrawn").wait_for()


def test_what_can_not_be_used_is_said_on_the_form(party, link, browser):
    root = party[2].root
    with browser.new_context() as context:
        page = context.new_page()
        group = next(path for path in sorted(root.rglob("*")) if "Expedition" in path.name)
        consent(page, link, group)
        page.get_by_role("alert").get_by_text("faces").wait_for()
        assert page.get_by_role("button", name="Find my pictures").is_visible()
        check(page)


@pytest.mark.parametrize("path", ["nothing", "nothing/withdraw", "nothing/my-pictures.zip", "nothing/receipt.json"])
def test_a_link_that_is_not_in_use_gets_one_answer(party, browser, path):
    with browser.new_context() as context:
        page = context.new_page()
        answer = page.goto(f"{party[0].url}/guest/{path}")
        assert answer.status == 404
        assert page.get_by_role("heading", name="This link is not valid").is_visible()
