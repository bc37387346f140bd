"""Untrusted bytes to upright RGB: every format, orientation and mode, and every way in which bytes can be bad."""

import io
import struct
import sys
import warnings
import zlib
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from countenance.decode import formats
from countenance.decode.formats import decode
from countenance.decode.limits import DecodeLimits
from countenance.types import Picture, Rejected, RejectReason

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF")
TAKEN = "2021:03:04 05:06:07"
# Each quarter has its colour, so that every turn and mirroring shows.
QUARTERS = np.zeros((60, 90, 3), np.uint8)
QUARTERS[:30, :45], QUARTERS[:30, 45:], QUARTERS[30:, :45], QUARTERS[30:, 45:] = (
    (200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30),
)  # fmt: skip
# What the camera stored for each orientation: the upright picture taken back. CIPA DC-008, table 4.
STORED = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}  # fmt: skip


@pytest.fixture(autouse=True)
def heif():
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()


def saved(image, kind, **more):
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def exif(orientation=1):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags.get_ifd(0x8769)[0x9003] = TAKEN
    return tags.tobytes()


def decoded(data, **more):
    picture = decode(data, **more)
    assert isinstance(picture, Picture), picture
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.flags["C_CONTIGUOUS"]
    return picture


def reason(data, **more):
    answer = decode(data, **more)
    assert isinstance(answer, Rejected), answer
    return answer.reason


def png(width, height, *chunks):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*c) for c in chunks) + chunk(b"IEND", b"")


# --- formats and orientations ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(kind):
    picture = decoded(saved(Image.fromarray(QUARTERS), kind))
    assert (picture.width, picture.height) == (90, 60)
    assert picture.format == {"HEIF": "HEIC"}.get(kind, kind)
    assert np.abs(picture.rgb.astype(int) - QUARTERS).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_all_eight_orientations_come_upright(kind, orientation):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](QUARTERS)))
    picture = decoded(saved(stored, kind, exif=exif(orientation)))
    assert picture.rgb.shape == (60, 90, 3)
    assert (picture.width, picture.height) == (90, 60)
    assert np.abs(picture.rgb.astype(int) - QUARTERS).mean() < 8


@given(st.sampled_from(sorted(STORED)), st.integers(1, 40), st.integers(1, 40))
def test_upright_undoes_what_the_camera_did(orientation, width, height):
    picture = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_array_equal(formats._upright(STORED[orientation](picture), orientation), picture)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_when_it_was_taken(kind):
    assert decoded(saved(Image.fromarray(QUARTERS), kind, exif=exif())).taken_at == "2021-03-04T05:06:07"


@pytest.mark.parametrize(
    "text", ["0000:00:00 00:00:00", "2021:02:30 00:00:00", "yesterday", "    :  :     :  :  ", "2021:03:04", "\0"]
)
def test_a_date_that_is_none_is_left_out(text, monkeypatch):
    monkeypatch.setattr(f"{__name__}.TAKEN", text)
    assert decoded(saved(Image.fromarray(QUARTERS), "JPEG", exif=exif())).taken_at is None


def test_damaged_metadata_makes_the_pixels_no_worse():
    whole = exif(6)
    for cut in range(8, len(whole), 7):
        picture = decode(saved(Image.fromarray(QUARTERS), "JPEG", exif=whole[:cut]))
        assert isinstance(picture, Picture)


def test_a_camera_s_second_picture_in_one_file_is_ignored():
    mpo = saved(Image.fromarray(QUARTERS), "MPO", save_all=True, append_images=[Image.new("RGB", (90, 60))])
    picture = decoded(mpo)
    assert picture.format == "JPEG"
    assert np.abs(picture.rgb.astype(int) - QUARTERS).mean() < 8


# --- modes -----------------------------------------------------------------------------------------------------------
GREY16 = np.arange(256, dtype=np.uint16)[None].repeat(20, 0) * 257


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_clipped(kind):
    rgb = decoded(saved(Image.fromarray(GREY16), kind)).rgb
    np.testing.assert_array_equal(rgb[0, :, 0], np.arange(256))


