"""Receipts: signed, checked with the public key alone, refused when anything of them is not as it was signed."""

import html
import json
from dataclasses import replace

import pytest

import countenance
from countenance.app.erasure.receipts import check_file, page
from countenance.auditlog.checkpoint import Signer
from countenance.cli.base import Session
from countenance.errors import LogBroken, NotFound, ReceiptRefused, StorageFailed, WrongUse
from countenance.remedies import Remedy
from countenance.testing import toy

BOB = toy.picture("bob@1,1,50,50")
GRANT = {"basis": "statute", "jurisdiction": "CA-ON", "purposes": ["missing-person"], "law": "Act, s. 1",
         "authority": "Police"}  # fmt: skip


@pytest.fixture
def home(toy_home, pictures):
    with toy_home() as opened:
        opened.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        opened.ingest()
        yield opened


def erased(home):
    return home.erase(face=home.search(BOB).leads[0].face_id, authority="letter 4711")


def test_a_receipt_is_checked_with_the_public_key_alone(home, tmp_path):
    report = erased(home)
    receipt = home.receipts.get(report.receipt)
    (tmp_path / "r.json").write_text(receipt.document)
    key = home.receipts.verifier_key()
    home.close()
    found = check_file(tmp_path / "r.json", key, about=report.uid)
    assert (found.receipt["authority"], found.receipt["counts"]["faces"]) == ("letter 4711", 1)
    assert found.entry["kind"] == "erase.done"
    assert {scan["found"] for scan in found.receipt["scanned"]} == {0}
    assert check_file(tmp_path / "r.json", key, about=report.about)


def test_what_is_not_as_it_was_signed_is_refused(home, tmp_path):
    first, second = erased(home), home.erase(source="album")
    document = json.loads(home.receipts.get(first.receipt).document)
    other = json.loads(home.receipts.get(second.receipt).document)
    key = home.receipts.verifier_key()

    def refused(text, **more):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(ReceiptRefused):
            check_file(tmp_path / "r.json", more.pop("key", key), **more)

    whole = json.dumps(document)
    refused(whole[:-1])
    refused("{}")
    refused("[]")
    refused(whole, about=second.uid)
    for part in document["receipt"]:
        changed = json.loads(whole)
        changed["receipt"][part] = "other"
        refused(json.dumps(changed))
    for part in ("log", "signature"):
        refused(json.dumps({**document, part: other[part]}))
    for part in ("position", "record", "salt", "path", "checkpoint"):
        changed = json.loads(whole)
        changed["log"][part] = other["log"][part]
        refused(json.dumps(changed))
    with pytest.raises(NotFound):
        check_file(tmp_path / "nothing.json", key)


def test_a_receipt_of_another_home_is_refused(home, tmp_path, monkeypatch):
    from countenance.app.home import open_home

    (tmp_path / "r.json").write_text(home.receipts.get(erased(home).receipt).document)
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "other.key"))
    with open_home(tmp_path / "other") as other, pytest.raises(ReceiptRefused, match="another home"):
        check_file(tmp_path / "r.json", other.receipts.verifier_key())


def test_where_there_is_no_home_the_key_must_be_named_and_no_home_is_made(home, tmp_path):
    assert Session(str(home.path)).public_key() == home.receipts.verifier_key()
    with pytest.raises(WrongUse, match="no home here"):
        Session(str(tmp_path / "nowhere")).public_key()
    assert not (tmp_path / "nowhere").exists()


def test_the_page_is_whole_and_hostile_words_stay_words(home):
    report = home.erase(face=home.search(BOB).leads[0].face_id, authority='<script src="//x">')
    text = page(home.receipts.get(report.uid).document)
    assert "<script" not in text
    assert "&lt;script" in text
    assert "Where it was not checked" in text
    signed = text.partition('aria-label="The signed text">')[2].partition("</code>")[0]
    assert html.unescape(signed) == home.receipts.get(report.uid).document
    assert report.uid in text


def test_clients_who_were_shown_it_are_told_and_their_answers_kept(toy_home, pictures, tmp_path):
    law = tmp_path / "law.pdf"
    law.write_bytes(b"law")
    with toy_home(kind="organisation") as home:
        home.add_source("album", pictures, evidence=law, **GRANT)
        home.ingest()
        home.clients.add("Agency", client_class="state-agency", jurisdiction="CA-ON")
        asked = {"purpose": "missing-person", "case": "1"}
        home.search(BOB, **asked)
        lead = home.search(BOB, client="Agency", **asked).leads[0]
        home.search(BOB, client="Agency", **asked)
        report = home.erase(face=lead.face_id)
        [agency] = home.receipts.recipients(report.receipt)
        assert (agency.client, agency.searches, agency.told_at, agency.answer) == ("Agency", 2, None, None)
        notice = home.receipts.tell(report.uid, "Agency")
        assert notice["receipt"]["receipt"]["about"] == report.uid
        home.receipts.answered(report.uid, "Agency", b"done")
        [agency] = home.receipts.recipients(report.uid)
        assert agency.told_at is not None
        assert agency.answer == "done"
        with pytest.raises(NotFound):
            home.receipts.tell(report.uid, "Nobody")
        with pytest.raises(WrongUse):
            home.receipts.answered(report.uid, "Agency", b"\xff")


