"""Measures of a made-up model of which every score is known."""

import json

import numpy as np
import pytest

from countenance.calibrate.calibration import load
from countenance.calibrate.evaluation import LostComparisons, curve, measure, thresholds
from countenance.calibrate.histogram import Histogram
from countenance.calibrate.identification import search_all
from countenance.calibrate.pairs import EveryPair, GivenPairs, Labels
from countenance.embed.onnx import OnnxEmbedder

PEOPLE = 200
NOTHING_LOST = LostComparisons(np.zeros(PEOPLE, np.int64), 0, np.zeros(PEOPLE, np.int64))


def known(alike=40, hard=20, people=PEOPLE):
    """Two pictures of each of 200 people, or of so many. Genuine pairs score 0.8, those of the first `hard` people 0.2;
    impostors score 0, but each of `alike` couples (199 and 198, 197 and 196, ...) has first pictures that score 0.6."""
    axes = np.eye(2 * people)
    first = axes[:people].copy()
    for couple in range(alike):
        a, b = people - 1 - 2 * couple, people - 2 - 2 * couple
        first[a] = 0.6 * axes[b] + 0.8 * axes[a]
    cosine = np.where(np.arange(people) < hard, 0.2, 0.8)[:, None]
    second = cosine * axes[:people] + np.sqrt(1 - cosine**2) * axes[people:]
    for couple in range(alike):  # the second picture of `a` stays off the couple's shared axis
        a = people - 1 - 2 * couple
        second[a] = 0.9 * axes[a] + np.sqrt(1 - 0.81) * axes[people + a]
    vectors = np.stack([first, second], axis=1).reshape(2 * people, -1).astype(np.float32)
    return EveryPair(vectors, np.repeat(np.arange(people), 2), people)


IMPOSTORS = 400 * 399 // 2 - 200


def test_the_error_rates_of_known_scores_are_exact():
    pairs = known(alike=40, hard=20)
    found = measure(pairs, NOTHING_LOST)
    assert (found.found.genuine.total, found.found.impostor.total) == (200, IMPOSTORS)
    # Of a couple: first and first 0.6, first of a and second of b 0.6 * 0.8 = 0.48.
    by_wanted = {point.wanted: point for point in found.points}
    assert set(by_wanted) == {1e-2, 1e-3}
    assert by_wanted[1e-3].threshold == 0.481  # 80 pairs at 0.48 and above are one too many for 79
    assert (by_wanted[1e-3].fmr.errors, by_wanted[1e-3].fmr.trials) == (40, IMPOSTORS)
    assert (by_wanted[1e-3].fnmr.errors, by_wanted[1e-3].fnmr.trials) == (20, 200)
    assert (by_wanted[1e-2].fmr.errors, by_wanted[1e-2].threshold) == (80, 0.001)
    assert by_wanted[1e-2].fnmr.errors == 0
    low, high = by_wanted[1e-3].fnmr.interval()
    assert low < 0.1 < high


def test_what_the_data_are_too_few_for_is_not_demonstrated():
    found = measure(known(), NOTHING_LOST)
    assert [beyond.wanted for beyond in found.beyond] == [1e-4, 1e-5]
    assert found.beyond[0].needed == 100_000
    shown, beyond = thresholds(Histogram(0, (999,)))
    assert shown == []
    assert [each.wanted for each in beyond] == [1e-2, 1e-3, 1e-4, 1e-5]
    shown, _ = thresholds(Histogram(0, (990, 10)))  # ten of a thousand carry 1 in 100
    assert shown == [(1e-2, 0.001)]


