"""The log for those who oversee: proofs and exports that need the public key alone, and what witnesses have seen."""

import io
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

import countenance
from countenance.app.erasure.receipts import check_file
from countenance.app.upkeep.audit import check_export_file, check_log, check_proof_file, text_of
from countenance.auditlog.checkpoint import COSIGNER, Signer, verifier_key
from countenance.auditlog.cosign import read_request
from countenance.auditlog.witness import cosign, load_key, make_key
from countenance.errors import KeyMissing, LogBroken, NotFound, WrongUse
from countenance.remedies import Remedy
from countenance.testing import toy

ALICE = toy.picture("alice@1,1,50,50")


@pytest.fixture
def home(toy_home, pictures):
    with toy_home() as opened:
        opened.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        opened.ingest()
        yield opened


def test_an_entry_is_proven_to_who_has_the_public_key_alone(home, tmp_path):
    entry = home.search(ALICE).log_entry
    (tmp_path / "p.json").write_text(home.audit.prove(entry))
    key = home.parts.log.signer.verifier_key()
    found = check_proof_file(tmp_path / "p.json", key)
    assert (found["record"]["id"], found["record"]["kind"]) == (entry, "search.decided")
    whole = json.loads((tmp_path / "p.json").read_text())
    for wrong in (
        {**whole, "v": 2},
        {**whole, "checkpoint": whole["checkpoint"].replace("\n", "\n1", 1)},
        *({**whole, "entry": {**whole["entry"], **change}} for change in (
            {"position": 0}, {"salt": "00"}, {"path": whole["entry"]["path"][1:]}, {"position": True},
            {"record": whole["entry"]["record"].replace("search", "erased")})),
        [],
    ):  # fmt: skip
        (tmp_path / "w.json").write_text(json.dumps(wrong))
        with pytest.raises(LogBroken):
            check_proof_file(tmp_path / "w.json", key)
    (tmp_path / "w.json").write_bytes(b"\xff\xfe")
    with pytest.raises(LogBroken, match="not text"):
        check_proof_file(tmp_path / "w.json", key)
    with pytest.raises(NotFound):
        home.audit.prove("0" * 32)
    with pytest.raises(NotFound):
        check_proof_file(tmp_path / "none", key)


def test_a_witness_that_is_trusted_no_more_counts_no_more_and_the_log_keeps_that(home, tmp_path):
    make_key(tmp_path / "w.key", "w.example")
    cosigner = load_key(tmp_path / "w.key")
    assert home.audit.trust(cosigner.verifier_key()) == "w.example"
    asked = home.audit.request()
    line = cosign(cosigner, home.parts.log.signer.verifier_key(), tmp_path / "seen", asked, 1_700_000_000)
    home.audit.accept(asked, line)
    assert list(home.audit.verify()["cosigned"]) == ["w.example"]
    home.audit.distrust("w.example")
    assert (home.audit.trusted(), home.audit.verify()["cosigned"]) == ({}, {})
    newest = next(iter(home.parts.log.entries(len(home.parts.log) - 1)))
    assert (newest.kind, newest.record["witness"]) == ("witness.distrusted", "w.example")
    with pytest.raises(LogBroken, match="no trusted witness"):
        home.audit.accept(asked, line)
    with pytest.raises(NotFound):
        home.audit.distrust("w.example")
    home.audit.trust(cosigner.verifier_key())  # again: what it cosigned counts again
    assert list(home.audit.cosigned()) == ["w.example"]


@pytest.mark.parametrize("name", ["w\nx", "w x", ""])
def test_a_witness_is_one_printable_word(home, name):
    key = verifier_key(name, bytes(32), COSIGNER)
    with pytest.raises(LogBroken, match=r"one printable word|no verifier key"):
        home.audit.trust(key)
    assert home.audit.trusted() == {}


def test_an_export_is_whole_or_refused(home, tmp_path):
    home.erase(picture=home.search(ALICE).leads[0].picture.id)
    old = home.parts.log.checkpoint()
    home.search(ALICE)
    entries = home.audit.export(tmp_path / "log.jsonl")
    key = home.parts.log.signer.verifier_key()
    assert check_export_file(tmp_path / "log.jsonl", key, old)["entries"] == entries == len(home.parts.log)
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    assert b"alice" not in (tmp_path / "log.jsonl").read_bytes()
    swapped = [*lines[:2], lines[3], lines[2], *lines[4:]]
    changed = [*lines[:3], lines[3].replace('"salt": "', '"salt": "00'), *lines[4:]]
    for wrong in (lines[:-1], lines[:-2] + lines[-1:], lines[1:], swapped, changed, [*lines, lines[1]], ["x\n"], []):
        (tmp_path / "w.jsonl").write_text("".join(wrong))
        with pytest.raises(LogBroken):
            check_export_file(tmp_path / "w.jsonl", key)
    with pytest.raises(WrongUse, match="exists already"):
        home.audit.export(tmp_path / "log.jsonl")


