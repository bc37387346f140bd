"""Takes the screenshots that the documents show, of the demo's photographs, into docs/images.

PYTHONPATH=tests python tools/screenshots.py [NAME ...]    # needs Debian's chromium; the model comes with Countenance

A page is a function here, named once in PAGES: it brings a signed-in browser page to what is to be seen.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance, ImageOps
from playwright.sync_api import sync_playwright

from countenance.app.demo.pictures import DemoAlbum, write_album
from countenance.app.home import open_home
from support.served import CHROMIUM, WIDTHS, serving

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MAX_BYTES = 200_000
HEIGHTS = {390: 844, 1280: 900}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a page is shown."""

    page: Any  # Playwright's
    url: str
    album: DemoAlbum

    def go(self, path: str) -> None:
        """To one of our pages."""
        self.page.goto(self.url + path)


def rights(stage: Stage) -> None:
    """My rights, as anybody comes to it."""
    stage.go("/rights")


def rights_status(stage: Stage) -> None:
    """A request that was just made."""
    stage.go("/rights")
    stage.page.get_by_label("A photograph of your face").set_input_files(stage.album.probe)
    stage.page.get_by_role("button", name="Send my request").click()
    stage.page.get_by_role("button", name="Prove that it is me").click()
    stage.page.get_by_role("heading", name="Waiting for your proof").wait_for()


def request(stage: Stage) -> None:
    """A request of somebody who proved who they are, with the faces that were found."""
    page = stage.page
    rights_status(stage)
    page.get_by_label("A second photograph").set_input_files(_again(stage.album.probe))
    page.get_by_role("button", name="Send the photograph").click()
    page.get_by_role("heading", name="Waiting for a decision").wait_for()
    stage.go("/requests")
    page.get_by_role("listitem").filter(has_text="to be decided").get_by_role("link").first.click()
    page.get_by_role("heading", name="Found faces").wait_for()


def order(stage: Stage) -> None:
    """What an order would change."""
    page = stage.page
    stage.go("/orders/new")
    page.get_by_label("Authority").fill("Privacy Commissioner of Canada")
    page.get_by_label("Date on the document").fill("2021-02-02")
    page.locator("[name=document]").set_input_files(_again(stage.album.probe))
    page.get_by_role("checkbox", name="Stop offering").check()
    page.get_by_role("checkbox", name="Stop collecting").check()
    page.get_by_label("Places").fill("CA")
    page.get_by_role("button", name="Record the draft").click()
    page.get_by_role("button", name="Simulate").click()
    page.get_by_role("heading", name="What the order changes").wait_for()


def receipt(stage: Stage) -> None:
    """The receipt of an erasure, checked in the page. It empties the demo's home, so it comes last."""
    page = stage.page
    stage.go("/receipts")
    if not page.locator(".lines a").count():
        stage.go("/erase")
        page.locator("[name=scope]").select_option("jurisdiction")
        page.get_by_label("Its name, code or ID").fill("CA-ON")
        page.get_by_role("button", name="Preview").click()
        page.get_by_label("Yes, erase").check()
        page.get_by_role("button", name="Erase for good").click()
        page.get_by_role("heading", name="Erased", exact=True).wait_for()
        stage.go("/receipts")
    page.locator(".lines a").first.click()
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("The receipt is valid.").wait_for()


