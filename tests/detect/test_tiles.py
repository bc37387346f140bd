"""Large pictures: what tiles cover, and that no face is lost or counted twice on their seams."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from countenance.align.crop import align_crop
from countenance.detect.scales import DetectorPass, plan
from countenance.detect.tiles import FEW_PX, RIM, TILE_PX, is_flat, tiles
from countenance.detect.yunet_detector import YuNetDetector
from countenance.embed.onnx import OnnxEmbedder
from countenance.permits import Act
from countenance.testing.detector import demo_picture, overlap, scaled
from countenance.testing.forged import live
from countenance.weights.store import load

sides = st.integers(1, 30_000)
looks = st.builds(
    DetectorPass,
    st.sampled_from([1 / 8, 1 / 4, 2 / 3, 1.5]),
    st.just(0.0),
    st.floats(40, 150),
    tiled=st.just(True),
    suspected=st.booleans(),
)
ALONE = (
    "grace-hopper.jpg",
    "marie-curie.png",
    "antoine-claudet.png",
    "erik-wilhelm-dahlgren.jpg",
    "aksel-andersson.jpg",
)


@given(sides, sides, looks, st.data())
def test_each_point_of_a_picture_is_answered_for_once(width, height, look, data):
    x = np.array([data.draw(st.floats(-50, width + 50))], np.float32)
    y = np.array([data.draw(st.floats(-50, height + 50))], np.float32)
    assert sum(bool(tile.answers_for(x, y)[0]) for tile in tiles(width, height, look)) == 1


@given(sides, sides, looks, st.data())
def test_a_face_is_seen_whole_in_the_tile_that_answers_for_it(width, height, look, data):
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    [tile] = [t for t in tiles(width, height, look) if t.answers_for(np.array([x]), np.array([y]))[0]]
    left, top, right, bottom = tile.shown
    half = RIM * look.max_px
    assert left <= max(0, x - half)
    assert top <= max(0, y - half)
    assert right >= min(width, x + half)
    assert bottom >= min(height, y + half)
    longest = FEW_PX if look.suspected else TILE_PX
    assert max(right - left, bottom - top) * look.scale <= longest + 2 * look.scale


@given(st.integers(800, 65_500), st.integers(800, 3_000))
def test_from_the_narrowest_face_to_the_widest_no_width_is_left_out(width, height):
    passes = sorted(plan(width, height), key=lambda look: look.max_px)
    assert min(look.min_px for look in passes) == 16
    assert passes[-1].max_px == math.inf
    for narrow, wide in pairwise(passes):
        assert narrow.max_px > wide.min_px * 1.1**2


def test_what_fits_a_pass_at_half_its_size_is_planned_as_ever_and_a_large_picture_by_tiles():
    assert not any(look.tiled for look in plan(1024, 768))
    assert [look.scale for look in plan(1200, 900) if look.tiled] == [1.5]
    assert [look.scale for look in plan(4000, 3000) if look.tiled] == [2 / 3, 1.5]
    assert [look.scale for look in plan(10_000, 10_000) if look.tiled] == [1 / 4, 2 / 3, 1.5]
    assert [look.scale for look in plan(4000, 3000, 60) if look.tiled] == [24 / 60]


@pytest.mark.parametrize("noise", [0, 2])
def test_an_even_field_is_flat_and_a_faint_face_is_not(noise):
    rng = np.random.default_rng(0)
    field = np.clip(120 + rng.normal(0, noise, (256, 256, 3)), 0, 255).astype(np.uint8)
    assert is_flat(field) == (noise == 0)
    face = scaled(demo_picture("grace-hopper.jpg")[120:333, 183:353], 40)
    field[100 : 100 + face.shape[0], 100:140] = (120 + (face.astype(float) - 120) * 0.2).astype(np.uint8)
    assert not is_flat(field)
    assert is_flat(np.empty((0, 5, 3), np.uint8))


# --- with the network ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def detector():
    return YuNetDetector(load(YuNetDetector.name).data)


@pytest.fixture(scope="module")
def heads(detector):
    """(picture of a head, box of its face) of five people."""
    found = []
    for name in ALONE:
        picture = demo_picture(name)
        x1, y1, x2, y2 = detector.detect(picture)[0].box
        wide, high = x2 - x1, y2 - y1
        left, top = max(0, int(x1 - wide * 0.4)), max(0, int(y1 - high * 0.4))
        head = picture[top : int(y2 + high * 0.3), left : int(x2 + wide * 0.4)]
        found.append((head, (x1 - left, y1 - top, x2 - left, y2 - top)))
    return found


def pasted(scene, head, box, width, x, y):
    """The head with a face `width` px wide is in the scene, its upper left corner at x, y. Returns the face's box."""
    factor = width / (box[2] - box[0])
    small = scaled(head, round(head.shape[1] * factor))
    scene[y : y + small.shape[0], x : x + small.shape[1]] = small
    return tuple(v * factor + o for v, o in zip(box, (x, y, x, y), strict=True))


