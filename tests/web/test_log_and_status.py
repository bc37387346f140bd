"""Log and Status: what the overseer sees, and what they check."""

import json

import pytest

from countenance.app.home import open_home
from support.served import WIDTHS, axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("oversight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        (root / "album").mkdir()
        with open_home(root / "home") as home:
            home.add_source("album", root / "album", basis="household", jurisdiction="CA-ON")
            for _ in range(60):
                home.interaction("album")
            home.withdraw("album")
            home.add_source("handed in", None, basis="household", jurisdiction="CA-ON")
            home.uploads.put("handed in", "a.jpg", b"not yet looked at")
        with serving(root / "home", root / "key") as found:
            yield found


def test_the_log_is_paged_and_each_entry_has_a_proof_that_holds(served, page, tmp_path):
    page.goto(served.url + "/log")
    page.get_by_role("link", name="Older").click()
    page.get_by_text("home.created").wait_for()
    page.locator("summary").last.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Proof of entry 0").click()
    download.value.save_as(tmp_path / "proof.json")
    assert json.loads((tmp_path / "proof.json").read_text())["entry"]["position"] == 0


@pytest.mark.parametrize("page", [{}, {"java_script_enabled": False}], indirect=True)
def test_the_whole_log_is_verified_from_the_page(served, page):
    page.goto(served.url + "/log")
    page.get_by_role("button", name="Verify the whole log").press("Enter")
    page.get_by_text("The log is intact").wait_for()


def test_what_is_due_shouts(served, page):
    page.goto(served.url + "/status")
    page.get_by_text("erase album").wait_for()
    assert page.get_by_text("Nothing is due").count() == 0


def test_an_upload_that_waits_is_named_with_the_way_to_it(served, page):
    page.goto(served.url + "/status")
    waits = page.get_by_role("listitem").filter(has_text="Waiting in handed in")
    waits.get_by_text("1 upload is not ingested yet.").wait_for()
    waits.get_by_role("link", name="Scan for new pictures").click()
    page.get_by_role("heading", name="handed in").wait_for()


def test_a_position_that_is_none_is_told(served, page):
    assert page.goto(served.url + "/log?before=-1").status == 400
    page.get_by_role("alert").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_both_pages_are_for_everybody(served, owner, browser, width, scheme):
    with browser.new_context(storage_state=owner, color_scheme=scheme,
                             viewport={"width": width, "height": 900}) as context:  # fmt: skip
        page = context.new_page()
        for path in ("/log", "/status"):
            page.goto(served.url + path)
            assert axe_violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_who_is_not_signed_in_is_told_nothing(served, browser):
    with browser.new_context() as context:
        for path in ("/log", "/log/export", "/log/key", "/log/checkpoint", "/status"):
            answer = context.request.get(served.url + path, max_redirects=0)
            assert (answer.status, answer.text()) == (303, "")
        assert context.request.post(served.url + "/log/verify").status == 401
