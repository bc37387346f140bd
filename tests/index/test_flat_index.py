import threading

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countenance.index.flat import FlatIndex
from countenance.testing.vectorindex import SPACE, VectorIndexContract, found, to_search, unit_rows


class TestFlatIndex(VectorIndexContract):
    def make(self, space):
        return FlatIndex(space)


@pytest.fixture
def index():
    return FlatIndex(SPACE)


def held(index, class_id):
    rows = index._classes[class_id]
    return {face: rows._codes[at].tobytes() for at, face in enumerate(rows.faces.tolist())}


faces = st.lists(st.integers(0, 60), max_size=25)
steps = st.lists(st.tuples(st.sampled_from(["add", "remove", "remove_all"]), st.integers(1, 3), faces), max_size=25)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_any_order_of_changes_holds_what_a_dictionary_would(todo):
    index, model, vectors = FlatIndex(SPACE), {}, unit_rows(2_000)
    for number, (what, class_id, ids) in enumerate(todo):
        if what == "add":
            rows = vectors[[(number * 61 + each) % 2_000 for each in ids]]
            index.add(class_id, ids, rows)
            for each, row in zip(ids, rows, strict=True):
                model[class_id, each] = row.astype(np.float16).tobytes()
        elif what == "remove":
            index.remove(ids, class_id)
            model = {key: row for key, row in model.items() if key[0] != class_id or key[1] not in ids}
        else:
            index.remove(ids)
            model = {key: row for key, row in model.items() if key[1] not in ids}
    assert {(c, face): row for c in index._classes for face, row in held(index, c).items()} == model
    assert len(index) == len(model)


def test_a_removed_row_leaves_no_byte_in_the_buffers(index):
    vectors = unit_rows(500)
    index.add(1, range(500), vectors)
    owner, buffer = index._classes[1]._index, index._classes[1]._codes  # the whole allocation, also behind the last row
    secret, control = (vectors[face].astype(np.float16).tobytes() for face in (250, 251))
    assert secret in buffer.tobytes()
    index.remove([250])
    assert secret not in buffer.tobytes()
    assert control in buffer.tobytes()
    index.remove(range(2, 500))  # shrinks: the rows move, and the old place is wiped
    assert owner is not index._classes[1]._index
    assert not buffer.any()
    assert len(index._classes[1]._codes) < 20
    assert found(index, vectors[1], {1}, top=1) == [1]


def test_growing_wipes_the_place_the_rows_had(index):
    index.add(1, range(16), unit_rows(16))
    owner, buffer = index._classes[1]._index, index._classes[1]._codes
    index.reserve(1, 1_000)
    assert owner is not index._classes[1]._index
    assert not buffer.any()
    assert sorted(found(index, unit_rows(1)[0], {1}, top=20)) == list(range(16))


def test_memory_is_two_bytes_a_number_and_eight_a_face(index):
    index.reserve(1, 1_000)
    for start in range(0, 1_000, 100):
        index.add(1, range(start, start + 100), unit_rows(100))
    rows = index._classes[1]
    assert rows._codes.nbytes + rows._faces.nbytes == 1_000 * (32 * 2 + 8)


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
