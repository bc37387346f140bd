"""Terms of retention: counted by the day, refused when they say nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from countenance.errors import GrantInvalid
from countenance.rights.retention import check_retention, retention_ends

ADDED = datetime(2024, 2, 29, 12, tzinfo=UTC)


def ends(retention, **times):
    found = retention_ends(retention, added_at=ADDED, **{"interaction_at": None, "purpose_met_at": None, **times})
    return found and found[0]


def test_no_term_ends_never():
    assert ends(check_retention(days=None, start=None, rule=None)) is None


@pytest.mark.parametrize(
    ("start", "when"), [(None, ADDED), ("added", ADDED), ("interaction", ADDED), ("purpose", None)]
)
def test_days_run_from_what_the_grant_names(start, when):
    kept = check_retention(days=10, start=start, rule=None)
    assert ends(kept) == (when and when + timedelta(days=10))
    later = ADDED + timedelta(days=100)
    expected = {"interaction": later, "purpose": later}.get(start, ADDED) + timedelta(days=10)
    assert ends(kept, interaction_at=later, purpose_met_at=later) == expected


def test_bipa_is_purpose_met_or_three_years_whichever_is_first():
    kept = check_retention(days=None, start=None, rule="bipa")
    assert ends(kept) == datetime(2027, 2, 28, 12, tzinfo=UTC)  # 2027 has no 29 February
    spoke = datetime(2026, 5, 1, tzinfo=UTC)
    assert ends(kept, interaction_at=spoke) == datetime(2029, 5, 1, tzinfo=UTC)
    assert ends(kept, interaction_at=spoke, purpose_met_at=spoke + timedelta(1)) == spoke + timedelta(1)
    assert ends(kept, purpose_met_at=datetime(2030, 1, 1, tzinfo=UTC)) == datetime(2027, 2, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "asked",
    [{"days": -1}, {"days": 10**6}, {"start": "added"}, {"days": 1, "start": "birth"}, {"rule": "gdpr"},
     {"rule": "bipa", "days": 1}, {"rule": "bipa", "start": "added"}],
)  # fmt: skip
def test_what_is_no_term_is_refused(asked):
    with pytest.raises(GrantInvalid):
        check_retention(**{"days": None, "start": None, "rule": None, **asked})
