"""Counting is dear in a large home: what was counted is told for a while, never from before a change of policy."""

from types import SimpleNamespace

import pytest

from countenance.app import counts
from countenance.app.counts import QUICK_S, Counts


class Gallery:
    """Counts how often it was asked."""

    def __init__(self, seconds, clock):
        self.seconds, self.clock, self.asked = seconds, clock, 0

    def counts(self):
        self.clock.now += self.seconds
        self.asked += 1
        return {"pictures": self.asked}

    def source_counts(self, source_id):
        return {"places": source_id, **self.counts()}


@pytest.fixture
def clock(monkeypatch):
    """Counting takes as long as this clock says."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(counts, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def counting(clock):
    def make(seconds):
        policy = SimpleNamespace(version=1)
        gallery = Gallery(seconds, clock)
        records = SimpleNamespace(gallery=gallery, sources=SimpleNamespace(policy_version=lambda: policy.version))
        return Counts(SimpleNamespace(records=records)), gallery, policy

    return make


def test_what_is_quick_is_counted_each_time(counting):
    told, gallery, _ = counting(0)
    assert [told.all()["pictures"] for _ in range(3)] == [1, 2, 3] == list(range(1, gallery.asked + 1))


def test_what_is_slow_is_told_for_twenty_times_as_long(counting, clock):
    told, gallery, _ = counting(1.2 * QUICK_S)
    assert [told.all()["pictures"] for _ in range(3)] == [1, 1, 1]
    clock.now += 18 * 1.2 * QUICK_S
    assert told.all()["pictures"] == 1
    clock.now += 1.2 * QUICK_S  # 20 times since it began to count
    assert told.all()["pictures"] == 2 == gallery.asked


def test_a_change_of_policy_is_counted_anew(counting):
    told, _, policy = counting(1.2 * QUICK_S)
    assert told.all()["pictures"] == 1
    policy.version += 1
    assert told.all()["pictures"] == 2


def test_each_source_has_its_own(counting):
    told, _, _ = counting(1.2 * QUICK_S)
    assert told.source(7) == told.source(7) == {"places": 7, "pictures": 1}
    assert told.source(8) == {"places": 8, "pictures": 2}
