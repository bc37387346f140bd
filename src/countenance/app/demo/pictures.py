"""The demo's album: photographs of people who are dead, altered copies of them, and what an album holds besides.

The originals lie in `data/` with a manifest that says of each who is in it, when they died, why it may be used and
which package it came from. The album is made from them by the tables below, the same bytes each time with one version
of Pillow: so that there is something to find, to stack and to reject.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance, ImageOps
from PIL.Image import Resampling, Transpose

_DATA = resources.files("countenance.app.demo") / "data"
_EXIF_ORIENTATION = 0x0112  # CIPA DC-008 (Exif 2.32), table 4
# How a viewer's pixels are stored so that the orientation's turn brings them back upright.
_STORED: Mapping[int, Transpose] = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class DemoPicture:
    """One photograph that comes with Countenance, as its manifest describes it."""

    file: str
    sha256: str
    shows: str
    people: int  # faces in it; 0: none
    person: str | None  # who; None where nobody is in it
    died: str | None
    licence: str
    reason: str  # why that licence holds
    attribution: str
    changes: str | None  # what was done to the original; None: nothing
    origin: Mapping[str, str]  # package, version, path, sha256


@dataclass(frozen=True, slots=True)
class DemoAlbum:
    """What `write_album` wrote. No probe is byte-equal to any picture of the album."""

    root: Path  # the album; the probes lie beside it
    probe: Path  # Grace Hopper, who is in the album: cropped, turned a little, greyed
    stranger: Path  # Marie Curie, who is not: the right answer is no lead
    lookalike: Path  # Aksel Andersson, who is not: resembles another man who is, so a false lead is likely
    pictures: tuple[Path, ...]  # with at least one face
    without_face: tuple[Path, ...]
    to_reject: tuple[Path, ...]  # files that are no picture, whatever their names say


def pictures() -> tuple[DemoPicture, ...]:
    """The manifest, in its order."""
    rows = tomllib.loads((_DATA / "manifest.toml").read_text(encoding="utf-8"))["picture"]
    optional: dict[str, Any] = {"person": None, "died": None, "changes": None}
    return tuple(DemoPicture(**(optional | row)) for row in rows)


def picture_bytes(file: str) -> bytes:
    """The photograph of that name in `data/`."""
    return (_DATA / file).read_bytes()


def write_album(folder: Path) -> DemoAlbum:
    """`folder` holds `album/` and the probes. Files of these names are replaced, others are left alone.

    A crash leaves some of the files, the last perhaps cut short; running it again mends that.
    Raises: OSError: the folder can't be written.
    """
    root = folder / "album"
    kept: dict[str, list[Path]] = {"pictures": [], "without_face": [], "to_reject": []}
    for kind, table in (("pictures", _ORIGINALS), ("without_face", _NO_FACE)):
        for place, file in table.items():
            kept[kind].append(_write(root / place, picture_bytes(file)))
    for place, copy in _COPIES.items():
        kept["pictures"].append(_write(root / place, copy.encoded()))
    for place, data in _not_pictures().items():
        kept["to_reject"].append(_write(root / place, data))
    return DemoAlbum(
        root=root,
        probe=_write(folder / "probe.jpg", _PROBE.encoded()),
        stranger=_write(folder / "stranger.jpg", _STRANGER.encoded()),
        lookalike=_write(folder / "lookalike.jpg", _LOOKALIKE.encoded()),
        **{kind: tuple(sorted(paths)) for kind, paths in kept.items()},
    )


# --- alterations: each takes a picture and gives another --------------------------------------------------------------
Step = Callable[[Image.Image], Image.Image]


def _crop(left: int, top: int, right: int, bottom: int) -> Step:
    """Cut to this rectangle, pixels of the original."""
    return lambda image: image.crop((left, top, right, bottom))


def _wide(width_px: int) -> Step:
    """Scaled to this width."""
    return lambda image: image.resize((width_px, round(image.height * width_px / image.width)), Resampling.LANCZOS)


def _turned(degrees: float) -> Step:
    """Turned anticlockwise about its middle, the corners filled with the neighbouring grey."""
    return lambda image: image.rotate(degrees, Resampling.BICUBIC, fillcolor=(96, 96, 96))


def _bright(factor: float) -> Step:
    """Darker below 1, lighter above."""
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def _grey(image: Image.Image) -> Image.Image:
    return image.convert("L")


@dataclass(frozen=True, slots=True)
class _Copy:
    """An altered copy: of which original, by which steps, saved how."""

    of: str
    steps: tuple[Step, ...] = ()
    format: str = "JPEG"
    quality: int = 88
    orientation: int = 1  # EXIF; the pixels are stored turned, so that the picture is displayed upright

    def encoded(self) -> bytes:
        with Image.open(io.BytesIO(picture_bytes(self.of))) as opened:
            image = opened.convert("RGB")
        for step in self.steps:
            image = step(image)
        options: dict[str, Any] = {"quality": self.quality} if self.format in {"JPEG", "WEBP"} else {}
        if self.orientation != 1:
            image = image.transpose(_STORED[self.orientation])
            exif = Image.Exif()
            exif[_EXIF_ORIENTATION] = self.orientation
            options["exif"] = exif
        out = io.BytesIO()
        image.save(out, self.format, **options)
        return out.getvalue()


# --- the album: place -> what stands there ----------------------------------------------------------------------------
_HOPPER = "grace-hopper.jpg"  # 512 x 600; her face fills (183, 120) to (353, 333)
_DAHLGREN = "erik-wilhelm-dahlgren.jpg"  # 703 x 622; (290, 89) to (471, 359)

_ORIGINALS = {
    "portraits/Grace Hopper, 1984.jpg": _HOPPER,
    "portraits/Erik Wilhelm Dahlgren.jpg": _DAHLGREN,
    "portraits/Antoine Claudet.png": "antoine-claudet.png",
    "groups/Two brothers, about 1870.jpg": "two-brothers.jpg",
    "groups/Expedition, 1897.jpg": "expedition-1897.jpg",
    "backup/Grace Hopper, 1984 (copy).jpg": _HOPPER,  # the same bytes in two places: one picture, two placements
}
_COPIES = {
    "scans/scan 0002.jpg": _Copy(_HOPPER, (_wide(480),), quality=85, orientation=2),
    "scans/scan 0003.jpg": _Copy(_HOPPER, (_wide(500),), quality=84, orientation=3),
    "scans/scan 0004.jpg": _Copy(_DAHLGREN, (_wide(600),), quality=85, orientation=4),
    "scans/scan 0005.jpg": _Copy(_HOPPER, (_crop(40, 20, 480, 560),), quality=83, orientation=5),
    "scans/scan 0006.jpg": _Copy(_HOPPER, (_wide(440),), quality=86, orientation=6),
    "scans/scan 0007.jpg": _Copy(_DAHLGREN, (_crop(150, 20, 640, 600),), quality=84, orientation=7),
    "scans/scan 0008.jpg": _Copy(_HOPPER, (_crop(100, 60, 450, 420),), quality=85, orientation=8),
    "edited/Hopper, cropped.webp": _Copy(_HOPPER, (_crop(120, 50, 420, 400),), format="WEBP", quality=80),
    "edited/Hopper, grey.tif": _Copy(_HOPPER, (_wide(320), _grey), format="TIFF"),
    "edited/Hopper, darker.jpg": _Copy(_HOPPER, (_bright(0.6),), quality=86),
    "edited/Hopper, mirrored.jpg": _Copy(_HOPPER, (ImageOps.mirror,), quality=86),
    "edited/Dahlgren, lighter.png": _Copy(_DAHLGREN, (_wide(360), _grey, _bright(1.35)), format="PNG"),
    "web/hopper-low-quality.jpg": _Copy(_HOPPER, (_wide(384),), quality=18),
    "web/hopper-avatar.jpg": _Copy(_HOPPER, (_crop(168, 104, 368, 344), _wide(100)), quality=80),
    "web/dahlgren-avatar.gif": _Copy(_DAHLGREN, (_crop(270, 70, 490, 370), _wide(96), _grey), format="GIF"),
    "web/brother.bmp": _Copy("two-brothers.jpg", (_crop(180, 270, 390, 500),), format="BMP"),
}
_NO_FACE = {
    "cats and cups/Chelsea.jpg": "cat.jpg",
    "cats and cups/coffee.jpg": "coffee.jpg",
    "launches/rocket.jpg": "rocket.jpg",
}
_PROBE = _Copy(_HOPPER, (_turned(6), _crop(110, 70, 430, 430), _wide(288), _grey), quality=82)
_STRANGER = _Copy("marie-curie.png", (_grey,), quality=86)
_LOOKALIKE = _Copy("aksel-andersson.jpg", (_wide(600),), quality=86)


def _not_pictures() -> dict[str, bytes]:
    """Place -> bytes that no decoder may take for a picture."""
    whole = picture_bytes(_DAHLGREN)
    return {
        "damaged/notes.jpg": b"Names on the back of the photographs, copied by hand.\n",
        "damaged/half a portrait.jpg": whole[: len(whole) * 2 // 5],
        "damaged/leaflet.png": (
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
            b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
        ),
    }


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
