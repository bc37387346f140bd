"""Guests of an event: who comes in, whose faces become templates, what they see, and what is left of them."""

import json
from datetime import timedelta

import pytest

from countenance.associated_data import evidence_aad
from countenance.errors import BadPicture, GrantInvalid, NoFace, NotFound, SeveralFaces, TooMany, WrongUse
from countenance.permits import Act
from countenance.pipeline.requests.requests import RequestWorkflow
from countenance.rights import guests as rules
from countenance.rights.guests import VERSION
from countenance.rights.requests import check_asked
from countenance.testing.toy import ToyEmbedder, picture

ALICE = picture("alice~@10,20,60,80", "#selfie")
BOB = picture("bob~@10,20,60,80", "#another")
ORGANISER = "Ada Byron, ada@example.org"


@pytest.fixture
def event(organisation, album, tmp_path):
    """An organisation's event of four pictures, whose grant names no subject yet."""
    (album / "both.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (album / "alice.jpg").write_bytes(picture("alice@10,20,60,80"))
    (album / "bob.jpg").write_bytes(picture("bob@10,20,60,80"))
    (album / "nobody.jpg").write_bytes(picture("#empty"))
    add_event(organisation, album, tmp_path)
    organisation.ingest("party")
    return organisation


def add_event(home, album, tmp_path, name="party", **grant):
    form = tmp_path / "form.pdf"
    form.write_bytes(b"the organiser's form")
    asked = {"basis": "consent", "purposes": ["event-delivery"], "evidence": form, **grant}
    return home.add_source(album, name, **asked)


def link_of(home, name="party", **more):
    return home.guests.open_link(home.records.sources.get(name), organiser=ORGANISER, **more)


def comes(home, photograph, link=None):
    """The token of a guest who consents with this photograph."""
    return home.guests.consent(link or link_of(home)[1], photograph, agreed=VERSION)[1]


def search_for(home, name="party", **more):
    return home.guests.match_waiting_guests(home.records.sources.get(name), home.ingest_run(name), **more)


def seen(home, token):
    return [each.name for each in home.guests.pictures(token)]


def logged(home, kind):
    return [entry.record for entry in home.log.kept if entry.kind == kind]


def templates(home):
    with home.records.database.read() as connection:
        return connection.exec_driver_sql("select count(*) from faces where template is not null").scalar()


# --- links -----------------------------------------------------------------------------------------------------------
def test_a_grant_for_guests_needs_no_list_of_subjects(event):
    assert event.records.sources.subjects(event.records.sources.get("party").grant.id) == ()
    assert templates(event) == 0


def test_without_a_subject_no_template_is_made_even_in_memory(event):
    assert event.embedder.embedded == 0
    assert not [kind for kind in event.log.kinds if kind.startswith("subject_check")]


def test_only_a_grant_for_event_delivery_has_links(organisation, album, tmp_path):
    add_event(organisation, album, tmp_path, "archive", basis="historical", purposes=["archive-description"])
    with pytest.raises(GrantInvalid, match="does not allow"):
        link_of(organisation, "archive")


def test_a_link_says_who_is_responsible_and_ends_within_a_year(event):
    source = event.records.sources.get("party")
    with pytest.raises(WrongUse, match="the organiser"):
        event.guests.open_link(source, organiser=" ")
    for days in (-1, 400):
        with pytest.raises(WrongUse, match="within a year"):
            link_of(event, expires_at=event.clock() + timedelta(days=days))


def test_unknown_closed_expired_and_suspended_links_get_one_answer(event):
    link, token = link_of(event)
    event.guests.invitation(token)

    def said(which):
        with pytest.raises(NotFound) as refused:
            event.guests.consent(which, ALICE, agreed=VERSION)
        return refused.value.as_dict()

    unknown = said("no such token")
    event.records.sources.set_grant_state(event.records.sources.get("party"), suspended_at=event.clock())
    assert said(token) == unknown
    event.records.sources.set_grant_state(event.records.sources.get("party"), suspended_at=None)
    event.guests.close_link(link.uid)
    assert said(token) == unknown
    _, late = link_of(event)
    event.now = event.clock() + timedelta(days=31)
    assert said(late) == unknown


def test_a_token_is_kept_nowhere(event):
    _, token = link_of(event)
    own = comes(event, ALICE, token)
    event.records.database.truncate_wal()
    kept = b"".join(path.read_bytes() for path in event.folder.rglob("*") if path.is_file())
    assert token.encode() not in kept
    assert own.encode() not in kept


# --- consent ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("photograph", "error"),
    [
        (picture("#landscape"), NoFace),
        (picture("alice@10,20,60,80", "bob@100,20,150,80"), SeveralFaces),
        (picture("blurred-alice@10,20,60,80"), BadPicture),
        (b"no picture", BadPicture),
        (b"", BadPicture),
    ],
)
def test_a_photograph_shows_one_face_that_can_be_compared(event, photograph, error):
    with pytest.raises(error):
        comes(event, photograph)
    assert event.records.guests.waiting(event.records.sources.get("party").id) == ()


