"""Witnesses: they cosign what grew, and nothing else; formats as C2SP has them."""

import base64
import contextlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countenance.auditlog import merkle, witness
from countenance.auditlog.checkpoint import COSIGNER, Signer, parse_verifier_key
from countenance.auditlog.cosign import Cosigner, CosignRequest, cosigned_at, read_request
from countenance.auditlog.witness import cosign, load_key, make_key
from countenance.errors import KeyMissing, LogBroken, StorageFailed, WrongUse

SIGNER = Signer("countenance/home/x", bytes(range(32)))
WITNESS = Cosigner("witness.example.org", bytes(range(1, 33)))


def tree(leaves):
    """(checkpoint, proof from an older size) of a log with these leaves."""
    hashes = {(0, n): merkle.leaf_hash(leaf) for n, leaf in enumerate(leaves)}

    def node(level, index):
        if (level, index) not in hashes:
            hashes[level, index] = merkle.node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))
        return hashes[level, index]

    note = SIGNER.sign(len(leaves), merkle.root(len(leaves), node))
    return note, lambda old: tuple(merkle.consistency_proof(old, len(leaves), node)) if old else ()


def ask(leaves, old):
    note, proof = tree(leaves)
    return CosignRequest(old, proof(old), note).text()


def sign(state, request, at=7):
    return cosign(WITNESS, SIGNER.verifier_key(), state, request, at)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_a_log_that_grows_is_cosigned_each_time(tmp_path_factory, steps, data):
    state, size = tmp_path_factory.mktemp("witness") / "state", 0
    for step in steps:
        leaves = [b"%d" % n for n in range(size + step)]
        line = sign(state, ask(leaves, size), at=size)
        assert cosigned_at(tree(leaves)[0] + line, [WITNESS.verifier_key()]) == {WITNESS.name: size}
        size += step
    fork = [b"%d" % n for n in range(size)]
    fork[data.draw(st.integers(0, size - 1))] = b"other"
    with pytest.raises(LogBroken, match="rewritten, or forked"):
        sign(state, ask([*fork, b"more"], size))
    with pytest.raises(LogBroken, match="rewritten, or forked"):
        sign(state, ask(fork, size))


def test_what_was_cut_put_back_or_is_not_from_where_it_was_is_refused(tmp_path):
    leaves = [b"%d" % n for n in range(9)]
    sign(tmp_path / "s", ask(leaves, 0))
    with pytest.raises(LogBroken, match="cut or put back"):
        sign(tmp_path / "s", ask(leaves[:5], 0))
    with pytest.raises(LogBroken, match="must begin at 9"):
        sign(tmp_path / "s", ask([*leaves, b"9"], 0))
    with pytest.raises(LogBroken, match="must begin at 9"):
        sign(tmp_path / "s", ask([*leaves, b"9"], 4))
    assert sign(tmp_path / "s", ask(leaves, 9), at=8)  # the same again: it is still so


def test_a_request_that_is_none_and_a_log_that_is_another_are_refused(tmp_path):
    whole = ask([b"a", b"b", b"c"], 0)
    for wrong in ("", "old", "old x\n\n", "old -1\n\n" + whole, whole.replace("old 0", "old 00"),
                  "old 1\nAAAA\n\n" + whole.partition("\n\n")[2], whole.replace("\n3\n", "\n4\n"),
                  whole.replace("old 0\n", f"old 0\n{base64.b64encode(bytes(32)).decode()}\n")):  # fmt: skip
        with pytest.raises(LogBroken):
            sign(tmp_path / "s", wrong)
    other = Signer("countenance/home/y", bytes(range(32)))
    with pytest.raises(LogBroken, match="another log"):
        cosign(WITNESS, other.verifier_key(), tmp_path / "s", whole, 1)
    assert not (tmp_path / "s").exists()
    (tmp_path / "s").write_text("{")
    with pytest.raises(StorageFailed):
        sign(tmp_path / "s", whole)


def test_the_state_stands_before_the_signature(tmp_path, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Cosigner, "cosign", dies)
    with pytest.raises(KeyboardInterrupt):
        sign(tmp_path / "s", ask([b"a"], 0))
    monkeypatch.undo()
    with pytest.raises(LogBroken):
        sign(tmp_path / "s", ask([b"other"], 0))
    assert sign(tmp_path / "s", ask([b"a"], 1))


def test_two_forks_at_once_are_not_both_cosigned(tmp_path, monkeypatch):
    both = threading.Barrier(2)
    read = witness._read_state

    def slowly(*args):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # without the lock both read what was seen before either writes
        return read(*args)

    monkeypatch.setattr(witness, "_read_state", slowly)
    signed = []

    def attempt(leaf):
        with contextlib.suppress(LogBroken):
            signed.append(sign(tmp_path / "s", ask([leaf], 0)))

    threads = [threading.Thread(target=attempt, args=(leaf,)) for leaf in (b"a", b"b")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(signed) == 1


def test_a_state_that_cannot_be_kept_is_no_signature(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed):
        sign(tmp_path / "file" / "s", ask([b"a"], 0))


def test_the_formats_are_those_of_c2sp():
    note, _ = tree([b"a"])
    line = WITNESS.cosign(note, 1679315147)
    name, encoded = line.removeprefix("\u2014 ").split()
    raw = base64.b64decode(encoded)
    assert (name, len(raw), int.from_bytes(raw[4:12], "big")) == (WITNESS.name, 4 + 8 + 64, 1679315147)
    assert parse_verifier_key(WITNESS.verifier_key(), COSIGNER)[0] == WITNESS.name
    with pytest.raises(LogBroken):  # a log's key is no witness's
        cosigned_at(note, [SIGNER.verifier_key()])
    others = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"  # of transparency-dev/formats
    assert parse_verifier_key(others, COSIGNER)[0] == "remora.n621.de"
    again = read_request(ask([b"a", b"b"], 1))
    assert (again.old, len(again.proof)) == (1, 1)


def test_no_bit_of_a_cosignature_can_be_changed(unnoticed_bits):
    note, _ = tree([b"a"])
    name, encoded = WITNESS.cosign(note, 1679315147).removeprefix("\u2014 ").split()

    def opened(raw):
        assert cosigned_at(f"{note}\u2014 {name} {base64.b64encode(raw).decode()}\n", [WITNESS.verifier_key()])

    opened(base64.b64decode(encoded))
    assert unnoticed_bits(base64.b64decode(encoded), opened, AssertionError) == []


def test_a_key_is_made_once_and_closed_to_others(tmp_path):
    made = make_key(tmp_path / "k", "w.example")
    assert load_key(tmp_path / "k").verifier_key() == made.verifier_key()
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    with pytest.raises(WrongUse, match="never overwritten"):
        make_key(tmp_path / "k", "w.example")
    for name in ("", "two words", "a+b", "a\nb"):
        with pytest.raises(WrongUse):
            make_key(tmp_path / "n", name)
    (tmp_path / "bad").write_text("name: x\nkey: AAAA\n")
    for path in (tmp_path / "bad", tmp_path / "none"):
        with pytest.raises(KeyMissing):
            load_key(path)
