"""The table of docs/service.md, "What bad input gets", as its tests compare it with what they expect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "service.md"
COLUMNS: Final = ("what", "/v1", "Rekognition", "pages", "what stays")


def rows() -> list[dict[str, str]]:
    """Each row by its columns."""
    section = PAGE.read_text("utf-8").partition("## What bad input gets")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [dict(zip(COLUMNS, map(str.strip, line.strip("|").split("|")), strict=True)) for line in lines]


def row(of: str) -> dict[str, str]:
    """The row that begins so."""
    [found] = [each for each in rows() if each["what"].startswith(of)]
    return found


def statuses(cell: str) -> set[int]:
    """The HTTP statuses that a cell names."""
    return {int(each) for each in re.findall(r"\b[2-5]\d\d\b(?! MB)", cell)}
