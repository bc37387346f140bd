"""Guests at a home on disk: what they take along, and what a thief with the key finds once they have withdrawn."""

import base64
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from countenance.app import guests
from countenance.app.home import open_home
from countenance.app.pictures.crops import Crops
from countenance.app.upkeep.restore import restore
from countenance.errors import NotFound, StorageFailed, WrongUse
from countenance.pipeline.pictures.originals import read_original
from countenance.rights.guests import VERSION
from countenance.testing import toy
from support.bytescan import Thief, face_needles

ALICE, BOB = "guest-alice-of-the-party", "guest-bob-of-the-party"
SELFIE = toy.picture(f"{ALICE}~@11,21,61,81", "#a-selfie-that-nobody-else-has")


@pytest.fixture
def party(toy_home, tmp_path):
    folder = tmp_path / "party"
    (folder / "more").mkdir(parents=True)
    (folder / "us.jpg").write_bytes(toy.picture(f"{ALICE}@10,20,60,80", f"{BOB}@100,20,150,80"))
    (folder / "more" / "us.jpg").write_bytes(toy.picture(f"{ALICE}@10,20,60,80"))
    (folder / "bob.jpg").write_bytes(toy.picture(f"{BOB}@10,20,60,80"))
    (tmp_path / "form.pdf").write_bytes(b"a form")
    with toy_home(kind="organisation") as home:
        home.add_source(
            "party", folder, basis="consent", jurisdiction="CA-ON", purposes=["event-delivery"],
            evidence=tmp_path / "form.pdf",
        )  # fmt: skip
        home.ingest("party")
        yield home


def comes(home, photograph=SELFIE):
    link = home.guests.open_link("party", organiser="Ada, ada@example.org")["token"]
    token = home.guests.consent(link, photograph, agreed=VERSION)[1]
    home.search_for_guests("party")
    return token


def test_a_guest_takes_the_files_along_each_under_a_name_of_its_own(party, tmp_path):
    token = comes(party)
    with zipfile.ZipFile(io.BytesIO(b"".join(party.guests.download(token)))) as archive:
        assert sorted(archive.namelist()) == ["us (2).jpg", "us.jpg"]
        found = {archive.read(name) for name in archive.namelist()}
    assert found == {(tmp_path / "party" / place).read_bytes() for place in ("us.jpg", "more/us.jpg")}
    [first, _] = party.guests.pictures(token)
    assert party.guests.original(token, first.id) in found
    assert party.guests.image(token, first.id).startswith(b"\xff\xd8\xff")
    assert party.guests.crop(token, first.id).endswith(ALICE.encode())


def test_a_picture_of_somebody_else_is_not_there(party, tmp_path):
    alice, bob = comes(party), comes(party, toy.picture(f"{BOB}~@10,20,60,80"))
    theirs = {each.id for each in party.guests.pictures(bob)} - {each.id for each in party.guests.pictures(alice)}
    [hers] = theirs
    for look in (party.guests.image, party.guests.original, party.guests.crop):
        with pytest.raises(NotFound, match="no such picture of you"):
            look(alice, hers)


@pytest.mark.parametrize("look", ["image", "original", "crop"])
def test_nothing_is_given_of_a_source_that_is_stopped_while_it_is_read(party, monkeypatch, look):
    token = comes(party)
    [first, _] = party.guests.pictures(token)

    def reads(*args):
        found = read_original(*args)
        party.suspend("party")
        return found

    def opens(pictures, face_id):
        found = Crops(pictures.parts.stores).crop(face_id)
        party.suspend("party")
        return found

    monkeypatch.setattr(guests, "read_original", reads)
    monkeypatch.setattr(type(party.pictures), "crop", opens)
    with pytest.raises(NotFound):
        getattr(party.guests, look)(token, first.id)


def test_a_file_that_is_another_by_now_is_not_given(party, tmp_path):
    token = comes(party)
    (tmp_path / "party" / "us.jpg").write_bytes(b"something else")
    assert len(zipfile.ZipFile(io.BytesIO(b"".join(party.guests.download(token)))).namelist()) == 1


def test_links_are_listed_and_closed(party):
    comes(party)
    made = party.guests.open_link("party", organiser="Ada", expires=str(datetime.now(UTC).date() + timedelta(days=3)))
    party.guests.close_link(made["link"])
    newest, first = party.guests.links("party")
    assert (newest["open"], newest["guests"]) == (False, 0)
    assert (first["open"], first["guests"], first["withdrawn"]) == (True, 1, 0)
    assert "token" not in newest
    with pytest.raises(WrongUse, match="not a date"):
        party.guests.open_link("party", organiser="Ada", expires="soon")
    with pytest.raises(NotFound):
        party.guests.close_link("00000000-0000-4000-8000-000000000000")


