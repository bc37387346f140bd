import dataclasses
import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.calibrate.calibration import Calibration, load, round_up_searched
from countenance.calibrate.histogram import Histogram
from countenance.calibrate.tail import ExponentialTail
from countenance.errors import NotFound, SpaceMismatch, WrongUse
from countenance.types import Band, EmbeddingSpace, Odds
from countenance.weights.manifest import SFACE, entry

SPACE = EmbeddingSpace(SFACE, entry(SFACE).sha256, entry(SFACE).dimension)
SHIPPED = load(SPACE)
ORDER = [Band.WEAK, Band.LEAD, Band.STRONG]
scores = st.floats(-1, 1)
galleries = st.integers(0, 10**9)
rates = st.floats(1e-9, 0.999)


def test_the_shipped_calibration_is_of_the_weights_that_are_run():
    assert SHIPPED.space == SPACE


def test_the_id_is_the_hash_of_the_bytes():
    data = SHIPPED.to_json()
    assert Calibration.from_json(data).id == hashlib.sha256(data).hexdigest()[:12] == SHIPPED.id


def test_what_is_written_is_what_is_read():
    assert Calibration.from_json(SHIPPED.to_json()) == SHIPPED


@given(scores, scores)
def test_a_higher_score_never_has_worse_odds(a, b):
    low, high = sorted((a, b))
    assert SHIPPED.fmr(high).value <= SHIPPED.fmr(low).value
    assert SHIPPED.fmr(high).bound >= SHIPPED.fmr(low).bound


@given(scores, scores, galleries)
def test_a_higher_score_never_has_a_weaker_band(a, b, searched):
    low, high = sorted((a, b))
    assert ORDER.index(SHIPPED.band(high, searched)) >= ORDER.index(SHIPPED.band(low, searched))


@given(galleries, galleries, rates)
def test_a_larger_gallery_never_has_a_lower_threshold(a, b, fpir):
    small, large = sorted((a, b))
    assert SHIPPED.threshold(small, fpir) <= SHIPPED.threshold(large, fpir)  # and once extrapolated, always


@given(galleries, rates, rates)
def test_a_rarer_false_lead_never_has_a_lower_threshold(searched, a, b):
    rare, frequent = sorted((a, b))
    assert SHIPPED.threshold(searched, frequent)[0] <= SHIPPED.threshold(searched, rare)[0]


@given(galleries, rates)
def test_a_measured_threshold_keeps_its_promise_on_the_data(searched, fpir):
    threshold, extrapolated = SHIPPED.threshold(searched, fpir)
    assert threshold == round(threshold, 3)
    if not extrapolated:
        rate = SHIPPED.impostor.at_or_above(threshold) / SHIPPED.impostor.total
        assert 1 - (1 - rate) ** max(searched, 1) <= fpir * (1 + 1e-9)
        assert SHIPPED.threshold_interval(searched, fpir) is None


@given(galleries)
def test_a_lead_at_the_default_threshold_is_no_weak_one(searched):
    threshold, _ = SHIPPED.threshold(searched)
    assert SHIPPED.band(threshold, searched) is not Band.WEAK


@given(scores, galleries)
def test_expected_false_leads_are_the_rate_times_the_number_searched(score, searched):
    odds, rate = SHIPPED.expected_false(score, searched), SHIPPED.fmr(score)
    assert odds == Odds(rate.value * searched, rate.bound)


def test_an_empty_gallery_has_a_threshold_and_no_false_leads():
    assert SHIPPED.threshold(0) == SHIPPED.threshold(1)
    assert SHIPPED.expected_false(0.9, 0).value == 0
    assert SHIPPED.band(0.9, 0) is Band.STRONG


def test_a_score_of_zero_is_a_score():
    assert 0 < SHIPPED.fmr(0.0).value < 1
    assert not SHIPPED.fmr(0.0).bound
    assert SHIPPED.band(0.0, 10) is Band.WEAK


def test_nothing_below_the_rule_of_three_is_shown():
    odds = SHIPPED.fmr(1.0)
    assert odds.bound
    assert odds.value == pytest.approx(3 / SHIPPED.impostor.total, rel=0.002)


def test_what_ten_impostors_carry_is_measured_and_what_nine_carry_is_a_bound():
    ten = SHIPPED.impostor.lowest_with_at_most(10)
    nine = SHIPPED.impostor.lowest_with_at_most(9)
    assert SHIPPED.fmr(ten) == Odds(SHIPPED.impostor.at_or_above(ten) / SHIPPED.impostor.total, bound=False)
    assert SHIPPED.fmr(nine).bound
    assert SHIPPED.fmr(nine).value <= 10 / SHIPPED.impostor.total


