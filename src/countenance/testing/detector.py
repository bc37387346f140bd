"""What every Detector does. Subclass in a test and say how to make one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pytest
from PIL import Image

from countenance.protocols import Detector
from countenance.types import Box, DetectedFace, Rgb


def demo_picture(name: str) -> Rgb:
    """(H, W, 3) uint8 RGB of a photograph of the demo: people who are dead, or nobody."""
    with as_file(files("countenance.app.demo") / "data" / name) as path, Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def scaled(rgb: Rgb, width: int) -> Rgb:
    """The picture, `width` pixels wide."""
    height = max(1, round(rgb.shape[0] * width / rgb.shape[1]))
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


class DetectorContract(ABC):
    """The promises of `protocols.Detector`."""

    @classmethod
    @abstractmethod
    def make(cls) -> Detector:
        """A new detector."""

    @pytest.fixture(scope="class")
    @classmethod
    def detector(cls) -> Detector:
        """One for all tests of the class, because loading is slow."""
        return cls.make()

    def test_it_has_a_name(self, detector: Detector) -> None:
        assert isinstance(detector, Detector)
        assert detector.name

    @pytest.mark.parametrize(
        ("name", "people"),
        [("grace-hopper.jpg", 1), ("marie-curie.png", 1), ("antoine-claudet.png", 1), ("two-brothers.jpg", 2),
         ("expedition-1897.jpg", 5)],
    )  # fmt: skip
    def test_each_person_is_found_once(self, detector: Detector, name: str, people: int) -> None:
        assert len(detector.detect(demo_picture(name))) == people

    @pytest.mark.parametrize("name", ["cat.jpg", "coffee.jpg", "rocket.jpg"])
    def test_nobody_is_found_where_nobody_is(self, detector: Detector, name: str) -> None:
        assert detector.detect(demo_picture(name)) == ()

    @pytest.mark.parametrize("value", [0, 127, 255])
    def test_an_even_field_holds_no_face(self, detector: Detector, value: int) -> None:
        assert detector.detect(np.full((300, 400, 3), value, np.uint8)) == ()

    @pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (2, 3), (33, 31)])
    def test_any_size_from_one_pixel_will_do(self, detector: Detector, size: tuple[int, int]) -> None:
        assert detector.detect(np.zeros((*size, 3), np.uint8)) == ()

    @pytest.mark.parametrize("width", [80, 100, 120, 250, 512, 1500, 3000])
    def test_a_face_is_found_at_any_size_of_the_picture(self, detector: Detector, width: int) -> None:
        picture = demo_picture("grace-hopper.jpg")
        [face], [found] = detector.detect(picture), detector.detect(scaled(picture, width))
        factor = width / picture.shape[1]
        x1, y1, x2, y2 = (value * factor for value in face.box)
        assert overlap(found.box, (x1, y1, x2, y2)) > 0.7

    def test_a_face_that_fills_the_picture_is_found(self, detector: Detector) -> None:
        picture = demo_picture("grace-hopper.jpg")
        x1, y1, x2, y2 = map(int, detector.detect(picture)[0].box)
        for width in (80, 92, 120, 400, 1000):
            assert len(detector.detect(scaled(picture[y1:y2, x1:x2], width))) == 1, width

    def test_landmarks_lie_in_the_box_and_where_the_viewer_sees_them(self, detector: Detector) -> None:
        for face in detector.detect(demo_picture("expedition-1897.jpg")):
            x1, y1, x2, y2 = face.box
            left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
            assert all(x1 < x < x2 and y1 < y < y2 for x, y in face.landmarks)
            assert left_eye[0] < right_eye[0]
            assert left_mouth[0] < right_mouth[0]
            assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])

    def test_what_comes_out_is_plain_numbers(self, detector: Detector) -> None:
        for face in detector.detect(demo_picture("two-brothers.jpg")):
            assert isinstance(face, DetectedFace)
            numbers = [face.score, *face.box, *(value for point in face.landmarks for value in point)]
            assert {type(number) for number in numbers} == {float}
            assert np.isfinite(numbers).all()
            assert len(face.landmarks) == 5
            assert 0 <= face.score <= 1

    def test_best_score_first(self, detector: Detector) -> None:
        scores = [face.score for face in detector.detect(demo_picture("expedition-1897.jpg"))]
        assert scores == sorted(scores, reverse=True)

    def test_the_same_picture_gives_the_same_faces(self, detector: Detector) -> None:
        picture = demo_picture("two-brothers.jpg")
        assert detector.detect(picture) == detector.detect(picture)

    def test_a_mirrored_picture_gives_mirrored_faces(self, detector: Detector) -> None:
        picture = demo_picture("expedition-1897.jpg")
        width = picture.shape[1]
        mirrored = detector.detect(picture[:, ::-1])
        for face in detector.detect(picture):
            x1, y1, x2, y2 = face.box
            assert max(overlap(found.box, (width - x2, y1, width - x1, y2)) for found in mirrored) > 0.7

    def test_the_picture_is_not_changed_and_may_be_a_view(self, detector: Detector) -> None:
        picture = demo_picture("grace-hopper.jpg").copy()
        picture.flags.writeable = False
        turned = np.ascontiguousarray(picture[::-1])[::-1]
        assert detector.detect(turned) == detector.detect(picture)

    def test_narrower_faces_are_not_looked_for(self, detector: Detector) -> None:
        picture = demo_picture("expedition-1897.jpg")
        widths = sorted(face.box[2] - face.box[0] for face in detector.detect(picture))
        middle = (widths[2] + widths[3]) / 2
        found = detector.detect(picture, min_face_px=middle)
        assert {face.box[2] - face.box[0] >= middle for face in found} == {True}
        assert detector.detect(picture, min_face_px=10_000) == ()

    @pytest.mark.parametrize(
        "wrong",
        [
            np.zeros((10, 10), np.uint8),
            np.zeros((10, 10, 4), np.uint8),
            np.zeros((10, 10, 3), np.float32),
            np.zeros((1, 10, 10, 3), np.uint8),
            np.zeros((0, 10, 3), np.uint8),
        ],
        ids=lambda array: f"{array.shape}-{array.dtype}",
    )
    def test_other_shapes_and_dtypes_are_refused(self, detector: Detector, wrong: Any) -> None:
        with pytest.raises(ValueError, match="picture"):
            detector.detect(wrong)
