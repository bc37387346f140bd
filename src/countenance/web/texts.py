"""The pages' texts, in the reader's language. English is what the templates say; other languages are catalogues.

Texts stand in templates and code as `_("...")` or `later("...")`, or in tables that programs use too
(`present/labels.py`). `tools/catalogue.py` gathers them into `catalogue/countenance.pot`, and a compiled
`catalogue/LANGUAGE/LC_MESSAGES/countenance.mo` (GNU gettext) is found here by its folder.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path
from typing import Final

DOMAIN: Final = "countenance"
CATALOGUES: Final = Path(__file__).parent / "catalogue"


def later(english: str) -> str:
    """The text as it is: it is said, in the reader's language, where it is shown. Marks it for the catalogue."""
    return english


@cache
def languages() -> tuple[str, ...]:
    """Those that there is a catalogue for, besides English."""
    found = CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    return tuple(sorted(path.parent.parent.name for path in found))


def chosen(accepted: str) -> str:
    """The language to answer in, of an Accept-Language header (RFC 9110 section 12.5.4); "en" if none fits."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), place, tag.strip().lower()))
        except ValueError:
            continue
    known = {"en": "en", **{name.lower().replace("_", "-"): name for name in languages()}}
    for _, _, tag in sorted(wanted):
        for each in (tag, tag.split("-")[0]):
            if each in known:
                return known[each]
    return "en"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of that language; English says each text as it stands."""
    return gettext.translation(DOMAIN, CATALOGUES, [language], fallback=True)
