"""Gathers every text of the pages into src/countenance/web/catalogue/countenance.pot, for translators (GNU gettext).

python tools/catalogue.py      # a test compares the file with what stands in templates and code

To translate: `msginit -l fr`, fill in, and `msgfmt` into `catalogue/fr/LC_MESSAGES/countenance.mo`; it is found there.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path

from countenance.auditlog.kinds import KINDS
from countenance.present import labels
from countenance.records.orders import OrderState
from countenance.remedies import COMMON
from countenance.rights.requests import Proof, RequestKind, RequestOutcome, RequestState
from countenance.types import Basis, ClientClass, GrantState, HomeKind, Purpose, SearchResult
from countenance.web.render import environment

WEB = Path(__file__).resolve().parents[1] / "src" / "countenance" / "web"
POT = WEB / "catalogue" / "countenance.pot"
ENUMERATIONS: tuple[type[StrEnum], ...] = (
    HomeKind, Basis, Purpose, ClientClass, GrantState, OrderState, RequestKind, RequestState, RequestOutcome, Proof,
)  # fmt: skip
HEAD = """# Texts of Countenance's pages. Made by tools/catalogue.py.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def catalogue() -> str:
    """The file's text: each message once, with where it stands, sorted."""
    found: dict[tuple[str, ...], set[str]] = {}
    for message, place in (*_of_templates(), *_of_code(), *_of_tables()):
        found.setdefault(message, set()).add(place)
    return HEAD + "".join(_entry(message, sorted(found[message])) for message in sorted(found))


def _of_templates() -> Iterator[tuple[tuple[str, ...], str]]:
    jinja = environment("en")
    for path in sorted((WEB / "templates").glob("*.jinja")):
        for _, _, message in jinja.extract_translations(path.read_text("utf-8")):
            texts = message if isinstance(message, tuple) else (message,)
            literal = tuple(text for text in texts if isinstance(text, str))
            if literal:  # what a variable holds stands in the code
                yield literal, path.name


def _of_code() -> Iterator[tuple[tuple[str, ...], str]]:
    """What is said by `.text("...")`, `_("...")` and `later("...")`, as literals."""
    for path in (*sorted(WEB.rglob("*.py")), Path(labels.__file__)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and _says(node.func):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield (first.value,), path.name


def _says(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"text", "_", "gettext", "later"}


def _of_tables() -> Iterator[tuple[tuple[str, ...], str]]:
    """What stands in tables, by the names by which programs know it; pages look it up there and say it."""
    tables = {
        "labels.py": (labels.BANDS, labels.BASES, labels.LINKS, labels.REJECTIONS, labels.REFUSALS, labels.PAPERS),
        "kinds.py": (KINDS,),
        "remedies.py": (COMMON,),
    }
    for place, found in tables.items():
        yield from (((text,), place) for table in found for text in table.values())
    for words_of in ENUMERATIONS:
        yield from (((labels.named(each),), f"{words_of.__name__}") for each in words_of)
    [notice] = [field.default for field in fields(SearchResult) if field.name == "notice"]
    yield (str(notice),), "types.py"


def _entry(message: tuple[str, ...], places: list[str]) -> str:
    lines = [f"\n#: {' '.join(places)}", f"msgid {json.dumps(message[0], ensure_ascii=False)}"]
    if len(message) > 1:
        lines += [f"msgid_plural {json.dumps(message[1], ensure_ascii=False)}", 'msgstr[0] ""', 'msgstr[1] ""']
    else:
        lines.append('msgstr ""')
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    POT.parent.mkdir(exist_ok=True)
    POT.write_text(catalogue(), "utf-8")
    print(f"written: {POT.name}")
