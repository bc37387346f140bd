"""From bytes to aligned faces, in this process and through the child."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from countenance.decode.limits import DecodeLimits
from countenance.detect.yunet_detector import YuNetDetector
from countenance.pipeline import analyse as look_module
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis, _answer, _understood, analyse_picture
from countenance.testing.detector import demo_picture, overlap, scaled
from countenance.types import DetectedFace, Rejected, RejectReason
from countenance.weights.store import load


@pytest.fixture(scope="module")
def analyser():
    with FaceAnalyser(workers=2) as analyser:
        yield analyser


@pytest.fixture(scope="module")
def detector():
    return YuNetDetector(load(YuNetDetector.name).data)


def saved(rgb, kind, **more):
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, kind, **more)
    return out.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "Grüße".encode("utf-16")  # a description, which nobody asked for
    tags.get_ifd(0x8769)[0x9003] = "1984:01:02 03:04:05"
    return tags.tobytes()


def same(one, other):
    assert isinstance(one, FaceAnalysis)
    assert (one.width, one.height, one.format, one.taken_at) == (
        other.width,
        other.height,
        other.format,
        other.taken_at,
    )
    assert [aligned.face for aligned in one.faces] == [aligned.face for aligned in other.faces]
    assert [aligned.quality for aligned in one.faces] == [aligned.quality for aligned in other.faces]
    for a, b in zip(one.faces, other.faces, strict=True):
        np.testing.assert_array_equal(a.crop, b.crop)
        assert a.thumbnail == b.thumbnail
    assert one.preview == other.preview


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF", "MPO"])
def test_the_confined_child_sees_what_this_process_sees_in_every_format(analyser, kind):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    whole = demo_picture("grace-hopper.jpg")
    more = {"save_all": True, "append_images": [Image.new("RGB", (30, 30))]} if kind == "MPO" else {}
    if kind not in {"GIF", "BMP"}:
        profile = Image.open(io.BytesIO(saved(whole, "PNG"))).info.get("icc_profile")
        more |= {"exif": exif(6), "icc_profile": profile or swapped_srgb()}
    data = saved(whole, kind, **more)
    here = analyse_picture(data, preview_px=300)
    same(analyser.analyse(data, preview_px=300), here)
    assert len(here.faces) == (1 if kind in {"GIF", "BMP"} else len(here.faces))
    if kind in {"JPEG", "PNG", "WEBP", "HEIF", "AVIF", "MPO"}:
        assert here.taken_at == "1984-01-02T03:04:05"


def swapped_srgb():
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"sRGB", b"else")


@pytest.mark.parametrize("name", ["two-brothers.jpg", "expedition-1897.jpg", "cat.jpg"])
def test_the_child_tells_what_it_saw(analyser, name):
    data = saved(demo_picture(name), "JPEG", quality=90)
    same(analyser.analyse(data), analyse_picture(data))


def test_many_pictures_are_looked_at_and_bad_ones_counted(analyser):
    good = saved(demo_picture("grace-hopper.jpg"), "JPEG")
    pictures = [(n, good if n % 3 else b"no picture") for n in range(9)]
    answers = dict(analyser.analyse_many(pictures))
    for n in range(9):
        if n % 3:
            assert len(answers[n].faces) == 1
        else:
            assert answers[n].reason is RejectReason.NOT_A_PICTURE


def test_a_preview_is_made_on_request_only():
    data = saved(demo_picture("grace-hopper.jpg"), "JPEG")
    assert analyse_picture(data).preview is None
    with Image.open(io.BytesIO(analyse_picture(data, preview_px=200).preview)) as preview:
        assert preview.format == "JPEG"
        assert max(preview.size) == 200


def rms(a, b):
    return float(np.sqrt(((a.astype(float) - b) ** 2).mean()))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_small_face_in_a_large_picture_is_cropped_from_all_its_pixels(detector, kind):
    """12 megapixels in which detection sees a face 20 px wide that has 80: it is cropped as if it stood alone."""
    portrait = demo_picture("grace-hopper.jpg")
    [face] = detector.detect(portrait)
    small = scaled(portrait, round(portrait.shape[1] * 80 / (face.box[2] - face.box[0])))
    alone = analyse_picture(saved(small, "PNG")).faces[0]
    scene = np.asarray(
        Image.fromarray(demo_picture("coffee.jpg")).resize((4000, 3000), Image.Resampling.BICUBIC)
    ).copy()
    y, x = 1200, 2500
    scene[y : y + small.shape[0], x : x + small.shape[1]] = small
    looked = analyse_picture(saved(scene, kind, **({"quality": 95} if kind == "JPEG" else {"compress_level": 1})))
    assert (looked.width, looked.height) == (4000, 3000)
    [found] = looked.faces
    x1, y1, x2, y2 = alone.face.box
    assert overlap(found.face.box, (x1 + x, y1 + y, x2 + x, y2 + y)) > 0.8
    assert found.quality.width_px == pytest.approx(80, rel=0.1)
    shift = np.array(found.face.landmarks) - np.array(alone.face.landmarks) - [x, y]
    assert np.abs(shift).max() < 4  # of 80 px; seen at 20 px only, they would be 7 off
    assert found.quality.sharpness > 0.7 * alone.quality.sharpness


def test_boxes_are_in_pixels_of_the_whole_picture_as_displayed(detector):
    whole = scaled(demo_picture("grace-hopper.jpg"), 2600)
    [face] = detector.detect(whole)
    for orientation, turn in ((1, lambda a: a), (6, lambda a: np.rot90(a, 1)), (3, lambda a: a[::-1, ::-1])):
        looked = analyse_picture(saved(np.ascontiguousarray(turn(whole)), "JPEG", exif=exif(orientation)))
        assert (looked.width, looked.height) == whole.shape[1::-1]
        [found] = looked.faces
        assert overlap(found.face.box, face.box) > 0.8


def test_a_face_that_covers_12_megapixels_is_found(detector):
    portrait = demo_picture("grace-hopper.jpg")
    [face] = detector.detect(portrait)
    x1, y1, x2, y2 = map(int, face.box)
    looked = analyse_picture(saved(scaled(portrait[y1:y2, x1:x2], 3000), "JPEG"))
    assert len(looked.faces) == 1


class OneFace:
    """A detector that finds one face of a given width, wherever it looks."""

    name = "one"

    def detect(self, rgb, *, min_face_px=None):
        points = ((10.0, 10.0), (20.0, 10.0), (15.0, 15.0), (11.0, 20.0), (19.0, 20.0))
        return (DetectedFace((5.0, 0.0, 25.0, 25.0), points, 0.9),)


def test_a_large_picture_is_decoded_once(monkeypatch):
    decodes = []
    decode = look_module.decode
    monkeypatch.setattr(look_module, "decode", lambda data, **more: decodes.append(more) or decode(data, **more))
    analyse_picture(saved(np.zeros((3000, 4000, 3), np.uint8), "JPEG"), detector=OneFace())
    assert decodes == [{}]


def test_a_rejected_picture_is_not_looked_for_faces_in():
    assert analyse_picture(b"hello").reason is RejectReason.NOT_A_PICTURE
    assert DecodeLimits().max_bytes <= 2**29


# --- what a child that lies can say ----------------------------------------------------------------------------------
def truth():
    return _answer(analyse_picture(saved(demo_picture("grace-hopper.jpg"), "JPEG"), preview_px=100))


def test_what_is_told_is_understood():
    assert isinstance(_understood(truth()), FaceAnalysis)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("width",), 0), (("width",), -5), (("width",), 1.5), (("width",), True), (("width",), 2**40),
        (("height",), None),
        (("height",), "9"), (("format",), 5), (("format",), "<script>"), (("format",), ""), (("taken_at",), "<b>"),
        (("taken_at",), 7), (("faces",), None), (("faces",), []), (("faces",), {}), (("faces",), [5]),
        (("preview",), False),
        (("faces", 0, "box"), [1, 2, 3]), (("faces", 0, "box"), [1, 2, 3, float("nan")]), (("faces", 0, "box"), "1234"),
        (("faces", 0, "box"), [1, 2, 3, 10**400]), (("faces", 0, "box"), [1, 2, 3, float("inf")]),
        (("faces", 0, "box"), [9, 9, 1, 1]),
        (("faces", 0, "landmarks"), [[1, 2]] * 4), (("faces", 0, "landmarks"), [[1, 2, 3]] * 5),
        (("faces", 0, "score"), "high"), (("faces", 0, "score"), 7), (("faces", 0, "quality"), [1] * 5),
        (("faces", 0, "quality"), [1, 1, 1, 1, 1, 2]),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_true_is_refused(where, value):
    header, parts = truth()
    place = header
    for name in where[:-1]:
        place = place[name]
    assert where[-1] in place
    place[where[-1]] = value
    answer = _understood((header, parts))
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.DECODER_DIED


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("wrong", [b"", b"<html><script>", os.urandom(112 * 112 * 3 - 1), b"RIFF0000WEB"])
def test_parts_that_cannot_be_true_are_refused(which, wrong):
    header, parts = truth()
    parts[which] = wrong
    assert isinstance(_understood((header, parts)), Rejected)


def test_too_few_or_too_many_parts_are_refused():
    header, parts = truth()
    assert isinstance(_understood((header, parts[:-1])), Rejected)
    assert isinstance(_understood((header, [*parts, b"more"])), Rejected)
    assert isinstance(_understood(({}, [])), Rejected)
