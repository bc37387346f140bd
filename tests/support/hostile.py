"""Files that somebody hands in as a picture and that can't be used, each with why: one list for all doors."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from countenance.types import RejectReason


@dataclass(frozen=True, slots=True)
class BadPicture:
    """One of them; a marker in it is found wherever its bytes lie."""

    name: str
    data: bytes
    reason: RejectReason | None  # None: it is a picture, and shows nobody


@cache
def bad_pictures() -> tuple[BadPicture, ...]:
    """The decoder's list: none of these is a probe, and of none but the last does anything stay."""
    mark = b"a mark that is found wherever this lies: "
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (300, 400, 3), np.uint8))
    whole = _saved(noise, "JPEG")
    frames = [Image.new("RGB", (16, 16), (37 * number % 256, number // 256, 0)) for number in range(1_200)]
    return (
        BadPicture("text", mark + b"text", RejectReason.NOT_A_PICTURE),
        BadPicture("an address", b"https://example.org/" + mark.replace(b" ", b"-"), RejectReason.NOT_A_PICTURE),
        BadPicture("a page", b"<!doctype html><script>alert(1)</script>" + mark, RejectReason.NOT_A_PICTURE),
        BadPicture(
            "a drawing", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>' + mark,
            RejectReason.NOT_A_PICTURE,
        ),
        BadPicture("a document", b"%PDF-1.7\n" + mark, RejectReason.NOT_A_PICTURE),
        BadPicture("an archive", b"PK\x03\x04" + mark, RejectReason.NOT_A_PICTURE),
        BadPicture("a cut one", _saved(noise.rotate(180), "JPEG")[:20_000], RejectReason.DAMAGED),
        BadPicture("a header alone", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + mark, RejectReason.DAMAGED),
        BadPicture("a bomb", claimed_png(50_000, 50_000), RejectReason.TOO_MANY_PIXELS),
        BadPicture("an endless film", _film(frames), RejectReason.TOO_MANY_FRAMES),
        BadPicture("a speck", _saved(noise.resize((8, 8)), "PNG"), RejectReason.TOO_SMALL),
        BadPicture("nobody", whole, None),
    )  # fmt: skip


def claimed_png(width: int, height: int) -> bytes:
    """A PNG that claims so many pixels and brings hardly any."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def _saved(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def _film(frames: list[Image.Image]) -> bytes:
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=10)
    return out.getvalue()
