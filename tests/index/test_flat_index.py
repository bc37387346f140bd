import threading

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countenance.index import batch, permitted, rows
from countenance.index.batch import nearest_of_many
from countenance.index.block import nearest
from countenance.index.flat import FlatIndex
from countenance.testing.vectorindex import SPACE, VectorIndexContract, found, to_search, unit_rows


class TestFlatIndex(VectorIndexContract):
    def make(self, space):
        return FlatIndex(space)


@pytest.fixture
def index():
    return FlatIndex(SPACE)


def held(index, class_id):
    blocks = index._classes[class_id].blocks
    assert all(block.count == rows.BLOCK_ROWS for block in blocks[:-1])
    return {face: block.codes[at].tobytes() for block in blocks for at, face in enumerate(block.faces.tolist())}


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(rows, "BLOCK_ROWS", 8)


faces = st.lists(st.integers(0, 60), max_size=25)
steps = st.lists(st.tuples(st.sampled_from(["add", "remove", "remove_all"]), st.integers(1, 3), faces), max_size=25)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps)
def test_any_order_of_changes_holds_what_a_dictionary_would(small_blocks, todo):
    index, model, vectors = FlatIndex(SPACE), {}, unit_rows(2_000)
    for number, (what, class_id, ids) in enumerate(todo):
        if what == "add":
            some = vectors[[(number * 61 + each) % 2_000 for each in ids]]
            index.add(class_id, ids, some)
            for each, row in zip(ids, some, strict=True):
                model[class_id, each] = row.astype(np.float16).tobytes()
        elif what == "remove":
            index.remove(ids, class_id)
            model = {key: row for key, row in model.items() if key[0] != class_id or key[1] not in ids}
        else:
            index.remove(ids)
            model = {key: row for key, row in model.items() if key[1] not in ids}
    assert {(c, face): row for c in index._classes for face, row in held(index, c).items()} == model
    assert len(index) == len(model)


def everything(block):
    """The whole allocation, also behind the last row."""
    return block._codes.tobytes()


def test_a_removed_row_leaves_no_byte_in_the_buffers(index):
    vectors = unit_rows(500)
    index.add(1, range(500), vectors)
    [block] = index._classes[1].blocks
    secret, control = (vectors[face].astype(np.float16).tobytes() for face in (250, 251))
    assert secret in everything(block)
    index.remove([250])
    assert secret not in everything(block)
    assert control in everything(block)
    index.remove(range(2, 500))  # shrinks: the rows move, and the old place is wiped
    [new] = index._classes[1].blocks
    assert new is not block
    assert not any(everything(block))
    assert new.capacity < 20
    assert found(index, vectors[1], {1}, top=1) == [1]


def test_rows_that_move_to_another_block_leave_no_byte_behind(index, small_blocks):
    vectors = unit_rows(30)
    index.add(1, range(30), vectors)
    blocks = list(index._classes[1].blocks)
    moved = vectors[29].astype(np.float16).tobytes()
    assert moved in everything(blocks[3])
    index.remove([0, 1])
    assert moved in everything(blocks[0])
    assert moved not in everything(blocks[3])
    index.remove(range(2, 30))
    assert not any(any(everything(block)) for block in blocks)
    assert not index._classes


def test_growing_wipes_the_place_the_rows_had(index):
    index.add(1, range(16), unit_rows(16))
    [block] = index._classes[1].blocks
    index.add(1, range(16, 100), unit_rows(84, seed=2))
    assert index._classes[1].blocks[0] is not block
    assert not any(everything(block))
    assert held(index, 1).keys() == set(range(100))


def test_a_change_touches_the_blocks_it_must_and_no_others(index, small_blocks):
    index.add(1, range(80), unit_rows(80))
    before = {id(block): everything(block) for block in index._classes[1].blocks}
    index.remove([33])
    changed = [block for block in index._classes[1].blocks if before.get(id(block)) != everything(block)]
    assert len(changed) == 2  # the one that held it, and the last, whose row took its place
    index.add(1, [100], unit_rows(1, seed=2))
    assert len(index._classes[1].blocks) == 10


def test_memory_is_two_bytes_a_number_and_eight_a_face(index):
    for start in range(0, 10_000, 100):
        index.add(1, range(start, start + 100), unit_rows(100))
    room = sum(block.capacity for block in index._classes[1].blocks)
    assert room * (SPACE.dimension * 2 + 8) <= 1.15 * 10_000 * (32 * 2 + 8)
    assert index._classes[1].blocks[0]._codes.itemsize == 2


