import numpy as np
import pytest

from countenance.index import coded, rows
from countenance.index.coded import CodedIndex
from countenance.index.flat import FlatIndex
from countenance.testing.vectorindex import SPACE, VectorIndexContract, found, to_search, unit_rows
from countenance.types import EmbeddingSpace


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(rows, "BLOCK_ROWS", 64)
    monkeypatch.setattr(coded, "CODED_ROWS", 8)


@pytest.fixture
def few_candidates(small, monkeypatch):
    monkeypatch.setattr(coded, "CANDIDATES", 100)
    monkeypatch.setattr(coded, "CANDIDATES_PER_LEAD", 5)


@pytest.mark.usefixtures("small")
class TestCodedIndex(VectorIndexContract):
    def make(self, space):
        return CodedIndex(space)


class TestCodedIndexOfSmallClasses(VectorIndexContract):
    """Too small to be coded: exact, though it does not promise it."""

    def make(self, space):
        return CodedIndex(space)


def filled(kind, count=4_000, classes=4):
    index, some = kind(SPACE), unit_rows(count)
    for class_id in range(classes):
        index.add(class_id, range(class_id, count, classes), some[class_id::classes])
    return index, some


@pytest.mark.usefixtures("few_candidates")
@pytest.mark.parametrize("permitted", [{0, 1, 2, 3}, {2}])
@pytest.mark.parametrize("batch", [1, 40])
def test_the_recall_within_permitted_classes_is_as_promised(permitted, batch):
    (exact, _), (index, _) = filled(FlatIndex), filled(CodedIndex)
    probes = unit_rows(40, seed=5)
    truth = exact.search(probes, 10, to_search(permitted))
    hits = [
        each
        for start in range(0, 40, batch)
        for each in index.search(probes[start : start + batch], 10, to_search(permitted))
    ]
    kept = [len(set(a) & set(b)) / 10 for a, b in zip(truth, hits, strict=True)]
    assert np.mean(kept) > 0.9
    assert index.recall.value > 0.9
    assert {hit.class_id for each in hits for hit in each} <= permitted


def test_the_measured_recall_falls_when_fewer_candidates_are_looked_at(few_candidates, monkeypatch):
    index, some = filled(CodedIndex)
    first = index.recall
    assert (first.sample, first.rows) == (64, 4_000)
    monkeypatch.setattr(coded, "CANDIDATES", 11)
    monkeypatch.setattr(coded, "CANDIDATES_PER_LEAD", 1)
    assert index.recall is first  # the gallery is what it was
    index.remove(range(1_500))
    assert index.recall.rows == 2_500
    assert index.recall.value < first.value
    assert CodedIndex(SPACE).recall.sample == 0
    assert found(index, some[2_000], {0}, top=1) == [2_000]


@pytest.mark.usefixtures("small")
def test_codes_are_zeros_once_a_row_of_theirs_has_gone():
    index, _ = filled(CodedIndex, 400, 1)
    blocks = index._classes[0].blocks
    before = [block.coded for block in blocks]
    assert all(codes is not None and codes._codes.any() for codes in before)
    index.remove([3])
    gone = [codes for block, codes in zip(blocks, before, strict=True) if block.coded is not codes]
    assert len(gone) == 2  # its own block, and the last, whose row took its place
    assert not any(codes._codes.any() for codes in gone)


@pytest.mark.usefixtures("small")
def test_what_was_exact_can_be_coded_afterwards():
    flat, some = filled(FlatIndex, 400)
    index = CodedIndex.over(flat)
    assert not index.exact
    assert len(index) == 400
    assert all(block.coded is not None for each in index._classes.values() for block in each.blocks)
    assert found(index, some[8], {0}, top=1) == [8]


def test_templates_that_cannot_be_coded_are_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        CodedIndex(EmbeddingSpace("odd", "0" * 64, 30))
