import cv2
import numpy as np
import pytest
from PIL import Image

from countenance.detect.second_pass import CLOSE_AROUND, CLOSE_PX, STEADY_AROUND, SURE, confirmed
from countenance.detect.yunet import RawFaces, YuNet
from countenance.detect.yunet_detector import YuNetDetector
from countenance.testing.detector import DetectorContract, demo_picture, scaled
from countenance.weights.store import load, model_path


class TestYuNetDetector(DetectorContract):
    @classmethod
    def make(cls):
        return YuNetDetector(load(YuNetDetector.name).data)


@pytest.fixture(scope="module")
def network():
    return YuNet(load(YuNetDetector.name).data)


@pytest.mark.parametrize("name", ["grace-hopper.jpg", "two-brothers.jpg", "expedition-1897.jpg", "coffee.jpg"])
@pytest.mark.parametrize("width", [320, 417, 640])
def test_one_pass_equals_opencv(network, name, width):
    picture = scaled(demo_picture(name), width)
    reference = cv2.FaceDetectorYN.create(
        str(model_path(YuNetDetector.name)), "", (width, picture.shape[0]), score_threshold=0.3, nms_threshold=0.3
    )
    _, rows = reference.detect(np.ascontiguousarray(picture[..., ::-1]))
    expected = np.empty((0, 15), np.float32) if rows is None else rows
    found = network.find(picture, 0.3)
    ours = np.hstack(
        [found.boxes[:, :2], found.boxes[:, 2:] - found.boxes[:, :2], found.landmarks.reshape(-1, 10),
         found.scores[:, None]]
    )  # fmt: skip
    np.testing.assert_allclose(ours, expected[np.argsort(-expected[:, 14], kind="stable")], atol=0.01)


class Scripted:
    """A network that sees one face of 30 x 40 in the middle of whatever it is shown, at each size with its score."""

    def __init__(self, score_at):
        self.score_at = score_at
        self.widths = []

    def find(self, rgb, min_score):
        width, height = rgb.shape[1], rgb.shape[0]
        close = width == round(40 * CLOSE_AROUND * CLOSE_PX / 30)
        scale = width / (40 * (CLOSE_AROUND if close else STEADY_AROUND))
        self.widths.append(round(30 * scale))
        score = self.score_at(30 * scale)
        half = np.array([15, 20]) * scale
        middle = np.array([width, height]) / 2
        box = np.concatenate([middle - half, middle + half])[None].astype(np.float32)
        return RawFaces(box, np.zeros((1, 5, 2), np.float32), np.array([score], np.float32))


@pytest.mark.parametrize(
    ("first", "score_at", "stays"),
    [
        (0.86, lambda width: 0.0, True),  # sure: not looked at again
        (0.55, lambda width: 0.0, False),
        (0.55, lambda width: 0.71 if width > 90 else 0.0, True),  # clear from close by
        (0.55, lambda width: 0.69 if width > 90 else 0.0, False),
        (0.75, lambda width: 0.0 if width > 90 else 0.7, True),  # steady
        (0.75, lambda width: 0.0 if width > 30 else 0.8, False),  # comes and goes
    ],
)
def test_what_is_found_with_little_confidence_is_looked_at_again(first, score_at, stays):
    box = np.array([[185, 180, 215, 220]], np.float32)
    found = RawFaces(box, np.zeros((1, 5, 2), np.float32), np.array([first], np.float32))
    network = Scripted(score_at)
    assert len(confirmed(network, np.zeros((400, 400, 3), np.uint8), found, 1.0).scores) == stays
    assert (network.widths == []) == (first >= SURE)


def test_a_doubtful_find_at_the_border_is_looked_at_within_the_picture():
    for box in ([-60, -60, -20, -20], [395, 395, 500, 500], [-1e6, -1e6, 1e6, 1e6], [10, 10, 10.5, 390]):
        found = RawFaces(np.array([box], np.float32), np.zeros((1, 5, 2), np.float32), np.array([0.6], np.float32))
        confirmed(Scripted(lambda width: 0.0), np.zeros((400, 400, 3), np.uint8), found, 1.0)


def test_a_face_turned_by_45_degrees_is_found():
    detector = YuNetDetector(load(YuNetDetector.name).data)
    turned = Image.fromarray(demo_picture("grace-hopper.jpg")).rotate(45)
    assert len(detector.detect(np.asarray(turned))) == 1
