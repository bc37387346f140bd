"""What the gates permit and refuse, and that a permit exists only after its log entry."""

import copy
import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest

from countenance import permits
from countenance.errors import LogUnwritable, PermitRefused, PolicyDenied, WrongUse
from countenance.permits import Act
from countenance.policy.facts import BROUGHT, PolicyQuery
from countenance.types import Basis, HomeKind, Purpose

_spec = importlib.util.spec_from_file_location("policy_conftest", Path(__file__).with_name("conftest.py"))
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)
NOW, a_class, a_client = _shared.NOW, _shared.a_class, _shared.a_client
a_grant, an_order = _shared.a_grant, _shared.an_order

HOUSEHOLD_SEARCH = PolicyQuery(Act.SEARCH, HomeKind.HOUSEHOLD)
EMBED = PolicyQuery(Act.EMBED, HomeKind.HOUSEHOLD)
COLLECT = PolicyQuery(Act.COLLECT, HomeKind.HOUSEHOLD)


def consent(**more):
    return a_grant(basis=Basis.CONSENT, purposes=frozenset({Purpose.EVENT_DELIVERY}), **more)


def test_a_household_searches_without_naming_a_purpose(world):
    permit, decision = world.policy.decide(HOUSEHOLD_SEARCH)
    assert permit.classes == {1}
    assert permits.require(permit, Act.SEARCH) is permit
    assert decision.version == 1
    assert world.log.kinds == ["search.decided"]
    assert world.log.kept[0].id == permit.log_entry


def test_without_a_durable_log_record_there_is_no_permit(world):
    world.log.broken = True
    with pytest.raises(LogUnwritable):
        world.policy.decide(HOUSEHOLD_SEARCH)


def test_no_class_at_all_is_a_denial(world):
    world.set(classes=())
    with pytest.raises(PolicyDenied) as denied:
        world.policy.decide(HOUSEHOLD_SEARCH)
    assert denied.value.rules == ()
    assert world.log.kinds == ["search.denied"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"suspended_at": NOW}, "grant-suspended"),
        ({"starts_at": NOW + timedelta(days=1)}, "grant-suspended"),
        ({"withdrawn_at": NOW}, "grant-withdrawn"),
        ({"expires_at": NOW}, "grant-expired"),
    ],
)
@pytest.mark.parametrize("ask", [HOUSEHOLD_SEARCH, EMBED, COLLECT])
def test_a_grant_that_is_not_in_force_permits_nothing(world, change, rule, ask):
    world.set(classes=(a_class(grant=a_grant(**change)),))
    with pytest.raises(PolicyDenied) as denied:
        world.policy.decide(ask)
    assert rule in denied.value.rules
    assert denied.value.hint


def test_a_grant_expires_by_the_clock_alone_though_the_decision_was_kept(world):
    world.set(classes=(a_class(grant=a_grant(expires_at=NOW + timedelta(minutes=5))),))
    world.policy.decide(HOUSEHOLD_SEARCH)
    world.now = NOW + timedelta(minutes=6)
    with pytest.raises(PolicyDenied):
        world.policy.decide(HOUSEHOLD_SEARCH)


def test_unknown_jurisdiction_is_collected_but_not_indexed_or_searched(world):
    world.set(classes=(a_class(grant=a_grant(jurisdictions=frozenset({"unknown"})), jurisdictions=("unknown",)),))
    assert world.policy.decide(COLLECT)[0].classes == {1}
    for ask in (EMBED, HOUSEHOLD_SEARCH):
        with pytest.raises(PolicyDenied) as denied:
            world.policy.decide(ask)
        assert "jurisdiction-unknown" in denied.value.rules


def test_a_picture_outside_its_grant_is_refused(world):
    world.set(classes=(a_class(jurisdictions=("FR",)),))
    with pytest.raises(PolicyDenied) as denied:
        world.policy.decide(EMBED)
    assert "jurisdiction-outside-grant" in denied.value.rules


