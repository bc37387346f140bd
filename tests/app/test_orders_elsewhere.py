"""An order binds other processes at once: one that is in the middle of a search, and one that starts later."""

import json
import os
import subprocess
import sys

import pytest

from countenance.errors import PolicyDenied
from countenance.testing.toy import picture
from support.disk_home import opened

ASKED = {"purpose": "archive-description", "case": "2026-1"}
PROBE = "alice@1,1,50,50"
SEARCHES = """
import json, sys
from countenance.errors import PolicyDenied
from support.disk_home import opened
from countenance.testing.toy import picture

path, paused, asked = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
with opened(path) as home:
    assert home.search(picture("alice@1,1,50,50"), **asked).leads  # everything is loaded, and found
    records = home.parts.stores.records
    part = records.gallery if paused == "visible" else records.cases
    step = getattr(part, paused)

    def wait(*given):
        setattr(part, paused, step)
        print("paused", flush=True)
        sys.stdin.readline()
        return step(*given)

    setattr(part, paused, wait)
    try:
        told = len(home.search(picture("alice@1,1,50,50"), **asked).leads)
    except PolicyDenied as denied:
        told = list(denied.rules)
    print(json.dumps(told), flush=True)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "home.key"))
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").write_bytes(picture("alice@10,20,60,80"))
    (tmp_path / "order.pdf").write_bytes(b"an order")
    with opened(tmp_path / "home", "organisation") as home:
        home.add_source(
            "album", tmp_path / "album", basis="historical", jurisdiction="CA-ON", purposes=["archive-description"],
            evidence=tmp_path / "order.pdf",
        )  # fmt: skip
        home.ingest()
        home.clients.add("Gazette", client_class="newsroom", jurisdiction="FR")
        yield home


@pytest.mark.parametrize(
    ("paused", "terms", "rule"),
    [
        ("visible", {"stop_offering": True, "jurisdictions": ["CA"]}, "order-stop-offering"),
        ("keep_shown", {"end_contracts": True, "client_classes": ["newsroom"]}, "client-contract-ended"),
    ],
)
def test_a_search_paused_in_another_process_is_bound_by_an_order_applied_meanwhile(home, tmp_path, paused, terms, rule):
    asked = {**ASKED, "client": "Gazette"}
    order = home.orders.draft(document=tmp_path / "order.pdf", authority="A court", dated="2021-02-02", **terms)
    with subprocess.Popen(
        [sys.executable, "-c", SEARCHES, home.path, paused, json.dumps(asked)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ.copy(),
    ) as other:  # fmt: skip
        assert other.stdout.readline() == "paused\n"
        assert home.orders.simulate(order.uid).searches_under_way == (1 if paused == "visible" else 0)
        home.orders.apply(order.uid)
        said, _ = other.communicate("go on\n")
    assert rule in json.loads(said)
    with opened(home.path) as later, pytest.raises(PolicyDenied):
        later.search(picture(PROBE), **asked)
    if "jurisdictions" in terms:
        with pytest.raises(PolicyDenied):
            home.search(picture(PROBE), **ASKED)
    else:
        assert home.search(picture(PROBE), **ASKED).leads  # the operator's own
