"""What an order stops, deletes and ends; that a simulation changes nothing, and that applying does exactly that."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from countenance.app.orders import OrderService
from countenance.errors import LogUnwritable, NotFound, PolicyDenied, StorageFailed, WrongUse
from countenance.pipeline.clients import ClientWorkflow
from countenance.pipeline.orders.plan import plan_of, under_way
from countenance.remedies import Remedy
from countenance.testing.toy import picture
from countenance.types import Purpose
from support import orders

ALICE, BOB, CAROL, DAVE = (f"{name}@10,20,60,80" for name in ("alice", "bob", "carol", "dave"))
ASKED = {"purpose": Purpose.ARCHIVE_DESCRIPTION, "case": "2026-1", "threshold": 0.9}
CANADA = {"stop_collecting": True, "stop_offering": True, "delete": True, "jurisdictions": ["CA"]}
PAPER = {"authority": "Privacy Commissioner of Canada", "dated": "2021-02-02"}


class World:
    """An organisation with three sources and four clients, and whoever must obey."""

    def __init__(self, home, folder):
        self.home, self.folder = home, folder
        self.document = folder / "order.pdf"
        self.document.write_bytes(b"%PDF-1.4 an order")
        self.desk = OrderService(
            SimpleNamespace(stores=home.stores, engine=lambda: SimpleNamespace(eraser=home.eraser))
        )
        self.clients = ClientWorkflow(home.stores)
        self.source("ontario", "CA-ON", {"a.jpg": picture(ALICE, "ann@90,1,150,50")})
        self.source("paris", "FR", {"b.jpg": picture(BOB), "both.jpg": picture(DAVE)})
        self.source("somewhere", "CA-QC", {"c.jpg": picture(CAROL), "both.jpg": picture(DAVE)}, within="CA, unknown")
        for name, kind, place in (
            ("Acme", "private-company", "US-IL"), ("Sureté", "law-enforcement", "CA-QC"),
            ("Gazette", "newsroom", "FR"), ("Nowhere Inc", "private-company", "unknown"),
        ):  # fmt: skip
            self.clients.add(name, client_class=kind, jurisdiction=place)

    def source(self, name, place, pictures, **more):
        folder = self.folder / name
        folder.mkdir()
        for file, data in pictures.items():
            (folder / file).write_bytes(data)
        self.home.add_source(
            folder, name, basis="historical", jurisdiction=place, purposes=["archive-description"],
            evidence=self.document, **more,
        )  # fmt: skip
        self.home.ingest(name)

    def draft(self, **terms):
        return self.desk.draft(**{"document": self.document, **PAPER, **terms})

    def apply(self, **terms):
        return self.desk.apply(self.draft(**terms).uid)

    def finds(self, face, **more):
        try:
            return len(self.home.search(face, **{**ASKED, **more}).leads)
        except PolicyDenied:
            return None

    def active(self):
        return {client.name for client in self.clients.all() if client.ended_at is None}

    def dump(self):
        with self.home.records.database.read() as connection:
            return list(connection.connection.driver_connection.iterdump())


@pytest.fixture
def world(organisation, tmp_path):
    return World(organisation, tmp_path)


# --- the cases to serve ----------------------------------------------------------------------------------------------
def test_canada_stop_collecting_stop_offering_delete(world):
    assert [world.finds(face) for face in (ALICE, BOB, CAROL, DAVE)] == [1, 1, 1, 1]
    done = world.apply(**CANADA)
    assert (done.pictures_deleted, done.faces_deleted, done.differences) == (2, 3, ())
    assert done.receipt == world.home.records.receipts.of(done.order.uid).uid
    assert [world.finds(face) for face in (ALICE, BOB, CAROL, DAVE)] == [0, 1, 0, 1]  # dave stands in Paris too
    for name in ("ontario", "somewhere"):
        with pytest.raises(PolicyDenied, match="order"):
            world.home.ingest(name)
    assert world.home.ingest("paris").unchanged == 2
    assert {name: world.finds(BOB, client=name) for name in ("Acme", "Sureté", "Gazette", "Nowhere Inc")} == {
        "Acme": 1, "Sureté": None, "Gazette": 1, "Nowhere Inc": None,
    }  # fmt: skip
    assert world.active() == {"Acme", "Sureté", "Gazette", "Nowhere Inc"}  # no contract was to end


def test_illinois_terminate_every_client_there_and_hide_its_people(world):
    world.source("chicago", "US-IL", {"e.jpg": picture("erin@10,20,60,80")})
    world.source("states", "US", {"f.jpg": picture("fred@10,20,60,80")})
    done = world.apply(stop_offering=True, end_contracts=True, jurisdictions=["US-IL"])
    assert done.contracts_ended == 2
    assert world.active() == {"Sureté", "Gazette"}  # nobody knows where Nowhere is
    assert [world.finds(face) for face in ("erin@1,1,50,50", "fred@1,1,50,50", BOB)] == [0, 0, 1]
    assert [client.ended_by for client in world.clients.all() if client.ended_at] == [done.order.uid] * 2
    assert world.home.ingest("chicago").unchanged == 1  # collecting goes on


def test_every_private_companys_contract_is_ended_and_none_comes_after(world):
    done = world.apply(end_contracts=True, client_classes=["private-company"])
    assert done.contracts_ended == 2
    assert world.active() == {"Sureté", "Gazette"}
    world.clients.add("Late Inc", client_class="private-company", jurisdiction="DE")
    assert world.finds(BOB, client="Late Inc") is None
    assert world.finds(BOB, client="Gazette") == 1
    assert "client.ended" in world.home.log.kinds


@pytest.mark.parametrize("over", [False, True])
def test_a_cease_and_desist_purges_one_source_also_when_its_grant_is_over(world, over):
    source = world.home.records.sources.get("somewhere")
    if over:
        world.home.records.sources.set_grant_state(source, withdrawn_at=world.home.clock())
    done = world.apply(stop_collecting=True, stop_offering=True, delete=True, sources=["somewhere"])
    assert (done.pictures_deleted, done.faces_deleted) == (1, 1)
    assert [change.goes for change in done.plan.sources] == [True]
    assert [world.finds(face) for face in (ALICE, CAROL, DAVE)] == [1, 0, 1]
    assert [source.name for source in world.home.records.sources.all()] == ["ontario", "paris"]
    shutil.rmtree(world.folder / "somewhere")
    with pytest.raises(PolicyDenied):  # nor under its old name
        world.source("somewhere", "FR", {"g.jpg": picture("gina@10,20,60,80")})


# --- simulating ------------------------------------------------------------------------------------------------------
def test_a_simulation_counts_and_changes_nothing(world):
    world.finds(CAROL, client="Gazette")
    order = world.draft(**CANADA, end_contracts=True)
    rows, entries = world.dump(), len(world.home.log)
    plan = world.desk.simulate(order.uid[:8])
    assert world.dump() == rows
    assert len(world.home.log) == entries
    assert plan_of(plan.as_dict()) == plan
    told = {change.source: change for change in plan.sources}
    assert set(told) == {"ontario", "somewhere"}
    assert (told["ontario"].faces_out_of_search, told["ontario"].faces_deleted) == (2, 2)
    assert (told["somewhere"].pictures_out_of_search, told["somewhere"].pictures_deleted) == (2, 2)
    assert all(change.stops_collecting and not change.goes for change in plan.sources)
    assert {change.client for change in plan.clients} == {"Sureté", "Nowhere Inc"}
    assert all(change.stops_offering and change.ends_contract for change in plan.clients)
    assert (plan.pictures_out_of_search, plan.faces_out_of_search) == (2, 3)  # dave is found in Paris
    assert (plan.pictures_deleted, plan.faces_deleted, plan.leads_erased) == (2, 3, 1)
    done = world.desk.apply(order.uid, simulated=plan)
    assert done.differences == ()
    assert done.as_dict()["as_simulated"]
    left = world.desk.simulate(order.uid)
    assert (left.sources, left.clients, left.pictures_deleted) == ((), (), 0)


def test_what_changed_since_a_simulation_is_explained(world):
    order = world.draft(**CANADA)
    plan = world.desk.simulate(order.uid)
    (world.folder / "ontario" / "new.jpg").write_bytes(picture("hal@10,20,60,80"))
    world.home.ingest("ontario")
    world.clients.end("Sureté")
    world.source("later", "CA-BC", {"i.jpg": picture("ivy@10,20,60,80")})
    differences = world.desk.apply(order.uid, simulated=plan).differences
    assert any(line.startswith("later: not in the simulation") for line in differences)
    assert any("ontario: 2 faces" in line and "3 faces" in line for line in differences)
    assert any("client Sureté" in line for line in differences)
    assert any(line.startswith("pictures deleted: 2 simulated, 4 when applied") for line in differences)
    with pytest.raises(WrongUse, match="another order"):
        world.desk.apply(world.draft(**CANADA).uid, simulated=plan)


def test_a_search_under_way_is_counted_and_bound(world):
    order = world.draft(stop_offering=True, jurisdictions=["CA"])
    visible, plans = world.home.records.gallery.visible, []

    def in_between(*asked):
        world.home.records.gallery.visible = visible
        plans.append(world.desk.simulate(order.uid))
        world.desk.apply(order.uid)
        return visible(*asked)

    world.home.records.gallery.visible = in_between
    assert world.finds(ALICE) == 0
    assert plans[0].searches_under_way == 1
    assert world.desk.get(order.uid).plan["searches_under_way"] == 1
    assert under_way(world.home.log, world.home.clock()) == []


def test_pictures_of_an_unclear_place_are_stopped_and_deleted_only_when_asked(world):
    world.source("canada", "CA", {"i.jpg": picture("ian@10,20,60,80")})
    for deletes_unknown, left in ((False, 1), (True, 0)):
        order = world.draft(stop_offering=True, delete=True, delete_unknown=deletes_unknown, jurisdictions=["CA-ON"])
        plan = world.desk.simulate(order.uid)
        assert plan.pictures_unclear == left
        world.desk.apply(order.uid)
        assert world.finds("ian@1,1,50,50") == 0
        counts = world.home.records.gallery.source_counts(world.home.records.sources.get("canada").id)
        assert counts["pictures"] == left


# --- in force --------------------------------------------------------------------------------------------------------
def test_a_draft_stops_nothing_and_a_back_dated_order_binds_from_now(world):
    order = world.draft(stop_offering=True, jurisdictions=["FR"], dated="1999-12-31")
    assert world.finds(BOB) == 1
    done = world.desk.apply(order.uid)
    assert world.finds(BOB) == 0
    assert done.order.terms.dated == "1999-12-31"
    assert done.order.starts_at >= done.order.drafted_at


def test_a_clock_that_is_set_back_takes_no_order_out_of_force(world):
    world.apply(stop_collecting=True, sources=["paris"])
    world.apply(end_contracts=True, clients=["Gazette"])
    world.home.now = world.home.clock() - timedelta(seconds=30)
    with pytest.raises(PolicyDenied):
        world.home.ingest("paris")
    assert world.finds(BOB, client="Gazette") is None


def test_an_orders_own_term_ends_it(world):
    order = world.apply(stop_offering=True, sources=["paris"], until=(world.home.clock()).date().isoformat()).order
    assert world.finds(BOB) == 0
    world.home.now = world.home.clock() + timedelta(days=2)
    assert world.finds(BOB) == 1
    assert world.desk.describe(world.desk.get(order.uid))["state"] == "expired"
    for act in (world.desk.apply, world.desk.simulate):
        with pytest.raises(WrongUse, match="has ended"):
            act(order.uid)


def test_stayed_resumed_and_lifted_each_by_a_document(world):
    order = world.apply(stop_collecting=True, stop_offering=True, jurisdictions=["FR"]).order
    decision = world.folder / "decision.pdf"
    decision.write_bytes(b"the decision")
    found = []
    for act in (
        world.desk.stay,
        world.desk.stay,
        world.desk.resume,
        world.desk.resume,
        world.desk.lift,
        world.desk.lift,
    ):
        act(order.uid, decision)
        found.append(world.finds(BOB))
    assert found == [1, 1, 0, 0, 1, 1]
    assert world.home.ingest("paris").unchanged == 2
    kinds = [kind for kind in world.home.log.kinds if kind.startswith("order.")]
    assert kinds == [f"order.{kind}" for kind in ("drafted", "applied", "done", "stayed", "resumed", "lifted")]
    assert [paper.kind for paper in world.desk.get(order.uid).papers] == ["order", "stay", "resume", "lift"]
    written = world.desk.papers(order.uid, world.folder / "papers")
    assert [path.read_bytes() for path in written] == [b"%PDF-1.4 an order"] + [b"the decision"] * 3
    assert b"the decision" not in b"".join(world.home.blobs.kept.values())
    for act in (world.desk.stay, world.desk.resume):
        with pytest.raises(WrongUse):
            act(order.uid, decision)
    with pytest.raises(WrongUse, match="has ended"):
        world.desk.apply(order.uid)


def test_lifting_brings_back_neither_what_was_deleted_nor_a_contract_but_collecting(world):
    order = world.apply(**CANADA, end_contracts=True).order
    world.desk.lift(order.uid, world.document)
    assert world.finds(ALICE) == 0
    assert world.active() == {"Acme", "Gazette"}
    assert world.home.ingest("ontario").taken == 1
    assert world.finds(ALICE) == 1


def test_of_two_orders_the_stricter_holds(world):
    short = world.apply(stop_offering=True, jurisdictions=["EU"]).order
    world.apply(stop_offering=True, sources=["paris"])
    world.desk.stay(short.uid, world.document)
    assert world.finds(BOB) == 0
    world.desk.lift(short.uid, world.document)
    assert world.finds(BOB) == 0


def test_applying_twice_gives_the_same_answer(world):
    order = world.draft(**CANADA)
    first = world.desk.apply(order.uid)
    entries = len(world.home.log)
    assert world.desk.apply(order.uid) == first
    assert len(world.home.log) == entries


def test_a_deletion_that_was_cut_short_goes_on_unless_the_order_is_stayed(world):
    order = world.draft(**CANADA)
    erase, world.home.blobs.delete_many = world.home.blobs.delete_many, _full
    with pytest.raises(StorageFailed, match="in force"):
        world.desk.apply(order.uid)
    assert world.finds(ALICE) == 0  # in force, and hidden
    assert world.desk.get(order.uid).unfinished
    world.home.blobs.delete_many = erase
    world.desk.stay(order.uid, world.document)
    assert world.desk.finish() == ()
    with pytest.raises(WrongUse, match="stayed"):
        world.desk.apply(order.uid)
    world.desk.resume(order.uid, world.document)
    assert not world.desk.get(order.uid).unfinished
    done = world.desk.apply(order.uid)
    assert (done.pictures_deleted, done.faces_deleted, done.differences) == (2, 3, ())


def _full(*_):
    raise StorageFailed("the disk is full", Remedy.FREE_SPACE)


# --- what is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"jurisdictions": ["CA"]}, "demands nothing"),
        ({"delete": True}, "does not say what it is about"),
        ({"delete": True, "jurisdictions": ["unknown"]}, "unknown is not one"),
        ({"delete": True, "jurisdictions": ["Atlantis"]}, "not a jurisdiction"),
        ({"delete": True, "clients": ["Acme"]}, "about pictures"),
        ({"stop_collecting": True, "client_classes": ["newsroom"]}, "about pictures"),
        ({"end_contracts": True, "sources": ["paris"]}, "about clients"),
        ({"stop_offering": True, "client_classes": ["spies"]}, "not a class of client"),
        ({"stop_offering": True, "delete_unknown": True, "jurisdictions": ["CA"]}, "only together with"),
        ({**CANADA, "authority": " "}, "authority"),
        ({**CANADA, "dated": "02/02/2021"}, "not a date"),
        ({**CANADA, "dated": "2999-01-01"}, "day in the future"),
        ({**CANADA, "until": "2021-12-31"}, "expired already"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_not_logged(world, terms, said):
    entries = len(world.home.log)
    with pytest.raises(WrongUse, match=said):
        world.draft(**terms)
    assert len(world.home.log) == entries
    assert world.desk.all() == ()


@pytest.mark.parametrize("what", ["sources", "clients"])
def test_what_an_order_names_is_there(world, what):
    with pytest.raises(NotFound, match="nobody"):
        world.draft(stop_offering=True, **{what: ["nobody"]})


@pytest.mark.parametrize("state", ["missing", "empty", "folder"])
def test_a_document_that_cannot_be_read_changes_nothing(world, state):
    order = world.apply(stop_offering=True, jurisdictions=["FR"]).order
    bad = world.folder / "bad.pdf"
    if state == "empty":
        bad.touch()
    elif state == "folder":
        bad.mkdir()
    entries = len(world.home.log)
    for act in (world.desk.stay, world.desk.lift):
        with pytest.raises(WrongUse, match=r"bad\.pdf"):
            act(order.uid, bad)
    with pytest.raises(WrongUse, match=r"bad\.pdf"):
        world.draft(**CANADA, document=bad)
    assert len(world.home.log) == entries
    assert world.finds(BOB) == 0


def test_an_id_that_nobody_has_or_that_several_begin_with(world):
    orders = [world.draft(stop_offering=True, jurisdictions=["FR"]) for _ in range(3)]
    assert world.desk.get(orders[0].uid.upper()) == orders[0]
    for text in ("", orders[0].uid[:3], "no-such-order", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFound):
            world.desk.get(text)


def test_without_the_log_nothing_is_done(world):
    order = world.draft(**CANADA)
    in_force = world.apply(stop_offering=True, sources=["paris"]).order
    rows = world.dump()
    world.home.log.broken = True
    for act in (
        lambda: world.draft(**CANADA), lambda: world.desk.apply(order.uid),
        lambda: world.desk.stay(in_force.uid, world.document), lambda: world.desk.lift(in_force.uid, world.document),
    ):  # fmt: skip
        with pytest.raises(LogUnwritable):
            act()
    world.home.log.broken = False
    assert world.dump() == rows
    world.home.ingest("ontario")  # sweeps
    assert set(world.home.blobs.names()) == set(world.home.records.gallery.blob_names())
    assert world.finds(ALICE) == 1
    assert world.finds(BOB) == 0


def test_a_simulation_file_that_is_none(world, tmp_path):
    order = world.draft(**CANADA)
    for text in ("", "[]", "{}", '{"sources": [{"nothing": 1}], "clients": []}'):
        (tmp_path / "plan.json").write_text(text)
        with pytest.raises(WrongUse, match=r"plan\.json"):
            world.desk.apply(order.uid, simulated=tmp_path / "plan.json")
    with pytest.raises(WrongUse, match=r"nowhere\.json"):
        world.desk.apply(order.uid, simulated=tmp_path / "nowhere.json")
    assert world.desk.get(order.uid).starts_at is None


def test_two_who_apply_at_once_get_one_answer(world):
    order = world.draft(**CANADA, end_contracts=True)
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: world.desk.apply(order.uid), range(2))
    assert first == second
    assert world.home.log.kinds.count("order.done") == 1
    assert world.home.log.kinds.count("client.ended") == 2


def test_what_comes_between_the_count_and_the_deletion_is_deleted_and_explained(world):
    order = world.draft(delete=True, jurisdictions=["CA"])  # collecting goes on meanwhile
    put_in_force = world.home.records.orders.put_in_force
    (world.folder / "ontario" / "new.jpg").write_bytes(picture("hal@10,20,60,80"))

    def ingest_first(*args):
        world.home.ingest("ontario")
        return put_in_force(*args)

    object.__setattr__(world.home.records, "orders", _With(world.home.records.orders, put_in_force=ingest_first))
    done = world.desk.apply(order.uid)
    assert (done.plan.pictures_deleted, done.pictures_deleted) == (2, 3)
    assert [line.partition(";")[0] for line in done.differences] == [
        "pictures deleted: 2 counted, 3 done", "faces deleted: 3 counted, 4 done",
    ]  # fmt: skip
    assert world.finds("hal@1,1,50,50") == 0


class _With:
    """Something with a method of another."""

    def __init__(self, inner, **methods):
        self._inner = inner
        self.__dict__.update(methods)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_an_order_from_before_there_were_commands_is_answered_and_lifted(world):
    made = orders.in_force(world.home.records, ["offer"], "source", "paris", world.home.clock())
    with world.home.records.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM order_papers")
        connection.exec_driver_sql("UPDATE orders SET key_id = NULL, plan = NULL, outcome = '{\"pictures\": 3}'")
    done = world.desk.apply(made.uid)
    assert (done.pictures_deleted, done.plan.sources, done.differences) == (3, (), ())  # as after a restore, too
    world.desk.lift(made.uid, world.document)
    assert [path.read_bytes() for path in world.desk.papers(made.uid, world.folder / "papers")] == [
        world.document.read_bytes()
    ]
    with pytest.raises(WrongUse, match="not empty"):
        world.desk.papers(made.uid, world.folder / "papers")


def test_a_document_that_may_not_be_read(world, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", _forbidden)
    with pytest.raises(WrongUse, match="Permission denied"):
        world.draft(**CANADA)


def _forbidden(path):
    raise PermissionError(13, "Permission denied", str(path))
