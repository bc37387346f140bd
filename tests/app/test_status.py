"""Status: what is held and what is due, by the day."""

from datetime import timedelta

import pytest

from countenance.app.erasure.retention import duty_of
from countenance.app.upkeep.status import WARN_DAYS, source_status
from countenance.cli.remedies import DOOR

DAY = timedelta(days=1)


@pytest.fixture
def filled(toy_home, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON", erase_within_days=10)
        home.ingest("album")
        yield home


def test_what_is_held(filled):
    status = filled.health.status()
    told = ("kind", "pictures", "faces", "indexed", "rejected", "unfinished_erasures")
    assert {key: status[key] for key in told} == {
        "kind": "household", "pictures": 3, "faces": 4, "indexed": 4, "rejected": 1, "unfinished_erasures": 0,
    }  # fmt: skip
    assert status["home"] == str(filled.path)
    assert status["sources"] == [
        {"name": "album", "basis": "household", "state": "in_force", "days_left": None, "ends_soon": False}
    ]
    assert status["due"] == []
    assert status["log_entries"] == len(filled.parts.stores.log)
    assert status["disk_bytes"] >= (filled.path / "records.db").stat().st_size


def test_a_file_that_another_process_removes_meanwhile_has_no_size(filled, monkeypatch):
    (filled.path / "gone").symlink_to("nowhere")  # an lstat sees it, a stat would not
    assert filled.health.status()["disk_bytes"] > 0


@pytest.fixture
def granted(filled):
    """The source and the moment now, with the grant's times changed."""

    def change(**times):
        records, now = filled.parts.stores.records, filled.parts.stores.clock()
        records.sources.set_grant_state(filled.source("album"), **{k: now + v for k, v in times.items()})
        return filled.source("album"), now

    return change


@pytest.mark.parametrize(
    ("times", "left", "overdue"),
    [
        ({"withdrawn_at": timedelta(0)}, 10, False),
        ({"withdrawn_at": -9.5 * DAY}, 1, False),
        ({"withdrawn_at": -10 * DAY - timedelta(seconds=9)}, 0, True),
        ({"withdrawn_at": -12.5 * DAY}, -2, True),
        ({"expires_at": -3 * DAY}, 7, False),
        ({"expires_at": -3 * DAY, "withdrawn_at": timedelta(0)}, 7, False),
        ({"expires_at": 300 * DAY, "withdrawn_at": -3 * DAY}, 7, False),
        ({"expires_at": timedelta(0), "suspended_at": -50 * DAY}, 10, False),
    ],
)
def test_the_days_until_all_of_it_is_erased(granted, times, left, overdue):
    source, now = granted(**times)
    duty = duty_of(source, now).as_dict()
    assert (duty["days_left"], duty["overdue"]) == (left, overdue)
    assert DOOR.hint(duty["do"]) == "countenance erase --source album"


@pytest.mark.parametrize("times", [{"suspended_at": -50 * DAY}, {"expires_at": 50 * DAY}])
def test_nothing_is_due_while_a_grant_may_go_on(granted, times):
    assert duty_of(*granted(**times)) is None


@pytest.mark.parametrize(("left", "soon"), [(-1, False), (0, True), (WARN_DAYS, True), (WARN_DAYS + 1, False)])
def test_what_ends_soon_is_named(granted, left, soon):
    status = source_status(*granted(expires_at=(left + 0.5) * DAY))
    assert (status["days_left"], status["ends_soon"]) == (left, soon)