def _again(photograph: Path) -> dict[str, Any]:
    """The same person in another photograph: mirrored, cut and darker; as Playwright takes a file."""
    with Image.open(photograph) as found:
        picture = ImageOps.mirror(found.convert("RGB")).rotate(6)
    width, height = picture.size
    out = io.BytesIO()
    cut = picture.crop((width // 12, height // 14, width - width // 15, height - height // 20))
    ImageEnhance.Brightness(cut).enhance(0.75).save(out, "JPEG", quality=88)
    return {"name": "now.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


def search(stage: Stage) -> None:
    """Where a picture is brought."""
    stage.go("/")


def faces(stage: Stage) -> None:
    """One of several faces is to be chosen."""
    stage.go("/")
    stage.page.set_input_files("#file-picture", _named(stage, "Expedition"))
    stage.page.get_by_role("button", name="Find faces").click()
    stage.page.get_by_role("heading", name="Which face?").wait_for()


def leads(stage: Stage) -> None:
    """The leads of a search."""
    stage.go("/")
    stage.page.set_input_files("#file-picture", stage.album.probe)
    stage.page.get_by_role("button", name="Find faces").click()
    stage.page.wait_for_url("**/searches/*")


def compare(stage: Stage) -> None:
    """Two faces over each other."""
    stage.go("/compare")
    stage.page.set_input_files("#file-a", stage.album.probe)
    stage.page.set_input_files("#file-b", _named(stage, "mirrored"))
    stage.page.get_by_role("button", name="Compare").click()
    stage.page.wait_for_url("**/comparisons/*")


def picture(stage: Stage) -> None:
    """A picture, and what became of its faces."""
    leads(stage)
    stage.page.locator(".lead-cards .meta a").first.click()
    stage.page.wait_for_url("**/pictures/*")


def people(stage: Stage) -> None:
    """Persons whom somebody has grouped: all that are suggested, the first two with a name."""
    page = stage.page
    stage.go("/people/suggested")
    for name in ("Grace Hopper", "Aksel Andersson"):
        if page.locator(".group").count():
            group = page.locator(".group").first
            group.get_by_label("Name (optional)").fill(name)
            group.get_by_role("button", name="Yes, one person").click()
            page.get_by_text("Saved as one person.").wait_for()
    while page.locator(".group").count():
        page.get_by_role("button", name="Yes").first.click()
        page.wait_for_load_state()
    stage.go("/people")


def sources(stage: Stage) -> None:
    """What the home holds pictures from, and under which grants."""
    stage.go("/sources")


def log(stage: Stage) -> None:
    """The log, verified."""
    stage.go("/log")
    stage.page.get_by_role("button", name="Verify").click()
    stage.page.get_by_text("The log is whole").wait_for()


def status(stage: Stage) -> None:
    """What is due, held and in use."""
    stage.go("/status")


def keys(stage: Stage) -> None:
    """Keys of two programs. A token is on the page that makes one alone, and not in a picture."""
    page = stage.page
    stage.go("/keys")
    if not page.locator(".key-list").count():
        for name, right, source in (("desk", "Search", ""), ("intake", "Collect", "Family album")):
            page.get_by_label("The program that uses it").fill(name)
            page.get_by_role("checkbox", name="Search").uncheck()
            page.get_by_role("checkbox", name=right).check()
            page.get_by_label("Limit to one source").select_option(source)
            page.get_by_role("button", name="Make a key").click()
            page.locator(".token").wait_for()
        stage.go("/keys")


def retention(stage: Stage) -> None:
    """What is due once a grant has ended. Nothing is erased."""
    page = stage.page
    stage.go("/sources")
    if not page.get_by_role("link", name="Old album").count():
        page.get_by_label("Name").fill("Old album")
        page.get_by_label("Where the people live").fill("CA-ON")
        page.get_by_role("radio", name="uploaded here and stored encrypted").check()
        page.get_by_role("button", name="Add source").click()
        page.get_by_role("heading", name="Old album").wait_for()
        page.get_by_role("button", name="Withdraw").click()
        page.get_by_text("Its grant is over").wait_for()
    stage.go("/retention")


def _named(stage: Stage, part: str) -> Path:
    return next(path for path in stage.album.pictures if part in path.name)


PAGES: dict[str, Callable[[Stage], None]] = {
    "search": search,
    "faces": faces,
    "leads": leads,
    "compare": compare,
    "picture": picture,
    "people": people,
    "sources": sources,
    "log": log,
    "status": status,
    "keys": keys,
    "rights": rights,
    "rights-status": rights_status,
    "request": request,
    "order": order,
    "retention": retention,
    "receipt": receipt,
}


@contextmanager
def demo() -> Iterator[tuple[Any, DemoAlbum]]:
    """A household's home with the demo's album, served."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["COUNTENANCE_KEYFILE"] = str(root / "key")
        album = write_album(root / "album")
        with open_home(root / "home") as home:
            home.add_source("Family album", album.root, basis="household", jurisdiction="CA-ON")
            home.ingest()
        with serving(root / "home", root / "key") as served:
            yield served, album


def take(names: list[str], folder: Path = IMAGES, schemes: tuple[str, ...] = ("light",), whole: bool = False) -> None:
    """A picture of each page at each width. Other `schemes` than light, and `whole` pages, are only to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as (served, album), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        signed_in = browser.new_context()
        signed_in.new_page().goto(served.link)
        state = signed_in.storage_state()
        for name in names or PAGES:
            for width in WIDTHS:
                for scheme in schemes:
                    view = {"width": width, "height": HEIGHTS[width]}
                    known = None if name.startswith("rights") else state
                    with browser.new_context(viewport=view, color_scheme=scheme, storage_state=known) as context:
                        page = context.new_page()
                        PAGES[name](Stage(page, served.url, album))
                        page.wait_for_load_state("networkidle")
                        dark = "" if scheme == "light" else f"-{scheme}"
                        _write(folder / f"{name}-{width}{dark}.png", page.screenshot(full_page=whole))
        browser.close()


def _write(path: Path, data: bytes) -> None:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    for colours in (256, 128, 64):
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= MAX_BYTES:
            break
    path.write_bytes(out.getvalue())
    print(path, f"{out.tell():,} bytes")


if __name__ == "__main__":
    take(sys.argv[1:])
