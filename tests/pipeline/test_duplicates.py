"""Stacks of leads, and the listing of duplicates. `#garden+3` is a toy picture that shows `#garden` but for 3 bits."""

import os

import pytest
import sqlalchemy as sa

from countenance.associated_data import crop_hash_aad
from countenance.pipeline.pictures.duplicates import find_duplicates
from countenance.pipeline.search.group_duplicates import CROP_BITS, NEAR_BITS
from countenance.records import schema
from countenance.testing.toy import picture
from countenance.types import DuplicateLink, HomeKind

ALICE, BOB = "alice@10,20,60,80", "bob@100,20,150,80"
NEAR = f"#garden+{NEAR_BITS}"


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def put(folder, **pictures):
    for name, words in pictures.items():
        (folder / f"{name}.jpg").write_bytes(picture(*words))


def listed(toy, *names, top=None):
    sources = [toy.records.sources.get(name) for name in names] or toy.records.sources.all()
    found = find_duplicates(toy.stores, sources, top)
    return found, [sorted(copy.uri.rpartition("/")[2] for copy in group) for group in found.groups]


def set_crop_hash(toy, bits, **names):
    """The toy crops are too plain for a hash: give the face of each picture one, turned by so many bits."""
    for number, (_, face) in enumerate(names.items()):
        value = (((1 << bits) - 1) * number).to_bytes(32)
        sealed = toy.keys.seal(face.key_id, crop_hash_aad(str(face.uid)), value)
        with toy.records.database.write() as connection:
            connection.execute(schema.faces.update().where(schema.faces.c.uid == face.uid).values(crop_hash=sealed))


def faces_of(toy, folder):
    """The one face of each picture of a folder, by name."""
    import hashlib

    hashes = {path.stem: hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir()}
    known = toy.records.pictures.known_pictures(1, list(hashes.values()))
    return {name: known[sha].faces[0] for name, sha in sorted(hashes.items())}


# --- leads -----------------------------------------------------------------------------------------------------------
def test_near_duplicates_are_one_lead_with_the_others_under_it(toy, album):
    put(album, a=[ALICE, "#garden"], b=[ALICE.replace("alice", "alice~"), NEAR], c=["alice~~@10,20,60,80", "#beach"])
    toy.add_source(album)
    toy.ingest()
    result = toy.search(ALICE)
    assert [(lead.rank, lead.picture.uri[-5:]) for lead in result.leads] == [(1, "a.jpg"), (2, "c.jpg")]
    [copy] = result.leads[0].duplicates
    assert (copy.picture.uri[-5:], copy.link, copy.distance) == ("b.jpg", DuplicateLink.NEAR, NEAR_BITS)
    assert result.leads[0].score > copy.score >= result.threshold
    assert result.searched == 3
    [told] = result.as_dict()["leads"][0]["duplicates"]
    assert told["face_id"] == copy.face_id
    assert (told["link"], told["distance"], told["source"]) == ("near", NEAR_BITS, "album")
    shown = toy.log.kept[-1].record["faces"]
    assert shown == [result.leads[0].face_id, copy.face_id, result.leads[1].face_id]


def test_one_bit_more_is_another_picture(toy, album):
    put(album, a=[ALICE, "#garden"], b=[ALICE, f"#garden+{NEAR_BITS + 1}"])
    toy.add_source(album)
    toy.ingest()
    assert [lead.duplicates for lead in toy.search(ALICE).leads] == [(), ()]


def test_two_faces_of_one_photograph_are_two_leads(toy, album):
    put(album, a=[ALICE, "alice~@200,20,260,80", "#garden"], b=[ALICE, "alice~@200,20,260,80", NEAR])
    toy.add_source(album)
    toy.ingest()
    leads = toy.search(ALICE).leads
    assert len(leads) == 2
    assert [[copy.box for copy in lead.duplicates] for lead in leads] == [[lead.box] for lead in leads]


