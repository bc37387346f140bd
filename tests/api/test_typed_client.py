"""countenance.client: its methods ask what they say they do."""

import pytest

from countenance.app import reindex
from countenance.client import Refused
from countenance.testing import toy
from countenance.testing.toy import SPACE, TURNED

ALICE = toy.picture("alice@10,20,60,80")


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
    ran = reindex.begin_or_go_on

    def stopped_at_once(served, model, *, progress):
        def tell(done, total):
            served.jobs.stop(served.jobs.newest(1)[0].id)
            progress(done, total)

        return ran(served, model, progress=tell)

    monkeypatch.setattr(reindex, "begin_or_go_on", stopped_at_once)
    job = home.reindex(TURNED.model)
    assert (job["kind"], job["source"]) == ("reindex", None)
    assert list(home.follow(job["id"]))[-1]["state"] == "stopped"
    monkeypatch.setattr(reindex, "begin_or_go_on", ran)
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
