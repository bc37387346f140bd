"""countenance.client: its methods ask what they say they do."""

import json

import pytest

from countenance import client
from countenance.app.upkeep.reindex import ReindexService
from countenance.auditlog.witness import cosign, load_key, make_key
from countenance.client import Refused
from countenance.testing import toy
from countenance.testing.toy import SPACE, TURNED

ALICE = toy.picture("alice@10,20,60,80")


@pytest.mark.parametrize("name", ["Odds", "Lead", "Leads", "Detected", "Comparison", "Source", "Job", "Erasure"])
def test_a_type_has_the_members_that_the_description_gives_it(name, described):
    shape = described.document["components"]["schemas"]["JobShown" if name == "Job" else name]
    assert set(getattr(client, name).__annotations__) == set(shape["properties"])


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_links_for_guests(made, typed):
    made.add_source("gala", None, basis="consent", jurisdiction="FR", purposes=["event-delivery"], evidence=b"a form")
    home = typed("collect")
    link = home.make_guest_link("gala", organiser="Ann, ann@weddings.example")
    assert (link["open"], len(link["token"]) > 20) == (True, True)
    assert [(each["link"], "token" in each) for each in home.guest_links("gala")] == [(link["link"], False)]
    assert home.close_guest_link("gala", link["link"])["open"] is False
    assert home.search_for_guests("gala")["kind"] == "guests"
    with pytest.raises(Refused) as told:
        home.close_guest_link("album", link["link"])
    assert told.value.kind == "not_found"


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_whom_an_erasure_concerns_is_told_and_their_answer_kept(made, typed):
    made.clients.add("Agency", client_class="archive", jurisdiction="FR")
    lead = made.search(ALICE, client="Agency", purpose="archive-description", case="7").leads[0]
    home = typed("erase", "oversee")
    receipt = home.erase(face=lead.face_id)["receipt"]
    assert [(each["client"], each["told_at"]) for each in home.recipients(receipt)] == [("Agency", None)]
    assert home.tell_recipient(receipt, "Agency")["receipt"]["receipt"]["id"] == receipt
    assert home.keep_answer(receipt, "Agency", b"it is erased here too")["answered"] is True
    assert home.recipients(receipt)[0]["told_at"] is not None


def test_models_are_listed_and_shown(typed):
    home = typed("oversee")
    listed = {model["name"]: model for model in home.models()}
    assert "finds faces" in {model["in_use"] for model in listed.values()}
    for name, model in listed.items():
        assert home.model(name).items() > model.items()
    with pytest.raises(Refused) as told:
        home.model("none")
    assert (told.value.status, told.value.kind) == (404, "not_found")
    with pytest.raises(Refused, match="right"):
        next(typed("search").models())


def test_a_reindex_is_begun_stopped_in_the_middle_and_gone_on_with(made, typed, monkeypatch):
    home = typed("manage")
    before = [lead.face_id for lead in made.search(ALICE).leads]
    ran = ReindexService.begin_or_go_on

    def stopped_at_once(service, model, *, progress):
        def tell(done, total):
            made.jobs.stop(made.jobs.newest(1)[0].id)
            progress(done, total)

        return ran(service, model, progress=tell)

    monkeypatch.setattr(ReindexService, "begin_or_go_on", stopped_at_once)
    job = home.reindex(TURNED.model)
    assert (job["kind"], job["source"]) == ("reindex", None)
    assert list(home.follow(job["id"]))[-1]["state"] == "stopped"
    monkeypatch.setattr(ReindexService, "begin_or_go_on", ran)
    *_, last = home.follow(home.reindex()["id"])
    assert last["state"] == "done"
    told = last["progress"]
    assert (told["state"], told["from"], told["to"], told["lacking"]) == ("building", SPACE.model, TURNED.model, 0)
    assert [lead.face_id for lead in made.search(ALICE).leads] == before  # searched as it was
    assert made.jobs.newest(1)[0].as_dict() == home.job(last["id"])


def test_a_reindex_that_can_not_be_is_refused_at_once_and_is_for_who_manages(made, typed):
    home = typed("manage")
    for model, kind in ((None, "wrong_use"), (SPACE.model, "wrong_use"), ("none", "not_found")):
        with pytest.raises(Refused) as told:
            home.reindex(model)
        assert told.value.kind == kind
    for document in ({"kind": "reindex", "source": "album"}, {"kind": "ingest"}, {"kind": "guests"}):
        with pytest.raises(Refused) as told:
            typed("manage", "collect").call("POST", "/jobs", document)
        assert told.value.kind == "wrong_use"
    for refused in (typed("collect"), typed("manage", source="album")):
        with pytest.raises(Refused) as told:
            refused.reindex(TURNED.model)
        assert told.value.status == 403
    assert made.jobs.newest() == []
    job = made.jobs.start(kind="reindex", model=TURNED.model)
    *_, _done = made.jobs.follow(job.id)
    with pytest.raises(Refused) as told:
        typed("collect").job(job.id)
    assert told.value.kind == "not_found"
    assert typed("collect").call("GET", "/jobs")["items"] == []


