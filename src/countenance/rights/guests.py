"""What a guest of an event agrees to, and what a link for guests must hold. Rules without IO.

Sources: GDPR art. 4(11), 7 and 13 (who is responsible, what for, how long, withdrawing as easy as agreeing), 9(2)(a)
(explicit consent to measure a face); 740 ILCS 14/15(b) (a written release that says what is made, why and how long).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from countenance.errors import BadPicture, GrantInvalid, WrongUse
from countenance.remedies import Remedy
from countenance.types import SUBJECT_BASES, Grant, GrantState, Purpose

VERSION: Final = "1"  # of CONSENT; changes with every word of it
CONSENT: Final = (
    "The photograph that I give shows me, and only me.",
    (
        "I want to find the pictures of me in “{event}”. For this, {organiser} may measure my face on my photograph, "
        "compare it with the faces in the pictures of this event, and keep the measurements of those that are mine."
    ),
    "The faces of others are compared with mine in memory for this, and nothing of them is kept.",
    (
        "My photograph and these words are kept, sealed, as proof that I agreed. My measurements are used to give me "
        "my pictures, and for nothing that this event's grant does not name: {purposes}."
    ),
    (
        "All of it is kept until I withdraw, or until the organiser's right to these pictures ends{until}. I can "
        "withdraw at any time by the link that I get, as easily as I agree now. Then my photograph and every "
        "measurement of my face are erased, and I get a signed receipt."
    ),
)
PHOTOGRAPHS_AN_HOUR: Final = 60  # by one link: enough for a table or a poster, too few to try a list of people
MAX_PHOTOGRAPH: Final = 20 * 2**20  # bytes; a telephone's photograph has 2 to 12 MB
MAX_TERM: Final = timedelta(days=366)  # of a link
DEFAULT_TERM: Final = timedelta(days=30)
MAX_ORGANISER: Final = 200  # characters


def consent_text(*, event: str, organiser: str, grant: Grant) -> tuple[str, ...]:
    """What somebody agrees to, a paragraph each, in version `VERSION`."""
    until = "" if grant.expires_at is None else f" on {grant.expires_at.date()}"
    purposes = ", ".join(sorted(purpose.replace("-", " ") for purpose in grant.purposes))
    return tuple(line.format(event=event, organiser=organiser, until=until, purposes=purposes) for line in CONSENT)


def check_agreed(version: str) -> None:
    """Raises: WrongUse: that is not what is asked now."""
    if version != VERSION:
        raise WrongUse("what you are asked to agree to has changed since the page was opened; read it again")


def check_photograph(data: bytes) -> None:
    """Raises: BadPicture: nothing, or more than the limit."""
    if not data:
        raise BadPicture("no photograph was given", Remedy.TAKE_PHOTOGRAPH, reason="not_a_picture")
    if len(data) > MAX_PHOTOGRAPH:
        raise BadPicture(
            f"the photograph is larger than {MAX_PHOTOGRAPH // 2**20} MB", Remedy.USE_SMALLER_FILE,
            values=(f"{MAX_PHOTOGRAPH // 2**20} MB",), reason="too_large",
        )  # fmt: skip


def check_link(
    grant: Grant, *, source: str, organiser: str, expires_at: datetime | None, now: datetime
) -> tuple[str, datetime]:
    """(who is responsible, until when) of a link that may be made. Raises: GrantInvalid, WrongUse."""
    if grant.basis not in SUBJECT_BASES or Purpose.EVENT_DELIVERY not in grant.purposes:
        raise GrantInvalid(
            f"the grant of {source!r} does not allow pictures to be given to guests: that needs the basis consent or "
            f"licence, and the purpose {Purpose.EVENT_DELIVERY}"
        )
    if grant.state(now) is not GrantState.IN_FORCE:
        raise WrongUse(f"the grant of {source!r} is not in force", Remedy.SHOW_SOURCE, values=(source,))
    said = organiser.strip()
    if not said or len(said) > MAX_ORGANISER or not said.isprintable():
        raise WrongUse(
            "the organiser must be one printable line of 1 to 200 characters",
            Remedy.ADD_FIELD,
            field="organiser",
            values=("Ada Byron, ada@example.org",),
        )
    until = now + DEFAULT_TERM if expires_at is None else expires_at
    if not now < until <= now + MAX_TERM:
        raise WrongUse(
            "a link for guests ends on a day in the future, within a year; by default after 30 days",
            Remedy.USE_FUTURE_DATE,
            field="expires",
        )
    return said, until
