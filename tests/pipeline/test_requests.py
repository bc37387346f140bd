"""Requests of pictured people: what each step does, what it refuses, and what nobody learns from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from countenance.app.pictures.crops import Crops
from countenance.errors import GrantInvalid, LogUnwritable, NotFound, PolicyDenied, SpaceMismatch, WrongUse
from countenance.permits import Act
from countenance.pipeline.address import address_of
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.people.persons import PersonWorkflow
from countenance.pipeline.requests.corrections import Correction
from countenance.pipeline.sources.subjects import subject_name
from countenance.records.requests.requests import WrongState
from countenance.testing.toy import picture
from support.requests import BOB, NOW, ask, desk_of, shown, verified


# --- open ------------------------------------------------------------------------------------------------------------
def test_opening_looks_for_nobody(filled, desk):
    counted = filled.embedder.embedded
    answers = [desk.open(ask(), photo=picture(f"{name}@1,1,50,50")) for name in ("alice", "nobody")]
    assert filled.embedder.embedded == counted
    one, other = ((a.kind, a.tier, a.law, a.due_at.date()) for a in answers)
    assert one == other
    unknown = "00000000-0000-4000-8000-000000000000"
    [lead] = filled.search("bob@1,1,50,50", top=1).leads
    for face in (lead.face_id, unknown):
        assert desk.open(ask(photo=False, face=face)).kind == "opt-out"
    assert filled.log.kinds[-1] == "request.opened"


def test_the_tracking_code_is_kept_nowhere_and_finds_the_request(filled, desk):
    opened = desk.open(ask(contact="me@example.org", text="my words"), photo=picture("alice@1,1,50,50"))
    filled.records.database.truncate_wal()
    data = (filled.folder / "records.db").read_bytes()
    for said in (opened.tracking, opened.tracking.replace("-", ""), "me@example.org", "my words"):
        assert said.encode() not in data
    assert desk.get(opened.tracking.lower()).uid == opened.uid
    with pytest.raises(NotFound):
        desk.get(opened.tracking[:-1] + ("0" if opened.tracking[-1] != "0" else "1"))
    with pytest.raises(WrongUse):
        desk.get("no id at all")


@pytest.mark.parametrize(
    ("limits", "asked", "limit"),
    [
        ({"a_day": 2}, {}, "a_day"),
        ({"waiting": 2}, {}, "waiting"),
        ({"a_contact": 2}, {"contact": "Me@example.org"}, "a_contact"),
    ],
)
def test_a_flood_is_refused_and_logged(filled, limits, asked, limit):
    desk = desk_of(filled, **limits)
    for _ in range(2):
        desk.open(ask(photo=False, name="alice", contact="me@example.org"))
    with pytest.raises(PolicyDenied):
        desk.open(ask(photo=False, name="alice", **asked))
    assert filled.log.kinds[-1] == "request.refused"
    assert filled.log.kept[-1].record == {"limit": limit}
    assert len(filled.records.requests.all()) == 2


def test_a_clock_set_back_does_not_lift_the_limit(filled):
    desk = desk_of(filled, a_day=1)
    desk.open(ask(photo=False, name="alice"))
    filled.now = datetime.now(UTC) - timedelta(days=30)
    with pytest.raises(PolicyDenied):
        desk.open(ask(photo=False, name="alice"))


# --- verify ----------------------------------------------------------------------------------------------------------
def test_faces_are_found_once_it_is_known_who_asks(filled, desk):
    opened = desk.open(ask(), photo=picture("alice@1,1,50,50", "#one"))
    assert desk.found(desk.get(opened.uid)) == ()
    found = desk.verify(opened.uid, photo=picture("alice~~~@1,1,50,50", "#two"))
    assert (found.state, found.verified_by) == ("verified", "live-photo")
    assert {face.place for face in desk.found(found)} == {b"both.jpg", b"alice.jpg"}
    assert "search.shown" in filled.log.kinds
    assert filled.stores.policy.consider(filled.stores.ask(Act.SEARCH)).allowed


@pytest.mark.parametrize(
    "second", [picture("bob@1,1,50,50"), picture("alice@1,1,50,50", "#one"), picture("alice@2,2,50,50", "#one+3")]
)
def test_another_person_or_the_same_photograph_again_proves_nothing(desk, second):
    opened = desk.open(ask(), photo=picture("alice@1,1,50,50", "#one"))
    with pytest.raises(PolicyDenied, match="does not fit"):
        desk.verify(opened.uid, photo=second)
    assert desk.get(opened.uid).state == "open"


def test_a_request_for_somebody_elses_face_is_not_verified(filled, desk):
    [lead] = filled.search("bob@1,1,50,50", top=1).leads
    for face in (lead.face_id, "00000000-0000-4000-8000-000000000000"):
        opened = desk.open(ask(photo=False, face=face))
        with pytest.raises(PolicyDenied) as refused:
            desk.verify(opened.uid, photo=picture("alice@1,1,50,50", "#one"))
        assert "not near enough" in refused.value.message
    opened = desk.open(ask(photo=False, face=lead.face_id))
    desk.verify(opened.uid, photo=picture("bob@1,1,50,50", "#mine"))
    assert {face.place for face in desk.found(desk.get(opened.uid))} == {b"both.jpg", b"bob.jpg"}


def test_a_government_id_alone_is_refused(desk):
    opened = desk.open(ask(photo=False, name="alice"))
    with pytest.raises(WrongUse, match="government ID alone"):
        desk.verify(opened.uid, document="government-id")
    with pytest.raises(WrongUse):
        desk.verify(opened.uid)
    code, _ = desk.send_code(opened.uid)
    assert desk.verify(opened.uid, code=code, document="government-id").verified_by == "address+document"


def test_a_code_counts_once_for_one_request_and_for_a_week(filled, desk):
    filled.now = NOW
    opened, other = (desk.open(ask(photo=False, name="alice")) for _ in range(2))
    old, _ = desk.send_code(opened.uid)
    code, until = desk.send_code(opened.uid)
    assert until == NOW + timedelta(days=7)
    desk.send_code(other.uid)
    for name, said in ((opened.uid, old), (other.uid, code), (opened.uid, "")):
        with pytest.raises(PolicyDenied):
            desk.verify(name, code=said)
    for moment in (until, NOW - timedelta(seconds=1)):
        filled.now = moment
        with pytest.raises(PolicyDenied):
            desk.verify(opened.uid, code=code)
    filled.now = NOW + timedelta(days=1)
    assert desk.verify(opened.uid, code=code.lower().replace("-", " ")).state == "verified"
    with pytest.raises(WrongUse):
        desk.verify(opened.uid, code=code)


def test_guessing_a_proof_ends(filled):
    desk = desk_of(filled, proofs=2, codes=1)
    opened = desk.open(ask(photo=False, name="alice"))
    code, _ = desk.send_code(opened.uid)
    with pytest.raises(PolicyDenied, match="which is the limit"):
        desk.send_code(opened.uid)
    for _ in range(2):
        with pytest.raises(PolicyDenied, match="does not fit"):
            desk.verify(opened.uid, code="wrong")
    with pytest.raises(PolicyDenied, match="which is the limit"):
        desk.verify(opened.uid, code=code)
    refused = [entry.record["limit"] for entry in filled.log.kept if entry.kind == "request.refused"]
    assert refused == ["codes", "proofs"]


# --- opt-out ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tier", [0, 1, 2])
def test_an_opt_out_is_out_of_every_search_and_stays_out(filled, desk, album, tier):
    opened = verified(desk, tier=tier)
    done = desk.decide(opened.uid, grant=True)
    assert (done.erased, done.request.state, done.request.outcome) == (2, "decided", "granted")
    assert shown(filled, "alice") == set()
    assert shown(filled, "bob") == {"both.jpg", "bob.jpg"}
    for _ in range(2):
        filled.ingest()
        assert shown(filled, "alice") == set()
    assert len(filled.blobs.kept) == 2  # two faces of bob; no proof
    (album / "elsewhere.jpg").write_bytes(picture("alice~@10,20,60,80", "#beach"))
    (album / "resaved.jpg").write_bytes(picture("alice@12,21,61,80", BOB, "#garden+5"))
    (album / "new.jpg").write_bytes(picture("alice~~@10,20,60,80", "#new"))
    report = filled.ingest()
    assert shown(filled, "alice") == {0: {"resaved.jpg", "new.jpg"}, 1: {"new.jpg"}, 2: set()}[tier]
    assert set(report.refused) <= {"not_permitted"}
    assert shown(filled, "bob") == {"both.jpg", "bob.jpg", "resaved.jpg"}


def test_other_bytes_at_an_address_that_is_kept_out_are_not_embedded(filled, desk, album):
    desk.decide(verified(desk).uid, grant=True)
    counted = filled.embedder.embedded
    (album / "alice.jpg").write_bytes(picture("carol@10,20,60,80", "#different"))
    (album / "both.jpg").write_bytes(picture("alice@11,20,60,80", BOB, "#garden+2"))
    report = filled.ingest()
    assert report.rejected == {"not_permitted": 1}
    assert filled.embedder.embedded == counted + 1  # bob, in the picture that is nearly the same
    assert shown(filled, "carol") == shown(filled, "alice") == set()
    assert shown(filled, "bob") == {"both.jpg", "bob.jpg"}
    (album / "carol.jpg").write_bytes((album / "alice.jpg").read_bytes())
    filled.ingest()
    (album / "alice.jpg").write_bytes((album / "bob.jpg").read_bytes())  # a copy of what is known
    assert filled.ingest().rejected == {"not_permitted": 1}
    assert shown(filled, "carol") == {"carol.jpg"}


def test_an_address_is_kept_out_before_anything_stood_there(filled, desk, album):
    address = address_of(filled.source.location, b"later.jpg")
    opened = desk.open(ask(photo=False, address=address))
    desk.verify(opened.uid, document="letter")
    desk.decide(opened.uid, grant=True)
    (album / "later.jpg").write_bytes(picture("alice@10,20,60,80", "#later"))
    assert filled.ingest().rejected == {"not_permitted": 1}


def test_tier_two_is_checked_under_its_own_permit_and_shredded_on_withdrawal(filled, desk, album):
    opened = verified(desk, tier=2)
    desk.decide(opened.uid, grant=True)
    [person] = filled.records.suppressions.rows().persons
    assert person.key_id in filled.keys.keys
    (album / "new.jpg").write_bytes(picture("alice~~@10,20,60,80", "#new"))
    filled.ingest()
    assert "suppression_check.decided" in filled.log.kinds
    assert shown(filled, "alice") == set()
    desk.withdraw(opened.tracking)
    assert person.key_id not in filled.keys.keys
    assert filled.records.suppressions.rows().persons == ()
    filled.ingest()
    assert shown(filled, "alice") == {"new.jpg", "alice.jpg", "both.jpg"}
    with pytest.raises(WrongUse):
        desk.withdraw(opened.uid)


def test_tier_zero_keeps_nothing(filled, desk):
    opened = verified(desk, tier=0, contact="me@example.org")
    desk.decide(opened.uid, grant=True)
    request = desk.get(opened.uid)
    assert (request.details, request.key_id, request.proof_key_id) == (None, None, None)
    assert desk.details(request) == {}
    with filled.records.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM suppressions").scalar() == 0


def test_somebody_who_is_in_no_picture_can_opt_out_too(filled, desk, album):
    done = desk.decide(verified(desk, name="dora", tier=2).uid, grant=True)
    assert done.erased == 0
    (album / "dora.jpg").write_bytes(picture("dora~@10,20,60,80"))
    filled.ingest()
    assert shown(filled, "dora") == set()


def test_only_the_faces_that_are_the_persons(filled, desk):
    opened = verified(desk)
    face = next(f for f in desk.found(desk.get(opened.uid)) if f.place == b"both.jpg")
    desk.decide(opened.uid, grant=True, faces=[face.uid])
    assert shown(filled, "alice") == {"alice.jpg"}


def test_faces_of_a_group_are_told_apart_before_anything_is_done(filled, desk):
    opened = desk.open(ask("erasure", photo=False, address=address_of(filled.source.location, b"both.jpg")))
    desk.verify(opened.uid, document="letter")
    with pytest.raises(WrongUse, match="2 faces"):
        desk.decide(opened.uid, grant=True)
    with pytest.raises(NotFound):
        desk.decide(opened.uid, grant=True, faces=["00000000-0000-4000-8000-000000000000"])
    alice = next(f for f in desk.found(desk.get(opened.uid)) if f.box[0] == 10)
    desk.decide(opened.uid, grant=True, faces=[alice.uid])
    assert (shown(filled, "alice"), shown(filled, "bob")) == ({"alice.jpg"}, {"both.jpg", "bob.jpg"})
    filled.ingest()
    assert shown(filled, "alice") == {"alice.jpg"}


# --- the others ------------------------------------------------------------------------------------------------------
def test_a_restriction_hides_and_keeps_until_it_is_withdrawn(filled, desk, album):
    opened = verified(desk, "restriction")
    templates = len(filled.blobs.kept)
    [face, *_] = [lead.face_id for lead in filled.search("alice@1,1,50,50").leads]
    assert Crops(filled.stores).crop(face)
    assert desk.decide(opened.uid, grant=True).hidden == 2
    assert shown(filled, "alice") == set()
    with pytest.raises(NotFound):
        Crops(filled.stores).crop(face)
    (album / "copies").mkdir()
    (album / "copies" / "alice.jpg").write_bytes((album / "alice.jpg").read_bytes())
    (album / "copies" / "alice.jpg.toml").write_text('jurisdiction = "CA-ON"')
    filled.ingest()
    assert shown(filled, "alice") == set()
    assert len(filled.blobs.kept) == templates - 1  # but for the photograph
    other = verified(desk, "restriction")
    assert len({f.uid for f in desk.found(desk.get(other.uid))}) == 2  # found, though no index holds them
    desk.decide(other.uid, grant=True)
    desk.withdraw(opened.uid)
    assert shown(filled, "alice") == set()  # the other one still hides them
    desk.withdraw(other.uid)
    assert shown(filled, "alice") == {"alice.jpg", "both.jpg"}


@pytest.mark.parametrize(("grant", "left"), [(True, set()), (False, {"alice.jpg", "both.jpg"})])
def test_an_objection_hides_until_it_is_decided(filled, desk, grant, left):
    opened = verified(desk, "objection")
    assert shown(filled, "alice") == set()
    desk.decide(opened.uid, grant=grant, reason="a court asked for them")
    assert shown(filled, "alice") == left
    filled.ingest()
    assert shown(filled, "alice") == left


def test_a_refusal_says_why_and_leaves_no_proof(filled, desk):
    opened = verified(desk)
    with pytest.raises(WrongUse, match="needs a reason"):
        desk.decide(opened.uid, grant=False, reason=" ")
    desk.decide(opened.uid, grant=False, reason="that is not you")
    assert desk.details(desk.get(opened.uid))["reason"] == "that is not you"
    assert not [name for name in filled.blobs.kept if name.startswith("request")]
    assert desk.found(desk.get(opened.uid)) == ()
    for step in (lambda: desk.decide(opened.uid, grant=True), lambda: desk.verify(opened.uid, document="letter")):
        with pytest.raises(WrongUse, match="decided"):
            step()


def test_nothing_is_granted_before_it_is_known_who_asks(desk):
    opened = desk.open(ask(photo=False, name="alice"))
    with pytest.raises(WrongUse, match="open"):
        desk.decide(opened.uid, grant=True)
    desk.decide(opened.uid, grant=False, reason="nobody answered")


def test_a_term_is_extended_once_with_reasons_and_in_time(filled, desk):
    filled.now = NOW
    opened = desk.open(ask(photo=False, name="alice"), jurisdiction="FR")
    assert opened.due_at.date().isoformat() == "2026-12-23"
    filled.now = NOW - timedelta(days=1)
    with pytest.raises(WrongUse, match="clock"):
        desk.extend(opened.uid, "many requests")
    filled.now = NOW + timedelta(days=20)
    with pytest.raises(WrongUse, match="reasons"):
        desk.extend(opened.uid, "")
    assert desk.extend(opened.uid, "many requests").due_at.date().isoformat() == "2027-02-23"
    with pytest.raises(WrongUse, match="before"):
        desk.extend(opened.uid, "more")
    late = desk.open(ask(photo=False, name="bob"), jurisdiction="FR")
    filled.now = NOW + timedelta(days=80)
    with pytest.raises(WrongUse, match="has passed"):
        desk.extend(late.uid, "more")


# --- what it must survive --------------------------------------------------------------------------------------------
def test_without_its_log_nothing_is_done(filled, desk, album):
    waiting = desk.open(ask(photo=False, name="alice"))
    opened = verified(desk, tier=2)
    filled.log.broken = True
    before = sorted(filled.keys.keys), sorted(filled.blobs.kept), filled.records.requests.all()
    for step in (
        lambda: desk.open(ask(), photo=picture("alice@1,1,50,50")),
        lambda: desk.verify(waiting.uid, document="letter"),
        lambda: desk.decide(opened.uid, grant=True),
        lambda: desk.extend(opened.uid, "many requests"),
        lambda: desk.withdraw(opened.uid),
    ):
        with pytest.raises(LogUnwritable):
            step()
    filled.log.broken = False
    filled.ingest()  # sweeps what never came to be
    after = sorted(filled.keys.keys), sorted(filled.blobs.kept), filled.records.requests.all()
    assert after[1] == before[1]
    assert [replace(r, tries=0) for r in after[2]] == [replace(r, tries=0) for r in before[2]]
    assert filled.records.suppressions.rows().persons == ()
    assert shown(filled, "alice") == {"alice.jpg", "both.jpg"}


def test_two_who_decide_at_once_decide_once(filled, desk):
    opened = verified(desk)
    other = desk_of(filled)
    request = other.get(opened.uid)
    desk.decide(opened.uid, grant=True)
    with pytest.raises(WrongState):
        filled.records.requests.begin_deciding(request, outcome="granted", details=b"", faces=None)
    with pytest.raises(WrongState):
        filled.records.requests.mark_verified(request, "document", NOW, {}, hide=False)
    with pytest.raises(WrongState):
        filled.records.requests.extend(request, NOW, NOW, b"")


def test_an_ingest_that_is_running_keeps_out_what_is_decided_meanwhile(filled, desk, album):
    opened = verified(desk, tier=2)
    (album / "new.jpg").write_bytes(picture("alice~~@10,20,60,80", "#new"))
    (album / "alice.jpg").write_bytes(picture("carol@10,20,60,80", "#different"))
    embed, decided = filled.embedder.embed, []

    def embed_and_decide(crops, permit):
        rows = embed(crops, permit)
        if not decided and permit.act is Act.EMBED:
            decided.append(True)
            desk.decide(opened.uid, grant=True)
        return rows

    filled.embedder.embed = embed_and_decide
    report = filled.ingest()
    assert decided
    assert report.rejected == {"not_permitted": 1}
    assert (shown(filled, "alice"), shown(filled, "carol")) == (set(), set())
    assert len(filled.blobs.kept) == 2


def consented(home, folder, reference):
    (folder / "form.pdf").write_bytes(b"signed")
    (folder / "reference.jpg").write_bytes(reference)
    (folder / "subjects.csv").write_text("name,evidence,reference\nAda Byron,form.pdf,reference.jpg\n")
    return home.add_source(
        folder / "event", "event", basis="consent", purposes=["event-delivery"], subjects=folder / "subjects.csv",
        evidence=folder / "form.pdf",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tier", "reference", "refused"),
    [
        (1, picture("alice~@10,20,60,80", "#beach"), True),  # the same bytes
        (1, picture("alice~@11,21,61,81", "#beach+3"), True),  # nearly the same picture
        (1, picture("alice~~@10,20,60,80", "#new"), False),
        (2, picture("alice~~@10,20,60,80", "#new"), True),
        (2, picture("dora@10,20,60,80", "#new"), False),
    ],
)
def test_who_is_kept_out_becomes_no_subject(filled, desk, tmp_path, tier, reference, refused):
    desk.decide(verified(desk, tier=tier).uid, grant=True)
    if not refused:
        consented(filled, tmp_path, reference)
        return
    with pytest.raises(GrantInvalid, match="is not permitted"):
        consented(filled, tmp_path, reference)


def test_a_subject_is_found_by_name(filled, desk, tmp_path):
    source = consented(filled, tmp_path, picture("alice~~@10,20,60,80", "#new"))
    (tmp_path / "event" / "party.jpg").write_bytes(picture("alice@10,20,60,80", "bob@200,20,250,80"))
    filled.ingest("event")
    opened = desk.open(ask("erasure", photo=False, name="ada byron"))
    desk.verify(opened.uid, document="letter")
    [face] = desk.found(desk.get(opened.uid))
    assert (face.source, face.place) == (source.name, b"party.jpg")
    desk.decide(opened.uid, grant=True)
    assert desk.found(desk.get(opened.uid)) == ()


def test_a_person_kept_out_by_a_model_that_is_gone_stops_embedding(filled, desk, album):
    desk.decide(verified(desk, tier=2).uid, grant=True)
    (album / "new.jpg").write_bytes(picture("dora@10,20,60,80", "#new"))
    gone = SuppressionList(filled.stores, _no_model, lambda _: filled.calibration)
    assert gone.crops == ()
    with pytest.raises(SpaceMismatch, match="which is not here"):
        filled.ingest(kept_out=gone)
    filled.ingest()
    assert shown(filled, "dora") == {"new.jpg"}


def _no_model(name):
    raise NotFound(name)


# --- corrections -----------------------------------------------------------------------------------------------------
def test_a_corrected_jurisdiction_stands_against_the_sidecar(toy, album):
    (album / "alice.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (album / "alice.jpg.toml").write_text('jurisdiction = "CA-ON"')
    (album / "bob.jpg").write_bytes(picture("bob@20,20,70,80"))
    toy.add_source(album, within="CA-ON,CA-QC")
    toy.ingest()
    desk = desk_of(toy)
    opened = verified(desk, "correction")
    with pytest.raises(WrongUse, match="what is right"):
        desk.decide(opened.uid, grant=True)
    desk.decide(opened.uid, grant=True, correction=Correction(frozenset({"CA-QC"}), ""))
    for _ in range(2):
        [lead] = toy.search("alice@1,1,50,50").leads
        assert lead.jurisdictions == ("CA-QC",)
        assert {each.jurisdictions for each in toy.search("bob@1,1,50,50").leads} == {("CA-QC",), ("CA-ON",)}
        (album / "copy.jpg").write_bytes((album / "alice.jpg").read_bytes())
        toy.ingest()
    outside = verified(desk, "correction")
    desk.decide(outside.uid, grant=True, correction=Correction(frozenset({"US-IL"}), ""))
    assert shown(toy, "alice") == set()
    toy.ingest()
    assert (shown(toy, "alice"), shown(toy, "bob")) == (set(), {"bob.jpg"})


def test_a_corrected_name_is_the_subjects(filled, desk, tmp_path):
    source = consented(filled, tmp_path, picture("alice~~@10,20,60,80", "#new"))
    (tmp_path / "event" / "party.jpg").write_bytes(picture("alice@10,20,60,80"))
    filled.ingest("event")
    opened = desk.open(ask("correction", photo=False, name="Ada Byron"))
    desk.verify(opened.uid, document="letter")
    desk.decide(opened.uid, grant=True, correction=Correction(frozenset(), "Ada Lovelace"))
    [subject] = filled.records.sources.subjects(source.grant.id)
    assert subject_name(filled.stores, source, subject) == "Ada Lovelace"
    with pytest.raises(WrongUse):
        Correction(frozenset(), "")
    with pytest.raises(WrongUse):
        Correction(frozenset(), "two\nlines")


def test_a_person_is_found_by_name_and_renamed(filled, desk):
    faces = [lead.face_id for lead in filled.search("alice@1,1,50,50").leads]
    people = PersonWorkflow(filled.stores, "operator")
    person = people.new(faces, "Alise")
    opened = desk.open(ask("correction", photo=False, name="alise"))
    desk.verify(opened.uid, document="letter")
    assert {face.uid for face in desk.found(desk.get(opened.uid))} == set(faces)
    desk.decide(opened.uid, grant=True, correction=Correction(frozenset(), "Alice"))
    assert people.get(person.id).name == "Alice"
