from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.present.chart import MAX_TICKS, Axis, Chart, steps

sizes = st.floats(1e-6, 1e6)


@given(st.floats(-1e6, 1e6), sizes)
def test_a_linear_axis_has_round_ticks_at_one_distance(low, size):
    axis = Axis("x", low, low + size)
    ticks = [value for value, _ in axis.ticks()]
    assert 2 <= len(ticks) <= MAX_TICKS
    assert all(low - size / 1e3 <= value <= low + size * 1.001 for value in ticks)
    apart = [b - a for a, b in pairwise(ticks)]
    assert max(apart) == pytest.approx(min(apart), abs=1e-6)


@given(sizes, st.floats(2, 1e9))
def test_a_logarithmic_axis_has_powers_of_ten(low, times):
    axis = Axis("x", low, low * times, log=True)
    assert len(axis.ticks()) <= MAX_TICKS
    assert all(text.startswith("10") for _, text in axis.ticks())
    assert axis.share(low) == pytest.approx(0)
    assert axis.share(low * times**0.5) == pytest.approx(0.5)
    assert axis.share(0) == 0
    assert axis.share(low * times * 2) == 1


def test_powers_are_written_raised():
    assert Axis("x", 5e-4, 20, log=True).ticks() == [
        (1e-3, "10⁻³"), (1e-2, "10⁻²"), (0.1, "10⁻¹"), (1, "10⁰"), (10, "10¹")
    ]  # fmt: skip
    assert [text for _, text in Axis("x", 0, 1).ticks()] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_a_stair_holds_each_value_until_the_next_point():
    assert steps([(0, 1), (2, 3), (4, 5)]) == [(0, 1), (2, 1), (2, 3), (4, 3), (4, 5)]
    assert steps([(0, 1)]) == [(0, 1)]
    assert steps([]) == []


def test_points_are_placed_within_the_edges():
    chart = Chart("t", Axis("x", 0, 10), Axis("y", 0, 1))
    chart.line([(0, 0), (10, 1), (20, 0.5)], "#000", "l")
    assert 'points="64.0,388.0 624.0,36.0 624.0,212.0"' in chart.svg(legend_x=80)
