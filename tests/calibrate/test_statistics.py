import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.calibrate.histogram import Histogram
from countenance.calibrate.limits import upper_limit
from countenance.calibrate.measure import check_enough, tails
from countenance.calibrate.pairs import EveryPair
from countenance.calibrate.tail import fit_tail, shape
from countenance.calibrate.tally import distributions
from countenance.errors import WrongUse

rng = np.random.default_rng(11)


@pytest.mark.parametrize(
    ("trials", "limits"),  # scipy.stats.beta.ppf(0.95, count + 1, trials - count), scipy 1.17.1
    [
        (10, (0.2588655508930522, 0.39416330243650466, 0.7775588989918706, 0.9948838031081763)),
        (1000, (0.002991249545095295, 0.004734993575499777, 0.010484076911415651, 0.015652573749606477)),
        (783_042, (3.825754612245646e-06, 6.0582359283672715e-06, 1.3425841653550273e-05, 2.0056585955760647e-05)),
    ],
)
def test_the_upper_limit_is_scipys_clopper_pearson(trials, limits):
    for count, wanted in zip((0, 1, 5, 9), limits, strict=True):
        assert upper_limit(count, trials) == pytest.approx(wanted, rel=1e-6)


def test_if_all_were_false_the_limit_is_one():
    assert upper_limit(5, 5) == 1


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(-1, 1))
def test_a_histogram_never_counts_fewer_than_there_are(values, score):
    histogram = Histogram.of(np.array(values))
    assert histogram.total == len(values)
    assert histogram.at_or_above(score) >= sum(value >= score for value in values)
    assert histogram.at_or_above(score + 0.0011) <= sum(value >= score for value in values)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.integers(0, 60))
def test_the_lowest_score_that_few_reach(values, count):
    histogram = Histogram.of(np.array(values))
    score = histogram.lowest_with_at_most(count)
    assert histogram.at_or_above(score) <= count
    assert score == histogram.first_bin / 1000 or histogram.at_or_above(score - 0.001) > count


def test_a_score_as_shown_counts_what_would_be_shown_so():
    histogram = Histogram.of(np.array([0.2894, 0.2896, 0.57, 1.0]))
    assert [histogram.at_or_above(score) for score in (0.289, 0.29, 0.291, 0.57, 0.571, 1.0)] == [4, 3, 2, 2, 1, 1]


def test_an_exponential_tail_is_found_again():
    scores = rng.exponential(0.03, 1_000_000)
    tail = fit_tail(scores, np.ones(len(scores)), len(scores))
    assert tail.scale == pytest.approx(0.03, rel=0.1)  # about 1,000 excesses: 3 % standard error
    assert tail.rate == pytest.approx(1e-3, rel=0.01)
    assert tail.fmr(tail.score_at(1e-7)) == pytest.approx(1e-7)
    assert tail.score_at(1e-6) == pytest.approx(0.03 * np.log(1e6), rel=0.05)


def test_a_few_wrong_labels_hardly_move_the_tail():
    scores = rng.exponential(0.03, 500_000)
    before = fit_tail(scores, np.ones(len(scores)), len(scores))
    scores[:3] = 1.0  # one person under two names
    after = fit_tail(scores, np.ones(len(scores)), len(scores))
    assert after.scale == pytest.approx(before.scale, rel=0.05)  # uncensored, each of them alone would add 5 %


def test_weights_count_as_repetition():
    scores = rng.exponential(0.03, 20_000)
    weights = rng.integers(0, 3, len(scores))
    weighted = fit_tail(scores, weights, weights.sum())
    repeated = np.repeat(scores, weights)
    assert weighted.scale == pytest.approx(fit_tail(repeated, np.ones(len(repeated)), len(repeated)).scale)


@pytest.mark.parametrize("wanted", [-0.2, 0.0, 0.2])
def test_the_shape_is_that_of_the_generalised_pareto(wanted):
    uniform = np.random.default_rng(3).random(200_000)  # through the inverse of the distribution function
    excess = 0.03 * (-np.log(uniform) if wanted == 0 else (uniform**-wanted - 1) / wanted)
    assert shape(excess + 0.3, 0.3) == pytest.approx(wanted, abs=0.02)


def test_pairs_are_counted_once_and_the_bootstrap_is_of_people():
    people = np.repeat(np.arange(250), 2)
    vectors = rng.normal(size=(500, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = EveryPair(vectors, people, 250)
    found = distributions(pairs)
    assert found.genuine.total == 250
    assert found.impostor.total == 500 * 499 // 2 - 250
    tail, replicates, _ = tails(pairs, found.impostor)
    starts = [replicate.start for replicate in replicates]
    assert min(starts) < tail.start < max(starts)
    assert tails(pairs, found.impostor)[:2] == (tail, replicates)  # the seed is fixed


def test_the_tail_of_all_pairs_is_that_of_their_scores():
    """The highest pairs, gathered block by block, are all that a fit to every score looks at."""
    people = np.repeat(np.arange(300), 3)
    vectors = rng.normal(size=(900, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    upper = np.triu_indices(900, 1)
    scores = (vectors @ vectors.T)[upper][people[upper[0]] != people[upper[1]]]
    pairs = EveryPair(vectors, people, 300)
    tail, _, found_shape = tails(pairs, distributions(pairs).impostor)
    whole = fit_tail(scores, np.ones(len(scores)), len(scores))
    assert (tail.start, tail.rate, tail.scale) == pytest.approx((whole.start, whole.rate, whole.scale))
    assert found_shape == pytest.approx(shape(scores, whole.start))


@pytest.mark.parametrize("counts", [(10, 45, 5), (99, 200_000, 5), (500, 99_999, 5), (500, 200_000, 0)])
def test_too_few_people_are_refused_with_what_is_needed(counts):
    with pytest.raises(WrongUse, match=f"{counts[1]:,} impostor and {counts[2]} genuine pairs of {counts[0]}") as said:
        check_enough(*counts)
    assert "450 pictures" in said.value.message
    check_enough(100, 100_000, 1)
