"""Writes the tables of remedies in docs/errors.md: how each door words each of them.

python tools/docs_errors.py            # --check: fails if the page is another one; a test does it
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from countenance.api.remedies import DOOR as API
from countenance.cli.remedies import DOOR as CLI
from countenance.remedies import COMMON, LIBRARY, Remedy
from countenance.web.remedies import door

PAGE = Path(__file__).resolve().parents[1] / "docs" / "errors.md"
BEGIN = "<!-- from here on made by tools/docs_errors.py -->\n"


def tables() -> str:
    """Both tables, as Markdown."""
    pages = door("en", signed_in=True)
    doors = (LIBRARY, CLI, API, pages)
    own = [remedy for remedy in Remedy if len({each.text(remedy) for each in doors}) > 1]
    alike = [(f"`{remedy}`", COMMON[remedy]) for remedy in Remedy if remedy not in own]
    return (
        "\n### Worded alike at every door\n\n"
        + _table(("remedy", "words"), alike)
        + "\n### Worded by each door\n\n"
        + _table(
            ("remedy", "library", "command line", "/v1", "pages"),
            [(f"`{remedy}`", *(each.text(remedy) for each in doors)) for remedy in own],
        )
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    page = PAGE.read_text("utf-8")
    made = page.partition(BEGIN)[0] + BEGIN + tables()
    if "--check" in sys.argv:
        sys.exit(0 if made == page else f"{PAGE.name} is not what the tables say: run python tools/docs_errors.py")
    PAGE.write_text(made, "utf-8")
