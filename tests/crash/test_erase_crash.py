"""An erasure killed at any point: whole or on its way before the answer, and after it gone for good."""

import pytest

from countenance.auditlog import receipt as receipts
from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles
from support.disk_home import Held, held_after, held_by, opened

PLACES = {"album": "CA-ON", "archive": "FR"}
ERASED, BESIDE, OTHER, SHARED = "erased-zenobia", "beside-her-quentin", "other-rosalind", "shared-ulrich"
NAME = "Zenobia of the birthday, a name that only her person has"
PICTURE = picture(f"{ERASED}@10,20,60,80", f"{BESIDE}@100,20,150,80")


@pytest.fixture
def folders(tmp_path):
    made = {name: tmp_path / name for name in ("album", "archive")}
    for folder in made.values():
        folder.mkdir()
        (folder / "ulrich.jpg").write_bytes(picture(f"{SHARED}@10,20,60,80"))
    (made["album"] / "zenobia.jpg").write_bytes(PICTURE)
    (made["album"] / "rosalind.jpg").write_bytes(picture(f"{OTHER}@10,20,60,80"))
    return made


@pytest.fixture
def filled(tmp_path, folders):
    with opened(tmp_path / "home") as home:
        for name, folder in folders.items():
            home.add_source(name, folder, basis="household", jurisdiction=PLACES[name])
        home.ingest()
        assert held_by(home) == held_after(folders)
    return tmp_path / "home"


def without(held, scope):
    """What is left of the album and the archive when that much is erased."""
    if scope == "person":
        return Held(held.places, *(_less(rows, ERASED) for rows in (held.faces, held.rows)))
    places = frozenset(each for each in held.places if each[1] != b"zenobia.jpg")
    return Held(places, *(_less(rows, ERASED, BESIDE) for rows in (held.faces, held.rows)))


def _less(rows, *names):
    return type(rows)({row: n for row, n in rows.items() if row[1].partition("@")[0] not in names})


def erase(home, scope, which):
    return home.erase(**{scope: which})


def assert_gone(thief, home):
    """Nothing of the erased can be opened, and no destroyed key can be read, whatever copies it might still open."""
    assert thief.find(face_needles(ERASED) | {"name": NAME.encode()}) == {}
    assert set(thief.keys) == set(home.parts.keys.ids())
    assert f"{SHARED}: template, float16" in thief.find(face_needles(SHARED))


@pytest.mark.parametrize(
    "scope", ["source", "person", "jurisdiction"]
)  # a person is faces and a name, a place pictures
def test_an_erasure_killed_at_every_point(filled, folders, breaker, scope):
    with opened(filled) as home:
        [lead] = home.search(picture(f"{ERASED}@1,1,50,50")).leads
        person = home.people.new([lead.face_id], name=NAME).id
        before = [entry.id for entry in home.parts.log.entries()]
        keyfile = home.parts.keyfile
    which = {"source": "album", "person": person, "jurisdiction": "CA"}[scope]
    whole = held_after(folders)
    if scope in {"source", "jurisdiction"}:
        left = held_after({"archive": folders["archive"]})
        again = ["archive"]
    else:
        left, again = without(whole, scope), ["album", "archive"]

    def check(copy, ran):
        with opened(copy) as home:
            entries = list(home.parts.log.entries())
            assert [entry.id for entry in entries][: len(before)] == before
            shown = home.search(picture(f"{ERASED}@1,1,50,50")).leads
            if ran.acknowledged:
                assert home.parts.stores.records.erasures.unfinished() == ()
                assert not shown
                assert receipts.check(home.receipts.get(ran.told[0]["receipt"]).document, home.receipts.verifier_key())
            begun = bool(home.parts.stores.records.erasures.unfinished())
            home.parts.engine().eraser.resume()
            if begun or not shown:
                assert not shown, "an erasure that was begun hides"
                assert erase(home, scope, which).already
            else:
                assert held_by(home) == whole
                erase(home, scope, which)
            assert held_by(home, ignore_left_over=True) == left
            assert home.people.all() == ()
            [receipt] = home.receipts.all()
            assert receipts.check(receipt.document, home.receipts.verifier_key()).receipt["scope"] == scope
            assert_gone(Thief(keyfile, copy), home)  # already, and not only when an ingest has swept
            home.ingest(*again)
            assert held_by(home) == left
            assert not home.search(picture(f"{ERASED}@1,1,50,50")).leads
            home.verify_log()
            assert_gone(Thief(keyfile, copy), home)

    breaker.everywhere(filled, "erase", scope, which, at_least=45, then=check)