def test_erasing_by_jurisdiction_leaves_what_stands_elsewhere(home, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "carol.jpg").write_bytes(toy.picture("carol@10,20,60,80"))
    home.add_source("there", there, basis="household", jurisdiction="FR")
    home.ingest("there")
    would = home.erase(jurisdiction="CA", dry_run=True)
    done = home.erase(jurisdiction="CA")
    assert (would.pictures, would.faces, would.placements) == (done.pictures, done.faces, done.placements) == (2, 3, 3)
    assert [lead.source for lead in home.search(toy.picture("carol@1,1,50,50")).leads] == ["there"]
    assert home.search(BOB).leads == ()
    assert home.erase(jurisdiction="CA").already


def test_an_erased_person_is_gone_with_name_and_faces(home):
    face = home.search(BOB).leads[0].face_id
    person = home.people.new([face], name="Bob")
    report = home.erase(person=person.id)
    assert (report.persons, report.faces) == (1, 1)
    assert home.people.all() == ()
    assert home.people.history() == ()
    assert home.search(BOB).leads == ()
    home.ingest()
    assert home.search(BOB).leads == ()
    assert home.erase(person=person.id).already


# --- of requests -----------------------------------------------------------------------------------------------------
def decided(home, kind, *, grant=True, **asked):
    opened = home.requests.open(kind, photo=BOB, name="Bob Hope", contact="bob@example.org", **asked)
    home.requests.verify(opened["request"], document="letter")
    return home.requests.decide(opened["request"], grant=grant, reason="" if grant else "not you, Bob Hope")


def of_request(home, told, folder):
    file = folder / f"{told['request']}.json"
    file.write_text(home.receipts.get(told["request"]).document)
    found = check_file(file, home.receipts.verifier_key(), about=told["request"])
    assert found.receipt["id"] == told["receipt"] == home.requests.show(told["request"])["receipt"]
    return found


@pytest.mark.parametrize("tier", [0, 1])
def test_a_request_ends_with_a_receipt_that_names_nobody(home, tmp_path, tier):
    lead = home.search(BOB).leads[0]
    told = decided(home, "opt-out", tier=tier)
    found = of_request(home, told, tmp_path)
    receipt = found.receipt
    assert (receipt["kind"], receipt["asked"], receipt["tier"], receipt["outcome"]) == (
        "request", "opt-out", tier, "granted",
    )  # fmt: skip
    assert receipt["verified_by"] == ["document"]
    assert receipt["did"] == {
        "erased_faces": told["erased"], "hidden_faces": 0, "codes_that_keep_out": told["kept_out"],
    }  # fmt: skip
    assert told["erased"] >= 1
    assert bool(told["kept_out"]) == bool(tier)
    assert (found.entry["kind"], found.entry["body"]["request"]) == ("request.decided", told["request"])
    erasure = home.receipts.get(receipt["erasure_receipt"])
    assert (erasure.kind, json.loads(erasure.document)["receipt"]["of"]) == ("erasure", told["request"])
    text = home.receipts.get(told["request"]).document
    for secret in ("Bob Hope", "bob@example.org", lead.face_id, lead.picture.id, lead.picture.uri):
        assert secret not in text


def test_the_receipt_of_a_refusal_has_no_word_of_its_reasons(home, tmp_path):
    found = of_request(home, decided(home, "erasure", grant=False), tmp_path)
    assert (found.receipt["outcome"], found.receipt["did"]["erased_faces"]) == ("refused", 0)
    assert found.receipt["erasure_receipt"] is None
    assert "Hope" not in json.dumps(found.receipt)


def test_a_request_s_receipt_is_told_as_a_page(home):
    told = decided(home, "restriction")
    text = page(home.receipts.get(told["request"]).document)
    assert "How a request was answered" in text
    assert "This ends when the request is withdrawn." in text


def test_a_decision_that_a_crash_ended_has_the_receipt_all_the_same(home, tmp_path, monkeypatch):
    from countenance.errors import LogUnwritable
    from countenance.pipeline.requests import requests

    def full(*_, **__):
        raise LogUnwritable("no room", Remedy.FREE_SPACE)

    with monkeypatch.context() as patched:
        patched.setattr(requests, "sign_receipt", full)  # after the erasure and after the keys are destroyed
        with pytest.raises(LogUnwritable):
            decided(home, "opt-out", tier=0)
    [again] = home.requests.desk.resume()
    assert (again.erased, again.request.outcome) == (1, "granted")
    found = of_request(home, home.requests.show(again.request.uid), tmp_path)
    assert found.receipt["erasure_receipt"] == again.erasure_receipt


