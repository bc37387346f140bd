"""Intervals: against scipy's figures, by hand, and by how often they hold the truth."""

from statistics import NormalDist

import numpy as np
import pytest

from countenance.calibrate.interval import MeasuredRate, clustered, difference, dyadic, student, wilson
from countenance.calibrate.pairs import EveryPair, Labels, PairBlock
from countenance.calibrate.tally import tally


@pytest.mark.parametrize(
    ("errors", "trials", "wanted"),  # scipy.stats.binomtest(errors, trials).proportion_ci(0.95, "wilson"), scipy 1.17.1
    [
        (0, 50, (0.0, 0.07134759913335872)),
        (3, 50, (0.020614970348973957, 0.1621709168883817)),
        (25, 50, (0.3664451431682858, 0.6335548568317142)),
        (50, 50, (0.9286524008666412, 1.0)),
        (7, 10_000, (0.0003391263316879598, 0.0014443344412696888)),
    ],
)
def test_wilson_is_scipys(errors, trials, wanted):
    assert wilson(errors / trials, trials, NormalDist().inv_cdf(0.975)) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("level", "quantiles"),  # scipy.stats.t.ppf((1 + level) / 2, freedom), scipy 1.17.1
    [
        (0.9, (2.9199855803537242, 2.3533634348018233, 2.0150483733330233, 1.7247182429207866, 1.6479068539295105)),
        (0.95, (4.302652729749462, 3.1824463052837078, 2.5705818356363146, 2.085963447265864, 1.9647198374673676)),
        (0.99, (9.924843200918287, 5.840909309733355, 4.032142983555228, 2.8453397097861077, 2.5856978351419415)),
    ],
)
def test_students_quantile_is_scipys(level, quantiles):
    for freedom, wanted in zip((2, 3, 5, 20, 500), quantiles, strict=True):
        assert student(level, freedom) == pytest.approx(wanted, rel=0.11 if freedom == 2 else 0.02)


def test_people_who_err_alike_are_worth_fewer_trials():
    spread = clustered(np.array([1] * 10 + [0] * 90), np.full(100, 10))
    heaped = clustered(np.array([10] + [0] * 99), np.full(100, 10))
    assert (spread.errors, heaped.errors, spread.trials) == (10, 10, 1000)
    assert spread.effective == 1000  # never more than there are
    assert heaped.effective < 110
    assert heaped.interval()[1] > spread.interval()[1]


def test_without_an_error_a_person_counts_once():
    rate = clustered(np.zeros(20, np.int64), np.full(20, 50))
    assert rate.effective == 20
    assert rate.interval()[0] == 0
    assert 0.15 < rate.interval()[1] < 0.2


def test_nothing_is_known_from_one_person_or_no_trial():
    assert clustered(np.array([1]), np.array([30])).interval() == (0, 1)
    none = clustered(np.array([], np.int64), np.array([], np.int64))
    assert (none.value, none.interval()) == (None, (0, 1))
    assert dyadic(np.zeros(2, int), np.zeros(2, int), squares=0, products=0, trial_squares=0).value is None


def test_one_false_match_is_worth_every_pair():
    """A single error among the pairs of 100 people: nobody stands out, so the pairs are as good as independent."""
    errors = np.zeros(100, np.int64)
    errors[[3, 7]] = 1
    rate = dyadic(errors, np.full(100, 99), squares=1, products=1, trial_squares=4950)
    assert (rate.errors, rate.trials, rate.units) == (1, 4950, 100)
    assert rate.effective == pytest.approx(4950, rel=0.01)


def test_a_person_who_is_in_every_false_match_widens_the_interval():
    errors = np.zeros(100, np.int64)
    errors[0], errors[1:21] = 20, 1
    hub = dyadic(errors, np.full(100, 99), squares=20, products=20, trial_squares=4950)
    assert hub.effective < 4950 / 15


def test_a_difference_holds_zero_unless_it_is_clear():
    low, high = difference(MeasuredRate(1, 100, 100, 50), MeasuredRate(2, 100, 100, 50))
    assert low < 0 < high
    low, high = difference(MeasuredRate(60, 100, 100, 50), MeasuredRate(2, 100, 100, 50))
    assert 0.45 < low < 0.58 < high < 0.7
    assert difference(MeasuredRate(0, 0, 0, 0), MeasuredRate(2, 100, 100, 50)) == (-1, 1)


class Drawn:
    """Pairs whose scores are given: above 0 they reach the threshold."""

    def __init__(self, people, scores):
        self.people, self.persons, self._scores = people, int(people.max()) + 1, scores
        self._every = EveryPair(np.zeros((len(people), 1), np.float32), people, self.persons)

    def trials(self, labels):
        return self._every.trials(labels)

    def tiles(self):
        first, second = np.triu_indices(len(self.people), 1)
        yield iter([PairBlock(first, second, self._scores[first, second].astype(np.float32))])


@pytest.mark.slow
@pytest.mark.parametrize(("people", "likeness"), [(60, 0.0), (60, 0.3), (100, 0.5)])
def test_intervals_hold_the_truth_as_often_as_they_say(people, likeness):
    """400 draws of people with 2 pictures. Some people resemble many, some are hard to find: both are people's own."""
    fmr, fnmr, draws = 1e-2, 0.1, 400
    generator = np.random.default_rng(5)
    who = np.repeat(np.arange(people), 2)
    same = who[:, None] == who[None]
    held = np.zeros(2)
    for _ in range(draws):
        own = generator.normal(size=people) * likeness / np.sqrt(2)
        strange = own[who][:, None] + own[who][None] + generator.normal(size=same.shape) * np.sqrt(1 - likeness**2)
        hard = generator.normal(size=people) * np.sqrt(0.5)
        alike = hard[who][:, None] + generator.normal(size=same.shape) * np.sqrt(0.5)
        reached = np.where(same, alike >= NormalDist().inv_cdf(fnmr), strange >= NormalDist().inv_cdf(1 - fmr))
        [found] = tally(Drawn(who, np.where(reached, 0.5, -0.5)), [0.0], [Labels.none(len(who))])
        for place, (rate, truth) in enumerate([(found.fmr(0, 0), fmr), (found.fnmr(0, 0), fnmr)]):
            low, high = rate.interval()
            held[place] += low <= truth <= high
    assert (held / draws >= 0.915).all(), held / draws
    assert (held / draws <= 0.99).all(), held / draws
