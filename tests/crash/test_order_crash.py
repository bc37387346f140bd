"""An order killed at any point: not in force, or in force and on its way; acknowledged, all of it is done for good."""

import pytest

from countenance.errors import PolicyDenied
from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles
from support.disk_home import held_after, held_by, opened

PORTRAITS = {"basis": "historical", "purposes": ["archive-description"]}
ASKED = {"purpose": "archive-description", "case": "2026-1"}
ERASED, SHARED, OTHER = "erased-zenobia", "shared-ulrich", "other-rosalind"
SECRET = b"what the commissioner wrote to nobody else"


@pytest.fixture
def folders(tmp_path):
    made = {name: tmp_path / name for name in ("ontario", "platform", "paris")}
    for folder in made.values():
        folder.mkdir()
        (folder / "ulrich.jpg").write_bytes(picture(f"{SHARED}@10,20,60,80"))
    (made["ontario"] / "zenobia.jpg").write_bytes(picture(f"{ERASED}@10,20,60,80", "beside-quentin@100,20,150,80"))
    (made["platform"] / "yolanda.jpg").write_bytes(picture("erased-yolanda@10,20,60,80"))
    (made["paris"] / "rosalind.jpg").write_bytes(picture(f"{OTHER}@10,20,60,80"))
    return made


@pytest.fixture
def drafted(tmp_path, folders):
    """A home with three sources and two clients, and the draft of an order for all of it but Paris."""
    document = tmp_path / "order.pdf"
    document.write_bytes(SECRET)
    with opened(tmp_path / "home", "organisation") as home:
        for name, folder in folders.items():
            place = "CA-ON" if name == "ontario" else "FR"
            home.add_source(name, folder, jurisdiction=place, evidence=document, **PORTRAITS)
        home.ingest()
        home.clients.add("Acme", client_class="private-company", jurisdiction="CA")
        home.clients.add("Gazette", client_class="newsroom", jurisdiction="FR")
        find(home, ERASED, client="Gazette")
        assert held_by(home) == held_after(folders)
        order = home.orders.draft(
            stop_collecting=True, stop_offering=True, delete=True, end_contracts=True, jurisdictions=["CA"],
            sources=["platform"], document=document, authority="Privacy Commissioner", dated="2021-02-02",
        )  # fmt: skip
    return tmp_path / "home", order.uid


def find(home, name, **more):
    """How many leads; None: the search was refused."""
    try:
        return len(home.search(picture(f"{name}@1,1,50,50"), **ASKED, **more).leads)
    except PolicyDenied:
        return None


def active(home):
    return {client.name for client in home.clients.all() if client.ended_at is None}


def test_applying_an_order_killed_at_every_point(drafted, folders, breaker):
    before, uid = drafted
    left = held_after({"paris": folders["paris"]})
    with opened(before) as home:
        entries = [entry.id for entry in home.parts.log.entries()]
        keyfile = home.parts.keyfile

    def check(copy, ran):
        with opened(copy) as home:
            assert [entry.id for entry in home.parts.log.entries()][: len(entries)] == entries
            order = home.orders.get(uid)
            if ran.acknowledged:
                assert order.done_at is not None
                assert home.parts.stores.records.erasures.unfinished() == ()
                assert active(home) == {"Gazette"}
            assert find(home, ERASED, client="Acme") == (1 if order.starts_at is None else None)
            done = home.orders.apply(uid)
            assert (done.pictures_deleted, done.faces_deleted, done.contracts_ended) == (2, 3, 1)
            assert done.differences == ()
            assert active(home) == {"Gazette"}
            assert (find(home, ERASED), find(home, OTHER)) == (0, 1)
            home.ingest("paris")  # sweeps
            assert held_by(home) == left
            home.verify_log()
        found = Thief(keyfile, copy).find({"order": SECRET} | face_needles(ERASED) | face_needles(OTHER))
        assert not [what for what in found if what.startswith(ERASED)]
        assert f"{OTHER}: template, float16" in found
        assert not found["order"].raw

    breaker.everywhere(before, "apply_order", uid, at_least=115, then=check)


def test_a_stay_killed_at_every_point_is_recorded_or_is_not(drafted, tmp_path, breaker):
    before, _ = drafted
    decision = tmp_path / "decision.pdf"
    decision.write_bytes(b"the decision, by the court")
    with opened(before) as home:
        order = home.orders.draft(
            stop_offering=True, sources=["paris"], document=decision, authority="A court", dated="2021-02-02"
        )
        home.orders.apply(order.uid)

    def check(copy, ran):
        with opened(copy) as home:
            stands = home.orders.get(order.uid)
            assert stands.stayed_at is not None or not ran.acknowledged
            assert len(stands.papers) == (1 if stands.stayed_at is None else 2)
            assert find(home, OTHER) == (0 if stands.stayed_at is None else 1)
            home.orders.stay(order.uid, decision)
            assert find(home, OTHER) == 1
            home.ingest("ontario")
            held_by(home)  # no paper and no key of the one that was killed
            home.verify_log()

    breaker.everywhere(before, "decide_order", "stay", order.uid, str(decision), at_least=14, then=check, kills=0)
