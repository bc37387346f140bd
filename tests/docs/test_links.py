"""Links between the documents lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_pages_are_found():
    assert len(PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page):
    dead = []
    for link in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_are_there(page):
    """`src/...`, `tests/...`, `tools/...` and `docs/...` in back quotes are files of this project."""
    named = re.findall(r"`((?:src|tests|tools|docs|requirements)/[\w./-]+)`", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = LINK.findall(FENCED.sub("", page.read_text("utf-8")))
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link]
    assert {str(page.relative_to(ROOT)) for page in PAGES if page.resolve() not in reached} == set()


def test_every_decision_is_listed_in_the_first():
    folder = ROOT / "docs" / "adr"
    first = (folder / "0001-record-architecture-decisions.md").read_text("utf-8")
    assert [page.name for page in sorted(folder.glob("*.md"))[1:] if f"({page.name})" not in first] == []
    for page in folder.glob("*.md"):
        parts = ("**Context.**", "**Decision.**", "**Rejected.**", "**Consequences.**")
        assert all(part in page.read_text("utf-8") for part in parts), page.name
