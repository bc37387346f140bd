"""A guest's way killed at any point: what was acknowledged holds, and what was cut short is done by doing it again."""

import pytest

from countenance.rights.guests import VERSION
from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles
from support.disk_home import held_by, opened

HERS, BESIDE = "the-guest-zenobia", "beside-her-quentin"
PHOTOGRAPH = picture(f"{HERS}~@1,1,50,50", "#me").decode()


@pytest.fixture
def party(tmp_path):
    """(home, token of its link): an event with two pictures of a guest to be."""
    folder, form = tmp_path / "party", tmp_path / "form.pdf"
    folder.mkdir()
    form.write_bytes(b"a form")
    (folder / "both.jpg").write_bytes(picture(f"{HERS}@10,20,60,80", f"{BESIDE}@100,20,150,80"))
    (folder / "hers.jpg").write_bytes(picture(f"{HERS}@10,20,60,80"))
    grant = {"basis": "consent", "jurisdiction": "CA-ON", "purposes": ["event-delivery"], "evidence": form}
    with opened(tmp_path / "home", "organisation") as home:
        home.add_source("party", folder, **grant)
        home.ingest()
        link = home.guests.open_link("party", organiser="Ada")["token"]
    return tmp_path / "home", link


@pytest.fixture
def guest(party):
    """(home, token of the guest's own link)."""
    path, link = party
    with opened(path) as home:
        token = home.guests.consent(link, PHOTOGRAPH.encode(), agreed=VERSION)[1]
        home.search_for_guests("party")
    return path, token


def names(home, token):
    return [each.name for each in home.guests.pictures(token)]


def test_a_consent_killed_at_every_point(party, breaker):
    path, link = party

    def check(copy, ran):
        with opened(copy) as home:
            subjects = home.parts.stores.records.sources.subjects(home.source("party").grant.id)
            assert len(subjects) <= 1
            if ran.acknowledged:
                home.search_for_guests("party")
                assert names(home, ran.told[0]) == ["both.jpg", "hers.jpg"]
            again = home.guests.consent(link, PHOTOGRAPH.encode(), agreed=VERSION)[1]
            home.search_for_guests("party")
            assert names(home, again) == ["both.jpg", "hers.jpg"]
            home.guests.withdraw(again)
            home.ingest()  # sweeps
            held_by(home)  # no key and no blob that nothing names
            home.verify_log()

    breaker.everywhere(path, "consent", link, PHOTOGRAPH, at_least=18, then=check, kills=0)


def test_a_search_killed_at_every_point(party, breaker):
    path, link = party
    with opened(path) as home:
        token = home.guests.consent(link, PHOTOGRAPH.encode(), agreed=VERSION)[1]

    def check(copy, ran):
        with opened(copy) as home:
            home.search_for_guests("party")
            assert names(home, token) == ["both.jpg", "hers.jpg"]
            held_by(home)
            home.verify_log()

    breaker.everywhere(path, "search_for_guests", "party", at_least=45, then=check, kills=0)


def test_a_withdrawal_killed_at_every_point(guest, breaker):
    path, token = guest
    with opened(path) as home:
        keyfile = home.parts.keyfile

    def check(copy, ran):
        with opened(copy) as home:
            if ran.acknowledged:
                assert names(home, token) == []
            home.parts.engine().eraser.resume()
            home.guests.withdraw(token)
            assert names(home, token) == []
            home.ingest()
            assert names(home, token) == []
            held_by(home)
            home.verify_log()
        needles = face_needles(HERS) | face_needles(f"{HERS}~") | {"photograph": PHOTOGRAPH.encode()}
        assert Thief(keyfile, copy).find(needles) == {}

    breaker.everywhere(path, "withdraw", token, at_least=50, then=check, kills=0)
