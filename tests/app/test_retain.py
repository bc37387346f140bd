"""What has been kept long enough is listed, and erased with a receipt."""

from datetime import timedelta

import pytest

from countenance.cli.remedies import DOOR
from countenance.testing import toy

BOB = toy.picture("bob@1,1,50,50")


@pytest.fixture
def home(toy_home, pictures, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "dora.jpg").write_bytes(toy.picture("dora@10,20,60,80"))
    with toy_home() as opened:
        grant = {"basis": "household", "jurisdiction": "CA-ON"}
        opened.add_source("album", pictures, retain_days=10, **grant)
        opened.add_source("other", other, retain_rule="bipa", **grant)
        opened.ingest()
        yield opened


def later(home, days):
    real = home.parts.stores.clock()
    object.__setattr__(home.parts.stores, "clock", lambda: real + timedelta(days=days))


def test_what_is_due_is_erased_and_nothing_else(home):
    assert home.retention.retain(run=True).as_dict() == {"due": [], "erased": [], "probes": 0}
    later(home, 11)
    [duty] = home.retention.retain(run=False).duties
    assert (duty.source, duty.overdue) == ("album", True)
    assert DOOR.hint(home.health.status()["due"][0]["do"]) == "countenance erase --source album"
    done = home.retention.retain(run=True)
    [report] = done.erased
    assert home.receipts.get(report.receipt).kind == "erasure"
    assert "10 days" in home.receipts.get(report.receipt).document
    assert [source.name for source in home.sources()] == ["other"]
    assert home.search(BOB).leads == ()
    assert home.retention.retain(run=True).as_dict() == {"due": [], "erased": [], "probes": 0}


def test_an_interaction_puts_it_off_and_a_purpose_that_is_met_does_not(home):
    later(home, 3 * 366)
    assert {duty.source for duty in home.retention.retain(run=False).duties} == {"album", "other"}
    home.interaction("other")
    assert {duty.source for duty in home.retention.retain(run=False).duties} == {"album"}
    home.purpose_met("other")
    met = home.source("other").purpose_met_at
    assert home.purpose_met("other").purpose_met_at == met
    later(home, 1)
    assert "purpose" in {duty.source: duty.why for duty in home.retention.retain(run=False).duties}["other"]


def test_a_withdrawn_source_is_erased_when_its_term_is_over(home):
    home.withdraw("other")
    [duty] = home.retention.retain(run=True).duties
    assert (duty.source, duty.overdue) == ("other", False)
    assert len(home.sources()) == 2
    later(home, 31)
    assert len(home.retention.retain(run=True).erased) == 2
    assert home.sources() == ()
