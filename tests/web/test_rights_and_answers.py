"""A pictured person's whole way in a real browser: from My rights to the receipt, with whoever answers them."""

import pytest

from countenance.app.demo_pictures import write_album
from countenance.app.home import open_home
from countenance.testing.served import axe_violations, serving

pytestmark = pytest.mark.program


@pytest.fixture(scope="module")
def served(tmp_path_factory, browser):
    """(the service, the demo's album): a household."""
    folder = tmp_path_factory.mktemp("answers")
    album = write_album(folder / "album")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(folder / "key"))
        with open_home(folder / "home") as home:
            home.add_source("Album", album.root, basis="household", jurisdiction="CA-ON")
            home.ingest("Album")
        with serving(folder / "home", folder / "key") as running:
            yield running, album


@pytest.fixture(scope="module")
def owner(served, browser):
    """The state of a browser in which the owner is signed in."""
    with browser.new_context() as context:
        context.new_page().goto(served[0].link)
        return context.storage_state()


def check(page):
    """No violation on a phone in the dark and on a screen by day, and nothing to scroll sideways."""
    for width, scheme in [(390, "dark"), (1280, "light")]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def turned(path, folder):
    """The photograph, as another that was taken of the same person: mirrored, cut and darker."""
    from PIL import Image, ImageEnhance, ImageOps

    with Image.open(path) as found:
        picture = ImageOps.mirror(found.convert("RGB"))
        width, height = picture.size
        picture = picture.rotate(6).crop((width // 12, height // 14, width - width // 15, height - height // 20))
        ImageEnhance.Brightness(picture).enhance(0.75).save(folder / "second.jpg", quality=88)
    return folder / "second.jpg"


def ask(page, url, photograph):
    page.goto(url + "/rights")
    page.get_by_label("A photograph of your face").set_input_files(photograph)
    page.get_by_label("Where you live").select_option("CA")
    page.get_by_role("button", name="Send my request").click()
    page.get_by_role("heading", name="Your request is taken up").wait_for()
    return page.locator("#tracking").inner_text()


def test_without_javascript_a_request_is_made_proven_and_withdrawn(served, browser, tmp_path):
    running, album = served
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(running.url + "/rights")
        assert page.get_by_role("group", name="How much may be kept").is_visible()
        page.get_by_role("radio", name="Erase my face").check()
        assert not page.get_by_role("group", name="How much may be kept").is_visible()
        code = ask(page, running.url, album.stranger)
        page.get_by_role("button", name="Prove that it is me").click()
        page.get_by_label("A second photograph").set_input_files(album.stranger)
        page.get_by_role("button", name="Send the photograph").click()
        page.get_by_role("alert").get_by_text("the first again").wait_for()
        page.goto(running.url + "/rights/status")
        page.get_by_label("Tracking code").fill(code.replace("-", " ").lower())
        page.get_by_role("button", name="Show my request").click()
        page.get_by_label("Yes, withdraw").check()
        page.get_by_role("button", name="Withdraw").click()
        assert page.get_by_role("heading", name="Withdrawn").is_visible()
        assert code not in page.url


def test_the_public_pages_have_no_violation(served, browser):
    running, album = served
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(running.url + "/rights")
        check(page)
        page.get_by_role("button", name="Send my request").click()
        page.get_by_role("alert").get_by_text("Say whom it is about").wait_for()
        check(page)
        ask(page, running.url, album.stranger)
        check(page)
        page.get_by_role("button", name="Prove that it is me").click()
        page.get_by_role("heading", name="Waiting for your proof").wait_for()
        check(page)
        page.goto(running.url + "/rights/status")
        check(page)


def test_by_the_keyboard_alone(served, browser):
    running, _ = served
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(running.url + "/rights")
        page.get_by_role("radio", name="Keep my face out").focus()
        page.keyboard.press("ArrowDown")
        assert page.get_by_role("radio", name="Show me what you have").is_checked()
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.type("Grace Hopper")
        assert page.get_by_label("Your name, if").input_value() == "Grace Hopper"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Your request is taken up").wait_for()