def test_searches_in_a_new_thread_use_one_thread_of_faiss_too(index):
    index.add(1, [1], unit_rows(1))
    used = []

    def search():
        index.search(unit_rows(1), 1, to_search({1}))
        used.append(faiss.omp_get_max_threads())

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert used == [1]


def scanned(scan, index, probes, wanted):
    blocks = [block for class_id in sorted(index._classes) for block in index._classes[class_id].blocks]
    return scan(blocks, probes, wanted)


@pytest.mark.parametrize("count", [1, 5, 64])
@pytest.mark.parametrize("total", [40, 2_047, 9_000])
def test_products_of_matrices_find_what_the_scan_row_by_row_finds(index, monkeypatch, count, total):
    monkeypatch.setattr(rows, "BLOCK_ROWS", 1_000)  # no divisor of the scratch
    some = unit_rows(total)
    some[::7, 3] = 2e-5  # a subnormal half
    some /= np.linalg.norm(some, axis=1, keepdims=True)
    some[::3, 5] *= -1
    for class_id in range(3):
        index.add(class_id, range(class_id, total, 3), some[class_id::3])
    probes = unit_rows(count, seed=9)
    one, many = (scanned(scan, index, probes, 12) for scan in (nearest, nearest_of_many))
    assert np.abs(one[0] - many[0]).max() < 1e-6
    agreed = one[1] == many[1]
    assert (agreed | (np.abs(one[0] - many[0]) < 1e-6)).all()
    assert agreed.mean() > 0.99


@pytest.mark.parametrize("scan", [nearest, nearest_of_many])
def test_a_scan_is_exact_to_the_precision_of_a_float(index, scan):
    some = unit_rows(300)
    index.add(1, range(300), some)
    probes = unit_rows(8, seed=2)
    scores, at = scanned(scan, index, probes, 300)
    exact = probes.astype(np.float64) @ some.astype(np.float16).astype(np.float64).T
    assert np.abs(np.take_along_axis(exact, at, axis=1) - scores).max() < 1e-6
    assert (np.sort(at, axis=1) == np.arange(300)).all()


@pytest.mark.parametrize(("rows_", "wanted"), [(5, 5), (40, 3), (319, 19), (320, 20), (2_048, 18), (2_048, 300)])
def test_the_first_guess_of_what_is_good_enough_lets_the_best_through(rows_, wanted):
    scores = np.random.default_rng(rows_).integers(0, 50, (rows_, 7)).astype(np.float32)  # with ties
    floor = batch._floor_of(scores, wanted)
    assert (floor <= np.sort(scores, axis=0)[-wanted]).all()
    assert (scores >= floor).sum() <= 5 * 7 * max(wanted, 20)


def test_products_of_matrices_leave_no_template_in_their_scratch(index, monkeypatch):
    made = []
    original = np.zeros

    def zeros(shape, dtype=float):
        made.append(original(shape, dtype))
        return made[-1]

    index.add(1, range(300), unit_rows(300))
    with monkeypatch.context() as patched:
        patched.setattr(np, "zeros", zeros)
        scanned(nearest_of_many, index, unit_rows(8), 10)
    scratch = next(each for each in made if each.shape[-1] == SPACE.dimension)
    assert not scratch.any()


def test_many_ties_are_cut_by_face_id_in_a_batch_too(index):
    same = np.repeat(unit_rows(1), 3_000, axis=0)
    ids = np.random.default_rng(4).permutation(3_000)
    index.add(1, ids[:1_700], same[:1_700])
    index.add(2, ids[1_700:], same[1_700:])
    for hits in index.search(same[: permitted.BATCH], 50, to_search({1, 2})):
        assert [hit.face for hit in hits] == list(range(50))


def test_readers_see_whole_changes_while_a_writer_grows_and_shrinks_it(index):
    vectors = unit_rows(2_000)
    index.add(1, [0], vectors[:1])
    failures, stop = [], threading.Event()

    def read():
        permit = to_search({1})
        while not stop.is_set():
            hits = index.search(vectors[:1], 5, permit)[0]
            if hits[0].face != 0 or not all(0 <= hit.face < 2_000 for hit in hits):
                failures.append(hits)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(20):
        for start in range(1, 2_000, 400):
            index.add(1, range(start, min(start + 400, 2_000)), vectors[start : start + 400])
        index.remove(range(1, 2_000))
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures
