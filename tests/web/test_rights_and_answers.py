"""A pictured person's whole way in a real browser: from My rights to the receipt, with whoever answers them."""

import pytest

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from support.served import axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]


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


def ask(page, url, photograph, kind="Keep my face out"):
    page.goto(url + "/rights")
    page.get_by_role("radio", name=kind).check()
    page.get_by_label("A photograph of your face").set_input_files(photograph)
    page.get_by_label("Where you live").select_option("CA")
    page.get_by_role("button", name="Send my request").click()
    page.get_by_role("heading", name="Your request was received").wait_for()
    return page.locator("#tracking").inner_text()


def test_without_javascript_a_request_is_made_proven_and_withdrawn(served, browser, tmp_path):
    running, album = served
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(running.url + "/rights")
        assert page.get_by_role("group", name="How much data may be kept").is_visible()
        page.get_by_role("radio", name="Erase my face").check()
        assert not page.get_by_role("group", name="How much data may be kept").is_visible()
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
        page.get_by_role("heading", name="Withdrawn").wait_for()
        assert code not in page.url


def test_the_public_pages_have_no_violation(served, browser):
    running, album = served
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(running.url + "/rights")
        check(page)
        page.get_by_role("button", name="Send my request").click()
        page.get_by_role("alert").get_by_text("Say who it is about").wait_for()
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
        assert page.get_by_role("radio", name="Show me my data").is_checked()
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.type("Grace Hopper")
        assert page.get_by_label("Your name, if").input_value() == "Grace Hopper"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Your request was received").wait_for()


# --- whoever answers -------------------------------------------------------------------------------------------------
def test_an_opt_out_from_my_rights_to_its_receipt(served, owner, browser, tmp_path):
    running, album = served
    with browser.new_context() as public, browser.new_context(storage_state=owner) as signed_in:
        person, page = public.new_page(), signed_in.new_page()
        page.goto(running.url + "/receipts")
        page.get_by_text("No receipts yet").wait_for()
        code = ask(person, running.url, album.probe)
        person.get_by_role("button", name="Prove that it is me").click()
        person.get_by_label("A second photograph").set_input_files(turned(album.probe, tmp_path))
        person.get_by_role("button", name="Send the photograph").click()
        person.get_by_role("heading", name="Waiting for a decision").wait_for()
        check(person)

        page.goto(running.url + "/requests")
        check(page)
        page.get_by_role("listitem").filter(has_text="to be decided").get_by_role("link").click()
        page.get_by_role("heading", name="Found faces").wait_for()
        page.wait_for_load_state("networkidle")
        images = page.locator("main img")
        assert images.count() >= 4
        page.wait_for_function("[...document.querySelectorAll('main img')].every(each => each.naturalWidth > 20)")
        check(page)
        found = page.locator(".found li").count()
        page.get_by_role("button", name="Preview the approval").click()
        page.get_by_role("heading", name="Erased for good").wait_for()
        assert page.locator(".tally dd").first.inner_text() == str(found)
        check(page)
        page.get_by_role("button", name="Approve and carry out").click()
        page.get_by_role("heading", name="Approved and carried out").wait_for()
        assert page.locator(".tally dd").first.inner_text() == str(found)
        check(page)

        page.get_by_role("link", name="The receipt of the erasure").click()
        page.get_by_role("button", name="Verify").click()
        page.get_by_text("The receipt is valid.").wait_for()
        assert page.get_by_text("proof of inclusion is valid").is_visible()
        check(page)
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download the signed file").click()
        receipt = tmp_path / "receipt.json"
        receipt.write_bytes(saved.value.path().read_bytes())
        whole = receipt.read_bytes()
        for data, says in [
            (whole, "The receipt is valid."),
            (whole.replace(b'"faces": ', b'"faces": 9'), "it was changed"),
        ]:
            receipt.write_bytes(data)
            page.goto(running.url + "/receipts")
            page.get_by_label("The receipt, a JSON file").set_input_files(receipt)
            page.get_by_role("button", name="Check receipt").click()
            page.get_by_text(says).wait_for()
            check(page)

        person.goto(running.url + "/rights/status")
        person.get_by_label("Tracking code").fill(code)
        person.get_by_role("button", name="Show my request").click()
        person.get_by_role("heading", name="Approved and carried out").wait_for()
        check(person)


