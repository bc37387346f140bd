"""The pages use plain words: those of this list do not come back, in text or tables (docs/style.md)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ELSEWHERE = {"cli.md", "benchmarks.md", "errors.md"}  # made from texts of the program, which have checks of their own
PAGES = [page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")] if page.name not in ELSEWHERE]
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r'"[^"\n]*"')
GONE = {
    r"whoever|whomever|whosoever": "the person who, anyone who",
    r"nobody|anybody|everybody": "no one, anyone, everyone",
    r"anew": "again",
    r"ways? out": "how to go on",
    r"hand(?:s|ed)? in": "upload",
    r"veil(?:s|ed)?": "blur",
    r"mend(?:s|ed)?": "correct, fix",
    r"of above": "from the previous section",
    r"counts? no more": "is unknown, revoked or expired",
    r"looks? \w+ over": "check",
    r"asked too often": "too many requests",
    r"can't be told|cannot be told": "could not be checked",
    r"is over": "has ended, has expired",
    r"(?:stands?|lies) in": "is in",
    r"takes? the road|same road": "is processed, the same way",
    r"goes by what|by what it led": "depends on",
    r"but for": "except for",
}
LEFT = {  # texts that are the program's own
    ("requests.md", "anew"),  # the tiers, as a person reads them
    ("demo-photographs.md", "nobody"),  # the manifest of the photographs
}


def found(page, text):
    bare = QUOTED.sub("", CODE.sub("", text))
    for line in bare.splitlines():
        if re.match(r"\| +\| ", line):  # a row of the log's kinds, whose texts are the program's
            continue
        for pattern, plain in GONE.items():
            for match in re.finditer(rf"\b(?:{pattern})\b", line, re.IGNORECASE):
                if (page, match[0].lower()) not in LEFT:
                    yield f"{match[0]!r}: say {plain}: {line.strip()[:90]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_uses_plain_words(page):
    assert list(found(page.name, page.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "text", ["Whoever has it", "in the home of above", "a picture is handed in", "it lies in the home"]
)
def test_such_a_word_is_noticed(text):
    assert list(found("page.md", text))
