"""The pictures that are measured with: ../shared/faces/people where it is there, else the demo's album."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from bench.machine import ROOT
from countenance.app.demo.pictures import write_album

PEOPLE = ROOT.parent / "shared" / "faces" / "people"
LARGE = (4000, 3000)  # 12 megapixels
LARGE_COUNT = 24
PHOTOGRAPH = (1600, 1200)
FACES_EACH = 4
ENLARGED = 2  # a face of some 100 px becomes one of 200


def album(scratch: Path) -> Path:
    """A folder of small pictures, most of one face."""
    if PEOPLE.is_dir():
        return PEOPLE
    scratch.mkdir(parents=True, exist_ok=True)
    return write_album(scratch).root


def large_album(scratch: Path) -> Path:
    """A folder of 12-megapixel JPEGs, as a telephone takes: four small pictures on noise that is not flat.

    Written anew each time, always the same.
    """
    folder = scratch / "large"
    folder.mkdir(parents=True, exist_ok=True)
    small = sorted(path for path in album(scratch).rglob("*.jp*g"))
    chance = np.random.default_rng(12)
    for number in range(LARGE_COUNT):
        coarse = chance.integers(60, 190, (30, 40, 3), np.uint8)
        picture = Image.fromarray(coarse).resize(LARGE, Image.Resampling.BICUBIC)
        for face in range(FACES_EACH):
            with Image.open(small[(number * FACES_EACH + face) % len(small)]) as found:
                part = found.convert("RGB").resize((found.width * ENLARGED, found.height * ENLARGED))
            picture.paste(part, (200 + face * 950, int(chance.integers(200, 2000))))
        picture.save(folder / f"{number:03d}.jpg", quality=90)
    return folder


def photograph(small: bytes) -> bytes:
    """A JPEG of two megapixels, about what a press photograph has, with one small picture on noise that is not flat."""
    coarse = np.random.default_rng(2).integers(60, 190, (12, 16, 3), np.uint8)
    picture = Image.fromarray(coarse).resize(PHOTOGRAPH, Image.Resampling.BICUBIC)
    with Image.open(io.BytesIO(small)) as found:
        picture.paste(found.convert("RGB").resize((found.width * ENLARGED, found.height * ENLARGED)), (500, 300))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()