def test_a_code_a_longer_term_and_a_refusal_without_javascript(served, owner, browser):
    running, album = served
    with browser.new_context() as public, browser.new_context(storage_state=owner, java_script_enabled=False) as mine:
        code = ask(public.new_page(), running.url, album.lookalike, "I object")
        page = mine.new_page()
        page.goto(running.url + "/requests")
        page.get_by_role("link", name="I object").click()
        url = page.url
        page.get_by_label("A document that you").select_option("government-id")
        page.get_by_role("button", name="Confirm identity").click()
        page.get_by_role("alert").get_by_text("alone proves nothing").wait_for()
        page.get_by_role("button", name="Make a code").click()
        sent = page.locator(".note .code").inner_text()
        page.get_by_label("The code that the person received").fill(sent)
        page.get_by_role("button", name="Confirm identity").click()
        page.get_by_role("heading", name="Found faces").wait_for()
        page.get_by_text("Extend the deadline").click()
        page.get_by_label("Reasons, as the person").fill("Many pictures to look at.")
        page.get_by_role("button", name="Extend").click()
        page.get_by_text("Refuse", exact=True).click()
        page.get_by_label("Reason, in plain words").fill("You are in none.")
        page.get_by_role("button", name="Refuse the request").click()
        page.get_by_role("heading", name="Refused").wait_for()
        assert page.goto(url + "/photograph.jpg").status == 404
        person = public.new_page()
        person.goto(running.url + "/rights/status")
        person.get_by_label("Tracking code").fill(code)
        person.get_by_role("button", name="Show my request").click()
        person.get_by_text("You are in none.").wait_for()
        assert person.get_by_text("Many pictures to look at.").is_visible()


def test_an_order_is_drafted_simulated_applied_and_lifted(served, owner, browser, tmp_path):
    running, _ = served
    paper = tmp_path / "order.pdf"
    paper.write_bytes(b"an order")
    with browser.new_context(storage_state=owner) as context:
        page = context.new_page()
        page.goto(running.url + "/orders")
        check(page)
        page.get_by_role("link", name="Draft an order").click()
        page.get_by_label("Authority").fill("Privacy Commissioner of Canada")
        page.get_by_label("Date on the document").fill("2021-02-02")
        page.get_by_label("The document", exact=False).and_(page.locator("[type=file]")).set_input_files(paper)
        page.get_by_role("checkbox", name="Stop offering").check()
        page.get_by_role("button", name="Record the draft").click()
        page.get_by_role("alert").get_by_text("does not say what it is about").wait_for()
        assert page.get_by_role("checkbox", name="Stop offering").is_checked()
        check(page)
        page.get_by_label("Jurisdictions").fill("CA")
        page.get_by_label("The document", exact=False).and_(page.locator("[type=file]")).set_input_files(paper)
        page.get_by_role("button", name="Record the draft").click()
        page.get_by_text("The draft is stored").wait_for()
        url = page.url
        page.get_by_role("button", name="Simulate").click()
        page.get_by_role("heading", name="What the order changes").wait_for()
        assert page.get_by_role("row", name="Album").is_visible()
        check(page)
        page.evaluate("document.querySelector('[name=seen]').value = 'something else'")
        page.get_by_role("button", name="Apply this order").click()
        page.get_by_role("alert").get_by_text("nothing was done").wait_for()
        page.get_by_role("button", name="Apply this order").click()
        page.get_by_text("exactly what was simulated").wait_for()
        check(page)
        page.goto(url)
        page.get_by_label("What was decided").select_option("lift")
        page.get_by_label("The signed decision").set_input_files(paper)
        page.get_by_role("button", name="Record the decision").click()
        page.get_by_text("The decision is recorded").wait_for()
        page.locator("#standing .badge", has_text="lifted").wait_for()
        page.get_by_role("link", name="The receipt").click()
        page.get_by_role("button", name="Verify").click()
        page.get_by_text("The receipt is valid.").wait_for()


def test_an_erasure_is_counted_first(served, owner, browser):
    running, _ = served
    with browser.new_context(storage_state=owner) as context:
        page = context.new_page()
        page.goto(running.url + "/erase")
        check(page)
        page.get_by_label("Its name, code or ID").fill("Nowhere")
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("alert").wait_for()
        page.get_by_label("Its name, code or ID").fill("Album")
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("heading", name="What would be erased").wait_for()
        assert int(page.locator(".tally dd").nth(1).inner_text()) > 3
        check(page)
        page.get_by_label("Yes, erase the source Album").check()
        page.get_by_role("button", name="Erase for good").click()
        page.get_by_role("heading", name="Erased", exact=True).wait_for()
        check(page)
        page.get_by_role("link", name="The receipt").click()
        page.get_by_role("heading", name="What was erased").wait_for()


def test_nobody_answers_without_the_right(served, browser):
    running, _ = served
    with browser.new_context() as context:
        page = context.new_page()
        for path in ("/requests", "/orders", "/orders/new", "/receipts", "/erase"):
            page.goto(running.url + path)
            assert "/sign-in" in page.url
        for path in ("/orders/new", "/erase", "/receipts/check"):
            answer = context.request.post(running.url + path, headers={"sec-fetch-site": "same-origin"})
            assert answer.status == 401
