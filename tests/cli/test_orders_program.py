"""`countenance client` and `order` as typed: answers, JSON, exit codes, what `status` shouts."""

import json

import pytest

TERMS = ("--authority", "A court", "--dated", "2021-02-02", "--document", "order.pdf")


@pytest.fixture
def office(desk):
    """An organisation's home with a source without pictures, and a client."""
    desk = desk.quick
    (desk.root / "order.pdf").write_bytes(b"an order")
    (desk.root / "plates").mkdir()
    desk.run("init", "--kind", "organisation").ended(0)
    desk.run("source", "add", "plates", "plates", "--basis", "historical", "--jurisdiction", "CA-ON", "--evidence",
             "order.pdf", "--purpose", "research").ended(0)  # fmt: skip
    desk.run("client", "add", "Acme & Sons", "--class", "private-company", "--jurisdiction", "us-il").ended(
        0, "--client 'Acme & Sons'"
    )
    return desk


def test_an_order_from_draft_to_lift(office):
    about = office.run("order", "draft", "--stop-collecting", "--end-contracts", "--jurisdiction", "US-IL",
                       "--source", "plates", *TERMS, "--json").ended(0).doc  # fmt: skip
    assert (about["state"], about["stops"], about["ends_contracts"]) == ("draft", ["collecting"], True)
    which = about["id"][:8]
    office.run("status").ended(0, which, "a draft")
    office.run("order", "simulate", which).ended(
        0, "plates: no longer collected", "Acme & Sons: contract ends", "Nothing was changed."
    )
    plan = office.run("order", "simulate", which, "--json").ended(0)
    (office.root / "plan.json").write_text(plan.out)
    office.run("client", "end", "Acme & Sons").ended(0, "contract ended")
    office.run("order", "apply", which, "--simulated", "plan.json").ended(0, "in force", "differs: client Acme & Sons")
    receipt = office.run("order", "apply", which, "--json").ended(0).doc["receipt"]
    office.run("receipt", "export", receipt, "receipt.json").ended(0)
    office.run("receipt", "export", about["id"], "receipt.html").ended(0)
    checked = office.run("receipt", "verify", "receipt.json", "--about", about["id"], "--json").ended(0).doc["receipt"]
    assert checked["demands"] == ["stop collecting", "end contracts"]
    assert checked["counts"] == {"pictures": 0, "faces": 0, "contracts": 0}
    assert "stop collecting, end contracts: US-IL" in (office.root / "receipt.html").read_text()
    office.run("ingest", "plates").ended(3, "an order in force stops collecting")
    office.run("ingest").ended(0, "skipped")
    office.run("order", "stay", which, "--document", "order.pdf").ended(0, "stayed")
    office.run("ingest", "plates").ended(0)
    office.run("order", "resume", which, "--document", "order.pdf").ended(0, "in force")
    office.run("order", "resume", which, "--document", "order.pdf").ended(0, "The order was already in this state")
    office.run("order", "lift", which, "--document", "order.pdf").ended(0, "lifted")
    office.run("order", "apply", which).ended(2, "has ended")
    shown = office.run("order", "show", which, "--papers", "papers").ended(0, "sha256", "written")
    assert (office.root / "papers" / "1-order").read_bytes() == b"an order"
    assert max(map(len, shown.out.splitlines())) <= 80
    [listed] = office.run("order", "list", "--json").doc["orders"]
    assert (listed["state"], listed["unfinished"]) == ("lifted", False)
    assert which not in office.run("status").ended(0).out


def test_clients_are_listed_and_shown(office):
    office.run("client", "add", "Le Monde", "--class", "newsroom", "--jurisdiction", "unknown").ended(0)
    assert [about["name"] for about in office.run("client", "list", "--json").doc["clients"]] == [
        "Acme & Sons",
        "Le Monde",
    ]
    office.run("client", "list").ended(0, "Acme & Sons: private-company, US-IL, contract active", "Le Monde: newsroom")
    applied = ("order", "draft", "--end-contracts", "--client", "Acme & Sons", *TERMS, "--apply")
    order = office.run(*applied, "--json").ended(0).doc["order"]
    assert office.run("client", "show", "Acme & Sons", "--json").doc["ended_by"] == order
    office.run("client", "show", "Acme & Sons").ended(0, f"by order {order}", "ended at")
    office.run("order", "list").ended(0, "end contracts: client Acme & Sons", "in force")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("order", "simulate", "nobody"), 4, "there is no order"),
        (("order", "apply", "00000000-0000-0000-0000-000000000000"), 4, "there is no order"),
        (("order", "stay", "nobody", "--document", "order.pdf"), 4, "there is no order"),
        (("order", "draft", "--delete", *TERMS), 2, "does not say what it is about"),
        (("order", "draft", "--delete", "--source", "nobody", *TERMS), 4, "no source"),
        (("order", "draft", "--jurisdiction", "CA", *TERMS), 2, "demands nothing"),
        (("order", "draft", "--delete", "--jurisdiction", "CA", *TERMS[:-1], "nowhere.pdf"), 2, "not a file"),
        (("client", "show", "nobody"), 4, "no client"),
        (("client", "add", "Acme & Sons", "--class", "newsroom", "--jurisdiction", "FR"), 2, "exists"),
        (("client", "add", "New", "--class", "newsroom", "--jurisdiction", "Atlantis"), 2, "not a jurisdiction"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(office, arguments, code, said):
    office.run(*arguments).ended(code, said)
    error = json.loads(office.run(*arguments, "--json").out)["error"]
    assert said in error["message"]
    assert error["hint"]
    assert office.run("order", "list").ended(0).out == "No order yet.\n"


def test_a_household_has_no_clients_but_obeys_orders(desk):
    desk = desk.quick
    (desk.root / "order.pdf").write_bytes(b"an order")
    desk.run("init").ended(0)
    desk.run("client", "add", "Acme", "--class", "newsroom", "--jurisdiction", "FR").ended(2, "no clients")
    desk.run("order", "draft", "--stop-offering", "--jurisdiction", "CA", *TERMS, "--apply").ended(0, "in force")
