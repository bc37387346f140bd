"""From untrusted bytes to upright RGB pixels. Runs in a child process that can die (see sandbox.py).

A file's first bytes name the one reader that is asked; its name and its other claims do not count. Only the readers
listed here are ever imported. A picture comes whole: faces of 20 px are looked for in any, and a JPEG of 12 megapixels
decoded at a half by its own DCT costs half the time, but would be decoded twice where it has small faces.
"""

from __future__ import annotations

import importlib
import io
import warnings
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from countenance.decode.limits import LIMITS, DecodeLimits
from countenance.types import Picture, Rejected, RejectReason, Rgb

if TYPE_CHECKING:
    from PIL import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIC")  # as a Picture names them
_MODULES: Final = {"WEBP": "WebP"}  # a format's name -> its module's, where that is not its title
# ISO/IEC 14496-12, 4.3: the brands in an `ftyp` box. HEIF with HEVC inside; "mif1" and "msf1" hold that or AV1.
_HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF: Final = frozenset({b"avif", b"avis"})
_BMP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # bytes of each version of its second header
_ORIENTATION: Final = 0x0112  # CIPA DC-008 (Exif 2.32), table 4
_EXIF_IFD: Final = 0x8769
_TAKEN: Final = 0x9003  # DateTimeOriginal
_ALPHA: Final = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})


def decode(data: bytes, *, limits: DecodeLimits = LIMITS) -> Picture | Rejected:
    """The first frame of a picture, upright.

    Returns: a Picture, or why it can't be used. Never raises for bad bytes.
    """
    if len(data) > limits.max_bytes:
        return Rejected(RejectReason.TOO_LARGE, f"more than {limits.max_bytes // 2**20} MB")
    kind = _kind(data)
    if kind is None:
        return Rejected(RejectReason.NOT_A_PICTURE, "no format that is read here")
    if not _reader_of(kind):
        way_out = {"HEIF": "HEIC, whose reader is not installed: the Python package pillow-heif"}
        return Rejected(RejectReason.NO_READER, way_out.get(kind, f"{kind}, which this build of Pillow cannot read"))
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before a pixel is allocated, and in our own words
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # metadata that Pillow grumbles about is no reason to refuse the pixels
        try:
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                return _over_limits(image, limits) or _decoded(image, kind)
        except MemoryError:
            return Rejected(RejectReason.TOO_MANY_PIXELS, "it does not fit in the decoder's memory")
        except Exception:  # noqa: BLE001  # what readers raise on malformed bytes is an open list
            return Rejected(RejectReason.DAMAGED, f"a {kind} that is spoilt, or breaks off before its end")


def _kind(data: bytes) -> str | None:
    """The format that the first bytes announce, as Pillow names it."""
    if data[4:8] == b"ftyp":
        brands = {data[8:12], *(data[i : i + 4] for i in range(16, min(int.from_bytes(data[:4]), 256), 4))}
        return "AVIF" if brands & _AVIF else "HEIF" if data[8:12] in _HEIC else None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    starts = {
        b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF",
        b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    }  # fmt: skip
    return next((kind for start, kind in starts.items() if data.startswith(start)), None)


@cache
def _reader_of(kind: str) -> bool:
    """True: Pillow has a reader for the format, and knows it from now on."""
    if kind != "HEIF":
        from PIL import features

        importlib.import_module(f"PIL.{_MODULES.get(kind, kind.title())}ImagePlugin")
        return kind not in {"AVIF", "WEBP"} or bool(features.check(kind.lower()))
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return True


def import_readers() -> None:
    """Every reader is imported, with what it would import when first needed. For a child that opens no file later."""
    from PIL import Image

    Image.preinit()  # what saving a thumbnail asks for
    for name in ("PIL.ExifTags", "PIL.ImageCms", "PIL.ImageOps", "PIL.MpoImagePlugin", "_strptime"):
        importlib.import_module(name)
    for name in FORMATS:
        _reader_of({"HEIC": "HEIF"}.get(name, name))


def _over_limits(image: Image.Image, limits: DecodeLimits) -> Rejected | None:
    """Why the header alone is enough to refuse."""
    width, height = image.size
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        most = f"at most {limits.max_pixels:,}, and {limits.max_side:,} a side"
        return Rejected(RejectReason.TOO_MANY_PIXELS, f"{width:,} x {height:,} pixels; {most}")
    if min(width, height) < limits.min_side:
        return Rejected(RejectReason.TOO_SMALL, f"{width} x {height} pixels")
    frames = getattr(image, "n_frames", 1)
    if frames > limits.max_frames:
        return Rejected(RejectReason.TOO_MANY_FRAMES, f"{frames:,} frames")
    return None


def _decoded(image: Image.Image, kind: str) -> Picture:
    frames = getattr(image, "n_frames", 1)
    image.load()
    # After loading: some readers (TIFF, HEIF) have turned the pixels by then, and say so by taking the tag away.
    exif = _exif(image)
    orientation = exif.get(_ORIENTATION, 1)
    rgb = _upright(_rgb(image), orientation)
    return Picture(
        rgb=rgb,
        width=rgb.shape[1],
        height=rgb.shape[0],
        format={"HEIF": "HEIC"}.get(kind, kind),
        taken_at=_taken_at(exif),
        frames=frames,
    )


def _exif(image: Image.Image) -> Any:
    """The metadata, or nothing: damaged metadata makes the pixels no worse."""
    with suppress(Exception):
        return image.getexif()
    return {}


def _taken_at(exif: Any) -> str | None:
    """DateTimeOriginal as ISO 8601, where it is there and is a date."""
    with suppress(Exception):  # as above
        text = str(exif.get_ifd(_EXIF_IFD)[_TAKEN]).strip("\0 ")
        return datetime.strptime(text, "%Y:%m:%d %H:%M:%S").isoformat()  # noqa: DTZ007  # Exif says no zone here
    return None


def _rgb(image: Image.Image) -> Rgb:
    """(H, W, 3) uint8 in sRGB, whatever the mode; what is transparent is white."""
    from PIL import Image

    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        image = Image.fromarray(_rounded(np.asarray(image) / 257.0))
    elif image.mode in {"I", "F"}:
        image = Image.fromarray(_spread(np.asarray(image)))
    elif image.mode in _ALPHA or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    elif image.mode not in {"RGB", "CMYK"}:
        image = image.convert("RGB")
    if profile:
        image = _in_srgb(image, profile)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = (np.clip(values, 0, 255) + 0.5).astype(np.uint8)
    return rounded


def _spread(values: NDArray[Any]) -> NDArray[np.uint8]:
    """32-bit and float grey: such files do not say what white is, so the range that they use is spread over 0..255.

    0..1 and 0..65,535 are taken to be meant where they hold all values, so that a dark picture stays dark.
    """
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 65_535:
        low, high = 0.0, 1.0 if high <= 1 else 255.0 if high <= 255 else 65_535.0
    return _rounded((values - low) * (255.0 / max(high - low, 1e-12)))


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours of a wide-gamut profile (phones: Display P3; scans) as sRGB. A broken or odd profile is left out."""
    if image.mode == "RGB" and b"sRGB" in profile[:1024]:
        return image
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        turned = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
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