def test_an_organisation_names_a_purpose_of_the_grant_and_a_case(world):
    world.set(classes=(a_class(grant=consent()),))

    def ask(purpose, case):
        return PolicyQuery(Act.SEARCH, HomeKind.ORGANISATION, purpose=purpose, has_case=case)

    assert world.policy.decide(ask(Purpose.EVENT_DELIVERY, True))[0].classes == {1}
    with pytest.raises(PolicyDenied) as no_case:
        world.policy.decide(ask(Purpose.EVENT_DELIVERY, False))
    assert "organisation-search-needs-a-case" in no_case.value.rules
    with pytest.raises(PolicyDenied) as other:
        world.policy.decide(ask(Purpose.RESEARCH, True))
    assert "research" in other.value.message


def test_the_household_basis_and_purpose_are_a_households(world):
    with pytest.raises(PolicyDenied) as organisation:
        world.policy.decide(PolicyQuery(Act.EMBED, HomeKind.ORGANISATION))
    assert "household-basis-in-a-household-home" in organisation.value.rules
    world.set(classes=(a_class(grant=consent()),))
    with pytest.raises(PolicyDenied) as purpose:
        world.policy.decide(PolicyQuery(Act.SEARCH, HomeKind.HOUSEHOLD, purpose=Purpose.HOUSEHOLD))
    assert "household-purpose-with-household-basis" in purpose.value.rules


def test_a_full_household_collects_no_more(world):
    with pytest.raises(PolicyDenied) as denied:
        world.policy.decide(PolicyQuery(Act.COLLECT, HomeKind.HOUSEHOLD, household_full=True))
    assert "household-limit" in denied.value.rules


def test_only_the_permitted_classes_are_in_the_permit(world):
    world.set(classes=(a_class(1), a_class(2, a_grant(id=2, suspended_at=NOW), source="attic"), a_class(3)))
    assert world.policy.decide(HOUSEHOLD_SEARCH)[0].classes == {1, 3}
    assert world.policy.decide(EMBED, classes=frozenset({2, 3}))[0].classes == {3}


def test_subject_checks_are_for_grants_with_subjects(world):
    check = PolicyQuery(Act.SUBJECT_CHECK, HomeKind.HOUSEHOLD)
    with pytest.raises(PolicyDenied):
        world.policy.decide(check)
    world.set(classes=(a_class(grant=consent()),))
    assert world.policy.decide(check)[0].act is Act.SUBJECT_CHECK


def test_pictures_that_the_asker_brings_need_no_grant_but_an_organisation_needs_a_case(world):
    world.set(classes=())
    brought = frozenset({BROUGHT})
    household = PolicyQuery(Act.SEARCH, HomeKind.HOUSEHOLD, brought=True)
    assert world.policy.decide(household, classes=brought)[0].classes == brought
    for has_case in (False, True):
        ask = PolicyQuery(Act.SEARCH, HomeKind.ORGANISATION, purpose=Purpose.RESEARCH, has_case=has_case, brought=True)
        if has_case:
            assert world.policy.decide(ask, classes=brought)[0].classes == brought
        else:
            with pytest.raises(PolicyDenied):
                world.policy.decide(ask, classes=brought)


# --- what joins as data ----------------------------------------------------------------------------------------------
def test_an_order_as_data_alone_binds_both_gates(world):
    world.policy.decide(EMBED)
    world.policy.decide(HOUSEHOLD_SEARCH)
    world.set(orders=(an_order(stops=("collect", "offer"), value="CA"),))
    for ask, rule in ((EMBED, "order-stop-embedding"), (HOUSEHOLD_SEARCH, "order-stop-offering"),
                      (COLLECT, "order-stop-collecting")):  # fmt: skip
        with pytest.raises(PolicyDenied) as denied:
            world.policy.decide(ask)
        assert rule in denied.value.rules


@pytest.mark.parametrize(
    ("scope", "value", "places", "covered"),
    [
        ("jurisdiction", "CA", ("CA-ON",), True),
        ("jurisdiction", "US", ("CA-ON",), False),
        ("jurisdiction", "US-IL", ("US",), True),  # somewhere in US may be in Illinois
        ("jurisdiction", "FR", ("unknown",), True),  # unknown counts as covered
        ("source", "album", ("CA-ON",), True),
        ("source", "attic", ("CA-ON",), False),
        ("client", "x", ("CA-ON",), False),
    ],
)
def test_what_an_order_covers(world, scope, value, places, covered):
    grant = a_grant(jurisdictions=frozenset(places))
    world.set(classes=(a_class(grant=grant, jurisdictions=places),), orders=(an_order(("collect",), scope, value),))
    assert bool(world.policy.consider(COLLECT).denied) is covered


