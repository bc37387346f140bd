"""Pairs block by block: each once, whole people to a tile, and the same counts by closed form and by counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countenance.calibrate import pairs as pairs_module
from countenance.calibrate.pairs import EveryPair, GivenPairs, Labels
from countenance.calibrate.tally import distributions, tally


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def some(counts, seed=0, dimension=4):
    """Random rows of people with so many pictures each."""
    people = np.repeat(np.arange(len(counts)), counts)
    return EveryPair(unit(np.random.default_rng(seed).normal(size=(len(people), dimension))), people, len(counts))


def listed(pairs):
    """The same pairs, as a list."""
    first, second = np.triu_indices(len(pairs.people), 1)
    return GivenPairs(pairs.vectors, pairs.people, pairs.persons, first, second)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(pairs_module, "TILE", 4)
    monkeypatch.setattr(pairs_module, "BLOCK", 7)


def test_every_pair_comes_once_and_two_people_in_one_tile(small_tiles):
    pairs = some([1, 3, 6, 2, 2, 1, 5])
    seen, home_of = set(), {}
    for number, tile in enumerate(pairs.tiles()):
        for block in tile:
            assert len(block.first) <= 7
            for i, j, score in zip(*block, strict=True):
                assert i < j
                assert (i, j) not in seen
                seen.add((i, j))
                assert score == pytest.approx(float(pairs.vectors[i] @ pairs.vectors[j]), abs=1e-6)
                assert home_of.setdefault((pairs.people[i], pairs.people[j]), number) == number
    assert len(seen) == 20 * 19 // 2


def test_rows_of_a_person_must_stand_together():
    with pytest.raises(ValueError, match="stand together"):
        EveryPair(unit(np.ones((3, 2))), np.array([0, 1, 0]), 2)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=6), st.integers(1, 3), st.integers(0, 99))
def test_counting_a_list_of_all_pairs_gives_what_the_closed_form_gives(counts, labels, seed):
    pairs = some(counts, seed)
    codes = np.random.default_rng(seed).integers(-1, labels, len(pairs.people))
    grouping = Labels("x", tuple("abc"[:labels]), codes)
    by_form, by_count = (each.trials(grouping) for each in (pairs, listed(pairs)))
    assert (by_form.persons == by_count.persons).all()
    assert by_form.squares == pytest.approx(by_count.squares)
    cuts = [-0.5, 0.0, 0.7]
    [one], [other] = tally(pairs, cuts, [grouping]), tally(listed(pairs), cuts, [grouping])
    for name in ("hits", "squares", "products", "genuine", "misses"):
        assert (getattr(one, name) == getattr(other, name)).all(), name


def test_counts_at_a_threshold_are_those_of_the_histograms(small_tiles):
    pairs = some([1, 3, 6, 2, 2, 1, 5], dimension=3)
    found = distributions(pairs)
    assert (found.genuine.total, found.impostor.total) == (3 + 15 + 1 + 1 + 10, 190 - 30)
    for cut in (-0.6, 0.0, 0.123, 0.9):
        [counted] = tally(pairs, [cut], [Labels.none(20)])
        assert counted.fmr(0, 0).errors == found.impostor.at_or_above(cut)
        assert counted.fnmr(0, 0).errors == found.genuine.total - found.genuine.at_or_above(cut)


def test_a_score_a_hair_above_one_is_one():
    vectors = np.full((2, 3), np.float32(0.57735032))
    found = distributions(EveryPair(vectors, np.array([0, 0]), 1))
    assert found.genuine.at_or_above(1.0) == 1
    assert (found.impostor.total, found.impostor.at_or_above(0.0)) == (0, 0)
