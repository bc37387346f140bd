"""What every VectorIndex does. Subclass in a test and say how to make one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from countenance.errors import PermitRefused, SpaceMismatch
from countenance.permits import Act, Permit
from countenance.protocols import VectorIndex
from countenance.testing import forged
from countenance.types import EmbeddingSpace, Vectors

SPACE = EmbeddingSpace("contract", "0" * 64, 32)
HALF = 2e-3  # what float16 may move a score by: 32 products of at most 1, each off by at most 2**-11 of itself


def unit_rows(count: int, *, seed: int = 1) -> Vectors:
    """(count, 32) float32 unit rows in random directions."""
    rows = np.random.default_rng(seed).standard_normal((count, SPACE.dimension))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def to_search(classes: Iterable[int]) -> Permit:
    """A live permit to search these classes."""
    return forged.live(Act.SEARCH, classes)


def found(index: VectorIndex, probe: NDArray[np.float32], classes: Iterable[int], top: int = 10) -> list[int]:
    """The faces that a search for one probe returns."""
    return [hit.face for hit in index.search(probe[None], top, to_search(classes))[0]]


class VectorIndexContract(ABC):
    """The promises of `protocols.VectorIndex`."""

    @abstractmethod
    def make(self, space: EmbeddingSpace) -> VectorIndex:
        """A new and empty index."""

    @pytest.fixture
    def index(self) -> VectorIndex:
        return self.make(SPACE)

    # --- permits -----------------------------------------------------------------------------------------------------
    def test_no_search_without_a_live_permit_to_search(self, index: VectorIndex) -> None:
        index.add(1, [1], unit_rows(1))
        for permit in forged.refused(Act.SEARCH, [1]).values():
            with pytest.raises(PermitRefused):
                index.search(unit_rows(1), 1, permit)

    def test_only_rows_of_permitted_classes_are_found(self, index: VectorIndex) -> None:
        rows = unit_rows(30)
        for class_id in (1, 2, 3):
            index.add(class_id, range(class_id * 100, class_id * 100 + 10), rows[class_id * 10 - 10 : class_id * 10])
        for hit in index.search(rows[5][None], 30, to_search({2, 3}))[0]:
            assert hit.class_id in {2, 3}
            assert hit.face // 100 == hit.class_id
        assert len(found(index, rows[5], {2, 3}, top=30)) == 20
        assert found(index, rows[5], ()) == []
        assert found(index, rows[5], {99}) == []

    # --- answers -----------------------------------------------------------------------------------------------------
    def test_the_best_are_those_of_a_float64_scan(self, index: VectorIndex) -> None:
        rows, probes = unit_rows(600), unit_rows(20, seed=2)
        faces = np.random.default_rng(3).permutation(10_000)[:600]
        for class_id in range(6):
            index.add(class_id, faces[class_id::6].tolist(), rows[class_id::6])
        allowed = {0, 2, 3}
        visible = np.isin(np.arange(600) % 6, list(allowed))
        for probe, hits in zip(probes, index.search(probes, 10, to_search(allowed)), strict=True):
            exact = dict(zip(faces[visible].tolist(), rows[visible].astype(np.float64) @ probe, strict=True))
            best = sorted(exact.values(), reverse=True)
            assert len(hits) == 10
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
            for rank, hit in enumerate(hits):
                assert abs(hit.score - exact[hit.face]) < HALF
                if index.exact:
                    assert exact[hit.face] > best[rank] - HALF  # in its place, up to ties at this precision

    def test_a_row_finds_itself_with_score_one(self, index: VectorIndex) -> None:
        rows = unit_rows(50)
        index.add(1, range(50), rows)
        for face, hits in enumerate(index.search(rows, 1, to_search({1}))):
            assert hits[0].face == face
            assert abs(hits[0].score - 1) < HALF

    def test_ties_come_by_face_id_and_are_cut_by_face_id(self, index: VectorIndex) -> None:
        same = np.repeat(unit_rows(1), 40, axis=0)
        faces = np.random.default_rng(4).permutation(40)
        index.add(1, faces[:25].tolist(), same[:25])
        index.add(2, faces[25:].tolist(), same[25:])
        for top in (1, 5, 39, 40):
            assert found(index, same[0], {1, 2}, top) == list(range(top))

    def test_fewer_rows_than_asked_for_is_no_error(self, index: VectorIndex) -> None:
        assert found(index, unit_rows(1)[0], {1}) == []
        index.add(1, [7, 8], unit_rows(2))
        assert sorted(found(index, unit_rows(1)[0], {1}, top=1_000)) == [7, 8]

    def test_no_probes_no_answers(self, index: VectorIndex) -> None:
        index.add(1, [1], unit_rows(1))
        assert index.search(unit_rows(0), 5, to_search({1})) == []

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(st.data())
    def test_any_history_and_any_permit_answer_as_a_plain_scan(self, data: st.DataObject) -> None:
        index, model = self.make(SPACE), dict[tuple[int, int], Vectors]()
        pool = unit_rows(400, seed=7)
        some_faces = st.lists(st.integers(0, 80), max_size=40)
        for number in range(data.draw(st.integers(1, 8))):
            class_id = data.draw(st.none() | st.integers(0, 5))
            faces = data.draw(some_faces)
            if class_id is None:
                index.remove(faces)
                model = {key: row for key, row in model.items() if key[1] not in faces}
            elif data.draw(st.integers(0, 3)) == 0:
                index.remove(faces, class_id)
                model = {key: row for key, row in model.items() if key[0] != class_id or key[1] not in faces}
            else:
                rows = pool[[(number * 53 + 3 * at) % 400 for at in range(len(faces))]]  # few rows: ties are common
                index.add(class_id, faces, rows)
                model.update({(class_id, face): row for face, row in zip(faces, rows, strict=True)})
        permitted = data.draw(st.sets(st.integers(0, 6)))
        top = data.draw(st.integers(1, 60))
        probes = pool[data.draw(st.lists(st.integers(0, 399), max_size=70))]
        batch = index.search(probes, top, to_search(permitted))
        assert batch == [index.search(probe[None], top, to_search(permitted))[0] for probe in probes]
        allowed = {key: row for key, row in model.items() if key[0] in permitted}
        assert index.count(permitted) == len(allowed)
        for probe, hits in zip(probes, batch, strict=True):
            exact = {key: float(row.astype(np.float64) @ probe) for key, row in allowed.items()}
            best = sorted(exact.values(), reverse=True)
            assert len(hits) == min(top, len(best))
            assert len({(hit.class_id, hit.face) for hit in hits}) == len(hits)
            order = [(-hit.score, hit.face, hit.class_id) for hit in hits]
            assert order == sorted(order)
            for rank, hit in enumerate(hits):
                assert abs(hit.score - exact[hit.class_id, hit.face]) < HALF
                if index.exact:
                    assert hit.score > best[rank] - HALF

    def test_only_what_is_approximate_says_how_much_it_finds(self, index: VectorIndex) -> None:
        index.add(1, range(600), unit_rows(600))
        recall = index.recall
        assert (recall is None) == index.exact
        if recall is not None:
            assert 0.8 < recall.value <= 1
            assert 0 < recall.sample <= recall.rows == 600

    # --- changes -----------------------------------------------------------------------------------------------------
    def test_a_removed_face_is_not_found(self, index: VectorIndex) -> None:
        rows = unit_rows(20)
        index.add(1, range(20), rows)
        index.add(2, range(20), rows)
        gone = index.remove([3, 19, 0, 12_345])
        assert gone.physically or gone.pending
        for face in (3, 19, 0):
            assert face not in found(index, rows[face], {1, 2}, top=40)
        assert set(found(index, rows[3], {1, 2}, top=40)) == set(range(20)) - {0, 3, 19}
        assert len(index) == 34

    def test_a_face_removed_from_one_class_stays_in_the_other(self, index: VectorIndex) -> None:
        rows = unit_rows(1)
        index.add(1, [5], rows)
        index.add(2, [5], rows)
        index.remove([5], 1)
        assert found(index, rows[0], {1}) == []
        assert found(index, rows[0], {2}) == [5]

    def test_adding_a_face_again_replaces_its_row(self, index: VectorIndex) -> None:
        old, new, other = unit_rows(3)
        index.add(1, [5, 6], np.stack([old, other]))
        index.add(1, [5], new[None])
        assert index.count([1]) == 2
        hits = index.search(new[None], 1, to_search({1}))[0]
        assert hits[0].face == 5
        assert abs(hits[0].score - 1) < HALF

    def test_of_a_face_given_twice_the_last_row_stays(self, index: VectorIndex) -> None:
        first, second = unit_rows(2)
        index.add(1, [5, 5], np.stack([first, second]))
        assert index.count([1]) == 1
        assert abs(index.search(second[None], 1, to_search({1}))[0][0].score - 1) < HALF

    def test_counts_are_of_rows_by_class(self, index: VectorIndex) -> None:
        index.add(1, range(3), unit_rows(3))
        index.add(2, range(2), unit_rows(2))
        assert (index.count([1]), index.count([1, 2, 99]), index.count([2, 2]), index.count([])) == (3, 5, 2, 0)
        assert len(index) == 5

    def test_an_empty_addition_changes_nothing(self, index: VectorIndex) -> None:
        index.add(1, [], unit_rows(0))
        assert len(index) == 0
        assert found(index, unit_rows(1)[0], {1}) == []

    # --- what does not fit -------------------------------------------------------------------------------------------
    def test_vectors_of_another_space_are_refused(self, index: VectorIndex) -> None:
        for foreign in (np.ones((1, 33), np.float32), np.ones(32, np.float32), unit_rows(1).astype(np.float64)):
            with pytest.raises(SpaceMismatch):
                index.add(1, [1], foreign)  # type: ignore[arg-type]  # wrong on purpose
            with pytest.raises(SpaceMismatch):
                index.search(foreign, 1, to_search({1}))  # type: ignore[arg-type]  # wrong on purpose

    @pytest.mark.parametrize("value", [0.0, 0.5, np.nan, np.inf])
    def test_a_vector_that_is_not_a_unit_is_refused(self, index: VectorIndex, value: float) -> None:
        bad = np.concatenate([unit_rows(1), np.full((1, 32), value, np.float32)])
        with pytest.raises(ValueError, match="unit"):
            index.add(1, [1, 2], bad)
        with pytest.raises(ValueError, match="unit"):
            index.search(bad, 1, to_search({1}))
        assert len(index) == 0

    def test_ids_and_vectors_of_different_number_are_refused(self, index: VectorIndex) -> None:
        with pytest.raises(ValueError, match="2 faces and 3 vectors"):
            index.add(1, [1, 2], unit_rows(3))

    @pytest.mark.parametrize("top", [0, -1])
    def test_the_best_none_is_refused(self, index: VectorIndex, top: int) -> None:
        with pytest.raises(ValueError, match="best"):
            index.search(unit_rows(1), top, to_search({1}))
