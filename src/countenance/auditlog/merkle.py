"""The Merkle tree of RFC 9162, section 2: hashes, roots, inclusion and consistency proofs, and their checking.

A tree is known by its complete subtrees: node (level, index) is the hash over leaves index * 2**level up to but not
including (index + 1) * 2**level. They never change once complete, so a log stores each when it is, and proofs and roots
cost O(log n) look-ups. Pure functions over `node(level, index) -> hash`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

Hash: TypeAlias = bytes  # 32 bytes, SHA-256
Node: TypeAlias = Callable[[int, int], Hash]  # (level, index) of a complete subtree

EMPTY_ROOT: Hash = hashlib.sha256(b"").digest()  # RFC 9162, 2.1.1: the hash of an empty list


def leaf_hash(entry: bytes) -> Hash:
    """SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed_by(size: int, leaf: Hash, node: Node) -> Iterator[tuple[int, int, Hash]]:
    """(level, index, hash) of each subtree that leaf number `size` completes, the leaf itself first."""
    level, index, found = 0, size, leaf
    yield level, index, found
    while index % 2 == 1:
        found = node_hash(node(level, index - 1), found)
        level, index = level + 1, index // 2
        yield level, index, found


def root(size: int, node: Node) -> Hash:
    """The root over the first `size` leaves."""
    return root_of(frontier(size, node))


def _range_hash(start: int, end: int, node: Node) -> Hash:
    """MTH(D[start:end]); `start` is a multiple of the largest power of two below the length."""
    length = end - start
    if length & (length - 1) == 0:
        level = length.bit_length() - 1
        return node(level, start >> level)
    split = 1 << ((length - 1).bit_length() - 1)  # the largest power of two below the length
    return node_hash(_range_hash(start, start + split, node), _range_hash(start + split, end, node))


def frontier(size: int, node: Node) -> tuple[Hash, ...]:
    """The complete subtrees, largest first, that make up the first `size` leaves: one for each bit of `size`."""
    found, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append(node(level, start >> level))
            start += 1 << level
    return tuple(found)


def grown(size: int, before: Sequence[Hash], leaf: Hash) -> tuple[tuple[Hash, ...], list[tuple[int, int, Hash]]]:
    """(frontier with leaf number `size`, what `completed_by` says of it); before: the frontier of the first `size`."""
    left = list(before)
    completed = list(completed_by(size, leaf, lambda _level, _index: left.pop()))
    return (*left, completed[-1][2]), completed


def root_of(subtrees: Sequence[Hash]) -> Hash:
    """The root over the leaves of a frontier (RFC 9162, 2.1.1)."""
    if not subtrees:
        return EMPTY_ROOT
    found = subtrees[-1]
    for each in reversed(subtrees[:-1]):
        found = node_hash(each, found)
    return found


def inclusion_proof(index: int, size: int, node: Node) -> list[Hash]:
    """PATH(index, D[0:size]) of RFC 9162, 2.1.3.1. Raises ValueError: no such leaf."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    return _path(index, 0, size, node)


def _path(index: int, start: int, end: int, node: Node) -> list[Hash]:
    length = end - start
    if length == 1:
        return []
    split = 1 << ((length - 1).bit_length() - 1)
    if index < split:
        return [*_path(index, start, start + split, node), _range_hash(start + split, end, node)]
    return [*_path(index - split, start + split, end, node), _range_hash(start, start + split, node)]


def consistency_proof(old: int, new: int, node: Node) -> list[Hash]:
    """PROOF(old, D[0:new]) of RFC 9162, 2.1.4.1. Raises ValueError: not 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {new} leaves is no extension of one of {old}")
    return [] if old == new else _subproof(old, 0, new, True, node)


def _subproof(old: int, start: int, end: int, whole: bool, node: Node) -> list[Hash]:
    length = end - start
    if old == length:
        return [] if whole else [_range_hash(start, end, node)]
    split = 1 << ((length - 1).bit_length() - 1)
    if old <= split:
        return [*_subproof(old, start, start + split, whole, node), _range_hash(start + split, end, node)]
    return [*_subproof(old - split, start + split, end, False, node), _range_hash(start, start + split, node)]


def includes(leaf: Hash, index: int, size: int, proof: Sequence[Hash], tree_root: Hash) -> bool:
    """True: the proof shows that `leaf` is number `index` of the tree. Source: RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    fn, sn, found = index, size - 1, leaf
    for part in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = node_hash(part, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, part)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == tree_root


def extends(old: int, new: int, proof: Sequence[Hash], old_root: Hash, new_root: Hash) -> bool:
    """True: the proof shows that the first `old` leaves are the older tree. Source: RFC 9162, 2.1.4.2."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for part in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(part, fr), node_hash(part, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, part)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root
