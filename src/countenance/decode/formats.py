"""From untrusted bytes to upright RGB pixels. Runs in a child process that can die (see sandbox.py).

By content and never by name; only the readers listed here are ever asked. A picture that is far larger than wanted is
decoded smaller by JPEG's own scaled inverse DCT (`Image.draft`), which costs a third of the time at 12 megapixels.
"""

from __future__ import annotations

import importlib
import io
import re
import warnings
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from countenance.decode.limits import LIMITS, Limits
from countenance.types import Picture, Rejected, RejectReason, Rgb

if TYPE_CHECKING:
    from PIL import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")
_MODULES: Final = {"WEBP": "WebP"}  # a format's name -> its module's, where that is not its title
_EXIF_ORIENTATION: Final = 0x0112  # CIPA DC-008 (Exif 2.32), table 4
_EXIF_IFD: Final = 0x8769
_EXIF_TAKEN: Final = 0x9003  # DateTimeOriginal
# ISO/IEC 14496-12: the brand in an `ftyp` box; these are HEIF with HEVC inside, or AVIF.
_HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF: Final = frozenset({b"avif", b"avis"})


def decode(data: bytes, *, long_side: int | None = None, limits: Limits = LIMITS) -> Picture | Rejected:
    """The first frame of a picture, upright.

    Args: long_side: pixels that the caller needs of the longer side; the result has at least so many, if the picture
    has, and at most about twice as many. None: all there are.
    Returns: a Picture whose `scale` says how much smaller it is, or why it can't be used. Never raises for bad bytes.
    """
    if len(data) > limits.max_bytes:
        return Rejected(RejectReason.TOO_LARGE, f"more than {limits.max_bytes // 2**20} MB")
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in _HEIC and not _heif_reader():
        return Rejected(RejectReason.NO_READER, "HEIC; `pip install countenance[heic]` adds its reader")
    from PIL import Image, UnidentifiedImageError, features

    _load_readers()
    if brand in _AVIF and not features.check("avif"):
        return Rejected(RejectReason.NO_READER, "AVIF, which this build of Pillow cannot read")
    Image.MAX_IMAGE_PIXELS = None  # our own limit comes first, and says so in our own words
    formats = [*FORMATS, "HEIF"] if brand in _HEIC else FORMATS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # metadata that Pillow grumbles about is no reason to refuse the pixels
        try:
            with Image.open(io.BytesIO(data), formats=formats) as image:
                return _decoded(image, long_side, limits)
        except UnidentifiedImageError:
            return Rejected(RejectReason.NOT_A_PICTURE)
        except MemoryError:
            return Rejected(RejectReason.TOO_MANY_PIXELS, "it does not fit in the decoder's memory")
        except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError,
                ZeroDivisionError, AttributeError, RuntimeError, NotImplementedError) as error:  # fmt: skip
            # What Pillow's readers raise on malformed bytes is an open list; each is this picture's fault, not ours.
            return Rejected(RejectReason.DAMAGED, type(error).__name__)


def _decoded(image: Image.Image, long_side: int | None, limits: Limits) -> Picture | Rejected:
    refused = _over_limits(image, limits)
    if refused is not None:
        return refused
    kind = "JPEG" if image.format == "MPO" else "HEIC" if image.format == "HEIF" else str(image.format)
    frames = getattr(image, "n_frames", 1)
    exif = _exif(image)
    orientation = exif.get(_EXIF_ORIENTATION, 1) if kind not in {"HEIC", "AVIF"} else 1  # their readers turn it
    taken_at = _taken_at(exif)
    width, height = image.size
    if long_side is not None and kind == "JPEG":
        image.draft(
            None, (max(1, _at_least(width, height, long_side)[0]), max(1, _at_least(width, height, long_side)[1]))
        )
    image.load()
    rgb = _rgb(image, long_side)
    rgb = _upright(rgb, orientation)
    if orientation in {5, 6, 7, 8}:
        width, height = height, width
    return Picture(
        rgb=rgb, width=width, height=height, scale=rgb.shape[1] / width, format=kind, taken_at=taken_at, frames=frames
    )


def _over_limits(image: Image.Image, limits: Limits) -> Rejected | None:
    width, height = image.size
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        return Rejected(RejectReason.TOO_MANY_PIXELS, f"{width:,} x {height:,} pixels")
    if min(width, height) < limits.min_side:
        return Rejected(RejectReason.TOO_SMALL, f"{width} x {height} pixels")
    frames = getattr(image, "n_frames", 1)
    if frames > limits.max_frames:
        return Rejected(RejectReason.TOO_MANY_FRAMES, f"{frames:,} frames")
    return None


def _at_least(width: int, height: int, long_side: int) -> tuple[int, int]:
    """The picture's size scaled so that its longer side is `long_side`, or its own size if that is smaller."""
    factor = min(1.0, long_side / max(width, height))
    return round(width * factor), round(height * factor)


def _exif(image: Image.Image) -> Any:
    with suppress(Exception):  # damaged metadata does not make the pixels worse; the picture is then taken as it lies
        return image.getexif()
    return {}


def _taken_at(exif: Any) -> str | None:
    """DateTimeOriginal as ISO 8601, where it is there and parses."""
    try:
        text = str(exif.get_ifd(_EXIF_IFD).get(_EXIF_TAKEN, ""))
    except Exception:  # noqa: BLE001  # as in _exif: an open list of what damaged metadata raises
        return None
    found = re.fullmatch(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)\0*", text.strip())
    if found is None or found[1] == "0000":
        return None
    return f"{found[1]}-{found[2]}-{found[3]}T{found[4]}"


def _rgb(image: Image.Image, long_side: int | None) -> Rgb:
    """(H, W, 3) uint8, whatever the picture's mode; no longer than about twice `long_side`."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        flat = _eight_bits(np.asarray(image))
        image = Image.fromarray(flat)
    if long_side is not None:
        factor = max(image.size) // (2 * long_side) + (max(image.size) % (2 * long_side) > 0)
        if factor > 1:
            image = image.convert("RGBA" if _transparent(image) else "RGB").reduce(factor)
    if _transparent(image):
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    image = _in_srgb(image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))


def _transparent(image: Image.Image) -> bool:
    return image.mode in {"LA", "RGBA", "PA", "La", "RGBa"} or "transparency" in image.info


def _eight_bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """16-bit, 32-bit and float grey scaled to 0..255 by the range that the type or the values use."""
    values = values.astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    full = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else max(65535.0, top)
    return np.clip(values * (255.0 / full), 0, 255).astype(np.uint8)


def _in_srgb(image: Image.Image) -> Image.Image:
    """Colours of a wide-gamut profile (phones: Display P3) as sRGB. A broken or odd profile is left out."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "CMYK"} or b"sRGB" in profile[:4096]:
        return image
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        return image if turned is None else turned
    return image


def _upright(rgb: Rgb, orientation: int) -> Rgb:
    """As displayed. Source: CIPA DC-008 (Exif 2.32), table 4: where row 0 and column 0 of the stored pixels lie."""
    if orientation in {5, 6, 7, 8}:
        rgb = rgb.transpose(1, 0, 2)
    if orientation in {2, 3, 6, 7}:
        rgb = rgb[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


@cache
def _load_readers() -> None:
    """Pillow knows the readers of FORMATS, and has not imported the other forty."""
    for reader in FORMATS:
        importlib.import_module(f"PIL.{_MODULES.get(reader, reader.title())}ImagePlugin")


def _heif_reader() -> bool:
    """True: pillow-heif is installed and registered."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True
