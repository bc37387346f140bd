"""A veiled face is 16 colours; everything else is untouched."""

import numpy as np
import pytest

from countenance.align.blur import CELLS, MARGIN, veiled


def noise(height=120, width=160):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_a_veiled_box_keeps_no_more_than_its_cells():
    rgb, box = noise(), (40.0, 30.0, 80.0, 70.0)
    made = veiled(rgb, [box])
    inside = made[18:82, 28:92]  # with 12 pixels of margin
    assert (MARGIN, CELLS) == (0.3, 4)
    assert len(np.unique(inside.reshape(-1, 3), axis=0)) == 16
    outside = np.ones(rgb.shape[:2], bool)
    outside[18:82, 28:92] = False
    assert (made[outside] == rgb[outside]).all()
    assert np.abs(inside.mean() - rgb[18:82, 28:92].mean()) < 1


@pytest.mark.parametrize("box", [(-20, -20, 10, 10), (150, 110, 190, 140), (0, 0, 1, 1), (300, 300, 320, 320)])
def test_a_box_at_the_edge_is_cut_off(box):
    rgb = noise()
    made = veiled(rgb, [box])
    assert made.shape == rgb.shape
    assert (made == rgb).mean() > 0.8
    assert (veiled(rgb, []) == rgb).all()
