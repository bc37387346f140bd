"""Clients: added once, ended for good, and nothing without the log."""

import pytest

from countenance.errors import LogUnwritable, NotFound, WrongUse
from countenance.pipeline.clients import ClientWorkflow

GAZETTE = {"client_class": "newsroom", "jurisdiction": "ca-on"}


@pytest.fixture
def contracts(organisation):
    return ClientWorkflow(organisation.stores)


def test_a_client_is_added_once_and_ended_for_good(contracts, organisation):
    version = organisation.records.sources.policy_version()
    client = contracts.add(" Gazette ", **GAZETTE)
    assert (client.name, str(client.client_class), client.jurisdiction) == ("Gazette", "newsroom", "CA-ON")
    assert contracts.all() == (client,)
    assert organisation.records.sources.policy_version() > version
    ended = contracts.end("Gazette")
    assert ended.ended_at is not None
    assert contracts.end("Gazette") == ended
    assert organisation.log.kinds == ["client.added", "client.ended"]
    assert organisation.log.kept[0].record == {"client": client.uid, "class": "newsroom", "jurisdiction": "CA-ON"}


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("Gazette", {}, "exists"),
        (" ", {}, "printable"),
        ("a\nb", {}, "printable"),
        ("x" * 201, {}, "printable"),
        ("New", {"client_class": "clearview"}, "not a class of client"),
        ("New", {"jurisdiction": "Atlantis"}, "not a jurisdiction"),
    ],
)
def test_what_is_no_client_is_refused_and_not_logged(contracts, organisation, name, change, said):
    contracts.add("Gazette", **GAZETTE)
    with pytest.raises(WrongUse, match=said):
        contracts.add(name, **{**GAZETTE, **change})
    assert len(organisation.log) == 1


def test_an_unknown_name_is_not_found(contracts):
    for act in (contracts.get, contracts.end):
        with pytest.raises(NotFound, match="nobody"):
            act("nobody")


def test_without_the_log_no_client_comes_or_goes(contracts, organisation):
    contracts.add("Gazette", **GAZETTE)
    organisation.log.broken = True
    with pytest.raises(LogUnwritable):
        contracts.add("Post", **GAZETTE)
    with pytest.raises(LogUnwritable):
        contracts.end("Gazette")
    assert [client.ended_at for client in contracts.all()] == [None]