# --- by a beginning, in a file, as a page ----------------------------------------------------------------------------
def test_a_receipt_is_meant_by_a_beginning_of_its_id_or_of_what_it_is_about(home):
    report = erased(home)
    receipt = home.receipts.get(report.receipt)
    for uid in (report.receipt, report.uid):
        for said in (uid, uid.upper(), uid.replace("-", ""), uid[:8], f" {uid[:13]} "):
            assert home.receipts.get(said) == receipt
    assert home.receipts.recipients(report.uid[:8]) == ()
    for unknown in ("x", report.uid[:3], "00000000"):
        with pytest.raises(NotFound, match=f"there is no receipt {unknown}") as error:
            home.receipts.get(unknown)
        assert "home.receipts.all()" in error.value.hint


def test_several_receipts_that_begin_so_ask_for_more_of_the_id(home, monkeypatch):
    ids = (("7f2d0e47-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000001"),
           ("22222222-0000-4000-8000-000000000002", "7f2d0e47-1111-4000-8000-000000000002"))  # fmt: skip
    monkeypatch.setattr(type(home.parts.stores.records.receipts), "ids", lambda _: ids)
    with pytest.raises(WrongUse, match="2 receipts begin with 7f2d0e47") as error:
        home.receipts.get("7f2d0e47")
    assert error.value.remedy is Remedy.GIVE_LONGER_ID


def test_the_newest_receipt_about_a_thing_is_the_one_that_is_meant(home):
    report = erased(home)
    first = home.receipts.get(report.uid)
    records = home.parts.stores.records.receipts
    records.keep(replace(first, uid="6f1c2a34-7b0a-4b8e-9d39-0f4d8d3f3d44"))
    assert home.receipts.get(report.uid[:8]).uid == "6f1c2a34-7b0a-4b8e-9d39-0f4d8d3f3d44"
    assert home.receipts.get(report.receipt[:8]) == first


def test_a_receipt_is_written_as_it_was_signed_or_as_a_page_that_is_no_receipt(home, tmp_path):
    report = erased(home)
    signed, page_of_it = tmp_path / "r.json", tmp_path / "r.HTML"
    assert home.receipts.export(report.uid[:8], signed) is True
    assert home.receipts.export(report.uid[:8], page_of_it) is False
    assert home.receipts.verify(signed).receipt["about"] == report.uid
    assert countenance.verify_receipt(str(signed), home.receipts.verifier_key()).receipt["about"] == report.uid
    with pytest.raises(ReceiptRefused, match="this is a page for reading") as error:
        home.receipts.verify(page_of_it)
    assert ".json" in error.value.message
    assert error.value.path == str(page_of_it)
    assert error.value.remedy is Remedy.GIVE_RECEIPT_FILE
    with pytest.raises(WrongUse, match="exists already"):
        home.receipts.export(report.uid, signed)
    with pytest.raises(StorageFailed) as error:
        home.receipts.export(report.uid, tmp_path / "nowhere" / "r.json")
    assert error.value.remedy is Remedy.USE_WRITABLE_FOLDER


def test_no_refusal_repeats_what_a_parser_said_and_each_has_a_way_out(home, tmp_path):
    receipt, key = home.receipts.get(erased(home).receipt), home.receipts.verifier_key()
    other = Signer("countenance/home/other", bytes(32)).verifier_key()
    cases = {
        "cut": (receipt.document[:-9], key), "nothing": ("", key), "text": ("order", key), "bytes": (b"\xff\xfe", key),
        "deep": ("[" * 100_000, key), "page": ("<!DOCTYPE html>\n<p>", key), "another key": (receipt.document, other),
        "another object": ('{"receipt": 1}', key),
    }  # fmt: skip
    for name, (text, with_key) in cases.items():
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ReceiptRefused) as error:
            check_file(file, with_key)
        assert error.value.hint, name
        assert error.value.path == str(file)
        assert not any(said in error.value.message for said in ("line 1", "column", "char", "codec", "recursion")), name
    file.write_text(receipt.document)
    with pytest.raises(ReceiptRefused) as error:
        check_file(file, key, about=receipt.uid)
    assert error.value.remedy is Remedy.ASK_FOR_RIGHT_ONE
    with pytest.raises(LogBroken, match="not a verifier key") as error:
        check_file(file, "no key")
    assert error.value.path == ""  # the file is not what is wrong