def test_witnesses_are_trusted_asked_believed_and_trusted_no_more(made, typed, tmp_path):
    make_key(tmp_path / "w.key", "w.example")
    cosigner = load_key(tmp_path / "w.key")
    home = typed("manage")
    trusted = home.trust_witness(cosigner.verifier_key())
    assert (trusted["name"], trusted["cosigned"]) == ("w.example", None)
    asked = home.request_cosignature()
    line = cosign(cosigner, made.parts.log.signer.verifier_key(), tmp_path / "seen", asked, 1_700_000_000)
    cosigned = home.accept_cosignature(asked, line)
    assert cosigned == {"w.example": {"entries": int(asked.split("\n")[3]), "at": "2023-11-14T22:13:20+00:00"}}
    assert [each["cosigned"] for each in home.witnesses()] == [cosigned["w.example"]]
    for refused in (lambda: home.request_cosignature(10**6), lambda: home.trust_witness("w+1+x"),
                    lambda: home.accept_cosignature("x", "y"),
                    lambda: home.accept_cosignature(asked, "y")):  # fmt: skip
        with pytest.raises(Refused) as told:
            refused()
        assert (told.value.status, told.value.kind) == (400, "wrong_use")
    assert list(typed("oversee").witnesses()) == list(home.witnesses())
    with pytest.raises(Refused, match="right"):
        typed("oversee").distrust_witness(trusted["hash"])
    assert home.distrust_witness(trusted["hash"])["name"] == "w.example"
    assert list(home.witnesses()) == []
    with pytest.raises(Refused) as told:
        home.distrust_witness(trusted["hash"])
    assert told.value.kind == "not_found"


def test_the_doctor_says_how_the_home_is_and_not_where(made, typed, tmp_path):
    home = typed("manage")
    findings = home.doctor()
    assert {"log", "index", "erasures", "disk"} <= {each["what"] for each in findings}
    assert str(tmp_path) not in json.dumps(findings)
    for blob in (made.path / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    found = home.call("POST", "/doctor")
    assert found["problems"] == 1
    assert [each["what"] for each in found["findings"] if each["state"] == "problem"] == ["crops and evidence"]
    with pytest.raises(Refused, match="right"):
        typed("oversee").doctor()


def test_a_key_is_shown_without_its_secret(made, typed):
    key = made.access_keys.make("another", rights=["search"])
    home = typed("manage")
    shown = home.access_key(key.key.key)
    assert (shown["name"], shown["state"], key.secret in str(shown)) == ("another", "active", False)
    made.access_keys.revoke(key.key.key)
    assert home.access_key(key.key.key)["state"] == "revoked"
    assert {each["name"] for each in home.access_keys()} == {"a typed program", "another"}
    with pytest.raises(Refused) as told:
        home.access_key("CKEYNONE")
    assert told.value.kind == "not_found"


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_accounts_are_listed_and_removed(made, typed):
    made.sign_in.add("Ada", "correct horse battery")
    made.sign_in.add("B/ob", "correct horse battery")
    home = typed("manage")
    ada, bob = home.users()
    assert (ada["name"], bob["name"], set(ada)) == ("Ada", "B/ob", {"id", "name", "made_at"})
    assert home.remove_user(bob["id"]) == bob
    assert list(home.users()) == [ada]
    with pytest.raises(Refused) as told:
        home.remove_user(bob["id"])
    assert told.value.kind == "not_found"
    with pytest.raises(Refused, match="right"):
        list(typed("oversee").users())


@pytest.mark.parametrize("made", ["organisation"], indirect=True)
def test_references_come_again_in_the_body_for_another_model(made, typed):
    home = typed("collect", "manage")
    ada, bob = (
        {"name": name, "evidence": b"a form", "reference": toy.picture(f"{face}@10,20,60,80")}
        for name, face in (("Ada", "alice"), ("Bob", "bob"))
    )
    home.add_source("gala", path=str(made.path.parent / "pictures"), basis="consent", jurisdiction="FR",
                    purposes=["event-delivery"], evidence=b"a form", subjects=[ada, bob])  # fmt: skip
    made.ingest("gala")
    assert home.enrol_references("gala", [ada]) == {"source": "gala", "enrolled": 0, "lacking": []}  # has what it needs
    *_, last = home.follow(home.reindex(TURNED.model)["id"])
    assert last["state"] == "done"
    assert home.enrol_references("gala", [ada]) == {"source": "gala", "enrolled": 1, "lacking": ["Bob"]}
    with pytest.raises(Refused) as told:
        home.enrol_references("gala", [{**bob, "name": "Nobody"}])
    assert told.value.kind == "grant_invalid"
    assert home.enrol_references("gala", [bob])["lacking"] == []
    assert home.enrol_references("gala") == {"source": "gala", "enrolled": 0, "lacking": []}
    assert made.reindexing.status()["references_lacking"] == []
    with pytest.raises(Refused) as told:
        typed("collect", source="album").enrol_references("gala")
    assert told.value.kind == "not_found"
