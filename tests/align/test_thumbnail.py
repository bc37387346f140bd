import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from countenance.align.thumbnail import MAX_PX, jpeg, thumbnail

PICTURE = np.random.default_rng(1).integers(0, 256, (600, 800, 3), np.uint8)


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def test_it_is_jpeg_of_a_square_with_some_margin():
    image = opened(thumbnail(PICTURE, (300.0, 200.0, 350.0, 270.0)))
    assert image.format == "JPEG"
    assert image.size == (118, 118)


def test_it_is_at_most_256_px_a_side():
    assert opened(thumbnail(PICTURE, (100.0, 50.0, 500.0, 550.0))).size == (MAX_PX, 212)


def test_it_is_cut_off_where_the_picture_ends():
    assert opened(thumbnail(PICTURE, (-20.0, -20.0, 40.0, 40.0))).size == (61, 61)


def test_it_shows_the_face_and_not_something_else():
    picture = np.zeros((600, 800, 3), np.uint8)
    picture[200:270, 300:350] = (200, 40, 90)
    shown = np.asarray(opened(thumbnail(picture, (300.0, 200.0, 350.0, 270.0))).convert("RGB"))
    np.testing.assert_allclose(shown[60, 60], (200, 40, 90), atol=12)
    assert shown[2, 2].max() < 12


edges = st.floats(-3000, 3000)


@settings(max_examples=60)
@given(edges, edges, st.floats(0, 4000), st.floats(0, 4000))
def test_any_box_gives_a_thumbnail(x, y, width, height):
    image = opened(thumbnail(PICTURE, (x, y, x + width, y + height)))
    assert min(image.size) >= 1
    assert max(image.size) <= MAX_PX


@pytest.mark.parametrize("size", [(1, 1), (30, 3), (2000, 10)])
def test_a_preview_is_never_enlarged(size):
    image = opened(jpeg(np.zeros((size[1], size[0], 3), np.uint8), 300))
    assert max(image.size) == min(300, max(size))
