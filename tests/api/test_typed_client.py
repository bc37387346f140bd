"""countenance.client: its methods ask what they say they do."""

import pytest

from countenance.client import Refused
from countenance.testing import toy

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
