from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.detect.boxes import iou_with, suppress_overlaps
from countenance.detect.scales import FINE_PX, NARROWEST_PX, WIDEST_PX, plan

sides = st.integers(1, 20_000)


@given(sides, sides, st.floats(4, 400))
def test_each_width_is_looked_for_even_if_it_is_measured_a_tenth_off(width, height, min_face_px):
    passes = sorted(plan(width, height, min_face_px), key=lambda look: look.max_px)
    assert min(look.min_px for look in passes) == pytest.approx(min_face_px)
    assert passes[-1].max_px == float("inf")
    for narrow, wide in pairwise(passes):
        assert wide.min_px == min_face_px or narrow.max_px / wide.min_px > 1.1**2


@given(sides, sides)
def test_no_look_at_all_of_a_picture_is_larger_than_the_fine_one_may_be(width, height):
    for look in plan(width, height):
        assert look.tiled or (look.scale**2 * width * height) <= FINE_PX * 1.0001


@given(sides, sides)
def test_no_face_of_the_picture_is_wider_in_its_pass_than_is_found_well(width, height):
    for look in plan(width, height):
        assert min(look.max_px, width, height) * look.scale <= WIDEST_PX + 1e-6


@given(sides, sides)
def test_no_face_that_is_looked_for_is_narrower_in_its_pass_than_is_found_well(width, height):
    """But in a picture of 0.4 to 0.8 megapixels, whose one fine pass is at most so many."""
    for look in plan(width, height):
        assert look.min_px * look.scale >= NARROWEST_PX - 1e-6 or 1.0 <= look.scale < 1.5


@given(sides, sides)
def test_only_the_last_pass_needs_suspects_and_a_small_picture_has_no_tiles(width, height):
    passes = plan(width, height)
    assert not any(look.suspected for look in passes[:-1])
    assert passes[-1].suspected == any(look.tiled for look in passes)
    assert passes[-1].tiled == (width * height > FINE_PX)


@pytest.mark.parametrize(("size", "passes"), [
    ((92, 112), [(289, 352)]), ((80, 80), [(352, 352)]), ((250, 250), [(375, 375)]),
    ((500, 375), [(750, 562), (352, 264)]), ((4000, 3000), [(1024, 768), (352, 264)]),
    ((3000, 4000), [(768, 1024), (264, 352)]), ((10_000, 500), [(3966, 198)]),
])  # fmt: skip
def test_passes_of_ordinary_pictures(size, passes):
    whole = [look.scale for look in plan(*size) if not look.tiled]
    assert [tuple(round(scale * side) for side in size) for scale in whole] == passes


boxes = st.lists(
    st.tuples(st.floats(0, 90), st.floats(0, 90), st.floats(1, 50), st.floats(1, 50), st.floats(0, 1)), max_size=12
).map(lambda rows: np.array([(x, y, x + w, y + h, s) for x, y, w, h, s in rows], np.float32).reshape(-1, 5))


@given(boxes)
def test_what_stays_does_not_overlap_and_what_goes_overlaps_something_better(rows):
    kept = suppress_overlaps(rows[:, :4], rows[:, 4], 0.3)
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