def test_nothing_at_all_is_not_demonstrated_either():
    pairs = EveryPair(np.eye(2, dtype=np.float32), np.array([0, 1]), 2)
    found = measure(pairs, LostComparisons(np.zeros(2, np.int64), 0, np.zeros(2, np.int64)))
    assert found.points == ()
    assert len(found.beyond) == 4
    assert found.identification.rank_1.value is None
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_calibration_in_use_is_held_against_the_data():
    shipped = load(OnnxEmbedder().space)
    found = measure(known(), NOTHING_LOST, in_use=shipped)
    promised = [point for point in found.points if point.promised]
    assert [point.threshold for point in promised] == [shipped.threshold(1, 1e-3)[0], shipped.threshold(1, 1e-4)[0]]
    assert [point.fmr.errors for point in promised] == [80, 80]  # 0.363 and 0.422


def test_what_could_not_be_compared_counts_in_the_generalised_rates():
    missed = np.zeros(PEOPLE, np.int64)
    missed[:10] = 3
    found = measure(known(), LostComparisons(missed, 20_000, missed))
    point = next(point for point in found.points if point.wanted == 1e-3)
    assert (point.gfnmr.errors, point.gfnmr.trials) == (50, 230)
    assert (point.gfmr.errors, point.gfmr.trials) == (40, IMPOSTORS + 20_000)
    one = found.identification
    assert (one.grank_1.errors - one.rank_1.errors, one.grank_1.trials - one.rank_1.trials) == (30, 30)


# --- searches --------------------------------------------------------------------------------------------------------
def test_searches_by_hand():
    """Ann and Bob have two pictures, Cid one. Ann's second is nearer to Bob's first than to her own."""
    rows = np.array([[1, 0, 0], [0.6, 0.8, 0], [0, 1, 0], [0, 0.96, 0.28], [0, 0, 1]], np.float32)
    people = np.array([0, 0, 1, 1, 2])
    found = search_all(rows, people, 4)  # a fourth person has no picture with a face
    assert found.enrolled == 3
    assert found.mated.tolist() == [0, 1]
    assert found.rank.tolist() == [2, 1]
    assert found.mate.tolist() == [600, 960]
    assert found.best.tolist() == [0, 800, 0, 280, 0]  # each without its own person
    assert found.rank_rate(1).errors == 1
    assert found.rank_rate(2).errors == 0
    assert found.rank_rate(1, np.array([0, 0, 0, 2])).trials == 4
    assert found.fnir(0.7).errors == 1
    assert found.fpir(0.28).errors == 2
    assert found.threshold(1) == 0.281


def test_a_tie_counts_against_the_mate():
    rows = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    found = search_all(rows, np.array([0, 0, 1]), 2)
    assert found.rank.tolist() == [2]  # nobody is like the second picture, and so anybody is


def test_searches_of_known_scores():
    found = measure(known(), NOTHING_LOST).identification
    assert found.enrolled == 200
    assert found.rank_1.trials == 200
    assert found.points == ()
    assert [(beyond.trials, beyond.needed) for beyond in found.beyond] == [(400, 1000), (400, 10_000)]


def test_the_threshold_of_an_fpir_is_kept_and_who_is_missed_is_counted():
    people = 520
    nothing = LostComparisons(np.zeros(people, np.int64), 0, np.zeros(people, np.int64))
    lost = LostComparisons(nothing.genuine, 0, np.eye(1, people, dtype=np.int64)[0] * 3)
    [point] = measure(known(alike=6, hard=25, people=people), lost).identification.points
    # Strangers of the six couples find somebody: first and first at 0.6 (12 searches), second and first at 0.48 (6).
    assert (point.wanted, point.threshold) == (1e-2, 0.601)
    assert (point.fpir.errors, point.fpir.trials) == (0, 1040)
    assert (point.fnir.errors, point.fnir.trials) == (25, 520)
    assert (point.gfnir.errors, point.gfnir.trials) == (28, 523)
    [point] = measure(known(alike=5, hard=25, people=people), nothing).identification.points
    assert (point.threshold, point.fpir.errors) == (0.481, 10)  # ten of 1,040 are kept, fifteen are not


