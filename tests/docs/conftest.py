"""Reading the documents: their text, their tables, their fenced blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Document:
    """One of the project's Markdown files."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    def section(self, heading: str) -> str:
        """What stands below a heading, up to the next of the same rank or higher."""
        start = re.search(rf"^(#+) {re.escape(heading)}$", self.text, re.MULTILINE)
        assert start, f"{self.path.name} has no heading {heading!r}"
        end = re.compile(rf"^#{{1,{len(start[1])}}} ", re.MULTILINE).search(self.text, start.end())
        return self.text[start.end() : end.start() if end else None]

    def table(self, first: str, *, section: str | None = None) -> dict[str, dict[str, str]]:
        """The table whose first column is called `first`: its first cells, without back quotes, to their rows."""
        lines = (self.text if section is None else self.section(section)).splitlines()
        for number, line in enumerate(lines):
            if line.startswith("|") and _cells(line)[0] == first:
                return _rows(_cells(line), lines[number + 2 :])
        raise AssertionError(f"{self.path.name} has no table whose first column is {first!r}")

    def blocks(self, language: str, *, section: str) -> list[str]:
        """The fenced blocks of a language in a section."""
        fences = re.findall(r"^```(\w*)\n(.*?)^```$", self.section(section), re.MULTILINE | re.DOTALL)
        return [text for said, text in fences if said == language]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in CELL.split(line.strip().strip("|"))]


def _rows(names: list[str], lines: list[str]) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        cells = _cells(line)
        assert len(cells) == len(names), f"a row of {len(cells)} cells: {line}"
        name = cells[0].strip("`")
        assert name not in rows, f"{name} stands twice"
        rows[name] = dict(zip(names, cells, strict=True))
    return rows


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def doc():
    """doc("README.md") or doc("errors.md"): a page of the project's root, or of docs/."""

    def find(name: str) -> Document:
        path = ROOT / name
        return Document(path if path.is_file() else ROOT / "docs" / name)

    return find
