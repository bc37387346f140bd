from datetime import UTC, datetime, timedelta

import pytest

from countenance.policy.gate import Policy
from countenance.policy.rules import RuleFiles
from countenance.testing.memory_log import MemoryLog
from countenance.types import Basis, Client, ClientClass, Grant, Order, PolicyClass, Purpose

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_grant(**more):
    values = {
        "id": 1, "source_id": 1, "basis": Basis.HOUSEHOLD, "jurisdictions": frozenset({"CA-ON"}),
        "purposes": frozenset({Purpose.HOUSEHOLD}), "evidence_sha256": None, "starts_at": NOW - timedelta(days=1),
        "expires_at": None, "erase_within_days": 30,
    }  # fmt: skip
    return Grant(**{**values, **more})


def a_class(class_id=1, grant=None, jurisdictions=("CA-ON",), source="album", flags=()):
    grant = grant or a_grant()
    return PolicyClass(
        id=class_id, grant=grant, tenant="operator", source=source, jurisdictions=frozenset(jurisdictions),
        purposes=grant.purposes, flags=frozenset(flags),
    )  # fmt: skip


def an_order(stops=("offer",), scope="jurisdiction", value="CA", **more):
    more = {"starts_at": NOW - timedelta(days=1), **more}
    return Order(id=1, stops=frozenset(stops), targets=frozenset({(scope, value)}), **more)


def a_client(uid="gazette", client_class=ClientClass.NEWSROOM, jurisdiction="CA-ON", **more):
    return Client(id=1, uid=uid, name=uid, client_class=client_class, jurisdiction=jurisdiction, added_at=NOW, **more)


class World:
    """What a policy decides on, as a test sets it."""

    def __init__(self, folder):
        self.log = MemoryLog()
        self.classes = (a_class(),)
        self.orders = ()
        self.clients = ()
        self.version = 1
        self.now = NOW
        self.reads = 0
        self.rules_folder = folder
        self.policy = Policy(RuleFiles(folder), self.log, self.state, lambda: self.version, lambda: self.now)

    def state(self):
        self.reads += 1
        return self.version, tuple(self.classes), tuple(self.orders), tuple(self.clients)

    def set(self, **changes):
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "rules")
