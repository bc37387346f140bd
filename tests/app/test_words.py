"""Odds are said in plain words and never rounded to the flattering side; no name can hide anything."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.present import labels
from countenance.types import Band, Basis, FaceRefusal, Odds, Recall, RejectReason


@pytest.mark.parametrize(
    ("value", "bound", "said"),
    [
        (1 / 600, False, "1 false lead expected in 600 searches of this size"),
        (1 / 600, True, "At most 1 false lead expected in 600 searches of this size"),
        (3.8e-6, True, "At most 1 false lead expected in 260,000 searches of this size"),
        (0.05, True, "At most 1 false lead expected in 20 searches of this size"),
        (0.1, False, "1 false lead expected in 10 searches of this size"),
        (0.34, False, "4 false leads expected in 10 searches of this size"),
        (0.95, False, "About 1 false lead expected in each search of this size"),
        (1.0, True, "At most 1 false lead expected in each search of this size"),
        (2.1, False, "About 3 false leads expected in each search of this size"),
        (121, True, "At most 130 false leads expected in each search of this size"),
    ],
)
def test_odds_are_said_in_plain_words(value: float, bound: bool, said: str):
    assert labels.expected_false_leads(Odds(value, bound)) == said


@given(st.floats(1e-12, 1e6))
def test_rounding_never_flatters(value: float):
    said = labels.expected_false_leads(Odds(value, True)).removeprefix("At most ")
    leads, searches = re.fullmatch(
        r"([\d,]+) false leads? expected in (each|[\d,]+) search(?:es)? of this size", said
    ).groups()
    searches = 1 if searches == "each" else int(searches.replace(",", ""))
    rate = int(leads.replace(",", "")) / searches
    assert value * 0.999 <= rate <= value * 2.01 + 1e-15


def test_a_rate_is_said_as_one_stranger_in_many():
    assert labels.strangers(Odds(3.8e-6, bound=True)) == "At most 1 stranger in 260,000 scores as high"
    assert labels.strangers(Odds(0.001, bound=False)) == "1 stranger in 1,000 scores as high"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_odds_that_nothing_can_show_are_refused(value: float):
    with pytest.raises(ValueError, match="never measured"):
        labels.expected_false_leads(Odds(value, bound=False))
    with pytest.raises(ValueError, match="not a rate"):
        labels.aim(value)


def test_the_aim_is_a_number_of_searches():
    assert labels.aim(0.01) == "1 false lead in 100 searches"
    assert labels.aim(1.0) == "1 false lead in 1 search"


def test_each_closed_list_has_its_words():
    assert set(labels.BANDS) == set(Band)
    assert set(labels.BASES) == set(Basis)
    assert set(labels.REJECTIONS) == set(RejectReason)
    assert set(labels.REFUSALS) == set(FaceRefusal)


def test_a_negative_score_has_a_real_minus_sign():
    assert labels.score(-0.1234) == "−0.123"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – é 日本 🙂.jpg", "plain – é 日本 🙂.jpg"),
        ("two\nlines\t.jpg", "two\\nlines\\t.jpg"),
        (b"broken\xff.jpg".decode("utf-8", "surrogateescape"), "broken\\xff.jpg"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),  # turned round it would read exe.jpg
        ("nul\x00", "nul\\x00"),
        ("\U0001f468\u200d\U0001f469.jpg", "\U0001f468\u200d\U0001f469.jpg"),  # a joiner hides nothing
    ],
)
def test_what_could_hide_is_written_out(text: str, shown: str):
    assert labels.visible(text) == shown


@given(st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF)))
def test_visible_text_is_printable_and_encodes(text: str):
    shown = labels.visible(text)
    shown.encode("utf-8")
    assert not (set(shown) - {"\u200c", "\u200d"}) & set("\n\r\x00\u202e\u2028")


def test_a_file_keeps_the_name_that_a_person_gave_it():
    uri = "file:///home/a/Summer%20%231/caf%C3%A9%20%FF.jpg"
    assert labels.file_name(uri) == "café \udcff.jpg"
    assert labels.folder_name(uri) == "Summer #1"
    assert labels.file_name("file:///") == "file:///"
    assert labels.folder_name("https://example.org/one.jpg?size=2") == "example.org"


@pytest.mark.parametrize(
    ("uri", "href"),
    [
        ("file:///a/b%20c.jpg", "file:///a/b%20c.jpg"),
        ("https://example.org/x?y=1&z=2", "https://example.org/x?y=1&z=2"),
        ('file:///a/"><script>.jpg', "file:///a/%22%3E%3Cscript%3E.jpg"),
        ("file:///new\nline\udcff.jpg", "file:///new%0Aline%FF.jpg"),
        ("javascript:alert(1)", None),
        ("data:text/html,hello", None),
        (" javascript:alert(1)", None),
        ("/etc/passwd", None),
        ("https://[broken", None),
    ],
)
def test_only_files_and_the_web_are_linked(uri: str, href: str | None):
    assert labels.link(uri) == href


def test_a_recall_is_rounded_down():
    said = "approximate search: it finds about 98 of 100 faces that an exact search finds (64 tried)"
    assert labels.recall(Recall(0.9899, 64, 1_000_000)) == said
