"""Persons in a home: suggested where that is allowed, decided by somebody, seen by searches, gone with their faces."""

import numpy as np
import pytest

from countenance.errors import NotFound, PolicyDenied, WrongUse
from countenance.pipeline.people import suggest
from countenance.pipeline.search.person_leads import FUSED_LIFT
from countenance.testing import toy
from support.bytescan import Thief

ALICE = toy.picture("alice~~@1,1,50,50")


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("alice", "alice~", "bob", "bob~", "carol"):
        (folder / f"{name}.jpg").write_bytes(toy.picture(f"{name}@10,20,60,80"))
    return folder


@pytest.fixture
def home(toy_home, album):
    with toy_home() as opened:
        opened.add_source("album", album, basis="household", jurisdiction="CA-ON")
        opened.ingest()
        yield opened


def names(group):
    return sorted(uri.rpartition("/")[2].partition(".")[0].replace("~", "") for _, uri in group.faces)


def faces_like(home, name):
    return [lead.face_id for lead in home.search(toy.picture(f"{name}@1,1,50,50")).leads]


def test_groups_are_suggested_until_somebody_has_decided(home):
    groups = home.suggest_people()
    assert sorted(map(names, groups)) == [["alice", "alice"], ["bob", "bob"]]
    assert home.people.all() == ()
    assert [group.id for group in home.suggest_people()] == [group.id for group in groups]
    alice = next(group for group in groups if names(group)[0] == "alice")
    home.people.new([face for face, _ in alice.faces], name="May")
    assert [names(group) for group in home.suggest_people()] == [["bob", "bob"]]
    [last] = [e for e in home.parts.log.entries() if e.kind == "persons.suggested"][-1:]
    assert last.record["groups"] == 1


def test_a_group_with_a_known_face_is_for_its_person_and_not_after_it_was_parted(home):
    one, other = faces_like(home, "alice")
    may = home.people.new([one])
    [group] = [g for g in home.suggest_people() if g.person_id]
    assert (group.person_id, [face for face, _ in group.faces]) == (may.id, [other])
    home.people.remove(may.id, [other])
    assert [g for g in home.suggest_people() if g.person_id] == []
    home.people.undo()
    assert [g for g in home.suggest_people() if g.person_id] == [group]


def test_those_who_were_parted_may_be_somebody_else(toy_home, tmp_path):
    album = tmp_path / "twins"
    album.mkdir()
    for name in ("alice", "alice~", "alice~~", "alice~~~"):
        (album / f"{len(name)}.jpg").write_bytes(toy.picture(f"{name}@10,20,60,80"))
    with toy_home() as home:
        home.add_source("twins", album, basis="household", jurisdiction="CA-ON")
        home.ingest()
        [whole] = home.suggest_people()
        faces = [face for face, _ in whole.faces]
        one = home.people.new(faces[:1])
        home.people.remove(one.id, faces[1:3])
        asked, twin = sorted(home.suggest_people(), key=lambda group: len(group.faces))
        assert (asked.person_id, [face for face, _ in asked.faces]) == (one.id, faces[3:])
        assert (twin.person_id, [face for face, _ in twin.faces]) == (None, faces[1:3])


def test_a_suggestion_is_bound_by_what_came_into_force_while_it_was_made(home, monkeypatch):
    visible = type(home.parts.stores.records.gallery).visible
    calls = []

    def moved(self, *asked):
        calls.append(asked)
        if len(calls) == 1:
            home.suspend("album")
        return visible(self, *asked)

    monkeypatch.setattr(type(home.parts.stores.records.gallery), "visible", moved)
    with pytest.raises(PolicyDenied) as denied:
        home.suggest_people()
    assert denied.value.rules == ("grant-suspended",)
    assert len(calls) == 1


def test_a_large_group_is_held_together_by_the_nearest_of_each(monkeypatch):
    rng = np.random.default_rng(4)
    rows = np.repeat(rng.standard_normal((3, 64)), (400, 300, 2), axis=0) + 0.6 * rng.standard_normal((702, 64))
    rows = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
    monkeypatch.setattr(suggest, "BLOCK", 10_000)  # several blocks, the last one smaller
    labels = suggest.clusters(rows, 0.5)
    assert [len(set(part)) for part in np.split(labels, (400, 700))] == [1, 1, 1]
    assert len(set(labels)) == 3
    assert suggest.clusters(rows[:0], 0.5).shape == (0,)
    assert list(suggest.clusters(rows[699:701], 0.5)) == [-1, -1]


def test_a_search_names_the_person_by_all_its_faces(home):
    assert home.search(ALICE).people == ()
    assert "people" not in home.search(ALICE).as_dict()
    may = home.people.new(faces_like(home, "alice"), name="May")
    result = home.search(ALICE)
    [lead] = result.people
    assert (lead.person_id, lead.name, lead.faces, lead.rank) == (may.id, "May", 2, 1)
    mean = toy.vector("alice") + toy.vector("alice~")
    assert lead.score == pytest.approx(mean / np.linalg.norm(mean) @ toy.vector("alice~~"), abs=2e-3)
    assert lead.fmr.bound
    assert lead.expected_false.bound
    assert result.as_dict()["people"][0]["name"] == "May"
    assert home.search(toy.picture("carol@1,1,50,50")).people == ()


def test_only_faces_that_may_be_shown_are_fused(home, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.jpg").write_bytes(toy.picture("alice~~~@10,20,60,80"))
    home.add_source("other", other, basis="household", jurisdiction="CA-ON")
    home.ingest("other")
    home.people.new(faces_like(home, "alice"))
    assert home.search(ALICE).people[0].faces == 3
    home.suspend("other")
    assert home.search(ALICE).people[0].faces == 2
    home.suspend("album")
    home.resume("other")
    assert home.search(ALICE).people[0].faces == 1


def test_the_odds_of_a_person_are_those_of_a_lower_score(home):
    home.people.new(faces_like(home, "alice"))
    result = home.search(toy.picture("carol@1,1,50,50"), threshold=-1.0)
    [lead] = result.people
    single = home.parts.engine().calibration.fmr(lead.score)
    assert lead.fmr.value > single.value
    assert lead.fmr.value == home.parts.engine().calibration.fmr(lead.score - FUSED_LIFT).value
    assert lead.expected_false.value == pytest.approx(lead.fmr.value)  # one person was compared


def test_clients_are_not_told_whom_the_operator_named(toy_home, album, tmp_path):
    law = tmp_path / "law.pdf"
    law.write_bytes(b"law")
    with toy_home(kind="organisation") as home:
        home.add_source(
            "album", album, basis="statute", jurisdiction="CA-ON", purposes=["missing-person"], evidence=law,
            law="Act, s. 1", authority="Police",
        )  # fmt: skip
        home.ingest()
        home.clients.add("Agency", client_class="state-agency", jurisdiction="CA-ON")
        asked = {"purpose": "missing-person", "case": "1"}
        leads = home.search(ALICE, **asked).leads
        home.people.new([lead.face_id for lead in leads], name="May")
        assert home.search(ALICE, **asked).people[0].name == "May"
        told = home.search(ALICE, client="Agency", **asked)
        assert (told.people, [lead.face_id for lead in told.leads]) == ((), [lead.face_id for lead in leads])


def test_persons_outlive_a_change_of_the_model(home):
    may = home.people.new(faces_like(home, "alice"), name="May")
    home.people.remove(may.id, faces_like(home, "bob"))
    before = (home.faces_of(may.id), home.people.history())
    home.reindexing.begin_or_go_on(toy.TURNED.model)
    home.reindexing.switch(unmeasured=True)
    assert home.search(ALICE).model == toy.TURNED.model
    assert home.search(ALICE).people[0].name == "May"
    home.reindexing.finish()
    assert (home.faces_of(may.id), home.people.history()) == before
    home.people.undo()
    home.people.undo()
    assert home.people.all() == ()


def test_an_erased_face_leaves_its_person_and_its_history(home):
    one, other = faces_like(home, "alice")
    may = home.people.new([one, other], name="May")
    home.erase(face=one)
    assert home.people.get(may.id).faces == 1
    assert [face for face, _ in home.faces_of(may.id)] == [other]
    home.people.undo()
    assert home.people.all() == ()


def test_persons_outlive_the_process_and_their_names_are_sealed(home, toy_home):
    may = home.people.new(faces_like(home, "alice"), name="Zenobia of Palmyra")
    home.people.name(may.id, "Septimia Zenobia")
    home.close()
    for path in home.path.rglob("*"):
        if path.is_file():
            assert b"Zenobia" not in path.read_bytes()
    with toy_home() as again:
        assert again.people.get(may.id).name == "Septimia Zenobia"
        again.ingest()  # sweeps what no row names
        again.people.undo()
        assert again.people.get(may.id).name == "Zenobia of Palmyra"
        assert Thief(again.parts.keyfile, again.path)


def test_what_can_not_be_is_told(home):
    [carol] = faces_like(home, "carol")
    for wrong, error in (
        (lambda: home.people.new(["no uuid"]), WrongUse),
        (lambda: home.people.new([carol], name="a\nb"), WrongUse),
        (lambda: home.people.new([carol], name=" "), WrongUse),
        (lambda: home.people.get("6f1c2d6e-0000-4000-8000-000000000000"), NotFound),
        (home.people.undo, NotFound),
    ):
        with pytest.raises(error):
            wrong()
    assert home.people.all() == ()
    assert [e for e in home.parts.log.entries() if e.kind == "person.changed"] == []
    one = home.people.new([carol])
    for wrong in (
        lambda: home.people.new([carol]),
        lambda: home.people.split(one.id, [carol]),
        lambda: home.people.merge(one.id, one.id),
        lambda: home.people.add(one.id, []),
    ):
        with pytest.raises(WrongUse):
            wrong()
    assert len([e for e in home.parts.log.entries() if e.kind == "person.changed"]) == 1


def test_nobody_is_sorted_across_an_organisations_gallery(toy_home, album, tmp_path):
    law = tmp_path / "law.pdf"
    law.write_bytes(b"law")
    with toy_home(kind="organisation") as home:
        home.add_source(
            "album", album, basis="statute", jurisdiction="CA-ON", purposes=["missing-person"], evidence=law,
            law="Act, s. 1", authority="Police",
        )  # fmt: skip
        home.ingest()
        with pytest.raises(PolicyDenied) as denied:
            home.suggest_people()
        assert denied.value.rules == ("no-groups-across-a-gallery",)
        assert [e.kind for e in home.parts.log.entries()][-1] == "group.denied"


def test_subjects_of_a_grant_are_grouped_by_whom_they_were_tied_to(toy_home, album, tmp_path):
    release = tmp_path / "release.pdf"
    release.write_bytes(b"release")
    for name in ("alice", "bob"):
        (tmp_path / f"{name}.jpg").write_bytes(toy.picture(f"{name}@10,20,60,80"))
    (tmp_path / "people.csv").write_text(
        "name,evidence,reference\nAlice,release.pdf,alice.jpg\nBob,release.pdf,bob.jpg\n"
    )
    with toy_home(kind="organisation") as home:
        home.add_source(
            "album", album, basis="consent", jurisdiction="FR", purposes=["event-delivery"], evidence=release,
            subjects=tmp_path / "people.csv",
        )  # fmt: skip
        home.ingest()
        assert sorted(map(names, home.suggest_people())) == [["alice", "alice"], ["bob", "bob"]]


def test_a_search_may_start_from_a_person(home, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "x.jpg").write_bytes(toy.picture("alice~~@10,20,60,80"))
    faces = faces_like(home, "alice")
    may = home.people.new(faces, name="May")
    home.add_source("more", more, basis="household", jurisdiction="CA-ON")
    home.ingest("more")
    found = home.search_person(may.id, threshold=0.5)
    [lead] = found.leads
    assert lead.face_id not in faces
    mean = toy.vector("alice") + toy.vector("alice~")
    assert lead.score == pytest.approx(mean / np.linalg.norm(mean) @ toy.vector("alice~~"), abs=2e-3)
    assert (lead.fmr.bound, lead.fmr.value) == (
        True,
        home.parts.engine().calibration.fmr(lead.score - FUSED_LIFT).value,
    )
    threshold, _ = home.parts.engine().calibration.threshold(found.searched, 0.01)
    assert home.search_person(may.id).threshold == pytest.approx(threshold + FUSED_LIFT, abs=1e-3)
    home.people.remove(may.id, faces[1:])
    assert home.search_person(may.id).threshold == pytest.approx(threshold, abs=1e-3)  # one face, no mean


def test_a_person_who_may_not_be_shown_is_no_probe(home):
    may = home.people.new(faces_like(home, "alice"), name="May")
    with pytest.raises(NotFound):
        home.search_person("5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44")
    with pytest.raises(WrongUse, match="client"):
        home.search_person(may.id, client="Agency")
    home.suspend("album")
    with pytest.raises(PolicyDenied):
        home.search_person(may.id)


# --- by name, and by a suggested group -------------------------------------------------------------------------------
def test_a_person_is_meant_by_a_name_that_is_theirs_alone(home):
    faces = faces_like(home, "alice")
    may = home.people.new(faces, name="May")
    for said in (may.id, may.id.upper(), "May", "may", " MAY "):
        assert home.people.get(said) == may
    assert home.faces_of("may") == home.faces_of(may.id)
    assert home.search_person("may").leads == home.search_person(may.id).leads
    assert home.people.add("may", faces_like(home, "carol")).faces == 3
    assert home.people.name("may", "Keanu").name == "Keanu"
    assert home.erase(person="keanu", dry_run=True).about == may.id
    assert home.erase(person="keanu").about == may.id
    assert home.erase(person=may.id).already


def test_capital_letters_tell_two_apart_and_a_name_of_two_is_nobodys(home):
    alice, bob = home.people.new(faces_like(home, "alice"), "May"), home.people.new(faces_like(home, "bob"), "may")
    assert (home.people.get("May"), home.people.get("may")) == (alice, bob)
    for asked in (home.people.get, home.faces_of, home.search_person, lambda name: home.erase(person=name)):
        with pytest.raises(NotFound, match="2 persons are called 'MAY': use the ID") as error:
            asked("MAY")
        assert "home.people.all()" in error.value.hint
        with pytest.raises(NotFound, match="there is no person 'Keanu'") as error:
            asked("Keanu")
        assert "home.people.all()" in error.value.hint


def test_a_group_is_accepted_by_its_id_and_only_while_it_is_suggested(home):
    group = next(each for each in home.suggest_people() if names(each)[0] == "alice")
    for wrong, kind, said in (
        (group.id[:4], WrongUse, "is not the id of a suggested group"),
        ("0" * 12, NotFound, "no group 000000000000 is suggested now"),
    ):
        with pytest.raises(kind, match=said) as error:
            home.people.accept(wrong)
        assert "home.suggest_people()" in error.value.hint
    may = home.people.accept(group.id, "May")
    assert (may.name, may.faces) == ("May", 2)
    with pytest.raises(NotFound, match="suggested now"):
        home.people.accept(group.id)


def test_a_group_that_is_suggested_for_a_person_becomes_theirs(home):
    may = home.people.new(faces_like(home, "alice")[:1])
    [group] = [each for each in home.suggest_people() if each.person_id]
    assert home.people.accept(group.id, "May").id == may.id
    assert (home.people.get(may.id).name, home.people.get(may.id).faces) == ("May", 2)
