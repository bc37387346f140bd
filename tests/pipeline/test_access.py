"""What a person gets to see of what is held of them: their pictures, and nobody else."""

import io
import json
import uuid

import numpy as np
import pytest
from PIL import Image

from countenance.app.demo.pictures import write_album
from countenance.app.requests.access_archive import bundle, new_passphrase
from countenance.pipeline.analyse import FaceBlur, analyse_picture, iou
from countenance.pipeline.requests.access import gather
from countenance.pipeline.requests.requests import RequestWorkflow
from countenance.rights.requests import check_asked
from countenance.testing.toy import picture

ALICE, BOB = "alice@10,20,60,80", "bob@200,20,250,80"


def found_for(home, name):
    desk = RequestWorkflow(
        home.stores, home.analyser, home.embedder, home.live, home.calibration, home.eraser, "operator"
    )
    asked = check_asked(kind="access", tier=None, name="", contact="", text="", address="", face="", has_photo=True)
    opened = desk.open(asked, photo=picture(f"{name}@1,1,50,50", "#one"))
    return desk.found(desk.verify(opened.uid, photo=picture(f"{name}~~~@1,1,50,50", "#two")))


@pytest.fixture
def filled(toy, album):
    (album / "both.jpg").write_bytes(picture(ALICE, BOB))
    (album / "alice.jpg").write_bytes(picture("alice~@10,20,60,80"))
    (album / "copy.jpg").write_bytes(picture("alice~@10,20,60,80"))
    (album / "bob.jpg").write_bytes(picture(BOB))
    toy.add_source(album)
    toy.ingest()
    return toy


def test_every_picture_with_its_rights_and_no_other_face(filled):
    pictures = gather(filled.stores, filled.analyser, found_for(filled, "alice"))
    assert len(pictures) == 2
    assert sorted(len(each.places) for each in pictures) == [1, 2]
    for each in pictures:
        assert each.whole
        assert b"alice" in each.jpeg
        assert b"bob" not in each.jpeg
        assert {(p.basis, p.purposes, p.jurisdictions, p.searchable) for p in each.places} == {
            ("household", ("household",), ("CA-ON",), True)
        }


@pytest.mark.parametrize("change", ["gone", "changed", "link"])
def test_a_file_that_is_not_there_gives_the_persons_face_alone(filled, album, change):
    found = found_for(filled, "alice")
    for file in album.iterdir():
        file.rename(file.with_suffix(".old"))
        if change == "changed":
            file.write_bytes(picture(ALICE, BOB, "carol@300,20,350,80"))
        if change == "link":
            file.symlink_to(file.with_suffix(".old"))
    for each in gather(filled.stores, filled.analyser, found):
        assert not each.whole
        assert each.jpeg.startswith(b"thumbnail of alice")


def test_a_thumbnail_into_which_another_face_reaches_stays_out(toy, album):
    (album / "close.jpg").write_bytes(picture(ALICE, "bob@65,20,110,80"))
    toy.add_source(album)
    toy.ingest()
    found = found_for(toy, "alice")
    (album / "close.jpg").unlink()
    [held] = gather(toy.stores, toy.analyser, found)
    assert held.jpeg is None


def test_who_searched_and_was_shown_it(organisation, album, tmp_path):
    (album / "alice.jpg").write_bytes(picture(ALICE))
    (tmp_path / "deed.pdf").write_bytes(b"deed")
    organisation.add_source(album, basis="historical", purposes=["archive-description"], evidence=tmp_path / "deed.pdf")
    organisation.ingest()
    organisation.search("alice@1,1,50,50", purpose="archive-description", case="2026-1")
    [held] = gather(organisation.stores, organisation.analyser, found_for(organisation, "alice"))
    [(at, purpose, who)] = held.shown
    assert (purpose, who) == ("archive-description", "the operator")
    assert abs((at - organisation.clock()).total_seconds()) < 60


def test_the_bundle_opens_with_its_passphrase_alone_and_holds_no_template(filled):
    import pyzipper

    pictures = gather(filled.stores, filled.analyser, found_for(filled, "alice"))
    passphrase = new_passphrase()
    data = bundle(pictures, made_at=filled.clock(), passphrase=passphrase)
    with pyzipper.AESZipFile(io.BytesIO(data)) as archive:
        with pytest.raises(RuntimeError):
            archive.read("index.html", pwd=new_passphrase().encode())
        archive.setpassword(passphrase.encode())
        names = archive.namelist()
        said = {name: archive.read(name) for name in names}
        assert all(info.wz_aes_strength == 3 for info in archive.infolist())
    assert names == ["index.html", "data.json", "pictures/0001.jpg", "pictures/0002.jpg"]
    page, document = said["index.html"].decode(), json.loads(said["data.json"])
    assert "both.jpg" in page
    assert "a household&#39;s own pictures" in page
    assert "<script" not in page
    assert {place["source"] for each in document["pictures"] for place in each["places"]} == {"album"}
    assert b"bob" not in b"".join(said.values()).replace(b"bob.jpg", b"")
    for each in document["pictures"]:
        uuid.UUID(each["picture"])


def test_other_faces_of_a_real_picture_are_unrecognisable(tmp_path):
    """On pixels: where the others are, 16 colours are left; where the person is, the picture is what it was."""
    album = write_album(tmp_path / "demo")
    data = next(
        data
        for path in sorted(album.root.rglob("*"))
        if path.is_file()
        for data in [path.read_bytes()]
        if getattr(analyse_picture(data), "faces", ()) and len(analyse_picture(data).faces) > 2
    )
    seen = analyse_picture(data, preview_px=4096)
    mine, *others = (face.face.box for face in seen.faces)
    before = np.asarray(Image.open(io.BytesIO(seen.preview)), np.int16)
    veiled = analyse_picture(data, preview_px=4096, veil=FaceBlur((mine,))).preview
    after = np.asarray(Image.open(io.BytesIO(veiled)), np.int16)
    assert after.shape[:2] == (seen.height, seen.width)
    again = analyse_picture(veiled)
    for box in others:
        x1, y1, x2, y2 = (round(v) for v in box)
        detail = np.abs(np.diff(after[y1:y2, x1:x2].astype(float), axis=0)).mean()
        assert detail < np.abs(np.diff(before[y1:y2, x1:x2].astype(float), axis=0)).mean() / 2
        assert all(iou(face.face.box, box) < 0.4 for face in again.faces)
    if all(iou(mine, box) == 0 for box in others):
        x1, y1, x2, y2 = (round(v) for v in mine)
        assert np.abs(after - before)[y1:y2, x1:x2].mean() < 8