@pytest.mark.parametrize("moved", [1, 20, None])
def test_bytes_of_a_record_passed_off_as_its_salts_are_found(home, tmp_path, moved):
    home.audit.export(tmp_path / "log.jsonl")
    (tmp_path / "p.json").write_text(home.audit.prove(home.search(ALICE).log_entry))
    key = home.parts.log.signer.verifier_key()
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)

    def moving(entry):
        record = entry["record"].encode()
        end = len(record) if moved is None else moved
        return {**entry, "salt": entry["salt"] + record[:end].hex(), "record": record[end:].decode()}

    (tmp_path / "w.jsonl").write_text("".join([lines[0], json.dumps(moving(json.loads(lines[1]))) + "\n", *lines[2:]]))
    with pytest.raises(LogBroken, match="entry 0 of the export is malformed"):
        check_export_file(tmp_path / "w.jsonl", key)
    proof = json.loads((tmp_path / "p.json").read_text())
    (tmp_path / "w.json").write_text(json.dumps({**proof, "entry": moving(proof["entry"])}))
    with pytest.raises(LogBroken, match="not a proof of an entry"):
        check_proof_file(tmp_path / "w.json", key)


def test_a_cosignature_of_no_date_is_not_taken(home, tmp_path):
    witness = make_key(tmp_path / "w.key", "w.example")
    home.audit.trust(witness.verifier_key())
    asked = home.audit.request()
    checkpoint = read_request(asked).checkpoint
    for at in (253_402_300_800, 2**63, 2**64 - 1):  # the year 10000, what the format forbids, all that fits
        with pytest.raises(LogBroken, match="no trusted witness has cosigned"):
            home.audit.accept(asked, witness.cosign(checkpoint, at))
    assert home.audit.verify()["cosigned"] == {}
    found = home.audit.accept(asked, witness.cosign(checkpoint, 253_402_300_799))
    assert found["w.example"]["at"].startswith("9999-12-31")


def test_a_checkpoint_kept_outside_shows_a_log_that_was_put_back_or_rewritten(home, tmp_path):
    home.audit.export(tmp_path / "early.jsonl")
    before = home.path / "log.db"
    home.close()
    shutil.copy(before, tmp_path / "old.db")
    home.search(ALICE)
    kept = home.parts.log.checkpoint()
    assert home.audit.verify(kept)["entries"] == len(home.parts.log)
    with pytest.raises(LogBroken, match="covers"):
        check_export_file(tmp_path / "early.jsonl", home.parts.log.signer.verifier_key(), kept)
    home.close()
    shutil.copy(tmp_path / "old.db", before)
    with pytest.raises(LogBroken, match="cut, or put back"):
        home.audit.verify(kept)
    for name in ("bob", "carol"):  # somebody with the key goes on, as if nothing had been
        home.search(toy.picture(f"{name}@1,1,50,50"))
    with pytest.raises(LogBroken, match="rewritten"):
        home.audit.verify(kept)
    assert home.audit.verify()["entries"] == len(home.parts.log)


def test_a_witness_cosigns_and_the_log_says_so(home, tmp_path):
    witness = make_key(tmp_path / "w.key", "w.example")
    key, state = home.parts.log.signer.verifier_key(), tmp_path / "seen"
    assert home.audit.verify()["cosigned"] == {}
    first = home.audit.request()
    line = cosign(witness, key, state, first, 1_800_000_000)
    with pytest.raises(LogBroken, match="no trusted witness"):
        home.audit.accept(first, line)
    assert home.audit.trust(witness.verifier_key()) == "w.example"
    home.search(ALICE)
    home.audit.accept(first, line)
    assert list(home.audit.verify()["cosigned"]) == ["w.example"]
    second = home.audit.request()
    assert read_request(second).old > 0
    home.audit.accept(second, cosign(witness, key, state, second, 1_800_000_001))
    said = home.audit.cosigned()["w.example"]
    assert said["at"].startswith("2027")
    entries = len(home.parts.log)
    home.audit.accept(first, line)  # an older one again: nothing changes
    assert (home.audit.cosigned()["w.example"], len(home.parts.log)) == (said, entries)
    with pytest.raises(WrongUse):
        home.audit.request(10_000)
    with pytest.raises(LogBroken):
        home.audit.trust(key)