def found_once(truths, found):
    """The truths that no find covers, the finds beyond one for a truth, and the finds of nothing."""
    covering = [[face for face in found if overlap(face.box, truth) > 0.4] for truth in truths]
    missed = [truth for truth, faces in zip(truths, covering, strict=True) if not faces]
    twice = sum(max(0, len(faces) - 1) for faces in covering)
    return missed, twice, len(found) - sum(map(len, covering))


def even(width, height):
    """Grey with a slow wave, so that no tile is flat."""
    wave = 110 + 25 * np.sin(np.arange(width) / 9)
    return np.repeat(np.repeat(wave[None, :, None], height, 0), 3, 2).astype(np.uint8)


@pytest.mark.slow
def test_a_group_of_200_in_26_megapixels(detector, heads):
    rng = np.random.default_rng(7)
    scene = even(6000, 4300)
    widths = np.repeat([20, 24, 30, 40, 60, 90, 130, 200], 25)
    rng.shuffle(widths)
    truths = []
    for n, width in enumerate(widths):
        row, column = divmod(n, 17)  # 12 rows of 17 places of 350 x 350 px
        x, y = (int(at + rng.integers(0, 20)) for at in (column * 350, row * 350))
        truths.append(pasted(scene, *heads[n % len(heads)], int(width), x, y))
    missed, twice, false = found_once(truths, detector.detect(scene))
    assert [truth for truth in missed if truth[2] - truth[0] > 31] == []
    assert len(missed) <= 15  # of 75 of 20 to 30 px, most from old photographs, pasted on waves
    assert (twice, false) == (0, 0)


@pytest.mark.parametrize("size", [pytest.param((10_000, 10_000), marks=pytest.mark.slow), (30_000, 1_000)])
def test_faces_of_20_to_5000_px_in_a_scan(detector, heads, size):
    """Also on every seam of the tiles, with the same template as the face alone."""
    width, height = size
    scene = even(width, height)
    wanted = [w for w in (5000, 2000, 300) if w * 2.2 < min(size)]
    truths, sources, x = [], [], 0
    for n, wide in enumerate(wanted):
        truths.append(pasted(scene, *heads[n], wide, x, 0))
        sources.append((n, wide))
        x += int(truths[-1][2] - x + wide * 0.5)
    finest = next(look for look in plan(width, height) if look.scale == 2 / 3)
    seam = tiles(width, height, finest)[0].core[2]
    places = [(int(seam * k) - 40, height - 400) for k in range(1, int(width / seam)) if seam * k < width - 200]
    for n, (left, top) in enumerate(places):
        for wide, down in ((60, 0), (20, 200)):
            truths.append(pasted(scene, *heads[n % 5], wide, left, top + down))
            sources.append((n % 5, wide))
    found = detector.detect(scene)
    missed, twice, false = found_once(truths, found)
    assert [truth for truth in missed if truth[2] - truth[0] > 21] == []
    assert len(missed) <= len(places) / 2  # of those of 20 px, which are old photographs, pasted on waves
    assert (twice, false) == (0, 0)
    embedder, permit, cosines = OnnxEmbedder(), live(Act.EMBED), []
    for truth, (n, wide) in zip(truths, sources, strict=True):
        if wide in {60, 300}:
            head, box = heads[n]
            alone = scaled(head, round(head.shape[1] * wide / (box[2] - box[0])))
            [direct] = detector.detect(alone)
            [here] = [face for face in found if overlap(face.box, truth) > 0.4]
            crops = np.stack([align_crop(alone, direct.landmarks), align_crop(scene, here.landmarks)])
            a, b = embedder.embed(crops, permit)
            cosines.append(float(a @ b))
    assert min(cosines) > 0.85
    assert np.mean(cosines) > 0.95


@pytest.mark.parametrize("size", [(12, 70_000), (70_000, 12), (1024, 769), (2048, 1537)])
def test_odd_shapes_and_sizes_around_a_border_hold_no_face(detector, size):
    assert detector.detect(even(*size)) == ()


@pytest.mark.parametrize("width", [1023, 1025, 1448, 1773, 2047, 2049, 4095, 4097])
def test_a_face_of_30_px_is_found_at_any_size_of_the_picture(detector, heads, width):
    scene = even(width, width * 3 // 4)
    truth = pasted(scene, *heads[0], 30, width // 2 - 20, width // 3)
    assert found_once([truth], detector.detect(scene)) == ([], 0, 0)


def test_a_noisy_picture_without_faces_has_none(detector):
    rng = np.random.default_rng(1)
    picture = np.asarray(Image.fromarray(demo_picture("coffee.jpg")).resize((2400, 1600)))
    noisy = np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
    assert detector.detect(noisy) == ()
