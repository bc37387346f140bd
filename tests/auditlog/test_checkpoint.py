"""A checkpoint: a signed note of which no bit can be changed."""

import base64

import pytest

from countenance.auditlog.checkpoint import Checkpoint, Signer, open_checkpoint, parse_verifier_key, verifier_key
from countenance.errors import LogBroken

SIGNER = Signer("countenance/test", b"k" * 32)


def test_a_checkpoint_is_a_signed_note():
    note = SIGNER.sign(7, b"r" * 32)
    lines = note.split("\n")
    assert lines[:3] == ["countenance/test", "7", base64.b64encode(b"r" * 32).decode()]
    assert lines[3] == ""
    assert lines[4].startswith("\u2014 countenance/test ")
    origin, key = parse_verifier_key(SIGNER.verifier_key())
    assert open_checkpoint(note, origin, key) == Checkpoint("countenance/test", 7, b"r" * 32)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("\n7\n", "\nseven\n"),
        lambda note: note.replace("\n7\n", "\n-7\n"),
        lambda note: note.replace("countenance/test", "other", 1),
        lambda note: note.split("\n\n", maxsplit=1)[0],
        lambda _note: "",
        lambda note: note.replace("cnJy", "c!!y"),
        lambda note: note.replace(note.split(" ")[-1][:12], "AAAAAAAAAAAA"),
        lambda note: note.replace(" " + note.split(" ")[-1].strip(), " A"),
    ],
)
def test_a_changed_checkpoint_does_not_open(change):
    with pytest.raises(LogBroken):
        open_checkpoint(change(SIGNER.sign(7, b"r" * 32)), SIGNER.origin, SIGNER.public_key)


def test_no_bit_of_a_checkpoint_can_be_changed(unnoticed_bits):
    body, _, signed = SIGNER.sign(7, b"r" * 32).partition("\n\n")
    before, encoded = signed.strip().rsplit(" ", 1)

    def opened(raw, body=body):
        note = f"{body}\n\n{before} {base64.b64encode(raw).decode()}\n"
        return open_checkpoint(note, SIGNER.origin, SIGNER.public_key)

    signature = base64.b64decode(encoded)
    assert opened(signature).size == 7
    assert unnoticed_bits(signature, opened, LogBroken) == []
    assert unnoticed_bits(body.encode(), lambda text: opened(signature, text.decode("latin-1")), LogBroken) == []


def test_another_signature_beside_ours_does_no_harm():
    note = SIGNER.sign(7, b"r" * 32)
    witness = Signer("witness.example", b"w" * 32).sign(7, b"r" * 32).split("\n")[-2]
    assert open_checkpoint(note + witness + "\n", SIGNER.origin, SIGNER.public_key).size == 7


@pytest.mark.parametrize("text", ["", "a+b", "x+00000000+AQ==", "a+!!+!!", verifier_key("a", b"k" * 32)[:-4] + "AAA="])
def test_a_malformed_verifier_key_is_refused(text):
    with pytest.raises(LogBroken):
        parse_verifier_key(text)
