"""docs/glossary.md: one meaning a term, one line each, and the words that the program's own lists use."""

import re

import pytest

from countenance import permits, types
from countenance.rights.requests import RequestKind

LISTS = [types.HomeKind, types.Basis, types.Band, types.DuplicateLink, RequestKind]


def rows(doc):
    for line in doc("glossary.md").text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "term":
            yield cells


def test_every_term_stands_once_with_one_meaning(doc):
    table = list(rows(doc))
    terms = [term for cells in table for term in re.split(r", | \(", cells[0].rstrip(")"))]
    assert len(terms) > 100
    assert [term for term in terms if terms.count(term) > 1] == []
    assert [cells for cells in table if len(cells) != 2 or not cells[1].endswith(".")] == []


@pytest.mark.parametrize("values", LISTS, ids=lambda values: values.__name__)
def test_the_words_of_the_programs_lists_are_in_it(doc, values):
    text = doc("glossary.md").text.lower()
    assert [value for value in values if str(value).replace("_", "-") not in text] == []


def test_the_acts_that_a_permit_can_allow_are_there(doc):
    assert {str(act) for act in (permits.Act.COLLECT, permits.Act.EMBED, permits.Act.SEARCH)} <= set(
        re.findall(r"`(\w+)`", dict(rows(doc))["act"])
    )
