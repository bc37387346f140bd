"""docs/benchmarks.md and its plots are what docs/benchmarks.json says, and nobody's hand."""

import copy
import json

import pytest


@pytest.fixture
def bench(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tools"))
    from bench import page

    return page


@pytest.fixture
def figures(bench):
    return json.loads(bench.JSON.read_text("utf-8"))


def test_the_page_is_rendered_from_the_figures(bench, figures):
    assert bench.PAGE.read_text("utf-8") == bench.page(figures)


def test_the_plot_is_rendered_from_the_figures(bench, figures):
    told = bench.PLOT.read_text("utf-8")
    assert told.count("<polyline ") == len(bench.FLAT)
    assert told == bench.plot(figures["homes"])
    moved = copy.deepcopy(figures["homes"])
    moved["sizes"][-1]["scan_ns_a_face"] *= 2
    assert told != bench.plot(moved), "the comparison would notice other figures"


def test_each_part_says_which_commit_it_is_of_and_how_busy_the_machine_was(bench, figures):
    text = bench.page(figures)
    for part in figures.values():
        assert part["run"].keys() >= {"commit", "at", "cores", "load_before", "load_after"}
        assert part["run"]["commit"] in text


def test_a_part_measured_on_a_busy_machine_says_so(bench, figures):
    [name, part] = next(iter(figures.items()))
    busy = {name: {**part, "run": {**part["run"], "load_before": part["run"]["cores"] + 1}}}
    calm = {name: {**part, "run": {**part["run"], "load_before": 0.0, "load_after": 0.0}}}
    assert "busy" in bench.page(busy).partition("##")[2]
    assert "busy with" not in bench.page(calm).partition("##")[2]