def test_top_counts_stacks_and_fetches_as_many_as_it_needs(toy, album):
    for n in range(40):
        (album / f"copy{n}.jpg").write_bytes(picture(ALICE, f"x{n}@300,1,350,50", f"#garden+{n % 31}"))
    put(album, other=["alice~@10,20,60,80", "#beach"], third=["alice~~@10,20,60,80", "#hill"])
    toy.add_source(album)
    toy.ingest()
    result = toy.search(ALICE, top=2)
    assert [len(lead.duplicates) for lead in result.leads] == [39, 0]
    assert result.leads[1].picture.uri.endswith("other.jpg")


def test_a_crop_is_stacked_by_the_hash_of_the_face(toy, album):
    put(album, a=[ALICE, "#garden"], b=["alice@200,200,400,440", "#beach"])
    toy.add_source(album)
    toy.ingest()
    set_crop_hash(toy, CROP_BITS, **faces_of(toy, album))
    [lead] = toy.search(ALICE).leads
    assert [(copy.link, copy.distance) for copy in lead.duplicates] == [(DuplicateLink.CROP, CROP_BITS)]
    set_crop_hash(toy, CROP_BITS + 1, **faces_of(toy, album))
    assert len(toy.search(ALICE).leads) == 2


@pytest.mark.parametrize("kind", HomeKind)
def test_what_may_not_be_searched_is_in_no_stack_and_in_no_list(tmp_path, album, archive, kind, toy, organisation):
    home = toy if kind is HomeKind.HOUSEHOLD else organisation
    put(album, a=[ALICE, "#garden"], b=[ALICE, "#garden+1"])
    put(archive, c=[ALICE, "#garden+2"])
    grant, question = {}, {}
    if kind is HomeKind.ORGANISATION:
        (tmp_path / "deed.pdf").write_bytes(b"%PDF- a deed")
        grant = {"basis": "historical", "purposes": ["archive-description"], "evidence": tmp_path / "deed.pdf"}
        question = {"purpose": "archive-description", "case": "2026-1"}
    home.add_source(album, **grant)
    home.add_source(archive, "archive", **grant)
    for name in ("album", "archive"):
        home.ingest(name)
    assert len(home.search(ALICE, **question).leads[0].duplicates) == 2
    assert listed(home)[1] == [["a.jpg", "b.jpg", "c.jpg"]]
    home.records.sources.set_grant_state(home.records.sources.get("archive"), suspended_at=home.clock())
    [lead] = home.search(ALICE, **question).leads
    assert {lead.source, *(copy.source for copy in lead.duplicates)} == {"album"}
    assert len(lead.duplicates) == 1
    found, groups = listed(home)
    assert (found.pictures, groups) == (2, [["a.jpg", "b.jpg"]])
    assert listed(home, "archive")[1] == []


def test_the_erased_are_in_no_stack(toy, album):
    put(album, a=[ALICE, "#garden"], b=[ALICE, "#garden+1"], c=[ALICE, "#garden+2"])
    toy.add_source(album)
    toy.ingest()
    [lead] = toy.search(ALICE).leads
    toy.eraser.erase_face(lead.duplicates[0].face_id)
    [lead] = toy.search(ALICE).leads
    assert len(lead.duplicates) == 1
    toy.eraser.erase_picture(lead.picture.id)
    [lead] = toy.search(ALICE).leads
    assert lead.duplicates == ()


# --- the list --------------------------------------------------------------------------------------------------------
def test_groups_are_listed_largest_first_with_what_links_them(toy, album, archive):
    put(album, a=[ALICE, "#garden"], b=[BOB, "#garden+4"], same=[BOB, "#beach"], alone=[ALICE, "#hill"])
    put(album, x=["#lake"], y=["#lake+1"])
    put(archive, same=[BOB, "#beach"], c=[BOB, "#garden+5"])
    toy.add_source(album)
    toy.add_source(archive, "archive")
    toy.ingest()
    toy.ingest("archive")
    found, groups = listed(toy)
    assert groups == [["a.jpg", "b.jpg", "c.jpg"], ["same.jpg", "same.jpg"], ["x.jpg", "y.jpg"]]
    assert (found.pictures, found.unhashed, found.plain, found.groups_found) == (7, 0, 0, 3)
    assert toy.log.kinds[-1] == "duplicates.shown"
    assert listed(toy, "album")[1] == [["a.jpg", "b.jpg"], ["x.jpg", "y.jpg"]]
    found, groups = listed(toy, top=1)
    assert (found.groups_found, len(groups)) == (3, 1)
    [first, second] = find_duplicates(toy.stores, toy.records.sources.all()).as_dict()["groups"][1]
    assert first["picture_id"] == second["picture_id"]
    assert {first["source"], second["source"]} == {"album", "archive"}
    assert (first["link"], first["bytes"]) == ("exact", len(picture(BOB, "#beach")))