def test_an_order_binds_whatever_the_clock_says_until_its_own_term_is_over(world):
    order = an_order(starts_at=NOW, ends_at=NOW + timedelta(days=2))
    world.set(orders=(order,), classes=(a_class(grant=a_grant(starts_at=NOW - timedelta(days=999))),))
    moments = {NOW - timedelta(days=900): False, NOW: False, NOW + timedelta(days=3): True}
    for moment, permitted in moments.items():  # a clock that is set back ends no order
        world.now = moment
        assert bool(world.policy.consider(HOUSEHOLD_SEARCH).allowed) is permitted


def test_a_decision_that_was_kept_is_old_when_the_clock_is_set_back(world):
    world.set(orders=(an_order(ends_at=NOW + timedelta(days=2)),))
    world.now = NOW + timedelta(days=3)
    assert world.policy.consider(HOUSEHOLD_SEARCH).allowed
    world.now = NOW  # the clock was wrong: the order's term is not over
    assert not world.policy.consider(HOUSEHOLD_SEARCH).allowed


def test_of_orders_that_disagree_the_stricter_holds(world):
    world.set(orders=(
        an_order(stops=("collect",)), an_order(stops=("offer",), value="CA-ON", ends_at=NOW - timedelta(days=1)),
        an_order(stops=("offer",), value="CA-ON", ends_at=NOW + timedelta(days=9)),
    ))  # fmt: skip
    for ask in (COLLECT, EMBED, HOUSEHOLD_SEARCH):
        assert not world.policy.consider(ask).allowed


# --- clients ---------------------------------------------------------------------------------------------------------
def clients_search(client="gazette", *, brought=False):
    return PolicyQuery(
        Act.SEARCH, HomeKind.ORGANISATION, purpose=Purpose.EVENT_DELIVERY, has_case=True, client=client, brought=brought
    )


def rules_against(world, ask):
    denied = world.policy.consider(ask).denied
    assert len(set(denied.values())) <= 1
    return set(next(iter(denied.values()), ()))


def test_a_client_searches_while_its_contract_lasts(world):
    elsewhere = a_class(grant=consent(jurisdictions=frozenset({"FR"})), jurisdictions=("FR",))
    world.set(classes=(elsewhere,), clients=(a_client(), a_client("ended", ended_at=NOW + timedelta(days=9))))
    assert rules_against(world, clients_search()) == set()
    assert rules_against(world, clients_search(None)) == set()  # the operator's own
    for brought in (False, True):  # `compare` as well; and over is over, wherever the clock is set
        assert rules_against(world, clients_search("ended", brought=brought)) == {"client-contract-ended"}
        assert rules_against(world, clients_search("nobody", brought=brought)) == {"client-unknown"}
    with pytest.raises(PolicyDenied, match="contract has ended"):
        world.policy.decide(clients_search("ended"))
    with pytest.raises(PolicyDenied, match="no such client"):
        world.policy.decide(clients_search("nobody"))


@pytest.mark.parametrize(
    ("target", "client", "covered"),
    [
        (("client", "gazette"), {}, True),
        (("client", "another"), {}, False),
        (("client_class", "newsroom"), {}, True),
        (("client_class", "private-company"), {}, False),
        (("jurisdiction", "CA"), {}, True),
        (("jurisdiction", "US"), {}, False),
        (("jurisdiction", "US-IL"), {"jurisdiction": "US"}, True),  # somewhere in US may be in Illinois
        (("jurisdiction", "US-IL"), {"jurisdiction": "US-NY"}, False),
        (("jurisdiction", "US-IL"), {"jurisdiction": "unknown"}, True),  # unknown counts as covered
        (("source", "gazette"), {}, False),
    ],
)
def test_which_clients_an_order_covers(world, target, client, covered):
    elsewhere = a_class(grant=consent(jurisdictions=frozenset({"FR"})), jurisdictions=("FR",))
    world.set(classes=(elsewhere,), clients=(a_client(**client),), orders=(an_order(("offer",), *target),))
    assert rules_against(world, clients_search()) == ({"client-order-stop-offering"} if covered else set())
    assert rules_against(world, clients_search(None)) == set()
    world.set(orders=(an_order(("collect", "embed"), *target),))
    assert rules_against(world, clients_search()) == set()


