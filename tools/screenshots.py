"""Takes the screenshots that the documents show, of the demo's photographs, into docs/images.

python tools/screenshots.py [NAME ...]    # needs Debian's chromium; the model comes with Countenance

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

from PIL import Image
from playwright.sync_api import sync_playwright

from countenance.app.demo_pictures import DemoAlbum, write_album
from countenance.app.home import open_home
from countenance.testing.served import CHROMIUM, WIDTHS, serving

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


PAGES: dict[str, Callable[[Stage], None]] = {
    "rights": rights,
    "rights-status": rights_status,
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
