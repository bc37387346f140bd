"""Forms that other tests send with JavaScript, without it: people, orders, receipts, erasing."""

import pytest

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from support.served import serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
SILENT = pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True, ids=["no script"])


@pytest.fixture(scope="module")
def served(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("without javascript")
    album = write_album(folder / "album")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(folder / "key"))
        with open_home(folder / "home") as home:
            home.add_source("Album", album.root, basis="household", jurisdiction="CA-ON")
            home.ingest("Album")
        with serving(folder / "home", folder / "key") as running:
            yield running


@SILENT
def test_people_are_grouped_named_and_taken_back(served, page):
    page.goto(served.url + "/people/suggested")
    group = page.locator("form.group").first
    group.get_by_role("textbox").fill("Grace")
    group.get_by_role("button").first.click()
    page.goto(served.url + "/people")
    page.locator("a.person", has_text="Grace").click()
    page.get_by_role("textbox", name="Name").fill("Grace Hopper")
    page.get_by_role("button", name="Save the name").click()
    page.get_by_role("heading", name="Grace Hopper").wait_for()
    page.locator(".pick input").first.check()
    page.get_by_role("button", name="Not this person").click()
    page.get_by_text("not suggested for this person again").wait_for()
    page.goto(served.url + "/people")
    page.get_by_role("button", name="Undo the newest decision").click()
    page.get_by_text("The newest decision is undone.").wait_for()


@SILENT
def test_an_order_is_drafted_simulated_applied_and_lifted(served, page, tmp_path):
    paper = tmp_path / "order.pdf"
    paper.write_bytes(b"an order")
    page.goto(served.url + "/orders/new")
    page.get_by_label("Authority").fill("Privacy Commissioner of Canada")
    page.get_by_label("Date on the document").fill("2021-02-02")
    page.get_by_role("checkbox", name="Stop offering").check()
    page.get_by_label("Jurisdictions").fill("CA")
    page.get_by_label("The document", exact=False).and_(page.locator("[type=file]")).set_input_files(paper)
    page.get_by_role("button", name="Record the draft").click()
    page.get_by_text("The draft is stored").wait_for()
    url = page.url
    page.get_by_role("button", name="Simulate").click()
    page.get_by_role("heading", name="What the order changes").wait_for()
    page.get_by_role("button", name="Apply this order").click()
    page.get_by_text("exactly what was simulated").wait_for()
    page.goto(url)
    page.get_by_label("What was decided").select_option("lift")
    page.get_by_label("The signed decision").set_input_files(paper)
    page.get_by_role("button", name="Record the decision").click()
    page.get_by_text("The decision is recorded").wait_for()


@SILENT
def test_a_picture_and_a_source_are_erased_and_the_receipts_checked(served, page, tmp_path):
    page.goto(served.url + "/sources/Album")
    page.locator("a[href^='/pictures/']").first.click()
    page.get_by_role("link", name="Erase this picture").click()
    page.get_by_role("button", name="Erase it").click()
    page.goto(served.url + "/erase")
    page.get_by_label("Its name, code or ID").fill("Album")
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("Yes, erase the source Album").check()
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_role("link", name="The receipt").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the signed file").click()
    download.value.save_as(tmp_path / "receipt.json")
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("The receipt is valid.").wait_for()
    page.goto(served.url + "/receipts")
    assert page.locator("main table tbody tr, main li").count() >= 2
    page.locator("[type=file]").set_input_files(tmp_path / "receipt.json")
    page.get_by_role("button", name="Check receipt").click()
    page.get_by_text("The receipt is valid.").wait_for()
