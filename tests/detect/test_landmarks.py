import numpy as np
import pytest

from countenance.detect.landmarks import MIRRORED, steadied
from countenance.detect.yunet import RawFaces, YuNet, _voted
from countenance.detect.yunet_detector import YuNetDetector
from countenance.testing.detector import demo_picture
from countenance.weights.store import load


@pytest.fixture(scope="module")
def detector():
    return YuNetDetector(load(YuNetDetector.name).data)


def found(boxes, landmarks, scores):
    return RawFaces(np.array(boxes, np.float32), np.array(landmarks, np.float32), np.array(scores, np.float32))


def test_cells_that_see_a_face_vote_by_their_scores():
    here, there = np.full((5, 2), 10.0), np.full((5, 2), 20.0)
    cells = found(
        [[0, 0, 10, 10], [0, 0, 10, 11], [0, 0, 10, 30], [50, 0, 60, 10]],  # twice one face, its body, another face
        [here, there, 9 * there, 9 * there],
        [0.9, 0.3, 0.9, 0.8],
    )
    faces = RawFaces(*(column[:1] for column in cells))
    np.testing.assert_allclose(_voted(cells, faces)[0], (0.9 * here + 0.3 * there) / 1.2, rtol=1e-6)


@pytest.mark.parametrize("name", ["grace-hopper.jpg", "marie-curie.png"])
def test_a_mirrored_face_has_mirrored_landmarks(detector, name):
    picture = demo_picture(name)
    face = detector.detect(picture)[0]
    mirrored = detector.detect(np.ascontiguousarray(picture[:, ::-1]))[0]
    back = np.array(mirrored.landmarks)[list(MIRRORED)]
    back[:, 0] = picture.shape[1] - 1 - back[:, 0]
    eyes = np.linalg.norm(np.subtract(*face.landmarks[:2]))
    assert np.linalg.norm(back - face.landmarks, axis=1).max() < 0.1 * eyes


def test_left_stays_left(detector):
    for face in detector.detect(demo_picture("two-brothers.jpg")):
        left_eye, right_eye, _, left_mouth, right_mouth = face.landmarks
        assert left_eye[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]


class Blind:
    """A network that sees nothing the second time."""

    def find(self, rgb, min_score, *, voting):
        return found(np.empty((0, 4)), np.empty((0, 5, 2)), np.empty(0))


def test_a_face_that_the_second_look_misses_keeps_its_landmarks():
    faces = found([[10, 10, 50, 60]], [np.arange(10).reshape(5, 2)], [0.8])
    picture = np.zeros((100, 100, 3), np.uint8)
    np.testing.assert_array_equal(steadied(Blind(), picture, faces).landmarks, faces.landmarks)


def test_a_face_outside_the_picture_keeps_its_landmarks(detector):
    faces = found([[400, 400, 440, 450]], [np.arange(10).reshape(5, 2)], [0.8])
    picture = np.zeros((100, 100, 3), np.uint8)
    network = YuNet(load(YuNetDetector.name).data)
    np.testing.assert_array_equal(steadied(network, picture, faces).landmarks, faces.landmarks)


def test_no_faces_stay_none():
    none = found(np.empty((0, 4)), np.empty((0, 5, 2)), np.empty(0))
    assert steadied(Blind(), np.zeros((9, 9, 3), np.uint8), none).landmarks.shape == (0, 5, 2)