def test_a_thief_with_the_key_finds_a_guest_and_nobody_else_and_nothing_once_they_withdrew(party, tmp_path):
    def found(needles):
        return Thief(party.parts.keyfile, party.path).find(needles)

    before = found(face_needles(ALICE) | face_needles(BOB))
    assert before == {}
    token = comes(party)
    selfie = {"the photograph": SELFIE, "its base64": base64.b64encode(SELFIE)}
    reference = face_needles(f"{ALICE}~")
    hers = found(face_needles(ALICE))
    assert set(hers) == {f"{ALICE}: template, float16", f"{ALICE}: thumbnail"}
    assert any(name.startswith(f"{ALICE}~: template") for name in found(reference))
    assert set(found(selfie)) == {"its base64"}
    assert found(face_needles(BOB)) == {}
    party.guests.withdraw(token)
    assert found(face_needles(ALICE) | reference | selfie) == {}
    assert party.guests.pictures(token) == ()


def test_a_restore_withdraws_again_and_keeps_links_closed(party, tmp_path):
    link = party.guests.open_link("party", organiser="Ada")
    token = party.guests.consent(link["token"], SELFIE, agreed=VERSION)[1]
    party.search_for_guests("party")
    party.backups.write(tmp_path / "backup")
    party.guests.withdraw(token)
    party.guests.close_link(link["link"])
    restore(tmp_path / "backup", tmp_path / "again", log=party.path)
    with open_home(tmp_path / "again") as again:
        assert again.guests.standing(token).withdrawn_at is not None
        assert again.guests.pictures(token) == ()
        with pytest.raises(NotFound):
            again.guests.invitation(link["token"])
        photograph = {"the photograph": base64.b64encode(SELFIE)}
        needles = face_needles(ALICE) | face_needles(f"{ALICE}~") | photograph
        assert Thief(again.parts.keyfile, again.path).find(needles) == {}


def test_in_a_service_a_job_looks_for_whoever_waits(party):
    link = party.guests.open_link("party", organiser="Ada")["token"]
    token = party.guests.consent(link, SELFIE, agreed=VERSION)[1]
    with party.parts.ingest_lock():  # an ingest runs
        party.guests.search_soon("party", new=True)
        party.guests.search_soon("party")  # one is enough
        [job] = party.jobs.newest()
        assert not party.guests.standing(token).finished
    assert [*party.jobs.follow(job.id)][-1].state == "done"
    assert len(party.guests.pictures(token)) == 2
    assert not party.guests.trouble("party")


def test_a_job_that_failed_is_not_tried_again_at_once(party, monkeypatch):
    def fails(*_, **__):
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(type(party.ingests), "search_for_guests", fails)
    party.guests.search_soon("party", new=True)
    [job] = party.jobs.newest()
    assert [*party.jobs.follow(job.id)][-1].state == "failed"
    assert party.guests.trouble("party")
    party.guests.search_soon("party")
    assert len(party.jobs.newest()) == 1
    monkeypatch.setattr("countenance.app.guests.TRIED_AGAIN", timedelta())
    party.guests.search_soon("party")
    assert len(party.jobs.newest()) == 2


def test_pictures_that_were_handed_in_are_found_given_and_stay_the_organisers(party, tmp_path):
    party.add_source(
        "box", None, basis="consent", jurisdiction="CA-ON", purposes=["event-delivery"], evidence=tmp_path / "form.pdf"
    )
    us = toy.picture(f"{ALICE}@10,20,60,80", f"{BOB}@100,20,150,80", "#handed-in")
    party.uploads.put("box", "us.jpg", us)
    party.ingest("box")
    link = party.guests.open_link("box", organiser="Ada")["token"]
    alice = party.guests.consent(link, SELFIE, agreed=VERSION)[1]
    bob = party.guests.consent(link, toy.picture(f"{BOB}~@10,20,60,80"), agreed=VERSION)[1]
    party.search_for_guests("box")
    [mine] = party.guests.pictures(alice)
    assert party.guests.original(alice, mine.id) == us
    party.guests.withdraw(alice)
    [theirs] = party.guests.pictures(bob)
    assert party.guests.original(bob, theirs.id) == us
