import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from countenance.align.similarity import similarity_transform

numbers = st.floats(-500, 500)
points = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=8).map(np.array)
turns = st.tuples(st.floats(-np.pi, np.pi), st.floats(0.05, 20), numbers, numbers)


def applied(matrix, src):
    return src @ matrix[:, :2].T + matrix[:, 2]


def matrix_of(turn):
    angle_rad, scale, x, y = turn
    c, s = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    return np.array([[c, -s, x], [s, c, y]])


def spread(src):
    return np.abs(src - src.mean(axis=0)).max()


@given(points, turns)
def test_a_similarity_is_found_again(src, turn):
    assume(spread(src) > 1)
    dst = applied(matrix_of(turn), src)
    np.testing.assert_allclose(applied(similarity_transform(src, dst), src), dst, atol=1e-6 * (1 + np.abs(dst).max()))


@given(points, points)
def test_it_never_mirrors_and_scales_both_ways_alike(src, dst):
    assume(len(src) == len(dst) and spread(src) > 1)
    matrix = similarity_transform(src, dst)[:, :2]
    assert matrix[0, 0] == pytest.approx(matrix[1, 1], abs=1e-9)
    assert matrix[0, 1] == pytest.approx(-matrix[1, 0], abs=1e-9)
    assert np.linalg.det(matrix) >= -1e-12


@given(points, points, turns)
def test_no_other_similarity_is_nearer(src, dst, turn):
    assume(len(src) == len(dst) and spread(src) > 1)
    best = ((applied(similarity_transform(src, dst), src) - dst) ** 2).sum()
    assert best <= ((applied(matrix_of(turn), src) - dst) ** 2).sum() * (1 + 1e-9) + 1e-6


@given(points, turns)
def test_there_and_back_is_where_one_was(src, turn):
    assume(spread(src) > 1)
    dst = applied(matrix_of(turn), src)
    back = applied(similarity_transform(dst, src), applied(similarity_transform(src, dst), src))
    np.testing.assert_allclose(back, src, atol=1e-5)


@pytest.mark.parametrize("far", [0, 16_000, 65_500])
def test_a_small_face_at_the_far_end_of_a_large_picture_is_no_single_point(far):
    """As a detector gives it: landmarks of a face of 20 px, in float32."""
    face = np.array([[6, 8], [13, 8], [10, 12], [7, 16], [12, 16]])
    src = (face + float(far)).astype(np.float32)
    np.testing.assert_allclose(applied(similarity_transform(src, face * 5.0), src), face * 5.0, atol=0.05)


def test_a_mirrored_face_is_not_mirrored_back():
    src = np.array([[0, 0], [2, 0], [0, 1]], float)
    assert np.linalg.det(similarity_transform(src, src * [-1, 1])[:, :2]) > 0


@pytest.mark.parametrize(
    ("src", "dst"),
    [(np.zeros((5, 2)), np.ones((5, 2))), (np.ones((1, 2)), np.ones((1, 2))), (np.ones((3, 2)), np.ones((4, 2))),
     (np.ones((3, 3)), np.ones((3, 3))), (np.full((5, 2), 1e6), np.ones((5, 2)))],
)  # fmt: skip
def test_what_has_no_answer_is_refused(src, dst):
    with pytest.raises(ValueError, match="points"):
        similarity_transform(src, dst)
