"""The log for those who oversee: proofs and exports that need the public key alone, and what witnesses have seen."""

import json
import shutil

import pytest

from countenance.app.audit import check_export_file, check_proof_file
from countenance.auditlog.cosign import read_request
from countenance.auditlog.witness import cosign, make_key
from countenance.errors import LogBroken, NotFound, WrongUse
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
    with pytest.raises(NotFound):
        home.audit.prove("0" * 32)
    with pytest.raises(NotFound):
        check_proof_file(tmp_path / "none", key)


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
    with pytest.raises(WrongUse, match="there already"):
        home.audit.export(tmp_path / "log.jsonl")


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
        home.audit.accept(read_request(first).checkpoint, line)
    assert home.audit.trust(witness.verifier_key()) == "w.example"
    home.search(ALICE)
    home.audit.accept(read_request(first).checkpoint, line)
    assert list(home.audit.verify()["cosigned"]) == ["w.example"]
    second = home.audit.request()
    assert read_request(second).old > 0
    home.audit.accept(read_request(second).checkpoint, cosign(witness, key, state, second, 1_800_000_001))
    assert home.audit.cosigned()["w.example"].startswith("2027")
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
    home.audit.accept(read_request(request).checkpoint, line)
    home.close()
    shutil.copy(tmp_path / "old.db", home.path / "log.db")
    with pytest.raises(LogBroken, match="cut, or put back"):
        home.verify_log()
