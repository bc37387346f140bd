"""A sealed file: what went in comes out, and nothing that was changed, cut or mixed does."""

import hashlib
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countenance.errors import BackupBroken
from countenance.keys import sealed_file
from countenance.keys.sealed_file import MAGIC, SealedReader, SealedWriter

KEY = bytes(range(32))
HEADER = {"backup": "one", "home": "h"}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(sealed_file, "CHUNK", 16)


def sealed(*parts, header=HEADER, key=KEY):
    file = io.BytesIO()
    writer = SealedWriter(file, header, key)
    for part in parts:
        writer.write(part)
    assert writer.finish() == hashlib.sha256(file.getvalue()).hexdigest()
    return file.getvalue()


def opened(data, key=KEY):
    return SealedReader(io.BytesIO(data), lambda _: key).read()


def places(data):
    """Where each chunk begins, and the end."""
    at = len(MAGIC) + len(data[len(MAGIC) :].split(b"\n", 1)[0]) + 1
    found = [at]
    while at < len(data):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(at)
    return found


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 50))
def test_what_went_in_comes_out(parts, step):
    reader = SealedReader(io.BytesIO(sealed(*parts)), lambda _: KEY)
    got = b""
    while some := reader.read(step):
        assert len(some) <= step
        got += some
    assert got == b"".join(parts)


def test_no_bit_can_be_changed(unnoticed_bits):
    whole = sealed(b"x" * 40)
    assert opened(whole) == b"x" * 40
    assert unnoticed_bits(whole, opened, BackupBroken) == []


@pytest.mark.parametrize("number", range(3))
def test_no_length_can_be_changed(number):
    whole = sealed(b"x" * 40)
    at = places(whole)[number]
    length = int.from_bytes(whole[at : at + 4], "big")
    for wrong in {*range(200), len(whole), 2**20, 2**31, 2**32 - 1} - {length}:
        with pytest.raises(BackupBroken):
            opened(whole[:at] + wrong.to_bytes(4, "big") + whole[at + 4 :])


def test_no_part_can_be_cut_off_moved_left_out_or_added():
    whole = sealed(b"x" * 40)
    at = places(whole)
    assert len(at) == 4
    head, parts = whole[: at[0]], [whole[a:b] for a, b in pairwise(at)]
    for wrong in (parts[:2], parts[:1], [], parts[1:], [parts[1], parts[0], parts[2]], [parts[0], parts[2]],
                  [*parts, parts[2]], [*parts, b"\0"]):  # fmt: skip
        with pytest.raises(BackupBroken):
            opened(head + b"".join(wrong))
    for length in range(at[0], len(whole)):
        with pytest.raises(BackupBroken):
            opened(whole[:length])


def test_neither_another_header_nor_another_key_opens_it():
    one, other = sealed(b"text"), sealed(b"text", header={**HEADER, "backup": "two"})
    with pytest.raises(BackupBroken):
        opened(one[: places(one)[0]] + other[places(other)[0] :])
    with pytest.raises(BackupBroken):
        opened(one, key=bytes(32))


@pytest.mark.parametrize("data", [b"", b"not one", MAGIC, MAGIC + b"{", MAGIC + b"[]\n", MAGIC + b'{"a":1}\n'])
def test_what_is_no_backup_is_told(data):
    with pytest.raises(BackupBroken):
        opened(data)