def test_a_log_put_back_to_before_its_cosignature_is_found(home, tmp_path):
    home.close()
    shutil.copy(home.path / "log.db", tmp_path / "old.db")
    witness = make_key(tmp_path / "w.key", "w.example")
    home.audit.trust(witness.verifier_key())
    request = home.audit.request()
    line = cosign(witness, home.parts.log.signer.verifier_key(), tmp_path / "s", request, 1)
    home.audit.accept(request, line)
    home.close()
    shutil.copy(tmp_path / "old.db", home.path / "log.db")
    with pytest.raises(LogBroken, match="cut, or put back"):
        home.verify_log()


@pytest.fixture
def witnesses(home, tmp_path):
    """Asks a witness by name for a cosignature, and takes it in; each remembers for itself."""
    key = home.parts.log.signer.verifier_key()
    made = {name: make_key(tmp_path / f"{name}.key", name) for name in ("one.example", "two.example")}

    def ask(name, old=None, at=1_700_000_000):
        request = home.audit.request(old)
        line = cosign(made[name], key, tmp_path / f"{name}.seen", request, at)
        return home.audit.accept(request, line)

    for each in made.values():
        home.audit.trust(each.verifier_key())
    return ask, {name: each.verifier_key() for name, each in made.items()}


def test_each_witness_counts_for_itself(home, witnesses):
    ask, _ = witnesses
    size = len(home.parts.log)
    ask("one.example")
    home.search(ALICE)
    found = ask("two.example", old=0)
    assert found["one.example"]["entries"] == size < found["two.example"]["entries"]
    assert home.audit.verify()["cosigned"] == found
    with pytest.raises(WrongUse, match=f"one.example {size}, two.example"):
        home.audit.request()
    assert ask("one.example", old=size)["one.example"]["entries"] > size


def test_a_proof_is_under_what_was_cosigned(home, witnesses, tmp_path):
    ask, keys = witnesses
    log = home.parts.log.signer.verifier_key()
    entry = home.search(ALICE).log_entry

    def check(*names):
        (tmp_path / "p.json").write_text(home.audit.prove(entry))
        return check_proof_file(tmp_path / "p.json", log, [keys[name] for name in names])

    with pytest.raises(LogBroken, match=r"one\.example has not cosigned"):
        check("one.example")
    assert check()["cosigned"] == {}
    request = home.audit.request()
    for name in keys:
        line = cosign(load_key(tmp_path / f"{name}.key"), log, tmp_path / f"{name}.seen", request, 1_700_000_000)
        home.audit.accept(request, line)
    home.search(ALICE)
    assert list(check("one.example", "two.example")["cosigned"]) == ["one.example", "two.example"]
    ask("two.example")  # sees more; what one.example has seen is not in the newest proof any more
    with pytest.raises(LogBroken, match=r"one\.example has not"):
        check("one.example", "two.example")
    assert check("two.example")["entries"] < len(home.parts.log)


@pytest.fixture
def as_somebody(home):
    """A copy of the log in a folder that this user can read and can't write; root becomes nobody for the while."""
    folder = Path(tempfile.mkdtemp())
    key = home.parts.log.signer.verifier_key()
    home.close()  # no write-ahead log is left
    shutil.copy(home.path / "log.db", folder)
    (folder / "log.db").chmod(0o444)
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder, key
    finally:
        os.seteuid(user)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_log_is_checked_with_the_public_key_where_nothing_can_be_written(as_somebody):
    folder, key = as_somebody
    with pytest.raises(PermissionError):
        (folder / "x").touch()
    found = check_log(folder, key)
    assert found["entries"] > 5
    assert [path.name for path in folder.iterdir()] == ["log.db"]
    with pytest.raises(LogBroken):
        check_log(folder, Signer("countenance/home/other", bytes(32)).verifier_key())


def test_a_log_with_entries_in_its_write_ahead_log_is_never_read_without_them(home, tmp_path):
    home.search(ALICE)  # the home stays open: its newest entries are in the write-ahead log
    assert (home.path / "log.db-wal").stat().st_size
    key, entries = home.parts.log.signer.verifier_key(), len(home.parts.log)
    for name in ("log.db", "log.db-wal"):
        shutil.copy(home.path / name, tmp_path / name)
    tmp_path.chmod(0o555)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "access", lambda *_, **__: False)
            assert check_log(tmp_path, key)["entries"] == entries
    finally:
        tmp_path.chmod(0o700)


