"""A case's reference: one line that can be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.cases.reference import MAX_LENGTH, check_reference
from countenance.errors import WrongUse
from countenance.remedies import Remedy


@pytest.mark.parametrize("text", ["2026-0117", "  2026-0117\n", "Zl. 12/3 ex 2026", "案件 7", "x" * MAX_LENGTH])
def test_a_reference_loses_its_outer_white_space(text):
    assert check_reference(text) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "  \n", "two\nlines", "\x1b[31m", "a\0b", "\u202eeno", "x" * (MAX_LENGTH + 1), "\udcff"]
)
def test_what_can_not_be_shown_on_one_line_is_none(text):
    with pytest.raises(WrongUse, match="one printable line") as caught:
        check_reference(text)
    assert (caught.value.remedy, caught.value.field) == (Remedy.ADD_FIELD, "case")


@given(st.text())
def test_what_is_taken_is_taken_again_as_it_is(text):
    try:
        reference = check_reference(text)
    except WrongUse:
        return
    assert check_reference(reference) == reference
    assert reference.isprintable()
