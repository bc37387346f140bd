import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from countenance.align.crop import align_crop
from countenance.align.quality import quality_of
from countenance.detect.yunet_detector import YuNetDetector
from countenance.testing.detector import demo_picture
from countenance.types import ARCFACE, DetectedFace
from countenance.weights.store import load

TEMPLATE = np.array(ARCFACE.points)
FRONTAL = tuple(map(tuple, TEMPLATE.tolist()))
PLAIN = DetectedFace((0.0, 0.0, 112.0, 140.0), FRONTAL, 0.95)


@pytest.fixture(scope="module")
def hopper():
    picture = demo_picture("grace-hopper.jpg")
    [face] = YuNetDetector(load(YuNetDetector.name).data).detect(picture)
    return face, align_crop(picture, face.landmarks)


numbers = st.floats(-1000, 1000)
point = st.tuples(numbers, numbers)


@given(st.tuples(point, point, point, point, point), st.floats(0, 1), st.floats(0, 3000), st.integers(0, 255))
def test_every_measure_is_between_0_and_1(landmarks, score, width, value):
    rng = np.random.default_rng(value)
    crop = rng.integers(0, value + 1, (112, 112, 3)).astype(np.uint8)
    quality = quality_of(DetectedFace((0.0, 0.0, width, width), landmarks, score), crop)
    parts = [quality.sharpness, quality.pose, quality.exposure, quality.detector, quality.overall]
    assert all(0 <= part <= 1 for part in parts)
    assert quality.width_px == width


def test_an_ordinary_portrait_is_good(hopper):
    assert quality_of(*hopper).overall > 0.75


def test_blur_dark_glare_and_a_small_face_each_cost(hopper):
    face, crop = hopper
    good = quality_of(face, crop)
    blurred = np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(4)))
    assert quality_of(face, blurred).sharpness < 0.4 * good.sharpness
    assert quality_of(face, crop // 12).exposure < 0.5 * good.exposure
    assert quality_of(face, 255 - (255 - crop) // 12).exposure < 0.5 * good.exposure
    small = DetectedFace((0.0, 0.0, 20.0, 28.0), face.landmarks, face.score)
    assert quality_of(small, crop).overall < 0.8 * good.overall


def test_pose_falls_as_the_head_turns():
    eyes, nose, mouth = TEMPLATE[:2], TEMPLATE[2], TEMPLATE[3:]
    poses = []
    for turn_px in (0, 5, 10, 20, 30):
        landmarks = tuple(map(tuple, [*eyes, (nose[0] + turn_px, nose[1]), *mouth]))
        face = DetectedFace(PLAIN.box, landmarks, 0.9)
        poses.append(quality_of(face, np.zeros((112, 112, 3), np.uint8)).pose)
    assert poses[0] > 0.9
    assert poses == sorted(poses, reverse=True)
    assert poses[-1] == 0


def test_a_face_turned_in_the_plane_has_the_pose_of_an_upright_one():
    c, s = np.cos(0.8), np.sin(0.8)
    turned = tuple(map(tuple, TEMPLATE @ np.array([[c, -s], [s, c]]).T * 3 + 40))
    crop = np.zeros((112, 112, 3), np.uint8)
    assert quality_of(DetectedFace(PLAIN.box, turned, 0.9), crop).pose == pytest.approx(
        quality_of(PLAIN, crop).pose, abs=1e-9
    )
