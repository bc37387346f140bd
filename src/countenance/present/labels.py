"""Odds, scores, names and reasons in plain words, for the page and the terminal alike.

Odds are always rounded to the cautious side: towards more false leads and fewer searches. Nothing here is a percentage.
Sentences are English; `_` says them in another language, as catalogues have them (web/texts.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote_to_bytes, urlsplit

from countenance.types import Band, Basis, DuplicateLink, FaceRefusal, Odds, Recall, RejectReason

Say = Callable[[str], str]

BANDS: Mapping[Band, str] = {Band.STRONG: "strong lead", Band.LEAD: "lead", Band.WEAK: "weak lead"}

BASES: Mapping[Basis, str] = {
    Basis.HOUSEHOLD: "your own pictures, at home",
    Basis.CONSENT: "the person pictured agreed",
    Basis.LICENCE: "a contract with releases",
    Basis.STATUTE: "a law covers this source",
    Basis.HISTORICAL: "the people have died, or an archive law allows it",
}

LINKS: Mapping[DuplicateLink, str] = {
    DuplicateLink.EXACT: "the same file",
    DuplicateLink.NEAR: "nearly the same picture",
    DuplicateLink.CROP: "a different crop",
}

PAPERS: Mapping[str, str] = {  # of an order
    "order": "the signed order",
    "stay": "decision to stay the order",
    "resume": "decision to resume the order",
    "lift": "decision to lift the order",
}

REJECTIONS: Mapping[RejectReason, str] = {
    RejectReason.NOT_PERMITTED: "not permitted",
    RejectReason.NOT_A_PICTURE: "not a picture file",
    RejectReason.NO_READER: "HEIC or AVIF; the reader is not installed",
    RejectReason.DAMAGED: "cut short or damaged",
    RejectReason.TOO_LARGE: "more bytes than the limit",
    RejectReason.TOO_MANY_PIXELS: "more pixels than the limit",
    RejectReason.TOO_MANY_FRAMES: "more frames than the limit",
    RejectReason.TOO_SMALL: "too small to show a face",
    RejectReason.TIMED_OUT: "took too long to decode",
    RejectReason.DECODER_DIED: "the decoder crashed",
    RejectReason.NOT_A_FILE: "not a file, but a device, socket or pipe",
    RejectReason.LINK: "a symbolic link; its target is read at its own path",
    RejectReason.UNREADABLE: "could not be read",
    RejectReason.CHANGED_WHILE_READ: "changed while it was being read",
    RejectReason.BAD_SIDECAR: "its sidecar or manifest row does not match",
}

REFUSALS: Mapping[FaceRefusal, str] = {
    FaceRefusal.NOT_PERMITTED: "not permitted",
    FaceRefusal.ERASED: "not permitted",  # who enrols can't tell an erasure from any other policy reason
    FaceRefusal.OPTED_OUT: "not permitted",
    FaceRefusal.RESTRICTED: "not permitted",
    FaceRefusal.NOT_A_SUBJECT: "not on the list of the grant",
    FaceRefusal.TOO_SMALL: "too small to compare",
    FaceRefusal.LOW_QUALITY: "too blurred, turned or dark to compare",
}

_LINKED_SCHEMES = frozenset({"file", "http", "https"})
_JOINERS = "\u200c\u200d"  # between letters of Persian or parts of an emoji: they hide nothing
_URI_CHARACTERS = ":/?#[]@!$&'()*+,;=%~"  # RFC 3986: reserved characters and the escape, kept as they are


def expected_false_leads(odds: Odds, _: Say = str) -> str:
    """Such as "1 false lead expected in 600 searches of this size", or "At most 1 ..." where the odds are a bound.

    Raises: ValueError: the odds are not above 0; no measurement shows a rate of 0.
    """
    value = _positive(odds)
    if value > 0.9:
        count = _up(value)
        if count == "1" and odds.bound:
            return _("At most 1 false lead expected in each search of this size")
        if count == "1":
            return _("About 1 false lead expected in each search of this size")
        if odds.bound:
            return _("At most %(n)s false leads expected in each search of this size") % {"n": count}
        return _("About %(n)s false leads expected in each search of this size") % {"n": count}
    if value > 0.1:
        tenths = {"n": math.ceil(value * 10 - 1e-9)}
        if odds.bound:
            return _("At most %(n)s false leads expected in 10 searches of this size") % tenths
        return _("%(n)s false leads expected in 10 searches of this size") % tenths
    searches = {"n": _down(1 / value)}
    if odds.bound:
        return _("At most 1 false lead expected in %(n)s searches of this size") % searches
    return _("1 false lead expected in %(n)s searches of this size") % searches


def strangers(odds: Odds, _: Say = str) -> str:
    """Such as "1 stranger in 26,000 scores as high", or "At most 1 ..." where the rate is a bound.

    Raises: ValueError: the rate is not above 0.
    """
    people = {"n": _down(1 / min(1.0, _positive(odds)))}
    if odds.bound:
        return _("At most 1 stranger in %(n)s scores as high") % people
    return _("1 stranger in %(n)s scores as high") % people


def aim(fpir: float) -> str:
    """Such as "1 false lead in 100 searches" for a rate of 0.01. Raises: ValueError: not above 0, or above 1."""
    if not 0 < fpir <= 1:
        raise ValueError(f"{fpir} is not a rate of searches")
    searches = _down(1 / fpir)
    return f"1 false lead in {searches} {'search' if searches == '1' else 'searches'}"


def named(value: object, _: Say = str) -> str:
    """What a word of ours that stands for a kind, state or purpose is called: "Archive description"."""
    return _(sentence(str(value).replace("-", " ").replace("_", " ")))


def number(value: int) -> str:
    """13,000."""
    return f"{value:,}"


def score(cosine: float) -> str:
    """Three decimals, with a real minus sign."""
    return f"{cosine:.3f}".replace("-", "\u2212")


def sentence(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def visible(text: str) -> str:
    """The text with every character that can hide or break something written out: controls, line breaks, marks that
    reverse the direction of writing, bytes that were no UTF-8 (surrogateescape). Always encodes as UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else _written_out(c) for c in text)