def test_one_agrees_to_the_text_that_stands(event):
    _, token = link_of(event)
    with pytest.raises(WrongUse, match="has changed"):
        event.guests.consent(token, ALICE, agreed="0")


def test_the_evidence_says_what_was_agreed_to_and_is_sealed_under_a_key_of_its_own(event):
    comes(event, ALICE)
    source = event.records.sources.get("party")
    [subject] = event.records.sources.subjects(source.grant.id)
    assert subject.key_id
    assert subject.key_id != source.grant_key
    sealed = event.blobs.get(subject.evidence_blob)
    document = json.loads(event.keys.open(subject.key_id, evidence_aad(subject.uid), sealed))
    assert document["version"] == VERSION
    assert any(ORGANISER in line for line in document["text"])
    assert "selfie" not in str(logged(event, "guest.consented"))


def test_photographs_by_one_link_are_limited_within_an_hour(event, monkeypatch):
    monkeypatch.setattr("countenance.pipeline.guests.PHOTOGRAPHS_AN_HOUR", 2)
    _, token = link_of(event)
    comes(event, ALICE, token)
    with pytest.raises(NoFace):
        comes(event, picture("#x"), token)
    with pytest.raises(TooMany):
        comes(event, BOB, token)
    comes(event, BOB)  # by another link
    event.now = event.clock() + timedelta(hours=1, seconds=1)
    comes(event, BOB, token)
    assert len(logged(event, "guest.refused")) == 1


# --- their pictures --------------------------------------------------------------------------------------------------
def test_a_guest_sees_their_own_pictures_and_nothing_is_made_of_others(event):
    token = comes(event, ALICE)
    assert seen(event, token) == []
    spy = event.embedder = Spy()
    found = search_for(event)
    assert found.pictures == 3  # and not the one without a face
    assert seen(event, token) == ["alice.jpg", "both.jpg"]
    assert templates(event) == 2
    assert spy.embedded_under[Act.EMBED] == ["alice", "alice"]
    assert sorted(spy.embedded_under[Act.SUBJECT_CHECK]) == ["alice", "alice", "bob", "bob"]
    [both] = [each for each in event.guests.pictures(token) if each.name == "both.jpg"]
    assert both.box == (10, 20, 60, 80)
    with pytest.raises(NotFound):
        event.guests.face_in(token, "00000000-0000-4000-8000-000000000000")


class Spy(ToyEmbedder):
    """Whose faces were embedded, and under which act."""

    def __init__(self):
        super().__init__()
        self.embedded_under = {}

    def embed(self, crops, permit):
        names = [bytes(crop[0, :, 0]).rstrip(b"\0").decode() for crop in crops]
        self.embedded_under.setdefault(permit.act, []).extend(names)
        return super().embed(crops, permit)


def test_each_guest_sees_their_own(event):
    alice, bob = comes(event, ALICE), comes(event, BOB)
    search_for(event)
    assert seen(event, alice) == ["alice.jpg", "both.jpg"]
    assert seen(event, bob) == ["bob.jpg", "both.jpg"]


def test_looking_twice_changes_nothing(event):
    token = comes(event, ALICE)
    search_for(event)
    before = [each.face_id for each in event.guests.pictures(token)]
    assert search_for(event).pictures == 0  # nobody waits
    comes(event, BOB)
    search_for(event)
    assert [each.face_id for each in event.guests.pictures(token)] == before


def test_a_later_ingest_finds_new_pictures_of_a_guest(event, album):
    token = comes(event, ALICE)
    search_for(event)
    (album / "later.jpg").write_bytes(picture("alice@30,20,80,80"))
    event.ingest("party")
    assert seen(event, token) == ["alice.jpg", "both.jpg", "later.jpg"]


