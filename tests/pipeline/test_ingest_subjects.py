"""Which faces of an ingest are listed subjects, where a grant asks for that. Toy pictures: see testing/toy.py."""

import pytest

from countenance.testing.toy import picture

ALICE, BOB = "alice@10,20,60,80", "bob@100,20,150,80"


@pytest.fixture
def consented(tmp_path):
    (tmp_path / "form.pdf").write_text("signed")
    (tmp_path / "alice.jpg").write_bytes(picture(ALICE))
    (tmp_path / "both.jpg").write_bytes(picture(ALICE, BOB))
    (tmp_path / "subjects.csv").write_text("name,evidence,reference\nAlice,form.pdf,alice.jpg\n")
    return tmp_path


def add_consented(home, album, folder, **more):
    return home.add_source(
        album, basis="consent", purposes=["event-delivery"], subjects=folder / "subjects.csv",
        evidence=folder / "form.pdf", **more,
    )  # fmt: skip


def test_only_faces_tied_to_a_subject_become_templates(organisation, album, consented):
    (album / "a.jpg").write_bytes(picture("alice~@10,20,60,80", BOB))
    add_consented(organisation, album, consented)
    report = organisation.ingest()
    assert (report.faces, report.indexed, report.refused) == (2, 1, {"not_a_subject": 1})
    assert len(organisation.blobs.kept) == 3  # one crop, two forms
    kinds = organisation.log.kinds
    assert kinds.index("embed.decided") < kinds.index("subject_check.decided", kinds.index("embed.decided"))
    result = organisation.search(ALICE, purpose="event-delivery", case="2026-7")
    assert [lead.source for lead in result.leads] == ["album"]


def test_a_reference_with_two_faces_must_say_which(organisation, album, consented):
    from countenance.errors import GrantInvalid

    (consented / "subjects.csv").write_text("name,evidence,reference\nAlice,form.pdf,both.jpg\n")
    with pytest.raises(GrantInvalid, match="holds 2 faces"):
        add_consented(organisation, album, consented)
    (consented / "subjects.csv").write_text("name,evidence,reference,face\nBob,form.pdf,both.jpg,1\n")
    add_consented(organisation, album, consented)
    (album / "a.jpg").write_bytes(picture(ALICE, "bob~@100,20,150,80"))
    assert organisation.ingest().indexed == 1
    assert len(organisation.search(BOB, purpose="event-delivery", case="1").leads) == 1


@pytest.mark.parametrize(
    ("row", "said"), [("Alice,form.pdf,both.jpg,7", "no face 7"), ("Alice,form.pdf,form.pdf,", "can't be used")]
)
def test_a_reference_that_cannot_serve_is_named(organisation, album, consented, row, said):
    from countenance.errors import GrantInvalid

    (consented / "subjects.csv").write_text(f"name,evidence,reference,face\n{row}\n")
    with pytest.raises(GrantInvalid, match=said):
        add_consented(organisation, album, consented)
    assert organisation.records.sources.all() == ()
    assert organisation.keys.keys == {}


def test_a_reference_of_another_model_is_not_compared(organisation, album, consented):
    from countenance.errors import SpaceMismatch
    from countenance.types import EmbeddingSpace

    add_consented(organisation, album, consented)
    organisation.embedder.space = EmbeddingSpace("other", "1" * 64, 64)
    with pytest.raises(SpaceMismatch, match="other"):
        organisation.ingest()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b""), "0 bytes"),
        (lambda path: path.mkdir(), "not a file"),
        (lambda path: path.symlink_to(path), "can't be read|not a file"),
    ],
)
def test_evidence_that_is_no_document_is_refused(organisation, album, tmp_path, make, said):
    from countenance.errors import GrantInvalid

    make(tmp_path / "deed.pdf")
    with pytest.raises(GrantInvalid, match=said):
        organisation.add_source(album, basis="historical", purposes=["research"], evidence=tmp_path / "deed.pdf")
    assert organisation.records.sources.all() == ()