def file_name(uri: str) -> str:
    """The last part of the address, unescaped, as a person named the file; not yet `visible`."""
    return _parts(uri)[-1]


def folder_name(uri: str) -> str:
    """The part before the last, or nothing; not yet `visible`."""
    return "/".join(_parts(uri)[-2:-1])


def path(uri: str) -> str:
    """A file:// address as the path it names, other addresses as they are; not yet `visible`."""
    if not uri.startswith("file://"):
        return uri
    return unquote_to_bytes(uri.removeprefix("file://")).decode("utf-8", "surrogateescape")


def link(uri: str) -> str | None:
    """The address, fit for an href: file or web, every odd byte escaped. None for others (javascript:, data:)."""
    try:
        scheme = urlsplit(uri).scheme
    except ValueError:  # malformed brackets of an IPv6 host
        return None
    if scheme not in _LINKED_SCHEMES:
        return None
    return quote(uri.encode("utf-8", "surrogateescape"), safe=_URI_CHARACTERS)


def _parts(uri: str) -> list[str]:
    path = uri.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0]
    parts = [unquote_to_bytes(part.encode("utf-8", "surrogateescape")) for part in path.split("/") if part]
    return [part.decode("utf-8", "surrogateescape") for part in parts] or [uri]


def _written_out(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _positive(odds: Odds) -> float:
    if not (odds.value > 0 and math.isfinite(odds.value)):
        raise ValueError(f"odds of {odds.value} were never measured; give the bound that the data show")
    return odds.value


def _down(value: float) -> str:
    """At least 1, rounded down to two significant figures: 26,315 gives 26,000."""
    whole = max(1, math.floor(value * (1 + 1e-9)))
    unit = 10 ** max(0, len(str(whole)) - 2)
    return number(whole // unit * unit)


def _up(value: float) -> str:
    """A whole number, rounded up to two significant figures: 2.1 gives 3, 121 gives 130."""
    whole = math.ceil(value * (1 - 1e-9))
    unit = 10 ** max(0, len(str(whole)) - 2)
    return number(-(-whole // unit) * unit)


def recall(measured: Recall, _: Say = str) -> str:
    """How much an approximate answer may lack; rounded to the cautious side."""
    found = {"found": math.floor(measured.value * 100), "tried": number(measured.sample)}
    return (
        _("approximate search: it finds about %(found)s of 100 faces that an exact search finds (%(tried)s tried)")
        % found
    )
