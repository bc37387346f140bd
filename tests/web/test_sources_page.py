"""Sources: from an empty home to searchable pictures, in a browser, with and without JavaScript."""

from importlib import resources

import pytest

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from support.served import WIDTHS, axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
DATA = resources.files("countenance.app.demo") / "data"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        open_home(root / "home").close()
        with serving(root / "home", root / "key") as found:
            yield found


def add(page, served, name, path=None):
    page.goto(served.url + "/sources")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Jurisdiction").fill("CA-ON")
    if path is None:
        page.get_by_label("uploaded here and stored encrypted").check()
    else:
        page.get_by_label("The folder", exact=True).fill(str(path))
    page.get_by_role("button", name="Add source").click()


def test_a_folder_is_added_and_its_pictures_taken_in(served, page, tmp_path):
    (tmp_path / "hopper.jpg").write_bytes((DATA / "grace-hopper.jpg").read_bytes())
    (tmp_path / "notes.txt").write_text("no picture")
    add(page, served, "album", tmp_path)
    page.get_by_role("heading", name="album").wait_for()
    page.get_by_role("button", name="Scan for new pictures").click()
    page.get_by_text("Last ingest").wait_for()
    page.reload()
    page.get_by_text("Not a picture").first.wait_for()
    page.get_by_text("Show", exact=True).click()
    page.get_by_text("notes.txt").wait_for()


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_files_that_were_not_taken_are_told_by_reason_and_page_by_page(served, page, tmp_path):
    whole = (DATA / "grace-hopper.jpg").read_bytes()
    for number in range(105):
        (tmp_path / f"notes-{number:03}.txt").write_text("no picture")
    for number in range(3):
        (tmp_path / f"torn-{number}.jpg").write_bytes(whole[: len(whole) // (2 + number)])
    add(page, served, "mixed", tmp_path)
    page.get_by_role("button", name="Scan for new pictures").click()
    shown = page.locator(".rejected li")
    for _ in range(1_000):
        page.goto(served.url + "/sources/mixed?from=0")
        if shown.count() == 100:
            break
        page.wait_for_timeout(200)
    page.get_by_text("Show", exact=True).click()
    page.get_by_role("navigation", name="Pages of rejected files").get_by_role("link", name="More").click()
    assert shown.count() == 8
    page.get_by_role("link", name="Before").click()
    assert shown.count() == 100
    page.get_by_role("link", name="Cut short or damaged").click()
    assert shown.count() == 3
    assert shown.first.is_visible()
    for odd in ("?reason=none", "?from=x", "?from=99999999999", "?reason=damaged&from=50"):
        page.goto(served.url + "/sources/mixed" + odd)
        page.get_by_role("heading", name="mixed").wait_for()


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_pictures_are_handed_in_and_two_of_one_name_are_two(served, page, tmp_path):
    for number, name in enumerate(("grace-hopper.jpg", "aksel-andersson.jpg")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "IMG_1.jpg").write_bytes((DATA / name).read_bytes())
    add(page, served, "party")
    for number in range(2):
        page.get_by_label("Upload pictures").set_input_files(tmp_path / str(number) / "IMG_1.jpg")
        page.get_by_role("button", name="Upload", exact=True).click()
        page.get_by_text("1 picture was uploaded.").wait_for()
    for _ in range(1_000):
        page.goto(served.url + "/sources/party")
        if page.locator(".thumbs li").count() == 2:
            break
        page.wait_for_timeout(100)
    assert page.locator(".thumbs li").count() == 2


def drop(page, path):
    """What is at `path` is dropped on the page, as from a file manager."""
    browser = page.context.new_cdp_session(page)
    dragged = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": dragged})


def test_from_an_empty_home_to_a_lead_by_a_directory_that_is_dropped(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    open_home(tmp_path / "home").close()
    album = write_album(tmp_path / "album")
    (album.root / "notes.txt").write_text("no picture")
    with serving(tmp_path / "home", tmp_path / "key") as served, browser.new_context() as context:
        page = context.new_page()
        page.goto(served.link)
        add(page, served, "party")
        page.get_by_label("Upload pictures").wait_for()
        drop(page, album.root)
        page.locator(".thumbs li >> nth=23").wait_for()
        page.locator(".thumbs a").first.click()
        page.get_by_text(album.root.name).first.wait_for()  # each is known by its path in the directory
        page.goto(served.url + "/")
        page.set_input_files("#file-picture", album.probe)
        page.get_by_role("button", name="Find faces").click()
        page.locator(".lead-cards > li").first.wait_for()
        assert page.get_by_text("false lead expected in").first.is_visible()


def test_what_does_not_fit_is_told_and_the_form_keeps_what_was_typed(served, page, tmp_path):
    add(page, served, "nowhere", tmp_path / "missing")
    page.get_by_role("alert").get_by_text("does not exist", exact=False).wait_for()
    assert page.get_by_label("Name").input_value() == "nowhere"


def test_a_grant_is_suspended_resumed_and_ended_with_a_receipt(served, page, tmp_path):
    add(page, served, "short", tmp_path)
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("Suspended", exact=True).wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("In force", exact=True).wait_for()
    page.get_by_text("Erase everything now").click()
    page.get_by_role("button", name="End the grant and erase everything").click()
    page.wait_for_url("**/receipts/*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_are_for_everybody(served, owner, browser, width, scheme):
    with browser.new_context(storage_state=owner, color_scheme=scheme,
                             viewport={"width": width, "height": 900}) as context:  # fmt: skip
        page = context.new_page()
        for path in ("/sources", "/sources/album", "/sources/party"):
            page.goto(served.url + path)
            assert axe_violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
