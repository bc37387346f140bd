"""What may be asked, and which proof counts."""

import pytest

from countenance.errors import WrongUse
from countenance.rights import requests
from countenance.rights.requests import Proof, check_asked, check_proof, is_tracking, new_code, new_tracking, plain_code


def ask(**more):
    said = {"kind": "opt-out", "tier": None, "name": "Ada", "contact": "", "text": "", "address": "", "face": "",
            "has_photo": False}  # fmt: skip
    return check_asked(**{**said, **more})


def test_an_opt_out_has_the_tier_that_keeps_nothing_of_a_face_unless_another_is_chosen():
    assert ask().tier == requests.DEFAULT_TIER == 1
    assert ask(kind="access").tier is None
    assert ask(tier=2, has_photo=True).tier == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": "complaint"}, "not a kind"),
        ({"kind": "access", "tier": 1}, "tier 1"),
        ({"tier": 3}, "tier 3"),
        ({"tier": 2}, "photograph of them"),
        ({"name": ""}, "whom it is about"),
        ({"name": "two\nlines"}, "the name is one"),
        ({"contact": "x" * 2_001}, "the contact is one"),
        ({"text": "x" * 4_001}, "4,001 characters"),
    ],
)
def test_what_does_not_fit_is_named(said, why):
    with pytest.raises(WrongUse, match=why):
        ask(**said)


@pytest.mark.parametrize(
    ("offered", "proofs"),
    [
        ({"code": "X"}, (Proof.ADDRESS,)),
        ({"has_photo": True}, (Proof.LIVE_PHOTO,)),
        ({"document": "letter"}, (Proof.DOCUMENT,)),
        ({"has_photo": True, "document": "government-id"}, (Proof.LIVE_PHOTO, Proof.DOCUMENT)),
    ],
)
def test_the_proofs_that_count(offered, proofs):
    assert check_proof(**{"code": None, "has_photo": False, "document": None, **offered}) == proofs


@pytest.mark.parametrize(
    ("document", "why"), [(None, "proof of who asks"), ("government-id", "government ID alone"), ("oath", "not a kind")]
)
def test_what_proves_nothing_is_refused(document, why):
    with pytest.raises(WrongUse, match=why):
        check_proof(code=None, has_photo=False, document=document)


def test_codes_are_random_and_forgive_how_they_are_typed():
    made = {new_tracking() for _ in range(100)}
    assert len(made) == 100
    assert all(is_tracking(code) for code in made)
    assert not is_tracking(new_code())
    assert not is_tracking("00000000-0000-4000-8000-000000000000")
    assert plain_code(" o1l-i23 ") == "011123"