def test_crops_are_listed_and_a_near_copy_is_not_called_a_crop(toy, album):
    put(album, a=[ALICE, "#garden"], b=["alice@200,200,400,440", "#beach"], c=["alice@11,20,60,80", "#garden+1"])
    toy.add_source(album)
    toy.ingest()
    set_crop_hash(toy, 20, **{k: v for k, v in faces_of(toy, album).items() if k in "ab"})
    [group] = find_duplicates(toy.stores, toy.records.sources.all()).groups
    links = {copy.uri[-5:]: (copy.link, copy.distance) for copy in group}
    near, crop = (DuplicateLink.NEAR, 1), (DuplicateLink.CROP, 20)
    assert links == {"a.jpg": near, "b.jpg": crop, "c.jpg": near}


def test_what_is_erased_or_suspended_while_the_list_is_read_is_not_told(toy, album, archive):
    put(album, a=[ALICE, "#garden"], b=[ALICE, "#garden+1"], c=[BOB, "#beach"])
    put(archive, d=[BOB, "#beach+1"], e=[BOB, "#garden+2"])
    toy.add_source(album)
    toy.add_source(archive, "archive")
    toy.ingest()
    toy.ingest("archive")
    found = find_duplicates(toy.stores, toy.records.sources.all())
    assert found.groups_found == 2
    toy.eraser.erase_picture(next(lead.picture.id for lead in toy.search(ALICE).leads))
    toy.records.sources.set_grant_state(toy.records.sources.get("archive"), suspended_at=toy.clock())
    assert list(found.groups) == []


def test_a_picture_without_a_hash_is_said_and_gets_one_with_the_next_ingest(toy, album):
    put(album, a=[ALICE, "#garden"], b=[ALICE, "#garden+1"])
    toy.add_source(album)
    toy.ingest()
    with toy.records.database.write() as connection:
        connection.execute(sa.update(schema.pictures).values(pdq=None))
    found, groups = listed(toy)
    assert (found.unhashed, groups) == (2, [])
    faces = toy.records.gallery.counts()
    report = toy.ingest()
    assert (report.again, report.unchanged) == (2, 0)
    assert toy.embedder.embedded == 2  # and no template is made anew
    assert toy.records.gallery.counts() == faces
    assert listed(toy)[1] == [["a.jpg", "b.jpg"]]
    assert toy.ingest().unchanged == 2


def test_a_picture_with_too_little_to_see_has_only_exact_copies(toy, album, monkeypatch):
    monkeypatch.setattr("countenance.testing.toy.seen", lambda data: b"")
    put(album, a=[ALICE, "#fog"], b=[ALICE, "#fog+1"])
    (album / "c.jpg").write_bytes((album / "a.jpg").read_bytes())
    toy.add_source(album)
    toy.ingest()
    found, groups = listed(toy)
    assert (found.plain, groups) == (2, [["a.jpg", "c.jpg"]])
    assert toy.ingest().unchanged == 3


def test_of_a_face_that_may_not_be_indexed_no_crop_hash_is_kept(toy, album, monkeypatch):
    monkeypatch.setattr("countenance.pipeline.pictures.enrol.pdq", lambda crop: (os.urandom(32), 100))
    put(album, a=[ALICE, "blurred@100,20,150,80", "#garden"])
    toy.add_source(album)
    toy.ingest()
    with toy.records.database.read() as connection:
        rows = connection.execute(sa.select(schema.faces.c.template, schema.faces.c.crop_hash)).all()
    assert sorted((row.template is None, row.crop_hash is None) for row in rows) == [(False, False), (True, True)]
    [lead] = toy.search(ALICE).leads
    toy.eraser.erase_face(lead.face_id)
    with toy.records.database.read() as connection:
        assert set(connection.scalars(sa.select(schema.faces.c.crop_hash))) == {None}
