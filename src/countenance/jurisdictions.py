"""Where a law applies, as a code, and which code covers which.

A code is ISO 3166-1 alpha-2 ("CA"), ISO 3166-2 ("CA-ON"), a group ("EU"), a place below ("US-MI/detroit"), or
"unknown", which is within nothing, because nobody knows. `data/iso3166.tsv` holds ISO's codes and names,
`data/jurisdictions.toml` what they don't say. What a person types goes through `parse` once; stored codes are compared
without a look at ISO's lists.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, Final

from countenance.errors import WrongUse
from countenance.remedies import Remedy

UNKNOWN: Final = "unknown"
SUGGESTIONS: Final = 4  # more is a list to read, not a hint


def parse(text: str) -> str:
    """The one code for what a person typed as a code: "ca-on" -> "CA-ON", "PR" -> "US-PR", "US-MI/Detroit".

    Never guesses from a name, because a wrong jurisdiction is a wrong law.
    Raises: WrongUse: no such code; the hint names what may have been meant.
    """
    code = _normal(text)
    data = _data()
    if code == UNKNOWN or code in data.groups or code in data.places:
        return code
    if code in _iso():
        return data.same.get(code, code)
    near = _suggestions(text)
    raise WrongUse(
        f"{text!r} is not a jurisdiction", Remedy.USE_ONE_OF, field="jurisdiction",
        values=[f"{each} ({name(each)})" for each in near]
        or ("a code of ISO 3166-1 such as CA", "a code of ISO 3166-2 such as CA-ON", "EU", "EEA", UNKNOWN),
    )  # fmt: skip


def parse_set(text: str) -> frozenset[str]:
    """The codes of a list separated by commas or semicolons: "CA-ON, us" -> {"CA-ON", "US"}.

    Raises: WrongUse: one of them is no code, or there is none.
    """
    codes = frozenset(parse(part) for part in re.split("[,;]", text) if part.strip())
    if not codes:
        raise WrongUse("no jurisdiction is named", Remedy.ADD_FIELD, field="jurisdiction", values=("CA-ON", UNKNOWN))
    return codes


@lru_cache(maxsize=65_536)
def parents(code: str) -> tuple[str, ...]:
    """All that covers this code, nearest first, without itself: "US-MI/detroit" -> ("US-MI", "US").

    "FR" -> ("EU", "EEA"); "unknown" -> (). The code is one that `parse` returned; it is not checked again.
    """
    found: list[str] = []
    frontier = [code]
    while frontier:
        frontier = [above for each in frontier for above in _directly_above(each) if above not in found]
        found.extend(dict.fromkeys(frontier))
    return tuple(found)


def covers(parent: str, code: str) -> bool:
    """Whether `code` is `parent` or a part of it. "unknown" covers nothing and is covered by nothing."""
    return UNKNOWN not in (parent, code) and (parent == code or parent in parents(code))


def within(code: str, allowed: frozenset[str]) -> bool:
    """Whether one of `allowed` covers `code`. "unknown" is within nothing, not even a set that names it."""
    return code != UNKNOWN and (code in allowed or not allowed.isdisjoint(parents(code)))


def name(code: str) -> str:
    """What a person calls it: "CA-ON" -> "Ontario, Canada". A code that ISO has since dropped is its own name."""
    data = _data()
    if code in data.groups:
        return data.groups[code]
    if code in data.places:
        return f"{data.places[code]}, {name(code.rpartition('/')[0])}"
    if "-" in code:
        found = _iso().get(code)
        return f"{found[0]}, {name(code[:2])}" if found else code
    usual, common, *_ = _iso().get(code, (code, ""))
    return common or usual


# --- how ----------------------------------------------------------------------------------------------------------
class _Data:
    """`data/jurisdictions.toml`, turned to face the questions above."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.groups: dict[str, str] = {code: group["name"] for code, group in raw["groups"].items()}
        self.places: dict[str, str] = raw["places"]
        self.same: dict[str, str] = raw["same"]
        self.said: dict[str, str] = raw["said"]
        self.groups_of: dict[str, list[str]] = {}
        for code, group in raw["groups"].items():
            for member in group["members"].split():
                self.groups_of.setdefault(member, []).append(code)
        self.part_of: dict[str, str] = {
            f"{parent[:2]}-{part}": parent for parent, parts in raw["parts"].items() for part in parts.split()
        }


@cache
def _data() -> _Data:
    import tomllib

    return _Data(tomllib.loads(_text("jurisdictions.toml")))


@cache
def _iso() -> dict[str, tuple[str, ...]]:
    """Every code of ISO 3166-1 to (name, common name, official name, alpha-3), "" for none; of 3166-2 to (name,)."""
    lines = (line.split("\t") for line in _text("iso3166.tsv").splitlines() if not line.startswith("#"))
    return {code: tuple(names) for code, *names in lines}


def _text(file: str) -> str:
    from importlib.resources import files

    return files("countenance").joinpath("data", file).read_text("utf-8")


def _normal(text: str) -> str:
    """Codes in capitals, places below in small letters with hyphens."""
    above, slash, below = text.strip().partition("/")
    if above.lower() == UNKNOWN and not slash:
        return UNKNOWN
    return above.strip().upper().replace("_", "-") + slash + re.sub(r"[\s_]+", "-", below.strip().lower())


def _directly_above(code: str) -> list[str]:
    data = _data()
    if "/" in code:
        return [code.rpartition("/")[0]]
    if "-" in code:
        return [data.part_of.get(code, code[:2])]
    return data.groups_of.get(code, [])


def _suggestions(text: str) -> list[str]:
    """Codes that the text may have meant, the likeliest first; empty if it is like nothing."""
    from difflib import get_close_matches

    wanted = text.strip().casefold()
    names = _names()
    exact = names.get(wanted)
    if exact:
        return exact[:SUGGESTIONS]
    near = [code for each in get_close_matches(wanted, names, n=SUGGESTIONS, cutoff=0.8) for code in names[each]]
    return list(dict.fromkeys(near))[:SUGGESTIONS]


def _names() -> dict[str, list[str]]:
    """Every name and foreign code that is known, in small letters, to the codes it may mean."""
    data = _data()
    names: dict[str, list[str]] = {}

    def known(said: str, code: str) -> None:
        codes = names.setdefault(said.casefold(), [])
        kept = data.same.get(code, code)
        if kept not in codes:
            codes.append(kept)

    for said, code in data.said.items():
        known(said, code)
    for code, group in data.groups.items():
        known(group, code)
    for code, iso_names in _iso().items():
        for each in filter(None, iso_names):
            known(each, code)
        if "-" in code:
            known(code.replace("-", ""), code)
    for code, place in data.places.items():
        known(place, code)
    return names