def test_a_homes_own_rule_can_name_what_a_client_is(world):
    world.set(classes=(a_class(grant=consent()),), clients=(a_client(),))
    world.rules_folder.mkdir()
    (world.rules_folder / "own.cedar").write_text(
        '@id("no-newsroom") forbid (principal, action, resource) '
        'when { context.client.class == "newsroom" && context.client.covered_by.contains("CA") };'
    )
    assert rules_against(world, clients_search()) == {"no-newsroom"}
    assert rules_against(world, clients_search(None)) == set()


def test_a_homes_own_rule_as_data_alone_binds_both_gates(world):
    world.policy.decide(EMBED)
    world.rules_folder.mkdir()
    rule = world.rules_folder / "no-children.cedar"
    rule.write_text(
        '@id("no-ontario") forbid (principal, action, resource) when { context.covered_by.contains("CA") };'
    )
    for ask in (EMBED, HOUSEHOLD_SEARCH):
        with pytest.raises(PolicyDenied) as denied:
            world.policy.decide(ask)
        assert denied.value.rules == ("no-ontario",)
        assert "no-ontario" in denied.value.message
    rule.unlink()
    assert world.policy.decide(EMBED)[0].classes == {1}


@pytest.mark.parametrize(
    ("text", "said"),
    [("permit (principal, action, resource);", "can only forbid"), ("forbid (principal, action", "does not parse")],
)
def test_a_homes_own_rules_can_only_narrow(world, text, said):
    world.rules_folder.mkdir()
    (world.rules_folder / "own.cedar").write_text(text)
    with pytest.raises(WrongUse, match=said):
        world.policy.decide(EMBED)


def test_a_rule_that_cannot_be_evaluated_denies(world):
    world.rules_folder.mkdir()
    (world.rules_folder / "own.cedar").write_text(
        '@id("typo") forbid (principal, action, resource) when { context.nowhere == "x" };'
    )
    with pytest.raises(PolicyDenied) as denied:
        world.policy.decide(EMBED)
    assert "error" in denied.value.rules[0]


# --- decisions are kept, permits are not ----------------------------------------------------------------------
def test_the_rules_are_asked_once_until_something_changes(world):
    for _ in range(3):
        world.policy.decide(HOUSEHOLD_SEARCH)
    assert world.reads == 1
    world.set(classes=(a_class(),))
    world.policy.decide(HOUSEHOLD_SEARCH)
    assert world.reads == 2


def test_kept_decisions_do_not_pile_up(world):
    for number in range(200):
        world.policy.consider(PolicyQuery(Act.SEARCH, HomeKind.HOUSEHOLD, seat=f"seat {number}"))
    assert len(world.policy._kept) <= 65


def test_a_permit_is_known_by_identity_alone(world):
    permit, _ = world.policy.decide(EMBED)
    forged = permits.Permit(
        act=permit.act, classes=permit.classes, log_entry=permit.log_entry, reasons=(), expires_s=permit.expires_s
    )
    with pytest.raises(AttributeError):
        copy.copy(permit)
    for wrong in (forged, None, "permit"):
        with pytest.raises(PermitRefused, match="not minted"):
            permits.require(wrong, Act.EMBED)
    with pytest.raises(PermitRefused, match="does not allow"):
        permits.require(permit, Act.SEARCH)
    with pytest.raises(AttributeError):
        permit.classes = frozenset({1, 2, 3})
    with pytest.raises(AttributeError):
        del permit.classes
    assert "embed" in repr(permit)


def test_a_permit_lives_a_minute(world, monkeypatch):
    permit, _ = world.policy.decide(EMBED)
    now = permits.time.monotonic()
    monkeypatch.setattr(permits.time, "monotonic", lambda: now + 59)
    permits.require(permit, Act.EMBED)
    monkeypatch.setattr(permits.time, "monotonic", lambda: now + 61)
    with pytest.raises(PermitRefused, match="expired"):
        permits.require(permit, Act.EMBED)