def test_an_ingest_does_not_open_settled_pictures_again_for_a_guest(event):
    comes(event, ALICE)
    looked = event.analyser.looked
    event.ingest("party")
    assert event.analyser.looked == looked


def test_a_search_that_was_killed_goes_on_where_it_was(event, monkeypatch):
    monkeypatch.setattr("countenance.pipeline.guests.PART", 1)
    token = comes(event, ALICE)

    def killed(so_far, of):
        if so_far.pictures == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_for(event, progress=killed)
    standing = event.guests.standing(token)
    assert (standing.searched, standing.to_search, standing.finished) == (1, 2, False)  # one has no untied face left
    assert search_for(event).pictures == 1
    assert seen(event, token) == ["alice.jpg", "both.jpg"]
    assert event.guests.standing(token).finished


def test_a_file_that_changed_is_left_to_the_next_ingest(event, album):
    token = comes(event, ALICE)
    (album / "alice.jpg").write_bytes(picture("carol@10,20,60,80"))
    assert search_for(event).unread == 1
    assert seen(event, token) == ["both.jpg"]


def test_rejected_files_stay_on_record_when_guests_are_looked_for(event, album):
    (album / "notes.txt").write_bytes(b"notes")
    event.ingest("party")
    comes(event, ALICE)
    search_for(event)
    source = event.records.sources.get("party")
    assert [place for place, _, _ in event.records.gallery.rejected(source.id)] == [b"notes.txt"]


def test_nothing_is_shown_while_the_grant_is_suspended(event):
    token = comes(event, ALICE)
    search_for(event)
    known = [each.id for each in event.guests.pictures(token)]
    source = event.records.sources.get("party")
    event.records.sources.set_grant_state(source, suspended_at=event.clock())
    assert seen(event, token) == []
    assert not event.guests.standing(token).available
    for each in known:
        with pytest.raises(NotFound):
            event.guests.face_in(token, each)
    event.records.sources.set_grant_state(source, suspended_at=None)
    assert len(seen(event, token)) == 2


def test_a_guest_of_a_closed_link_stays(event):
    link, token = link_of(event)
    own = comes(event, ALICE, token)
    event.guests.close_link(link.uid)
    search_for(event)
    assert len(seen(event, own)) == 2


def test_what_is_shown_and_given_stands_in_the_log(event):
    token = comes(event, ALICE)
    search_for(event)
    seen(event, token)
    event.guests.log_delivered(token, 2)
    [shown], [given] = logged(event, "guest.shown"), logged(event, "guest.delivered")
    assert shown["pictures"] == given["pictures"] == 2
    assert shown["guest"] == given["guest"]


# --- one person, twice -----------------------------------------------------------------------------------------------
def test_who_comes_twice_is_one_subject_and_withdraws_once(event):
    first, second = comes(event, ALICE), comes(event, picture("alice~@40,20,90,80", "#again"))
    source = event.records.sources.get("party")
    assert len(event.records.sources.subjects(source.grant.id)) == 1
    search_for(event)
    assert seen(event, first) == seen(event, second) == ["alice.jpg", "both.jpg"]
    assert event.guests.withdraw(second).faces == 2
    assert event.guests.standing(first).withdrawn_at is not None
    assert event.guests.withdraw(first) is None


def test_a_face_that_is_tied_stays_tied_though_the_threshold_rises_with_the_subjects(event, monkeypatch):
    token = comes(event, ALICE)
    search_for(event)
    monkeypatch.setattr("countenance.pipeline.sources.subjects.FALSE_TIES", 1e-300)  # as after thousands of guests
    comes(event, BOB)
    search_for(event)  # looks at both.jpg again, for bob is tied to nobody
    assert seen(event, token) == ["alice.jpg", "both.jpg"]