def test_listed_pairs_have_no_searches():
    pairs = known()
    first, second = np.triu_indices(400, 1)
    given = measure(GivenPairs(pairs.vectors, pairs.people, PEOPLE, first, second), NOTHING_LOST)
    assert given.identification is None
    every = measure(pairs, NOTHING_LOST)
    assert given.as_dict()["verification"] == every.as_dict()["verification"]


# --- groups ----------------------------------------------------------------------------------------------------------
def by_half(pairs):
    """The first hundred people, of whom some are hard, and the others, of whom some are alike."""
    return Labels("half", ("first", "second"), (pairs.people >= PEOPLE // 2).astype(np.int64))


def test_groups_have_their_own_rates_and_clear_differences_are_said():
    pairs = known(alike=40, hard=20)
    [grouping] = measure(pairs, NOTHING_LOST, [(by_half(pairs), {"first": 3})]).groupings
    first, second = grouping.groups
    assert (first.people, first.pictures, first.without_face) == (100, 200, 3)
    assert grouping.wanted == 1e-3  # the strictest that the smaller group can show
    assert (first.fnmr.errors, first.fnmr.trials, first.fmr.errors) == (20, 100, 0)
    assert (second.fnmr.errors, second.fnmr.trials, second.fmr.errors) == (0, 100, 40)
    [cross] = grouping.cross
    assert (cross.fmr.errors, cross.fmr.trials) == (0, 200 * 200)
    gaps = {gap.rate: gap for gap in grouping.gaps}
    assert gaps["fnmr"].clear
    assert 0.1 < gaps["fnmr"].low < 0.2 < gaps["fnmr"].high < 0.35
    assert gaps["fmr"].clear
    assert gaps["fmr"].high < 0


def test_groups_that_differ_by_chance_alone_are_not_told_apart():
    """Labels drawn by lot, 100 times: a clear difference in about 1 of 20, and never in 1 of 10."""
    pairs = known(alike=40, hard=40)
    generator = np.random.default_rng(1)
    lots = [Labels("lot", ("a", "b"), (generator.permutation(PEOPLE) % 2)[pairs.people]) for _ in range(100)]
    groupings = measure(pairs, NOTHING_LOST, [(labels, {}) for labels in lots]).groupings
    for rate in ("fmr", "fnmr"):
        assert sum(gap.clear for grouping in groupings for gap in grouping.gaps if gap.rate == rate) <= 10


def test_a_picture_without_a_label_is_in_no_group():
    pairs = known()
    codes = np.where(pairs.people < 50, 0, -1)
    [grouping] = measure(pairs, NOTHING_LOST, [(Labels("x", ("only",), codes), {})]).groupings
    assert grouping.unlabelled == 300
    assert grouping.groups[0].fmr.trials == 100 * 99 // 2 - 50
    assert grouping.gaps == ()


# --- shape -----------------------------------------------------------------------------------------------------------
def test_the_curve_falls_one_way_and_rises_the_other():
    found = measure(known(), NOTHING_LOST).found
    scores, hits, misses = (list(column) for column in zip(*curve(found), strict=True))
    assert scores == sorted(scores)
    assert hits == sorted(hits, reverse=True)
    assert misses == sorted(misses)
    assert (hits[0], misses[0], hits[-1], misses[-1]) == (IMPOSTORS, 0, 0, 200)


def test_measures_are_a_json_document():
    pairs = known()
    found = measure(pairs, NOTHING_LOST, [(by_half(pairs), {})], load(OnnxEmbedder().space))
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert document["groups"][0]["differences"][0]["more_than_chance"] in {True, False}
    assert document["verification"]["points"][0]["fmr"]["trials"] == IMPOSTORS


@pytest.mark.parametrize("wanted", [1e-2, 1e-3])
def test_a_threshold_of_the_data_keeps_its_rate_on_them(wanted):
    point = next(point for point in measure(known(), NOTHING_LOST).points if point.wanted == wanted)
    assert point.fmr.value <= wanted
