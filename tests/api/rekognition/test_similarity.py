"""Similarity: monotone, invertible, and 80 is the gallery's default threshold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.api.rekognition.similarity import DEFAULT, FLOOR, Similarity

COSINES = st.floats(-1, 1)
THRESHOLDS = st.floats(0.05, 1)
PERCENTS = st.floats(0, 100)


@given(THRESHOLDS, COSINES, COSINES)
def test_a_higher_score_never_has_a_lower_similarity(threshold, a, b):
    low, high = sorted((a, b))
    assert 0 <= Similarity(threshold).of(low) <= Similarity(threshold).of(high) <= 100


@given(THRESHOLDS, PERCENTS)
def test_there_and_back(threshold, percent):
    similarity = Similarity(threshold)
    assert FLOOR <= similarity.score(percent) <= 1
    assert similarity.of(similarity.score(percent)) == pytest.approx(percent, abs=1e-6)


@given(THRESHOLDS, st.floats(FLOOR, 1))
def test_back_and_there(threshold, score):
    similarity = Similarity(threshold)
    assert similarity.score(similarity.of(score)) == pytest.approx(score, abs=1e-9)


@given(st.floats(0.05, 0.999))
def test_80_is_the_default_threshold_whatever_the_gallery(threshold):
    assert Similarity(threshold).of(threshold) == DEFAULT
    assert Similarity(threshold).score(DEFAULT) == pytest.approx(threshold)


@given(THRESHOLDS, st.floats(-1, FLOOR))
def test_nothing_below_the_floor_can_be_asked_for(threshold, score):
    assert Similarity(threshold).of(score) == 0
    assert Similarity(threshold).score(0) == FLOOR
    assert Similarity(threshold).of(1.0) == 100
