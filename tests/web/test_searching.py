"""Search, leads, compare and picture, in a real browser: with a keyboard alone, without JavaScript, with bad input."""

import io
import json
import shutil
import zipfile

import pyotp
import pytest
from PIL import Image

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from support.hostile import bad_pictures
from support.served import CHROMIUM, WIDTHS, axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
PASSWORD = "a horse, a battery and a staple"


@pytest.fixture(scope="module")
def place(tmp_path_factory, browser):
    """(what is served, the demo's album, the owner's session, the home's folder)."""
    root = tmp_path_factory.mktemp("searching")
    album = write_album(root / "demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        with open_home(root / "home") as home:
            home.add_source("album", album.root, basis="household", jurisdiction="CA-ON")
            home.ingest()
        with serving(root / "home", root / "key") as served, browser.new_context() as context:
            context.new_page().goto(served.link)
            yield served, album, context.storage_state(), root / "home"


@pytest.fixture
def page(place, browser, request):
    with browser.new_context(storage_state=place[2], **getattr(request, "param", {})) as context:
        yield context.new_page()


def group_of(album):
    return next(path for path in album.pictures if "Expedition" in path.name)


def bring(page, place, picture):
    page.goto(place[0].url + "/")
    page.set_input_files("#file-picture", picture)
    with page.expect_navigation():  # until it is loaded: a key pressed before its script runs does nothing
        page.get_by_role("button", name="Find faces").click()


def shown(page):
    return len(json.loads(page.locator("[data-scores]").get_attribute("data-scores")))


BOTH = pytest.mark.parametrize("page", [{}, {"java_script_enabled": False}], indirect=True, ids=["script", "no script"])


@BOTH
def test_one_face_is_searched_at_once_and_its_leads_are_filtered_and_taken_away(place, page):
    bring(page, place, place[1].probe)
    page.get_by_role("heading", name="leads").first.wait_for()
    cards = page.locator(".lead-cards > li")
    assert cards.count() == shown(page) >= 2
    assert page.get_by_text("false lead expected in").first.is_visible()
    page.locator(".lead-cards img.crop").first.evaluate("image => image.decode()")  # fails where there is no picture
    page.get_by_text("The same photograph").first.click()
    page.get_by_label("Threshold", exact=True).fill("0.95")
    page.get_by_role("button", name="Show these").click()
    page.wait_for_url("**threshold=0.95**")
    assert cards.count() == 1
    answer = page.request.get(page.url.replace("?", "/export?"))
    with zipfile.ZipFile(io.BytesIO(answer.body())) as archive:
        assert len(json.loads(archive.read("search.json"))["leads"]) == 1
        assert {"search.html", "search.json"} < set(archive.namelist())


@BOTH
def test_a_lower_threshold_is_a_new_search_and_never_below_the_floor(place, page):
    bring(page, place, place[1].probe)
    page.wait_for_url("**/searches/*")
    first, floor = page.url, float(page.get_by_label("Threshold", exact=True).get_attribute("min"))
    page.goto(f"{first}?threshold={floor}")
    page.get_by_role("button", name="Search again at").click()
    page.get_by_text("The log has a new entry").wait_for()
    assert page.url != first
    token = page.locator("input[name=form_token]").first.get_attribute("value")
    answer = page.request.post(first + "/lower", form={"form_token": token, "threshold": str(floor - 0.01)})
    assert answer.status == 400
    for said in ("nan", "x", "7"):
        assert page.request.get(f"{first}?threshold={said}").status == 400


def test_the_slider_says_what_a_threshold_means_while_it_moves(place, page):
    bring(page, place, place[1].probe)
    slider = page.get_by_label("Change the threshold")
    slider.wait_for()
    before = page.locator("[data-odds]").inner_text()
    slider.focus()
    page.keyboard.press("End")
    assert page.locator("[data-count]").inner_text() == "0"
    assert page.locator("[data-odds]").inner_text() != before
    page.get_by_text("No lead matches").wait_for()
    page.keyboard.press("Home")
    page.get_by_text("is lower than the threshold of this search").wait_for()


@BOTH
def test_of_several_faces_one_is_chosen(place, page):
    bring(page, place, group_of(place[1]))
    page.get_by_role("button", name="Face 2").wait_for()
    assert page.get_by_role("link", name="Face", exact=False).count() == 5
    assert page.get_by_text("quality").count() == 5
    page.get_by_role("button", name="Face 2").press("Enter")
    page.get_by_text("face 2 of 5").wait_for()


def test_a_box_in_the_picture_chooses_its_face(place, page):
    bring(page, place, group_of(place[1]))
    page.get_by_role("link", name="Face 3").press("Enter")
    page.get_by_text("face 3 of 5").wait_for()


def test_a_stranger_gives_no_lead_and_is_told_why_that_is_an_answer(place, page):
    bring(page, place, place[1].stranger)
    page.get_by_role("heading", name="No lead").wait_for()
    assert page.get_by_text("No lead is a valid answer").is_visible()


def test_a_picture_is_pasted_and_one_is_dropped(place, page):
    page.goto(place[0].url + "/")
    assert page.get_by_role("button", name="Find faces").is_disabled()
    data = list(place[1].probe.read_bytes())
    for event, field, target in (("paste", "clipboardData", "document"), ("drop", "dataTransfer", "[data-drop]")):
        page.goto(place[0].url + "/")
        page.evaluate(
            """([data, event, field, target]) => {
                const sent = new DataTransfer();
                sent.items.add(new File([new Uint8Array(data)], "probe.jpg", {type: "image/jpeg"}));
                const on = target === "document" ? document : document.querySelector(target);
                on.dispatchEvent(event === "paste"
                    ? new ClipboardEvent(event, {[field]: sent, bubbles: true, cancelable: true})
                    : new DragEvent(event, {[field]: sent, bubbles: true, cancelable: true}));
            }""",
            [data, event, field, target],
        )
        page.get_by_role("button", name="Find faces").click()
        page.wait_for_url("**/searches/*")


SEEING = "video => video.videoWidth || new Promise(seen => video.addEventListener('loadeddata', seen, {once: true}))"


def filming(browser, film):
    """Another browser, whose camera sees that film."""
    return browser.browser_type.launch(
        executable_path=str(CHROMIUM),
        args=["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
              f"--use-file-for-fake-video-capture={film}"],
    )  # fmt: skip


def test_a_picture_is_taken_with_the_camera(place, browser, tmp_path):
    with Image.open(place[1].probe) as found:
        picture = found.convert("RGB").resize((640, 640))
        still = io.BytesIO()
        picture.save(still, "JPEG", quality=95)
    (tmp_path / "film.mjpeg").write_bytes(still.getvalue() * 3)
    with filming(browser, tmp_path / "film.mjpeg") as with_camera:
        context = with_camera.new_context(storage_state=place[2])
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.goto(place[0].url + "/")
        page.get_by_role("button", name="Take a picture").press("Enter")
        page.get_by_label("What the camera sees").wait_for()
        page.locator("video").evaluate(SEEING)
        assert axe_violations(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Take a picture").wait_for()
        page.get_by_role("button", name="Take a picture").click()
        page.locator("video").evaluate(SEEING)
        page.get_by_role("button", name="Take it").click()
        page.get_by_alt_text("The picture you chose").wait_for()
        page.get_by_role("button", name="Find faces").click()
        page.wait_for_url("**/searches/*")
        assert shown(page) >= 1


def test_without_a_camera_the_page_says_what_to_do(place, page):
    page.goto(place[0].url + "/")
    page.get_by_role("button", name="Take a picture").click()
    page.get_by_text("The camera is not available here.").wait_for()


@pytest.mark.parametrize("bad", bad_pictures(), ids=lambda bad: bad.name)
def test_a_bad_picture_is_told_on_the_form_and_nothing_of_it_is_kept(place, page, bad):
    before = set((place[3] / "tray").glob("*"))
    page.goto(place[0].url + "/")
    page.set_input_files("#file-picture", {"name": "../../x.jpg", "mimeType": "image/jpeg", "buffer": bad.data})
    page.get_by_role("button", name="Find faces").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("button", name="Find faces").is_visible()
    assert set((place[3] / "tray").glob("*")) == before


def test_a_crowd_of_two_hundred_is_shown_face_by_face(place, page):
    small = Image.open(place[1].probe).convert("RGB").resize((100, 130))
    crowd = Image.new("RGB", (20 * 110, 10 * 140), "white")
    for number in range(200):
        crowd.paste(small, (number % 20 * 110, number // 20 * 140))
    data = io.BytesIO()
    crowd.save(data, "JPEG", quality=92)
    page.goto(place[0].url + "/")
    page.set_input_files("#file-picture", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": data.getvalue()})
    page.get_by_role("button", name="Find faces").click()
    page.get_by_role("heading", name="Which face?").wait_for()
    assert page.locator(".one-face").count() >= 150


def test_what_a_session_brought_is_no_other_sessions(place, page, browser):
    bring(page, place, place[1].probe)
    page.wait_for_url("**/searches/*")
    source = page.locator(".probe-face").get_attribute("src")
    with browser.new_context() as other:
        for path in (page.url, place[0].url + source):
            assert other.request.get(path, max_redirects=0).status == 303
    for path in place[3].joinpath("tray").iterdir():
        assert b"\xff\xd8\xff" not in path.read_bytes()[:64]
    assert page.request.get(place[0].url + "/searches/" + "0" * 32).status == 404
    assert page.request.get(place[0].url + "/searches/..%2f..%2fmanifest").status == 404


@BOTH
def test_two_pictures_are_compared(place, page):
    page.goto(place[0].url + "/compare")
    page.set_input_files("#file-a", place[1].probe)
    page.set_input_files("#file-b", group_of(place[1]))
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="Which faces?").wait_for()
    page.get_by_role("group", name="Second picture").get_by_role("radio").nth(3).check()
    page.get_by_role("button", name="Compare these").click()
    page.get_by_role("heading", name="Score", exact=False, level=1).wait_for()
    assert page.get_by_text("It does not prove who is pictured").is_visible()
    assert page.locator(".faces-pair image").count() == 2


def test_blinking_is_slow_stops_by_escape_and_respects_reduced_motion(place, browser):
    for motion in ("no-preference", "reduce"):
        with browser.new_context(storage_state=place[2], reduced_motion=motion) as context:
            page = context.new_page()
            page.goto(place[0].url + "/compare")
            page.set_input_files("#file-a", place[1].probe)
            page.set_input_files("#file-b", place[1].stranger)
            with page.expect_navigation():
                page.get_by_role("button", name="Compare").click()
            blink = page.get_by_role("button", name="Blink")
            blink.press("Enter")
            assert blink.get_attribute("aria-pressed") == ("false" if motion == "reduce" else "true")
            page.keyboard.press("Escape")
            assert blink.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_for_everybody(place, browser, width, scheme):
    with browser.new_context(
        storage_state=place[2], color_scheme=scheme, viewport={"width": width, "height": 900}
    ) as context:
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))

        def check():
            page.wait_for_load_state("networkidle")
            assert axe_violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width

        page.goto(place[0].url + "/")
        check()
        page.set_input_files("#file-picture", group_of(place[1]))
        page.get_by_role("button", name="Find faces").click()
        page.get_by_role("button", name="Face 1").wait_for()
        check()
        bring(page, place, place[1].probe)
        page.wait_for_url("**/searches/*")
        check()
        page.locator(".lead-cards .meta a").first.click()
        page.get_by_role("heading", name="The file").wait_for()
        check()
        page.goto(place[0].url + "/compare")
        check()
        assert said == []


def test_a_picture_shows_its_boxes_and_goes_with_its_leads_when_it_is_erased(place, page):
    bring(page, place, place[1].probe)
    page.wait_for_url("**/searches/*")
    search, cards = page.url, page.locator(".lead-cards > li")
    count, crop = cards.count(), page.locator(".lead-cards img.crop").last.get_attribute("src")
    cards.last.locator(".meta a").first.click()
    page.get_by_role("heading", name="By which right").or_(page.get_by_text("Source and permission")).first.wait_for()
    boxes = page.locator(".boxes")
    assert boxes.is_visible()
    page.get_by_label("Boxes around faces").press("Space")
    boxes.wait_for(state="hidden")
    assert page.get_by_text("Indexed", exact=True).is_visible()
    page.get_by_role("link", name="Erase this picture").click()
    picture = page.url.removesuffix("/erase")
    page.get_by_role("button", name="Erase it").click()
    page.get_by_text("The picture is erased").wait_for()
    assert page.request.get(picture).status == 404
    assert page.request.get(place[0].url + crop).status == 404
    page.goto(search)
    assert cards.count() == count - 1


def test_an_organisation_says_what_for_before_anything(tmp_path, monkeypatch, place, browser):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    (tmp_path / "grant.pdf").write_bytes(b"a law")
    (tmp_path / "archive").mkdir()
    shutil.copy(group_of(place[1]), tmp_path / "archive")
    with open_home(tmp_path / "home", kind="organisation") as home:
        new = home.sign_in.add("Ada", PASSWORD)
        home.add_source(
            "archive", tmp_path / "archive", basis="historical", jurisdiction="US", purposes=["archive-description"],
            evidence=tmp_path / "grant.pdf",
        )  # fmt: skip
        home.ingest()
    with serving(tmp_path / "home", tmp_path / "key") as served, browser.new_context() as context:
        page = context.new_page()
        page.goto(served.url)
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Code").fill(pyotp.TOTP(new.totp_secret).now())
        page.get_by_role("button", name="Sign in").click()
        button = page.get_by_role("button", name="Find faces")
        page.set_input_files("#file-picture", place[1].probe)
        page.get_by_text("Choose a purpose first.").wait_for()
        assert button.is_disabled()
        page.get_by_label("Purpose").select_option("archive-description")
        page.get_by_text("Enter a case reference.").wait_for()
        token = page.locator("input[name=form_token]").first.get_attribute("value")
        picture = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": place[1].probe.read_bytes()}
        answer = page.request.post(served.url + "/search", multipart={"form_token": token, "picture": picture})
        assert answer.status == 400
        page.get_by_label("Reason").fill("2026-0117")
        button.click()
        page.get_by_role("heading", name="No lead").wait_for()
        assert page.get_by_text("2026-0117").is_visible()


def test_an_empty_home_says_how_to_add_a_source(tmp_path, monkeypatch, browser):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    open_home(tmp_path / "home").close()
    with serving(tmp_path / "home", tmp_path / "key") as served, browser.new_context() as context:
        page = context.new_page()
        page.goto(served.link)
        page.goto(served.url)
        assert page.get_by_role("link", name="Add your first source").is_visible()
        assert axe_violations(page) == []
