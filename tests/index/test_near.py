"""Near pairs and groups, against the definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countenance.index import near
from countenance.index.near import COMPLETE_BITS, Groups, distance, near_pairs


def family(seed: int, count: int, radius: int) -> np.ndarray:
    """(count, 32) uint8, no row twice: strangers, and copies of some with up to `radius` bits turned."""
    chance = np.random.default_rng(seed)
    rows = chance.integers(0, 256, (count, 32), np.uint8)
    for row in range(1, count):
        if chance.random() < 0.6:
            bits = np.unpackbits(rows[chance.integers(row)])
            bits[chance.choice(256, chance.integers(1, radius + 1), replace=False)] ^= 1
            rows[row] = np.packbits(bits)
    return np.unique(rows, axis=0)


def listed(rows, radius):
    """(i, j) of all pairs that were found, as often as they were."""
    return [(int(i), int(j)) for left, right, _ in near_pairs(rows, radius) for i, j in zip(left, right, strict=True)]


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(1, COMPLETE_BITS))
def test_every_pair_within_the_bound_is_found_and_no_other(seed, count, radius):
    rows = family(seed, count, radius)
    wanted = {
        (i, j)
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if distance(rows[i].tobytes(), rows[j].tobytes()) <= radius
    }
    found = listed(rows, radius)
    assert set(found) == wanted
    assert len(found) == len(wanted), "each pair comes once"
    for left, right, bits in near_pairs(rows, radius):
        pairs = zip(left, right, strict=True)
        assert bits.tolist() == [distance(rows[i].tobytes(), rows[j].tobytes()) for i, j in pairs]


@pytest.mark.parametrize("chunk", [1, 7])
def test_how_many_are_compared_at_once_changes_nothing(monkeypatch, chunk):
    rows = family(3, 40, 20)
    whole = set(listed(rows, 31))
    monkeypatch.setattr(near, "CHUNK", chunk)
    assert whole
    assert set(listed(rows, 31)) == whole


def test_beyond_the_bound_a_few_are_missed():
    chance = np.random.default_rng(1)
    found = 0
    for _ in range(200):
        a = chance.integers(0, 256, 32, np.uint8)
        bits = np.unpackbits(a)
        bits[chance.choice(256, 48, replace=False)] ^= 1
        found += bool(listed(np.stack([a, np.packbits(bits)]), 48))
    assert 0.93 <= found / 200 <= 1.0


def test_nothing_and_one_row_have_no_pairs():
    assert listed(np.empty((0, 32), np.uint8), 31) == []
    assert listed(np.zeros((1, 32), np.uint8), 31) == []


def test_of_rows_that_are_all_alike_each_pair_comes_once_and_all_are_one_group():
    chance = np.random.default_rng(2)
    bits = np.repeat(np.unpackbits(chance.integers(0, 256, (1, 32), np.uint8), axis=1), 300, axis=0)
    bits[np.arange(300), chance.integers(0, 256, 300)] ^= 1
    bits[np.arange(300), chance.integers(0, 256, 300)] ^= 1
    rows = np.unique(np.packbits(bits, axis=1), axis=0)
    found, groups = listed(rows, 31), Groups(len(rows))
    assert len(found) == len(set(found)) == len(rows) * (len(rows) - 1) // 2
    for left, right, _ in near_pairs(rows, 31):
        groups.join(left, right)
    assert groups.several() == [list(range(len(rows)))]


def test_opposites_are_not_near():
    rows = np.stack([np.zeros(32, np.uint8), np.full(32, 255, np.uint8)])  # 256 bits, which one byte can't count
    assert listed(rows, 48) == []


@settings(max_examples=100)
@given(st.integers(1, 30).flatmap(lambda n: st.tuples(
    st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40)
)))  # fmt: skip
def test_groups_are_what_the_pairs_connect(case):
    count, pairs = case
    groups = Groups(count)
    for part in (pairs[::2], pairs[1::2]):
        groups.join(np.array([i for i, _ in part], np.int64), np.array([j for _, j in part], np.int64))
    reach = [{row} for row in range(count)]
    for _ in range(count):
        for i, j in pairs:
            reach[i] |= reach[j]
            reach[j] |= reach[i]
    wanted = sorted({tuple(sorted(each)) for each in reach if len(each) > 1})
    assert [tuple(group) for group in groups.several()] == wanted
