"""What one key seals and wraps: it opens as it was, bound to what it is, or not at all."""

import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.errors import SealBroken
from countenance.keys.sealing import seal, unseal, unwrap, wrap

KEY = AESGCM(bytes(range(32)))


def test_no_bit_of_what_is_sealed_can_be_changed(unnoticed_bits):
    sealed = seal(KEY, "face", b"text")
    assert unseal(KEY, "face", sealed) == b"text"
    assert unnoticed_bits(sealed, lambda changed: unseal(KEY, "face", changed), SealBroken) == []


def test_no_bit_of_a_wrapped_key_can_be_changed(unnoticed_bits):
    secret = secrets.token_bytes(32)
    wrapped = wrap(KEY, b"key 1", secret)
    assert unwrap(KEY, b"key 1", wrapped) == secret
    assert unnoticed_bits(wrapped, lambda changed: unwrap(KEY, b"key 1", changed), SealBroken) == []


def test_nothing_shorter_or_bound_to_something_else_opens():
    sealed, wrapped = seal(KEY, "face", b"text"), wrap(KEY, b"key 1", bytes(32))
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            unseal(KEY, "face", sealed[:length])
    for length in range(len(wrapped)):
        with pytest.raises(SealBroken):
            unwrap(KEY, b"key 1", wrapped[:length])
    with pytest.raises(SealBroken):
        unseal(KEY, "other face", sealed)
    with pytest.raises(SealBroken):
        unwrap(KEY, b"key 2", wrapped)
