"""Uploads and guests that wait: named by status and doctor until they have been looked at."""

import pytest

from countenance.cli.remedies import DOOR
from countenance.rights.guests import VERSION
from countenance.testing import toy

ALICE = "guest-alice-of-the-waiting"


@pytest.fixture
def event(toy_home, tmp_path):
    (tmp_path / "form.pdf").write_bytes(b"a form")
    with toy_home(kind="organisation") as home:
        home.add_source(
            "the party", None, basis="consent", jurisdiction="CA-ON", purposes=["event-delivery"],
            evidence=tmp_path / "form.pdf",
        )  # fmt: skip
        yield home


def warned(home):
    return [(each.said, DOOR.hint(each.do)) for each in home.health.examine() if each.what == "waiting"]


def test_what_was_begun_and_not_ended_is_named_until_it_ends(event):
    assert (event.health.status()["waiting"], warned(event)) == ([], [])
    for name in ("one.jpg", "two.jpg"):
        event.uploads.put("the party", name, toy.picture(f"{ALICE}@10,20,60,80", f"#{name}"))
    take_in, look = "countenance ingest 'the party'", "countenance guest search 'the party'"
    assert warned(event) == [("the party: 2 uploads to be taken in", take_in)]

    link = event.guests.open_link("the party", organiser="Ada, ada@example.org")["token"]
    event.guests.consent(link, toy.picture(f"{ALICE}~@11,21,61,81"), agreed=VERSION)
    [left] = event.health.status()["waiting"]
    assert DOOR.advised(left) == {"source": "the party", "uploads": 2, "guests": 1, "do": [take_in, look]}

    event.ingest("the party")
    assert warned(event) == [("the party: 1 guest for their pictures", look)]
    event.search_for_guests("the party")
    assert (event.health.status()["waiting"], warned(event)) == ([], [])


def test_nothing_waits_where_nothing_may_be_done(event):
    event.uploads.put("the party", "one.jpg", toy.picture(f"{ALICE}@10,20,60,80"))
    event.suspend("the party")
    assert event.health.status()["waiting"] == []
    event.resume("the party")
    assert [each["uploads"] for each in event.health.status()["waiting"]] == [1]