def test_a_dark_16_bit_picture_stays_dark():
    assert decoded(saved(Image.fromarray(GREY16 // 257), "PNG")).rgb.max() <= 1


@pytest.mark.parametrize(
    ("values", "first", "last"),
    [(np.linspace(0, 1, 400), 0, 255), (np.linspace(0, 0.5, 400), 0, 128), (np.linspace(0, 255, 400), 0, 255),
     (np.linspace(-3, 70_000, 400), 0, 255), (np.zeros(400), 0, 0), (np.full(400, np.nan), 0, 0)],
)  # fmt: skip
def test_float_grey_is_brought_to_8_bits(values, first, last):
    rgb = decoded(saved(Image.fromarray(values.reshape(20, 20).astype(np.float32)), "TIFF")).rgb
    assert (rgb[0, 0, 0], rgb[-1, -1, 0]) == (first, last)


def test_what_is_transparent_is_white():
    transparent = {
        "LA": saved(Image.new("LA", (30, 20), (0, 0)), "PNG"),
        "RGBA": saved(Image.new("RGBA", (30, 20), (9, 9, 9, 0)), "PNG"),
        "half": saved(Image.new("RGBA", (30, 20), (0, 0, 0, 128)), "WEBP", lossless=True),
        "P": saved(Image.new("P", (30, 20), 0), "PNG", transparency=0),
        "L": saved(Image.new("L", (30, 20), 7), "PNG", transparency=7),
        "GIF": saved(Image.new("P", (30, 20), 0), "GIF", transparency=0),
    }
    shown = {name: decoded(data).rgb[5, 5].tolist() for name, data in transparent.items()}
    assert shown.pop("half") == [127, 127, 127]
    assert set(map(tuple, shown.values())) == {(255, 255, 255)}, shown


@pytest.mark.parametrize(
    ("image", "kind", "colour"),
    [
        (Image.new("CMYK", (30, 20), (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
        (Image.new("CMYK", (30, 20), (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (Image.new("L", (30, 20), 77), "JPEG", (77, 77, 77)),
        (Image.new("1", (30, 20), 1), "PNG", (255, 255, 255)),
        (Image.new("P", (30, 20), 1), "BMP", None),
        (Image.new("YCbCr", (30, 20), (77, 128, 128)), "TIFF", (77, 77, 77)),
        (Image.new("LAB", (30, 20), (255, 128, 128)), "TIFF", None),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "mode", ""),
)
def test_other_modes_become_rgb(image, kind, colour):
    rgb = decoded(saved(image, kind)).rgb
    assert rgb.shape == (20, 30, 3)
    if colour is not None:
        np.testing.assert_allclose(rgb[5, 5], colour, atol=3)


def test_a_profile_that_is_broken_or_odd_is_not_in_the_way():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(QUARTERS)
    for profile in (srgb, srgb[:200], b"no profile", b"\0" * 4000):
        rgb = decoded(saved(image, "PNG", icc_profile=profile)).rgb
        assert np.abs(rgb.astype(int) - QUARTERS).max() <= 2
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert decoded(saved(image, "JPEG", icc_profile=lab)).rgb.shape == (60, 90, 3)


def swapped_profile():
    """sRGB with the columns of red and green exchanged: a picture of it must come out with its colours exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"sRGB", b"xxxx"))
    count = struct.unpack(">I", data[128:132])[0]
    places = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_turned_into_srgb(mode):
    image = Image.new("RGB", (30, 20), (200, 30, 30))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    rgb = decoded(saved(image, "PNG", icc_profile=swapped_profile())).rgb
    np.testing.assert_allclose(rgb[5, 5], (30, 200, 30), atol=4)


# --- bad bytes -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"hello, I am a text file named .jpg", b"%PDF-1.7\n%named .png", b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b'<?xml version="1.0"?><svg/>', b"P6 20 20 255\n" + bytes(1200), b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0\0\1\0\1\0",
        b"BM, they said, is a bitmap",
        b"8BPS\0\1", b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\x7fELF", b"PK\3\4",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42", b"icns\0\0\0\0", b"#define x_width 16\n", b"qoif" + bytes(20),
    ],
)  # fmt: skip
def test_what_is_no_picture_here_is_refused_by_content(data):
    assert reason(data) is RejectReason.NOT_A_PICTURE


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_truncated_picture_is_damaged(kind, part):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8))
    data = saved(noise, kind)
    assert reason(data[: int(len(data) * part)]) is RejectReason.DAMAGED


def test_a_png_that_claims_50_000_pixels_a_side_is_refused_before_anything_is_allocated(monkeypatch):
    def refuse(*_):
        raise AssertionError("pixels were loaded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    assert reason(png(50_000, 50_000, (b"IDAT", zlib.compress(bytes(100))))) is RejectReason.TOO_MANY_PIXELS
    assert reason(png(65_501, 20, (b"IDAT", zlib.compress(bytes(100))))) is RejectReason.TOO_MANY_PIXELS


def many_frames(kind, count):
    frames = [Image.new("RGB", (16, 16), (37 * i % 256, i // 256, 0)) for i in range(count)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=10)


def test_an_animated_webp_of_10_000_frames_is_refused():
    assert reason(many_frames("WEBP", 10_000)) is RejectReason.TOO_MANY_FRAMES


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame_is_taken_up_to_the_limit(kind):
    data = many_frames(kind, 6)
    picture = decoded(data, limits=DecodeLimits(max_frames=6))
    assert picture.frames == 6
    assert picture.rgb[5, 5, 0] <= 3
    assert reason(data, limits=DecodeLimits(max_frames=5)) is RejectReason.TOO_MANY_FRAMES


def test_a_picture_smaller_than_any_face_is_refused():
    assert reason(saved(Image.new("RGB", (11, 500)), "PNG")) is RejectReason.TOO_SMALL
    assert decoded(saved(Image.new("RGB", (12, 12)), "PNG")).width == 12


def test_more_bytes_than_the_limit_are_refused_unread():
    assert reason(b"\xff\xd8\xff" + bytes(2000), limits=DecodeLimits(max_bytes=2000)) is RejectReason.TOO_LARGE


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"hevc"])
def test_heic_without_its_reader_says_what_to_install(brand, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    formats._reader_of.cache_clear()
    try:
        answer = decode(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(100))
    finally:
        formats._reader_of.cache_clear()
    assert answer.reason is RejectReason.NO_READER
    assert "pillow-heif" in answer.detail


def test_a_picture_that_memory_cannot_hold_is_refused(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", full)
    assert reason(saved(Image.new("RGB", (30, 20)), "PNG")) is RejectReason.TOO_MANY_PIXELS


@cache
def seed(kind):
    return saved(Image.fromarray(QUARTERS), kind, **({} if kind in {"GIF", "BMP"} else {"exif": exif(6)}))


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_no_bytes_make_it_raise_or_warn(kind, changes):
    data = bytearray(seed(kind))
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(decode(bytes(data), limits=DecodeLimits(max_pixels=10**6)), Picture | Rejected)


def test_nothing_of_a_bad_picture_is_printed(capfd):
    for kind in FORMATS:
        data = saved(Image.fromarray(QUARTERS), kind)
        decode(data[: len(data) // 2])
    assert capfd.readouterr().out == ""
