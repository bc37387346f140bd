"""People: suggested, decided, named, parted, merged and taken back, in a browser."""

from importlib import resources

import pytest

from countenance.app.home import open_home
from support.served import WIDTHS, axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
DATA = resources.files("countenance.app.demo") / "data"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        with open_home(root / "home") as home:
            home.add_source("event", None, basis="household", jurisdiction="CA-ON")
            for name in ("grace-hopper.jpg", "aksel-andersson.jpg", "expedition-1897.jpg"):
                data = (DATA / name).read_bytes()
                for number in range(2):
                    home.uploads.put("event", f"{number}-{name}", data + bytes(number))
            home.ingest("event")
        with serving(root / "home", root / "key") as found:
            yield found


def test_groups_are_decided_named_parted_merged_and_taken_back(served, page):
    page.goto(served.url + "/people")
    page.get_by_text("No people yet.").wait_for()
    page.get_by_role("link", name="Suggest groups").click()
    group = page.locator("form.group").first
    group.get_by_label("Name (optional)").fill("Grace")
    group.get_by_role("button", name="Yes, one person").press("Enter")
    page.get_by_text("Saved as one person.").wait_for()
    page.goto(served.url + "/people")
    page.get_by_role("link", name="Grace").click()
    page.get_by_label("Name").fill("G. H.")
    page.get_by_role("button", name="Name").click()
    page.get_by_role("heading", name="G. H.").wait_for()
    page.locator(".pick input").first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Move to another person").click()
    page.get_by_text("The faces are moved to another person.").wait_for()
    page.get_by_label("The same person as").select_option(label="G. H. (1)")
    page.get_by_role("button", name="Merge them").click()
    page.get_by_text("Merged.").wait_for()
    assert page.locator(".pick li").count() == 2
    page.goto(served.url + "/people")
    page.get_by_role("button", name="Undo the newest decision").click()
    page.get_by_text("The newest decision is undone.").wait_for()
    page.get_by_role("heading", name="2 people").wait_for()


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_what_was_decided_is_shown_and_the_newest_taken_back(served, page):
    page.goto(served.url + "/people")
    page.get_by_role("link", name="What was decided").click()
    decisions = page.locator(".key-list > li")
    told = decisions.locator("b").all_inner_texts()
    assert told[:2] == ["Merged", "Moved to another person"]
    assert told[-1] == "One person"
    assert decisions.first.get_by_text("undone").count() == 1
    named = decisions.filter(has_text="Named").first
    named.get_by_role("link", name="G. H.").wait_for()
    page.get_by_role("button", name="Undo the newest decision").click()
    page.goto(served.url + "/people/history")
    assert page.locator(".key-list > li").nth(1).get_by_text("undone").count() == 1


def test_keys_choose_many_faces(served, page):
    page.goto(served.url + "/people")
    with page.expect_navigation():  # until it is loaded: a key pressed before its script runs does nothing
        page.locator("a.person").first.click()
    boxes = page.locator(".pick input")
    boxes.first.focus()
    page.keyboard.press("Control+a")
    assert page.locator(".pick input:checked").count() == boxes.count()
    page.keyboard.press("Escape")
    assert page.locator(".pick input:checked").count() == 0


def test_pictures_of_one_photograph_are_grouped(served, owner, browser):
    for width in WIDTHS:
        with browser.new_context(storage_state=owner, java_script_enabled=False,
                                 viewport={"width": width, "height": 900}) as context:  # fmt: skip
            page = context.new_page()
            page.goto(served.url + "/sources")
            page.get_by_role("link", name="Duplicates").click()
            page.get_by_label("Where").select_option("event")
            page.get_by_role("button", name="Find duplicates").click()
            page.get_by_role("heading", name="3 groups").wait_for()
            group = page.get_by_role("region", name="Group 1")
            assert group.get_by_role("link").count() == 2
            group.get_by_text("nearly the same picture").first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            group.get_by_role("link").first.click()
            page.wait_for_url("**/pictures/*")
    with browser.new_context(storage_state=owner) as context:
        page = context.new_page()
        page.goto(served.url + "/duplicates")
        page.get_by_role("button", name="Find duplicates").click()
        page.get_by_role("heading", name="3 groups").wait_for()
        assert axe_violations(page) == []
    with browser.new_context() as context:
        assert context.request.post(served.url + "/duplicates").status == 401


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_people_pages_are_for_everybody(served, owner, browser, width, scheme):
    with browser.new_context(storage_state=owner, color_scheme=scheme,
                             viewport={"width": width, "height": 900}) as context:  # fmt: skip
        page = context.new_page()
        page.goto(served.url + "/people")
        person = page.locator("a.person").first.get_attribute("href")
        for path in ("/people", "/people/suggested", "/people/history", person):
            page.goto(served.url + path)
            assert axe_violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
