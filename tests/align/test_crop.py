import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from countenance.align.crop import align_crop
from countenance.detect.yunet_detector import YuNetDetector
from countenance.testing.detector import demo_picture, scaled
from countenance.types import ARCFACE
from countenance.weights.store import load, model_path

TEMPLATE = np.array(ARCFACE.points)


def turned(angle_rad, scale, shift):
    c, s = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    return tuple(map(tuple, (TEMPLATE - 56) @ np.array([[c, -s], [s, c]]).T + shift))


def dots(points, size, radius):
    """A picture with a disc of its own colour on each landmark."""
    picture = np.full((size, size, 3), 90, np.uint8)
    rows, columns = np.mgrid[:size, :size]
    for (x, y), colour in zip(points, COLOURS, strict=True):
        picture[np.hypot(columns - x, rows - y) <= radius] = colour
    return picture


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]


@pytest.mark.parametrize("angle_rad", [0, 0.7, -1.5, 3.1])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7, 2.5, 6.3])
def test_landmarks_lie_on_the_template(angle_rad, scale):
    size = int(300 * max(1, scale))
    points = turned(angle_rad, scale, size / 2)
    crop = align_crop(dots(points, size, max(3, 4 * scale)), points)
    assert crop.shape == (112, 112, 3)
    assert crop.dtype == np.uint8
    for (x, y), colour in zip(TEMPLATE, COLOURS, strict=True):
        close = np.abs(crop.astype(int) - colour).sum(axis=2) < 120
        rows, columns = np.nonzero(close)
        assert np.hypot(columns.mean() - x, rows.mean() - y) < 0.7


@pytest.mark.parametrize("name", ["grace-hopper.jpg", "two-brothers.jpg", "antoine-claudet.png", "expedition-1897.jpg"])
@pytest.mark.parametrize("face_px", [60, 112, 145])
def test_ordinary_faces_are_cropped_as_opencv_crops_them(name, face_px):
    detector = YuNetDetector(load(YuNetDetector.name).data)
    whole = demo_picture(name)
    widest = max(face.box[2] - face.box[0] for face in detector.detect(whole))
    picture = scaled(whole, round(whole.shape[1] * face_px / widest))
    reference = cv2.FaceRecognizerSF.create(str(model_path("sface-2021dec")), "")
    faces = detector.detect(picture)
    assert faces
    for face in faces:
        x1, y1, x2, y2 = face.box
        row = np.array([x1, y1, x2 - x1, y2 - y1, *np.ravel(face.landmarks), face.score], np.float32)
        expected = reference.alignCrop(np.ascontiguousarray(picture[..., ::-1]), row)[..., ::-1]
        inside = align_crop(np.full_like(picture, 255), face.landmarks).min(axis=2) == 255  # not beyond its border
        difference = np.abs(expected.astype(int) - align_crop(picture, face.landmarks))[inside]
        assert difference.mean() < 1.0
        assert np.percentile(difference, 99) <= 3


def test_a_large_face_is_reduced_by_area_and_not_by_leaving_pixels_out():
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1500, 3), np.uint8)
    points = turned(0.3, 10, 750)
    crop = align_crop(noise, points)[20:90, 20:90]
    assert abs(crop.mean() - noise.mean()) < 2
    assert crop.std() < 20  # of 10 x 10 pixels the mean: a tenth of 74; with pixels left out it stays 74


@pytest.mark.parametrize("scale", [2.3, 3.9, 8.0])
def test_a_larger_picture_gives_the_same_crop(scale):
    smooth = np.asarray(
        Image.fromarray(np.random.default_rng(2).integers(0, 256, (300, 300, 3), np.uint8)).filter(
            ImageFilter.GaussianBlur(6)
        )
    )
    points = np.array(turned(0.2, 1.0, 150))
    large = np.asarray(Image.fromarray(smooth).resize((round(300 * scale),) * 2, Image.Resampling.BICUBIC))
    factor = large.shape[0] / 300
    moved = tuple(map(tuple, (points + 0.5) * factor - 0.5))
    one = align_crop(smooth, tuple(map(tuple, points))).astype(int)
    assert np.abs(one - align_crop(large, moved)).mean() < 1.0


@pytest.mark.parametrize("shift", [(-300, -300), (0, 0), (400, 150), (5_000, 5_000), (150, 302)])
def test_what_lies_outside_the_picture_is_black(shift):
    white = np.full((300, 300, 3), 255, np.uint8)
    crop = align_crop(white, turned(0.1, 1.0, np.array(shift)))
    seen = (crop == 255).all(axis=2).mean()
    assert seen == pytest.approx({(0, 0): 0.25, (150, 302): 0.48}.get(shift, 0.0), abs=0.06)
    assert set(np.unique(crop)) <= {0, 255} or seen > 0


def test_a_picture_of_one_pixel_will_do():
    assert align_crop(np.zeros((1, 1, 3), np.uint8), turned(0, 1, 0)).shape == (112, 112, 3)
    assert align_crop(np.zeros((1, 1, 3), np.uint8), turned(0, 50, 0)).shape == (112, 112, 3)


def test_the_picture_is_not_changed_and_may_be_a_view():
    picture = np.random.default_rng(3).integers(0, 256, (200, 200, 3), np.uint8)
    picture.flags.writeable = False
    points = turned(0.4, 0.8, 100)
    np.testing.assert_array_equal(align_crop(picture, points), align_crop(picture[::-1].copy()[::-1], points))


def test_landmarks_in_one_place_are_refused():
    with pytest.raises(ValueError, match="points"):
        align_crop(np.zeros((9, 9, 3), np.uint8), ((5.0, 5.0),) * 5)