def test_what_was_given_may_come_by_a_pipe(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("old 0\n"))
    assert text_of(Path("-")) == "old 0\n"


# --- what is wrong with a file, and how to go on -----------------------------------------------------------------
def test_a_checkpoint_that_is_none_or_of_another_log_is_told_with_its_file_and_a_way_out(home, tmp_path):
    signer = Signer("countenance/home/other", bytes(32))
    for text, said in (
        ("%PDF-1.4\nan order\n", "this is not a checkpoint of a log"),
        ("", "this is not a checkpoint of a log"),
        (signer.sign(3, bytes(32)), "this is a checkpoint of another log, countenance/home/other, not of"),
        (home.audit.checkpoint().replace("\n\n", "0\n\n", 1), "the checkpoint"),
    ):
        file = tmp_path / "order.pdf"
        file.write_text(text)
        for kept, path in ((file, str(file)), (text, "")):
            with pytest.raises(LogBroken) as error:
                home.audit.verify(kept)
            assert said in error.value.message
            assert (error.value.path, error.value.remedy) == (path, Remedy.GIVE_CHECKPOINT)
    with pytest.raises(NotFound) as missing:
        home.audit.verify(tmp_path / "none")
    assert missing.value.hint
    file.write_text(home.audit.checkpoint())
    assert home.audit.verify(file) == home.audit.verify()


def test_a_proof_or_export_that_is_none_is_told_with_its_file_and_without_a_parsers_words(home, tmp_path):
    home.audit.export(tmp_path / "log.jsonl")
    (tmp_path / "p.json").write_text(home.audit.prove(home.audit.entries(0, 1)[0].id))
    other = Signer("countenance/home/other", bytes(32)).verifier_key()
    for check, whole in ((home.audit.verify_proof, "p.json"), (home.audit.verify_export, "log.jsonl")):
        assert check(tmp_path / whole)["entries"]
        with pytest.raises(LogBroken, match=r"another log|not an export") as refused:
            check(tmp_path / whole, key=other)
        assert refused.value.remedy is Remedy.GET_TRUSTED_KEY
        for text in (b"", b"<!doctype html>", b"{", b"\xff", b"[" * 100_000):
            (tmp_path / "w").write_bytes(text)
            with pytest.raises(LogBroken) as error:
                check(tmp_path / "w")
            assert (error.value.path, error.value.remedy) == (str(tmp_path / "w"), Remedy.ASK_FOR_IT_AGAIN)
            assert not any(said in error.value.message for said in ("char", "column", "codec", "recursion"))
        with pytest.raises(LogBroken, match="not a verifier key") as error:
            check(tmp_path / whole, key="no key")
        assert error.value.path == ""


def test_a_witness_is_made_and_cosigns_by_what_the_package_offers(home, tmp_path):
    key = countenance.make_witness_key(tmp_path / "w.key", "w.example")
    home.audit.trust(key)
    (tmp_path / "request.txt").write_text(request := home.audit.request())
    asked = {"keyfile": tmp_path / "w.key", "log_key": home.audit.verifier_key(), "state": tmp_path / "seen.json"}
    line = countenance.cosign(tmp_path / "request.txt", **asked)
    assert home.audit.accept(request, line).keys() == {"w.example"}
    other = Signer("countenance/home/other", bytes(32)).verifier_key()
    with pytest.raises(LogBroken, match="the checkpoint in the request does not hold") as error:
        countenance.cosign(request, **{**asked, "log_key": other})
    assert error.value.remedy is Remedy.REQUEST_COSIGNATURE
    (tmp_path / "w.key").write_text("{")
    with pytest.raises(KeyMissing) as error:
        countenance.cosign(request, **asked)
    assert error.value.message == "this is not a key of a witness"


def test_what_may_never_end_is_no_file(home, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    key = home.audit.verifier_key()
    for reads in (text_of, lambda path: check_export_file(path, key), lambda path: check_file(path, key)):
        with pytest.raises(NotFound, match="not a file"):
            reads(tmp_path / "pipe")


def test_a_checkpoint_that_passed_a_windows_machine_still_holds(home, tmp_path):
    kept = tmp_path / "checkpoint.txt"
    kept.write_bytes(home.audit.checkpoint().replace("\n", "\r\n").encode())
    assert home.audit.verify(kept)["entries"] > 0
