from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.detect.boxes import iou_with, suppress
from countenance.detect.scales import FINE_PX, NARROWEST_PX, WIDEST_PX, plan

sides = st.integers(1, 20_000)


@given(sides, sides, st.floats(4, 400))
def test_each_width_is_looked_for_even_if_it_is_measured_a_tenth_off(width, height, min_face_px):
    passes = plan(width, height, min_face_px)
    assert passes[0].min_px == min_face_px
    assert passes[-1].max_px == float("inf")
    for fine, coarse in pairwise(passes):
        assert coarse.min_px == min_face_px or fine.max_px / coarse.min_px > 1.1**2


@given(sides, sides)
def test_no_pass_is_larger_than_the_fine_one_may_be(width, height):
    for look in plan(width, height):
        assert (look.scale**2 * width * height) <= FINE_PX * 1.0001


@given(sides, sides)
def test_no_face_of_the_picture_is_wider_in_its_pass_than_is_found_well(width, height):
    for look in plan(width, height):
        assert min(look.max_px, width, height) * look.scale <= WIDEST_PX + 1e-6


@given(sides, sides)
def test_faces_lose_no_recall_unless_the_picture_is_large(width, height):
    fine = plan(width, height)[0]
    large = fine.scale**2 * width * height > FINE_PX * 0.9999
    assert large or fine.min_px * fine.scale >= NARROWEST_PX - 1e-6


@pytest.mark.parametrize(("size", "passes"), [
    ((92, 112), [(289, 352)]), ((80, 80), [(352, 352)]), ((250, 250), [(375, 375)]),
    ((500, 375), [(750, 562), (352, 264)]), ((4000, 3000), [(1024, 768), (352, 264)]),
    ((3000, 4000), [(768, 1024), (264, 352)]), ((10_000, 500), [(3966, 198)]),
])  # fmt: skip
def test_passes_of_ordinary_pictures(size, passes):
    assert [tuple(round(look.scale * side) for side in size) for look in plan(*size)] == passes


boxes = st.lists(
    st.tuples(st.floats(0, 90), st.floats(0, 90), st.floats(1, 50), st.floats(1, 50), st.floats(0, 1)), max_size=12
).map(lambda rows: np.array([(x, y, x + w, y + h, s) for x, y, w, h, s in rows], np.float32).reshape(-1, 5))


@given(boxes)
def test_what_stays_does_not_overlap_and_what_goes_overlaps_something_better(rows):
    kept = suppress(rows[:, :4], rows[:, 4], 0.3)
    assert [rows[i, 4] for i in kept] == sorted((rows[i, 4] for i in kept), reverse=True)
    for place, i in enumerate(kept):
        assert (iou_with(rows[i, :4], rows[kept[place + 1 :], :4]) <= 0.3).all()
    for i in set(range(len(rows))) - set(kept):
        better = [j for j in kept if rows[j, 4] >= rows[i, 4]]
        assert iou_with(rows[i, :4], rows[better, :4]).max() > 0.3


def test_overlap_of_two_boxes_by_hand():
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [50, 50, 60, 60]], np.float32)
    np.testing.assert_allclose(iou_with(box, others), [1, 1 / 3, 0, 0], atol=1e-6)
