"""What a pictured person may ask for, how it is proven who asks, and what keeps a flood out. Rules without IO."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from countenance.errors import WrongUse
from countenance.remedies import Remedy


class RequestKind(StrEnum):
    """What is asked for. A closed list."""

    OPT_OUT = "opt-out"
    ACCESS = "access"  # GDPR art. 15; PIPEDA principle 4.9
    ERASURE = "erasure"  # GDPR art. 17
    CORRECTION = "correction"  # GDPR art. 16
    RESTRICTION = "restriction"  # GDPR art. 18
    OBJECTION = "objection"  # GDPR art. 21


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    VERIFIED = "verified"
    DECIDING = "deciding"  # decided, and being carried out; a crash leaves it here, and the next command goes on
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


class RequestOutcome(StrEnum):
    """How a request was decided."""

    GRANTED = "granted"
    REFUSED = "refused"


class Proof(StrEnum):
    """How it was proven who asks. The proof itself is not kept."""

    ADDRESS = "address"  # a one-time code sent to an address that was on file before the request came
    LIVE_PHOTO = "live-photo"  # a second photograph, taken for this, of the face of the first
    DOCUMENT = "document"  # seen by somebody and not kept; never a government ID alone


class Document(StrEnum):
    """What kind of document somebody looked at."""

    GOVERNMENT_ID = "government-id"
    LETTER = "letter"  # from a bank, an employer, a school: sent to the person
    MEMBERSHIP = "membership"  # a card or pass of the operator's own
    OTHER = "other"


TIERS: Final[Mapping[int, str]] = {
    0: "Your faces are hidden at once and then erased. Nothing that could recognise you or a picture of you is kept. "
    "If the same picture is added again, your face may be indexed again.",
    1: "Your faces are hidden at once and then erased. Hashes and an encrypted fingerprint of each picture keep the "
    "same pictures out. Nothing of your face is kept, so a new picture of you may be added.",
    2: "As 1, and one encrypted template of your face also keeps new pictures of you out. It is used for nothing "
    "else, and destroyed when you withdraw.",
}
DEFAULT_TIER: Final = 1

# One stranger in 10,000 would pass for the person: far rarer than what a search shows, since a wrong "yes" opens the
# person's data to somebody else, or erases it.
SAME_PERSON_FMR: Final = 1e-4
CODE_TERM: Final = timedelta(days=7)
MAX_TEXT: Final = 4_000
MAX_LINE: Final = 200
LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O or U
_LOOK_ALIKE: Final = str.maketrans("ILO", "110")
TRACKING_LETTERS: Final = 20  # 100 bits
CODE_LETTERS: Final = 10  # 50 bits, five tries


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How much is taken up. Whoever is refused is told so at once, and it is logged."""

    a_day: int = 100  # requests opened within 24 hours
    waiting: int = 1_000  # requests that nobody has decided
    a_contact: int = 3  # of these, with one address to answer to
    proofs: int = 5  # tries to verify one request
    codes: int = 3  # one-time codes for one request


@dataclass(frozen=True, slots=True)
class RequestedThings:
    """What a request says; checked."""

    kind: RequestKind
    tier: int | None
    name: str
    contact: str
    text: str
    address: str
    face: str
    face_number: int | None  # which face of the photograph


def check_asked(
    *, kind: str, tier: int | None, name: str, contact: str, text: str, address: str, face: str, has_photo: bool,
    face_number: int | None = None,
) -> RequestedThings:  # fmt: skip
    """A request that may be opened. Raises WrongUse: the first thing that is wrong with it."""
    try:
        chosen = RequestKind(kind)
    except ValueError as error:
        raise WrongUse(
            f"{kind!r} is not a kind of request", Remedy.USE_ONE_OF, field="kind", values=tuple(RequestKind)
        ) from error
    if tier is not None and (chosen is not RequestKind.OPT_OUT or tier not in TIERS):
        raise WrongUse(f"tier {tier} does not fit: an opt-out has tier 0, 1 or 2, others have none", field="tier")
    if chosen is RequestKind.OPT_OUT and tier is None:
        tier = DEFAULT_TIER
    if tier == 2 and not has_photo:
        raise WrongUse(
            "to keep the person out of new pictures too (tier 2), a photograph of them is needed; tier 1 keeps nothing "
            "of a face",
            Remedy.ADD_FIELD,
            field="photo",
        )
    for field, line in (("name", name), ("contact", contact), ("address", address)):
        if line and (len(line) > MAX_LINE * 10 or not line.isprintable()):
            raise WrongUse(f"the {field} is one printable line of at most {MAX_LINE * 10:,} characters", field=field)
    if len(text) > MAX_TEXT:
        raise WrongUse(
            f"the text has {len(text):,} characters", Remedy.USE_AT_MOST, field="text", values=(f"{MAX_TEXT:,}",)
        )
    if not (has_photo or address or face or name):
        raise WrongUse(
            "the request does not say whom it is about", Remedy.ADD_SOME_OF, values=("photo", "address", "face", "name")
        )
    return RequestedThings(
        chosen, tier, name.strip(), contact.strip(), text.strip(), address.strip(), face, face_number
    )


def check_proof(*, code: str | None, has_photo: bool, document: str | None) -> tuple[Proof, ...]:
    """The proofs offered. Raises WrongUse: none, or a government ID alone."""
    if document is not None and document not in set(Document):
        raise WrongUse(
            f"{document!r} is not a kind of document", Remedy.USE_ONE_OF, field="document", values=tuple(Document)
        )
    offered = [proof for proof, there in ((Proof.ADDRESS, code is not None), (Proof.LIVE_PHOTO, has_photo)) if there]
    if document == Document.GOVERNMENT_ID and not offered:
        raise WrongUse(
            "a government ID alone proves nothing here: a copy can be bought, and it asks for more than is needed",
            Remedy.ADD_ONE_OF,
            values=("code", "photo"),
        )
    if document is not None:
        offered.append(Proof.DOCUMENT)
    if not offered:
        raise WrongUse(
            "a request needs a proof of who asks: a code that was sent to them, a second photograph, or a document "
            "that a person has checked",
            Remedy.ADD_ONE_OF,
            values=("code", "photo", "document"),
        )
    return tuple(offered)


def new_tracking() -> str:
    """A tracking code of 100 random bits: "7KQM2-F9XAB-...". Whoever holds it may see how the request stands."""
    return _grouped(TRACKING_LETTERS)


def new_code() -> str:
    """A one-time code of 50 random bits."""
    return _grouped(CODE_LETTERS)


def plain_code(text: str) -> str:
    """A code as it was made, however somebody typed it: without hyphens and spaces, in capitals."""
    return "".join(text.split()).replace("-", "").upper().translate(_LOOK_ALIKE)


def is_tracking(text: str) -> bool:
    """Whether it has the form of a tracking code."""
    plain = plain_code(text)
    return len(plain) == TRACKING_LETTERS and set(plain) <= set(LETTERS)


def _grouped(letters: int) -> str:
    made = "".join(secrets.choice(LETTERS) for _ in range(letters))
    return "-".join(made[start : start + 5] for start in range(0, letters, 5))