def test_a_large_gallery_is_extrapolated_and_its_interval_holds_the_threshold():
    threshold, extrapolated = SHIPPED.threshold(13_000)
    low, high = SHIPPED.threshold_interval(13_000)
    assert extrapolated
    assert low < threshold < high


def test_no_threshold_lies_above_one():
    assert SHIPPED.threshold(10**30)[0] <= 1.0


@pytest.mark.parametrize("fpir", [0, 1, -0.1, 2, math.nan])
def test_an_impossible_rate_is_wrong_use(fpir):
    with pytest.raises(WrongUse, match="above 0 and below 1"):
        SHIPPED.threshold(100, fpir)


@pytest.mark.parametrize("call", [SHIPPED.threshold, round_up_searched, lambda n: SHIPPED.band(0.5, n)])
def test_a_negative_number_of_faces_is_a_bug(call):
    with pytest.raises(ValueError, match="number of faces"):
        call(-1)


def test_a_gallery_of_known_odds():
    """1,000 impostors, evenly from 0.000 to 0.999: the arithmetic by hand."""
    known = dataclasses.replace(
        SHIPPED,
        impostor=Histogram(0, (1,) * 1000),
        tail=ExponentialTail(start=0.9, rate=0.1, scale=0.014),
        replicates=(ExponentialTail(0.9, 0.1, 0.014),) * 2,
    )
    assert known.fmr(0.5) == Odds(0.5, bound=False)
    assert known.fmr(0.9999).bound
    assert known.threshold(1, 0.1) == (0.9, False)
    fmr = -math.expm1(math.log(0.99) / 100)
    assert known.threshold(100, 0.01) == (round(math.ceil(1000 * (0.9 + 0.014 * math.log(0.1 / fmr))) / 1000, 3), True)


def test_no_calibration_is_shipped_for_an_unknown_model():
    with pytest.raises(NotFound, match="buffalo"):
        load(EmbeddingSpace("buffalo", "0" * 64, 128))


def test_a_calibration_of_other_weights_is_refused():
    with pytest.raises(SpaceMismatch, match="odds would mean nothing"):
        load(dataclasses.replace(SPACE, weights_sha256="0" * 64))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"space": {"model": "x"}}'])
def test_what_is_no_calibration_is_wrong_use(data):
    with pytest.raises(WrongUse, match="not a calibration"):
        Calibration.from_json(data)


@pytest.mark.parametrize(("field", "value"), [
    ("impostor", {"first_bin": 0, "counts": []}), ("impostor", {"first_bin": 0, "counts": [0, 0]}),
    ("genuine", {"first_bin": 0, "counts": [4, -1]}), ("tail", [0.3, 1e-3, 0]), ("tail", [0.3, 1e-3, -0.02]),
    ("tail", [math.nan, 1e-3, 0.02]), ("tail", [0.3, 0, 0.02]), ("tail", [0.3, 1e-3]), ("about", "a text"),
    ("replicates", [[0.3, 1e-3, math.inf]]),
])  # fmt: skip
def test_a_calibration_with_numbers_that_can_not_be_is_wrong_use(field, value):
    fields = json.loads(SHIPPED.to_json()) | {field: value}
    with pytest.raises(WrongUse, match="not a calibration"):
        Calibration.from_json(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("searched", "shown"),
    [(0, 0), (1, 1), (9, 9), (10, 10), (99, 99), (100, 100), (101, 110), (999, 1000), (1000, 1000), (1001, 1100)],
)
def test_the_number_searched_is_rounded_up_to_two_significant_figures(searched, shown):
    assert round_up_searched(searched) == shown


@given(galleries)
def test_rounding_up_keeps_at_most_two_figures_and_never_hides_a_face(searched):
    shown = round_up_searched(searched)
    assert searched <= shown <= max(searched * 1.1, 99)
    assert len(str(shown).rstrip("0")) <= 2
    assert round_up_searched(shown) == shown


def test_genuine_pairs_mostly_reach_the_threshold_of_a_thousand_faces():
    reached = SHIPPED.genuine.at_or_above(SHIPPED.threshold(1000)[0]) / SHIPPED.genuine.total
    assert reached > 0.9


def test_the_protocol_is_written_down():
    assert {"protocol", "date", "versions", "people", "pictures", "impostor_pairs", "genuine_pairs"} <= set(
        SHIPPED.about
    )
    assert SHIPPED.about["impostor_pairs"] == SHIPPED.impostor.total
    assert SHIPPED.about["genuine_pairs"] == SHIPPED.genuine.total
    assert np.isfinite([tail.scale for tail in SHIPPED.replicates]).all()


def test_a_fitted_threshold_is_never_below_the_last_measured_one():
    steep = dataclasses.replace(SHIPPED, tail=ExponentialTail(0.3, 1e-3, 1e-6))
    assert steep.threshold(1000) == (SHIPPED.impostor.lowest_with_at_most(10), True)