# --- withdrawing -----------------------------------------------------------------------------------------------------
def test_withdrawing_leaves_boxes_and_nothing_else(event):
    token, bob = comes(event, ALICE), comes(event, BOB)
    search_for(event)
    source = event.records.sources.get("party")
    mine = next(s for s in event.records.sources.subjects(source.grant.id) if s.key_id)
    faces = [each.face_id for each in event.guests.pictures(token)]
    report = event.guests.withdraw(token)
    assert report.faces == 2
    assert report.receipt
    shown = len(logged(event, "guest.shown"))
    assert seen(event, token) == []
    assert len(logged(event, "guest.shown")) == shown  # nothing is, so nothing is said
    assert seen(event, bob) == ["bob.jpg", "both.jpg"]
    assert templates(event) == 2
    assert mine.key_id not in set(event.keys.ids())
    names = set(event.blobs.names())
    assert mine.evidence_blob not in names
    assert names.isdisjoint(faces)
    standing = event.guests.standing(token)
    assert standing.withdrawn_at is not None
    assert standing.receipt == report.receipt
    assert event.guests.withdraw(token).already
    event.ingest("party")
    assert templates(event) == 2  # an ingest does not bring them back


def test_who_withdrew_may_come_again(event):
    token = comes(event, ALICE)
    search_for(event)
    event.guests.withdraw(token)
    again = comes(event, ALICE)
    search_for(event)
    assert seen(event, again) == ["alice.jpg", "both.jpg"]


def test_a_guest_who_withdraws_during_an_ingest_gets_no_template(event, album):
    token = comes(event, ALICE)
    (album / "later.jpg").write_bytes(picture("alice@30,20,80,80"))
    run = event.ingest_run("party")  # their reference is open in memory
    event.guests.withdraw(token)
    run.run()
    assert templates(event) == 0


def test_a_face_that_another_source_may_have_too_stays_there_alone(event, album, tmp_path):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "copy.jpg").write_bytes((album / "alice.jpg").read_bytes())
    add_event(event, tmp_path / "archive", tmp_path, "archive", basis="historical", purposes=["archive-description"])
    event.ingest("archive")
    token = comes(event, ALICE)
    search_for(event)
    assert len(seen(event, token)) == 2
    assert event.guests.withdraw(token).faces == 1
    found = event.search("alice@1,1,60,60", purpose="archive-description", case="1")
    assert [lead.source for lead in found.leads] == ["archive"]


def test_an_erased_source_takes_its_guests_along(event):
    token = comes(event, ALICE)
    search_for(event)
    keys = {s.key_id for s in event.records.sources.subjects(event.records.sources.get("party").grant.id)}
    event.eraser.erase_source(event.records.sources.get("party"))
    assert keys.isdisjoint(event.keys.ids())
    with pytest.raises(NotFound):
        event.guests.standing(token)


def test_a_consent_that_was_cut_short_leaves_nothing(event, monkeypatch):
    _, token = link_of(event)
    keys, blobs = set(event.keys.ids()), set(event.blobs.names())
    monkeypatch.setattr(type(event.records.guests), "add", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        comes(event, ALICE, token)
    event.ingest("party")  # sweeps
    assert (set(event.keys.ids()), set(event.blobs.names())) == (keys, blobs)


def test_the_text_names_who_asks_what_for_and_until_when(event, organisation, album, tmp_path):
    source = add_event(
        organisation, album, tmp_path, "gala", expires="2099-12-31", purposes=["event-delivery", "research"]
    )
    text = " ".join(rules.consent_text(event="gala", organiser=ORGANISER, grant=source.grant))
    for word in ("gala", ORGANISER, "event delivery, research", "2099-12-31", "withdraw"):
        assert word in text


def test_a_guest_who_lost_their_link_is_erased_by_a_request(event):
    """An opt-out or an erasure takes reference, consent and photograph along, not the faces alone."""
    token, bob = comes(event, ALICE), comes(event, BOB)
    search_for(event)
    source = event.records.sources.get("party")
    hers = event.records.sources.subjects(source.grant.id)[0]
    desk = RequestWorkflow(
        event.stores, event.analyser, event.embedder, event.live, event.calibration, event.eraser, "operator"
    )
    asked = check_asked(kind="erasure", tier=None, name="", contact="", text="", address="", face="", has_photo=True)
    opened = desk.open(asked, photo=picture("alice@1,1,50,50", "#one"))
    desk.verify(opened.uid, photo=picture("alice~~~@1,1,50,50", "#two"))
    assert desk.decide(opened.uid, grant=True).erased == 2
    assert event.guests.standing(token).withdrawn_at is not None
    assert seen(event, token) == []
    assert hers.key_id not in set(event.keys.ids())
    assert hers.evidence_blob not in set(event.blobs.names())
    assert seen(event, bob) == ["bob.jpg", "both.jpg"]
