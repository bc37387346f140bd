"""The tours name files and functions that are there."""

import ast
from pathlib import Path

import pytest

import countenance

SRC = Path(countenance.__file__).parent
TOURS = ("tour-search.md", "tour-erasure.md")


def stops(text):
    """(file, function) of every row of the tour's tables."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        named = [cell for cell in cells if cell.startswith("`")]
        if line.startswith("|") and len(named) == 2:
            yield from ((named[0].strip("`"), each.strip("` ")) for each in named[1].split(","))


def defined(module):
    """`function`, `Class` and `Class.method` of a module."""
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield node.name
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}"


@pytest.mark.parametrize("tour", TOURS)
def test_every_stop_of_a_tour_is_in_the_source(doc, tour):
    found = list(stops(doc(tour).text))
    assert len(found) > 20
    missing = [
        (file, name) for file, name in found if not (SRC / file).is_file() or name not in set(defined(SRC / file))
    ]
    assert missing == []


@pytest.mark.parametrize("tour", TOURS)
def test_the_steps_are_numbered_without_a_gap(doc, tour):
    steps = [int(line.split("|")[1]) for line in doc(tour).text.splitlines() if line[2:3].isdigit()]
    assert steps == list(range(1, len(steps) + 1))
