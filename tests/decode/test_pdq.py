"""The perceptual hash: that of the reference, the same for copies, another for other pictures."""

import numpy as np
import pytest
from PIL import Image

from countenance.decode.pdq import ENOUGH_PX, ENOUGH_QUALITY, HASH_BYTES, pdq

# (height, width), seed, hash, quality: by the package pdqhash 0.2.8, which wraps the reference's C++.
REFERENCE = [
    ((64, 64), 1, "fd53fa2fd453e80fd452a80f5452800f54520007fafdff70aafd5530a07daad0", 100),
    ((200, 300), 2, "fdc0fdd5f750ff51f540f545d540f5415500551114005501aaabaaaa5554ffff", 97),
    ((333, 250), 3, "d547a005d547a005d50780055507000554070005fffd5551aaaffffefff8fffa", 93),
    ((480, 511), 4, "fa05a809e005a80980058009000500090005aaa9fffbfff6fffafff6fffafff6", 100),
    ((640, 960), 5, "ff82ffd1fe82ffc1fe02ff41ea02fd01a802d4018003000100035556fffdffff", 79),
    ((1030, 700), 6, "aaabfaa9aaabeaa9aaabaa81aaaba801aaab8001aaabfffe40005556dd5c555e", 100),
]


def view(height: int, width: int, seed: int) -> np.ndarray:
    """(H, W, 3) uint8: waves."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = np.random.default_rng(seed).uniform(1, 25, (3, 4)).round(2)
    channels = [127.5 + 60 * np.sin(a * x + b) + 60 * np.cos(c * y + d * x) for a, b, c, d in waves]
    return np.stack(channels, axis=2).round().clip(0, 255).astype(np.uint8)


def differing(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


@pytest.mark.parametrize(("size", "seed", "wanted", "quality"), REFERENCE)
def test_it_is_the_references_hash(size, seed, wanted, quality):
    found, found_quality = pdq(view(*size, seed))
    assert len(found) == HASH_BYTES
    exact = min(size) < 2 * ENOUGH_PX  # a larger picture is reduced first
    assert differing(found, bytes.fromhex(wanted)) <= (2 if exact else 10)  # 2: a rounding that tips one pair of bits
    assert found_quality == quality


def test_copies_are_near_and_others_far():
    whole = view(480, 640, 7)
    image = Image.fromarray(whole)
    copies = {
        "smaller": image.resize((200, 150)),
        "larger": image.resize((1500, 1125)),
        "darker": image.point(lambda v: v * 0.7),
    }
    for what, copy in copies.items():
        assert differing(pdq(whole)[0], pdq(np.asarray(copy))[0]) <= 31, what
    assert differing(pdq(whole)[0], pdq(view(480, 640, 8))[0]) > 60


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (64, 63), (12, 65)])
def test_a_picture_of_any_size_has_one(size):
    found, quality = pdq(np.full((*size, 3), 90, np.uint8))
    assert len(found) == HASH_BYTES
    assert quality < ENOUGH_QUALITY
