"""Counting is dear in a large home: what was counted is told for a while, never from before a change of policy."""

import time
from types import SimpleNamespace

import pytest

from countenance.app.counts import QUICK_S, Counts


class Gallery:
    """Counts how often it was asked."""

    def __init__(self, seconds):
        self.seconds, self.asked = seconds, 0

    def counts(self):
        time.sleep(self.seconds)
        self.asked += 1
        return {"pictures": self.asked}

    def source_counts(self, source_id):
        return {"places": source_id, **self.counts()}


@pytest.fixture
def counting():
    def make(seconds):
        policy = SimpleNamespace(version=1)
        gallery = Gallery(seconds)
        records = SimpleNamespace(gallery=gallery, sources=SimpleNamespace(policy_version=lambda: policy.version))
        return Counts(SimpleNamespace(records=records)), gallery, policy

    return make


def test_what_is_quick_is_counted_each_time(counting):
    counts, gallery, _ = counting(0)
    assert [counts.all()["pictures"] for _ in range(3)] == [1, 2, 3] == list(range(1, gallery.asked + 1))


def test_what_is_slow_is_told_for_twenty_times_as_long(counting):
    counts, gallery, _ = counting(1.2 * QUICK_S)
    assert [counts.all()["pictures"] for _ in range(3)] == [1, 1, 1]
    time.sleep(25 * 1.2 * QUICK_S)
    assert counts.all()["pictures"] == 2 == gallery.asked


def test_a_change_of_policy_is_counted_anew(counting):
    counts, _, policy = counting(1.2 * QUICK_S)
    assert counts.all()["pictures"] == 1
    policy.version += 1
    assert counts.all()["pictures"] == 2


def test_each_source_has_its_own(counting):
    counts, _, _ = counting(1.2 * QUICK_S)
    assert counts.source(7) == counts.source(7) == {"places": 7, "pictures": 1}
    assert counts.source(8) == {"places": 8, "pictures": 2}
