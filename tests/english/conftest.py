"""What plain English is here: words that are gone, and measures of a sentence. textstat counts, for readers whose first
language is another one: McAlpine's EFLAW is words and short words a sentence, 25 being still easy to read.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest
import textstat

MOST_WORDS: Final = 25  # of a sentence
MOST_EFLAW: Final = 30  # of a text: above it readers of English as a foreign language lose the thread (McAlpine 2006)
MOST_GRADE: Final = 14  # of a text of some length, by the automated readability index
MEASURED: Final = 15  # words: a grade of fewer says nothing
_WORDS: Final = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))["word"]
GONE: Final = [(re.compile(each["find"], re.IGNORECASE), each["say"]) for each in _WORDS]
_CODE: Final = re.compile(  # and words with hyphens, most of which are codes
    r"`[^`]*`|\{[^}]*\}|%\(\w+\)s|--[\w-]+|https?://\S+|\b[\w.]+/[\w./]+|"
    r"\b\w+\.(?:md|db|toml|csv|json)\b|\b\w+(?:-\w+)+\b"
)
_END: Final = re.compile(r"(?<=[.!?;:])\s+(?=[A-Z0-9\"'(])|\n\s*\n|(?<=[;:])\s+")
_ABBREVIATIONS: Final = re.compile(r"\b(e\.g|i\.e|vs|no)\. ", re.IGNORECASE)
# A sentence that does not begin with its subject and verb, as the first words show it.
INVERTED: Final = [
    re.compile(pattern)
    for pattern in (
        r"Of (?!course)\w+",  # Of an opt-out: ...
        r"(What|Whom|Whose|That (was|is))\b(?!.*\?$)(?=(\W+\w+){5}).*[.,;]",  # What was erased does not come back.
        r"Being \w+ (is|are)\b",
        r"(Interrupted|Erased|Kept|Refused|Granted|Given|Taken|Asked|Hidden)( \w+)*, (it|they|this|that|the|you)\b",
        r"(In|On|Under|Behind|Beside|Among|Here|There) ([^,.]{1,40} )?(lies|lie|stands|stand|goes|comes)\b",
        r"(Lower|Higher|Less|More|Fewer) than [^,.]*,",
        r"(By|To|From|For|In|At|With) (which|whom|whose|what)\b",
        r"(Nor|Never|Rarely|Seldom|Not only|So) (is|are|does|do|did|was|were|has|have|can|\w+ (is|are))\b",
        r"(It|This) is (known|said|recorded|meant) (that|who|by|how)\b",
        r"\w+ed (as|by|in|to|under|with) [^,.]*, (it|they|he|she|this|that|the)\b",
        r"With \w+ (what|that|which)\b",
        r"[^,.]* (is|are) (it|they) (that|who)\b",
    )
]


def sentences(text: str) -> list[str]:
    """The sentences of a text, without codes, names and values, which readers skip."""
    plain = _ABBREVIATIONS.sub(r"\1 ", _CODE.sub("value", text))
    return [each.strip() for each in _END.split(plain) if each.strip()]


def words(sentence: str) -> int:
    """How many; a number or a code is one."""
    return len(re.findall(r"[\w'’-]+", sentence))


def faults_of(text: str) -> list[str]:
    """What is not plain in a text that people read; nothing: all of it is."""
    found = [f"{match[0]!r}: say {say}" for pattern, say in GONE if (match := pattern.search(_CODE.sub("value", text)))]
    each = sentences(text)
    found += [f"{words(one)} words: {one!r}" for one in each if words(one) > MOST_WORDS]
    found += [f"begins neither with subject nor verb: {one!r}" for one in each if any(p.match(one) for p in INVERTED)]
    if words(whole := ". ".join(one.rstrip(".;:") for one in each) + ".") >= MEASURED:
        if (eflaw := textstat.mcalpine_eflaw(whole)) > MOST_EFLAW:
            found.append(f"EFLAW {eflaw:.0f}: {text!r}")
        if (grade := textstat.automated_readability_index(whole)) > MOST_GRADE:
            found.append(f"grade {grade:.0f}: {text!r}")
    return found


@pytest.fixture(scope="session")
def faults():
    """`faults(text)`: what is not plain in it, a list."""
    return faults_of
