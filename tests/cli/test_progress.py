"""The line that says how far something is."""

import io
import os
import pty
import sys

import pytest

from countenance.cli.progress import Bar, bar_on_terminal


@pytest.fixture
def drawn():
    """A bar on a terminal of 80 columns, its clock in seconds, and what it wrote."""

    class Drawn:
        def __init__(self):
            self.now, self.out = 0.0, io.StringIO()
            self.bar = Bar(self.out, lambda: self.now)

        def lines(self):
            return [line.rstrip() for line in self.out.getvalue().split("\r")[:-1]]

    return Drawn()


def test_it_says_how_much_is_done_how_fast_and_how_long_it_takes(drawn):
    drawn.bar.show("album", 0, None, "files")
    drawn.now = 10
    drawn.bar.show("album", 100, 1000, "files", "12 faces")
    assert drawn.lines() == [
        "album  [--------------------]  0",
        "album  [##------------------]  100/1,000  10 files/s  1:30 left  12 faces",
    ]


def test_the_rate_is_that_of_the_last_half_minute(drawn):
    for second in range(101):
        drawn.now = second
        drawn.bar.show("album", second if second <= 50 else 50 + 10 * (second - 50), 1000, "files")
    assert "10 files/s" in drawn.lines()[-1]


def test_it_is_drawn_a_few_times_a_second_and_when_all_is_done(drawn):
    for done in range(1, 1001):
        drawn.now += 0.001
        drawn.bar.show("album", done, 1000, "files")
    assert 8 <= len(drawn.lines()) <= 12
    assert "1,000/1,000" in drawn.lines()[-1]


def test_another_source_starts_again(drawn):
    drawn.bar.show("album", 500, 1000, "files")
    drawn.now = 0.01
    drawn.bar.show("attic", 1, 10, "files")
    assert drawn.lines()[-1] == "attic  [##------------------]  1/10"


def test_no_line_is_wider_than_the_terminal_and_none_is_left(drawn):
    drawn.bar.show("a" * 200, 1, 2, "files")
    drawn.bar.close()
    assert [len(line) for line in drawn.out.getvalue().split("\r")] == [79, 79, 0]
    assert drawn.lines()[-1] == ""


def test_nothing_is_drawn_where_nobody_looks(monkeypatch, capsys):
    with bar_on_terminal() as bar:
        assert bar is None
    assert capsys.readouterr().err == ""
    main, other = pty.openpty()
    with os.fdopen(other, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with bar_on_terminal(quiet=True) as bar:
            assert bar is None
        with bar_on_terminal() as bar:
            bar.show("album", 1, 2, "files")
    assert b"album  [##########---" in os.read(main, 1000)
    os.close(main)
