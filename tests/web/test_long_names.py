"""Names without a place to break: no page grows wider than a phone for them."""

import shutil
from urllib.parse import quote

import pytest

from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from support.served import WIDTHS, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
LONG = "A_name_without_a_single_place_to_break_it_"
SOURCE = (LONG * 5)[:200]


@pytest.fixture(scope="module")
def place(tmp_path_factory, browser):
    """(the service, the id of a picture)."""
    root = tmp_path_factory.mktemp("long names")
    album = write_album(root / "album")
    shutil.copy(album.pictures[0], album.root / f"{LONG * 5}.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        with open_home(root / "home") as home:
            home.add_source(SOURCE, album.root, basis="household", jurisdiction="CA-ON")
            home.ingest(SOURCE)
            shown = home.search(album.pictures[0]).leads
            home.people.new([shown[0].face_id], SOURCE)
        with serving(root / "home", root / "key") as running:
            yield running, shown[0].picture.id


@pytest.fixture(scope="module")
def served(place):
    return place[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_grows_wider_for_them(place, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/sources", f"/sources/{quote(SOURCE)}", "/people", f"/pictures/{place[1]}", "/orders/new", "/status",
                 "/erase", "/log", "/requests", "/receipts", "/duplicates", "/keys", "/retention"):  # fmt: skip
        page.goto(place[0].url + path)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, path
