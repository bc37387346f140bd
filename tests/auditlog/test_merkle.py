"""The tree against the RFC's own numbers and against an independent implementation (pymerkle, in tests only)."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from countenance.auditlog import merkle

# The test vectors of RFC 6962's reference implementation (certificate-transparency, merkle_tree_test).
LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    def __init__(self, entries):
        self.nodes, self.size = {}, 0
        for entry in entries:
            for level, index, found in merkle.completed_by(self.size, merkle.leaf_hash(entry), self.node):
                self.nodes[level, index] = found
            self.size += 1

    def node(self, level, index):
        return self.nodes[level, index]

    def root(self, size=None):
        return merkle.root(self.size if size is None else size, self.node)


def test_the_roots_are_those_of_the_reference_vectors():
    tree = Tree(LEAVES)
    assert [tree.root(size).hex() for size in range(1, 9)] == ROOTS
    assert merkle.root(0, tree.node) == hashlib.sha256(b"").digest()


entries = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


@given(entries)
@settings(max_examples=60)
def test_roots_and_inclusion_proofs_equal_an_independent_implementation(items):
    ours, theirs = Tree(items), InmemoryTree(algorithm="sha256")
    for item in items:
        theirs.append_entry(item)
    assert ours.root() == theirs.get_root()
    for index, item in enumerate(items):
        proof = merkle.inclusion_proof(index, len(items), ours.node)
        their_proof = theirs.prove_inclusion(index + 1, len(items))
        assert [part.hex() for part in proof] == their_proof.serialize()["path"][1:]
        verify_inclusion(theirs.get_leaf(index + 1), ours.root(), their_proof)
        assert merkle.includes(merkle.leaf_hash(item), index, len(items), proof, ours.root())


@given(entries)
@settings(max_examples=60)
def test_a_frontier_that_grows_is_the_frontier_of_the_tree(items):
    tree, frontier = Tree(items), ()
    for size, item in enumerate(items):
        frontier, completed = merkle.grown(size, frontier, merkle.leaf_hash(item))
        assert frontier == merkle.frontier(size + 1, tree.node)
        assert all(tree.node(level, index) == found for level, index, found in completed)
        assert merkle.root_of(frontier) == tree.root(size + 1)


@given(entries, st.data())
@settings(max_examples=60)
def test_consistency_proofs_hold_and_equal_an_independent_verdict(items, data):
    ours, theirs = Tree(items), InmemoryTree(algorithm="sha256")
    for item in items:
        theirs.append_entry(item)
    old = data.draw(st.integers(1, len(items)))
    proof = merkle.consistency_proof(old, len(items), ours.node)
    assert merkle.extends(old, len(items), proof, ours.root(old), ours.root())
    verify_consistency(ours.root(old), ours.root(), theirs.prove_consistency(old, len(items)))


@pytest.mark.parametrize("size", range(1, 34))
def test_a_changed_proof_proves_nothing(size):
    tree = Tree([bytes([n]) for n in range(size)])
    root, wrong = tree.root(), bytes(32)
    for index in range(size):
        leaf, proof = merkle.leaf_hash(bytes([index])), merkle.inclusion_proof(index, size, tree.node)
        assert merkle.includes(leaf, index, size, proof, root)
        assert not merkle.includes(leaf, index, size, [*proof, wrong], root)
        assert not merkle.includes(wrong, index, size, proof, root)
        assert not merkle.includes(leaf, index, size, proof, wrong)
        for other in {*range(-1, size + 2)} - {index}:
            assert not merkle.includes(leaf, other, size, proof, root)
        for at in range(len(proof)):
            assert not merkle.includes(leaf, index, size, [*proof[:at], wrong, *proof[at + 1 :]], root)
            assert not merkle.includes(leaf, index, size, proof[:at] + proof[at + 1 :], root)


@pytest.mark.parametrize("index", range(7))
def test_no_bit_of_a_proof_can_be_changed(index, unnoticed_bits):
    tree = Tree([bytes([n]) for n in range(7)])
    proof = b"".join(merkle.inclusion_proof(index, 7, tree.node))

    def opened(parts):
        found = [parts[at : at + 32] for at in range(0, len(parts), 32)]
        assert merkle.includes(merkle.leaf_hash(bytes([index])), index, 7, found, tree.root())

    opened(proof)
    assert unnoticed_bits(proof, opened, AssertionError) == []


@given(entries, st.binary(min_size=1, max_size=4), st.data())
@settings(max_examples=60)
def test_a_fork_is_no_extension(items, other, data):
    at = data.draw(st.integers(0, len(items) - 1))
    if items[at] == other:
        return
    honest, forked = Tree(items), Tree([*items[:at], other, *items[at + 1 :], b"more"])
    proof = merkle.consistency_proof(len(items), len(items) + 1, forked.node)
    assert not merkle.extends(len(items), len(items) + 1, proof, honest.root(), forked.root())
    assert not merkle.extends(len(items) + 1, len(items), [], forked.root(), honest.root())  # a rollback
    assert not merkle.extends(len(items), len(items), [], honest.root(), forked.root(len(items)))
    assert not merkle.extends(1, 3, [], honest.root(1), honest.root())


def test_what_is_not_there_has_no_proof():
    tree = Tree([b"a", b"b"])
    for index, size in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_proof(index, size, tree.node)
    for old, new in ((0, 2), (3, 2)):
        with pytest.raises(ValueError, match="no extension"):
            merkle.consistency_proof(old, new, tree.node)


def test_a_consistency_proof_of_the_wrong_length_proves_nothing():
    tree = Tree([bytes([n]) for n in range(7)])
    for old in range(1, 7):
        proof = merkle.consistency_proof(old, 7, tree.node)
        assert merkle.extends(old, 7, proof, tree.root(old), tree.root())
        assert not merkle.extends(old, 7, [*proof, bytes(32)], tree.root(old), tree.root())
        assert not merkle.extends(old, 7, proof[:-1], tree.root(old), tree.root())
        assert not merkle.extends(old, 7, [], tree.root(old), tree.root())
