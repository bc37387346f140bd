import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from countenance.errors import HomeBusy, SealBroken, SpaceMismatch, StorageFailed
from countenance.index import segments
from countenance.index.segments import Changes, SegmentStore
from countenance.protocols import RemovalResult
from countenance.testing.memory_keys import MemoryKeyRing
from countenance.testing.vectorindex import SPACE, unit_rows
from countenance.types import EmbeddingSpace

VECTORS = unit_rows(3_000)


class MemoryKeys(MemoryKeyRing):
    """Outlives a simulated crash, because this process does; `pending`: where destroyed keys may still lie."""

    pending = ()

    def destroy(self, keys):
        super().destroy(keys)
        return RemovalResult(physically=not self.pending, pending=self.pending)


@pytest.fixture
def keys():
    return MemoryKeys()


@pytest.fixture
def store(tmp_path, keys):
    return SegmentStore(tmp_path / "index", keys, SPACE)


@pytest.fixture
def small_segments(monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 10)


def once(seq, added=None, removed=None):
    """A gather that hands over one portion and then says that there is no more."""
    rows = {each: (list(faces), VECTORS[list(faces)]) for each, faces in (added or {}).items()}
    return lambda done: Changes(seq, rows, removed or {}) if done < seq else Changes(done)


def loaded(store):
    """{(class, face): bytes of the row} as a new process would see it."""
    index = store.load().index
    return {
        (class_id, face): block.codes[at].tobytes()
        for class_id, rows in index._classes.items()
        for block in rows.blocks
        for at, face in enumerate(block.faces.tolist())
    }


def rows_of(class_id, faces):
    return {(class_id, face): VECTORS[face].astype(np.float16).tobytes() for face in faces}


def manifest(store):
    return json.loads((store._folder / "manifest.json").read_text())


def files(store):
    return {each.stem for each in store._folder.glob("*.segment")}


# --- round trip ------------------------------------------------------------------------------------------------------
def test_what_was_saved_is_loaded(store):
    assert store.save(once(7, {1: range(100), 2: range(50, 60)})) == 7
    again = store.load()
    assert (again.seq, again.dropped, len(again.index)) == (7, "", 110)
    assert loaded(store) == rows_of(1, range(100)) | rows_of(2, range(50, 60))


def test_nothing_saved_is_nothing_loaded_and_nothing_written(store):
    assert (store.load().seq, store.load().dropped, len(store.load().index)) == (0, "", 0)
    assert store.save(Changes) == 0
    assert store.remove({1: [1]}) == store.destroy_class(1) == store.destroy() == RemovalResult(physically=True)


def test_an_unused_store_makes_no_folder(store):
    store.load()
    store.remove({1: [1]})
    assert not store._folder.exists()


def test_gathering_goes_on_in_portions_until_there_is_no_more(store):
    asked = []

    def gather(done):
        asked.append(done)
        last = min(done + 100, 250)
        return Changes(last, {1: (range(done, last), VECTORS[done:last])})

    assert store.save(gather) == 250
    assert asked == [0, 100, 200, 250]
    assert loaded(store) == rows_of(1, range(250))


def test_a_row_that_is_there_is_replaced(store):
    store.save(once(1, {1: range(20)}))
    store.save(lambda done: Changes(2, {1: ([5, 5], VECTORS[[100, 200]])}) if done < 2 else Changes(done))
    assert loaded(store) == rows_of(1, range(20)) | {(1, 5): VECTORS[200].astype(np.float16).tobytes()}


def test_removed_then_added_in_one_portion_is_added(store):
    store.save(once(1, {1: range(20)}))
    store.save(once(2, {1: [30]}, {1: [30, 3], 9: [1]}))
    assert loaded(store) == rows_of(1, {*range(20), 30} - {3})


def test_vectors_of_another_dimension_are_refused(store):
    with pytest.raises(SpaceMismatch):
        store.save(lambda done: Changes(1, {1: ([1], np.ones((1, 5), np.float32))}))
    assert store.load().seq == 0


# --- how much is written ---------------------------------------------------------------------------------------------
def test_segments_hold_one_class_and_no_more_rows_than_allowed(store, small_segments):
    store.save(once(1, {1: range(25), 2: range(3)}))
    assert [(each["class_id"], each["rows"]) for each in manifest(store)["segments"]] == [
        (1, 10),
        (1, 10),
        (1, 5),
        (2, 3),
    ]
    assert [(each["lowest"], each["highest"]) for each in manifest(store)["segments"]][:2] == [(0, 9), (10, 19)]
    assert {each["id"] for each in manifest(store)["segments"]} == files(store) == {k.hex() for k in store._keys.ids()}


def test_adding_rewrites_only_the_segment_with_room_of_each_touched_class(store, small_segments):
    store.save(once(1, {1: range(25), 2: range(25)}))
    before = {each["id"]: each for each in manifest(store)["segments"]}
    store.save(once(2, {1: range(25, 32)}))
    written_anew = [before[each] for each in before.keys() - files(store)]
    assert [(each["class_id"], each["lowest"]) for each in written_anew] == [(1, 20)]
    assert loaded(store) == rows_of(1, range(32)) | rows_of(2, range(25))


def test_removing_rewrites_and_rekeys_only_the_segments_that_hold_it(store, small_segments):
    store.save(once(1, {1: range(0, 100, 2), 2: range(50)}))
    before = {each["id"]: each for each in manifest(store)["segments"]}
    assert store.remove({1: [4, 21, 3_000], 7: [1]}).physically  # 21 lies within a segment's range, but in none
    gone = [before[each] for each in before.keys() - files(store)]
    assert [(each["class_id"], each["lowest"]) for each in gone] == [(1, 0)]
    assert {key.hex() for key in store._keys.ids()} == files(store)
    assert loaded(store) == rows_of(1, {*range(0, 100, 2)} - {4}) | rows_of(2, range(50))
    assert store.load().seq == 1


def test_many_removals_leave_few_segments_after_the_next_addition(store, small_segments):
    store.save(once(1, {1: range(200)}))
    for start in range(0, 200, 10):
        store.remove({1: range(start + 1, start + 10)})
    assert len(files(store)) == 20
    store.save(once(2, {1: [200]}))
    assert len(files(store)) == 3
    assert loaded(store) == rows_of(1, range(0, 201, 10))


def test_destroying_a_class_leaves_the_others_untouched(store):
    store.save(once(1, {1: range(10), 2: range(10)}))
    kept = [each["id"] for each in manifest(store)["segments"] if each["class_id"] == 2]
    assert store.destroy_class(1).physically
    assert files(store) == set(kept) == {key.hex() for key in store._keys.ids()}
    assert loaded(store) == rows_of(2, range(10))
    store.destroy()
    assert not files(store)
    assert not store._keys.keys
    assert store.load().dropped == ""


def test_what_a_destroyed_key_leaves_pending_is_passed_on(store, keys):
    store.save(once(1, {1: range(10)}))
    keys.pending = ("keys.db-wal until the next checkpoint",)
    assert store.remove({1: [1]}) == RemovalResult(physically=False, pending=keys.pending)


def test_while_the_snapshot_rests_nobody_writes_and_its_keys_are_known(store, keys):
    other = SegmentStore(store._folder, keys, SPACE, lock_timeout_s=0.05)
    with store.resting() as named:  # not even where there was no snapshot yet
        assert named == frozenset()
        with pytest.raises(HomeBusy):
            other.save(once(1, {1: range(5)}))
    store.save(once(1, {1: range(5), 2: range(5)}))
    with store.resting() as named:
        assert named == set(keys.ids())
    store.destroy()
    assert not keys.keys


# --- what does not fit is dropped ------------------------------------------------------------------------------------
def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def a_segment(store):
    return store._folder / f"{manifest(store)['segments'][0]['id']}.segment"


DAMAGES = {
    "a missing segment": lambda store: a_segment(store).unlink(),
    "a flipped bit": lambda store: flip(a_segment(store)),
    "a truncated segment": lambda store: a_segment(store).write_bytes(a_segment(store).read_bytes()[:20]),
    "an empty segment": lambda store: a_segment(store).write_bytes(b""),
    "a destroyed key": lambda store: store._keys.destroy([bytes.fromhex(a_segment(store).stem)]),
    "a manifest that is no JSON": lambda store: (store._folder / "manifest.json").write_bytes(b"\xff{"),
    "a manifest of another shape": lambda store: (store._folder / "manifest.json").write_text("[]"),
    "a later manifest": lambda store: (store._folder / "manifest.json").write_text('{"version": 2}'),
    "a manifest with a path for an id": lambda store: (store._folder / "manifest.json").write_text(
        json.dumps(manifest(store)).replace(manifest(store)["segments"][0]["id"], "../../etc/passwd")
    ),
    "a manifest with the wrong number": lambda store: (store._folder / "manifest.json").write_text(
        json.dumps(manifest(store)).replace('"rows": 10', '"rows": 9')
    ),
}


@pytest.fixture(params=DAMAGES)
def damaged(request, store, small_segments):
    store.save(once(5, {1: range(15), 2: range(7)}))
    DAMAGES[request.param](store)
    return store


def test_a_damaged_snapshot_is_dropped_whole_and_says_why(damaged):
    result = damaged.load()
    assert (result.seq, len(result.index)) == (0, 0)
    assert result.dropped


def test_no_bit_of_a_segment_can_be_changed(store, unnoticed_bits):
    store.save(once(5, {1: [3]}))
    path = a_segment(store)

    def opened(changed):
        path.write_bytes(changed)
        assert not store.load().dropped

    opened(path.read_bytes())
    assert unnoticed_bits(path.read_bytes(), opened, AssertionError) == []


def test_a_damaged_snapshot_is_begun_anew_by_the_next_save_that_meets_the_damage(damaged):
    everything = {1: (list(range(30)), VECTORS[:30])}

    def gather(done):
        return Changes(9, everything if done == 0 else {1: ([0, 29], VECTORS[[0, 29]])}) if done < 9 else Changes(done)

    assert damaged.save(gather) == 9
    if not damaged.load().dropped:  # else the damage lies in what this change had no need to read
        assert loaded(damaged) == rows_of(1, range(30))


def test_removing_from_a_damaged_snapshot_destroys_what_may_hold_it(damaged):
    damaged.remove({1: [0]})
    assert (1, 0) not in loaded(damaged)
    assert not [each for each in readable(damaged._folder, damaged._keys) if VECTORS[0].astype("<f2").tobytes() in each]


def test_a_snapshot_of_another_space_is_dropped_and_destroyed_by_the_next_save(store, keys):
    store.save(once(5, {1: range(15)}))
    other = SegmentStore(store._folder, keys, EmbeddingSpace("other", "1" * 64, SPACE.dimension))
    assert other.load().seq == 0
    assert "contract" in other.load().dropped
    assert other.save(once(1, {1: [3]})) == 1
    assert loaded(other) == rows_of(1, [3])
    assert len(keys.keys) == 1


def test_a_disk_that_forgets_what_is_written_is_an_error_not_a_loop(store, keys, monkeypatch):
    monkeypatch.setattr(segments, "write_unsynced", lambda path, content: path.write_bytes(b""))
    with pytest.raises(StorageFailed):
        store.save(lambda done: Changes(done + 1, {1: ([1], VECTORS[:1])}))


# --- other processes -------------------------------------------------------------------------------------------------
def test_a_reader_that_a_writer_overtakes_starts_again(store, monkeypatch):
    store.save(once(1, {1: range(20)}))
    original, overtaken = SegmentStore._filled, []

    def slow(self, named):
        if not overtaken:
            overtaken.append(True)
            store.remove({1: [4]})
        return original(self, named)

    monkeypatch.setattr(SegmentStore, "_filled", slow)
    assert loaded(store) == rows_of(1, {*range(20)} - {4})
    assert overtaken


def test_a_second_writer_waits_and_then_says_who_is_in_the_way(store, keys):
    store.save(once(1, {1: range(5)}))
    program = (
        "import sys, fcntl\n"
        "with open(sys.argv[1], 'a') as lock:\n"
        "    fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(store._folder / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        other = SegmentStore(store._folder, keys, SPACE, lock_timeout_s=0.1)
        for write in (lambda: other.save(once(2)), lambda: other.remove({1: [1]}), lambda: other.destroy_class(1)):
            with pytest.raises(HomeBusy):
                write()
        assert other.load().seq == 1  # reading waits for nobody
    finally:
        holder.communicate()
    assert other.remove({1: [1]}).physically


def test_another_store_over_the_same_folder_sees_what_this_one_wrote(store, keys):
    other = SegmentStore(store._folder, keys, SPACE)
    store.save(once(1, {1: range(20)}))
    other.remove({1: [3]})
    store.save(once(2, {1: [20]}))
    assert loaded(other) == loaded(store) == rows_of(1, {*range(21)} - {3})


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it may not")
def test_a_folder_that_cannot_be_written_is_read_and_refused(store):
    store.save(once(1, {1: range(5)}))
    store._folder.chmod(0o500)
    try:
        assert store.load().seq == 1
        with pytest.raises(StorageFailed):
            store.save(once(2, {1: [7]}))
    finally:
        store._folder.chmod(0o700)


def test_files_are_for_their_owner_alone(store):
    store.save(once(1, {1: range(5)}))
    assert {each.stat().st_mode & 0o077 for each in [store._folder, *store._folder.iterdir()]} == {0}


# --- the attacker with the master key --------------------------------------------------------------------------------
def readable(folder, keys):
    """Every file as it is, and opened with every living key under every binding that a name there suggests."""
    paths = [each for each in Path(folder).rglob("*") if each.is_file()]
    for path in paths:
        content = path.read_bytes()
        yield content
        for key in keys.ids():
            for name in {path.stem for path in paths}:
                try:
                    yield keys.open(key, f"index|{name}|segment", content)
                except SealBroken:
                    continue


def seen(folder, keys, vector):
    forms = (vector.astype("<f2").tobytes(), vector.astype("<f4").tobytes())
    return any(form in content for content in readable(folder, keys) for form in forms)


def test_no_byte_of_a_removed_vector_can_be_opened_by_any_living_key(store, keys, small_segments):
    store.save(once(1, {1: range(45), 2: range(5)}))
    kept = {each.name: each.read_bytes() for each in store._folder.glob("*.segment")}  # as from a backup
    assert seen(store._folder, keys, VECTORS[17])
    store.remove({1: [17], 2: [3]})
    for name, content in kept.items():
        (store._folder / f"old-{name}").write_bytes(content)
        (store._folder / name).write_bytes(content)
    assert not seen(store._folder, keys, VECTORS[17])
    for control in (16, 18, 4, 44):
        assert seen(store._folder, keys, VECTORS[control])


def test_the_scan_would_notice_a_key_that_was_not_destroyed(store, keys, small_segments, monkeypatch):
    store.save(once(1, {1: range(45)}))
    kept = {each.name: each.read_bytes() for each in store._folder.glob("*.segment")}
    monkeypatch.setattr(keys, "destroy", lambda doomed: RemovalResult(physically=True))
    store.remove({1: [17]})
    for name, content in kept.items():
        (store._folder / name).write_bytes(content)
    assert seen(store._folder, keys, VECTORS[17])


# --- killed at any step ----------------------------------------------------------------------------------------------
class Killed(BaseException):
    """As SIGKILL: nothing that handles errors sees it."""


STEPS = (
    (segments, "write_unsynced"),
    (segments, "sync_file"),
    (segments, "sync_folder"),
    (segments.manifests, "write_unsynced"),
    (segments.manifests, "sync_file"),
    (segments.manifests, "sync_folder"),
    (Path, "replace"),
    (Path, "unlink"),
    (MemoryKeys, "create"),
    (MemoryKeys, "seal"),
    (MemoryKeys, "destroy"),
)


def killed_at(monkeypatch, number, act):
    """Runs `act` and dies just before or in the middle of its `number`-th step. False if it has fewer."""
    count = 0

    def counted(original):
        def step(*args, **kwargs):
            nonlocal count
            count += 1
            if count == number:
                if original.__name__ == "write_unsynced":  # torn
                    args[0].write_bytes(args[1][: len(args[1]) // 2])
                raise Killed
            return original(*args, **kwargs)

        return step

    with monkeypatch.context() as patched:
        for owner, name in STEPS:
            patched.setattr(owner, name, counted(getattr(owner, name)))
        try:
            act()
        except Killed:
            return True
    return False


def test_a_save_killed_at_any_step_leaves_the_old_or_the_new_snapshot(tmp_path, small_segments, monkeypatch):
    old, new = rows_of(1, range(25)), rows_of(1, {*range(30)} - {3})
    outcomes = []
    for number in range(1, 100):
        store = SegmentStore(tmp_path / str(number), MemoryKeys(), SPACE)
        store.save(once(1, {1: range(25)}))
        if not killed_at(monkeypatch, number, lambda store=store: store.save(once(2, {1: range(25, 30)}, {1: [3]}))):
            break
        state = store.load()
        assert not state.dropped
        outcomes.append(state.seq)
        assert loaded(store) == (old if state.seq == 1 else new)
        assert store.save(once(2, {1: range(25, 30)}, {1: [3]})) == 2
        assert loaded(store) == new
        assert files(store) == {each["id"] for each in manifest(store)["segments"]}  # orphans are swept
    assert number > 12
    assert set(outcomes) == {1, 2}


def test_a_removal_killed_at_any_step_is_complete_when_it_is_run_again(tmp_path, small_segments, monkeypatch):
    for number in range(1, 100):
        store = SegmentStore(tmp_path / str(number), MemoryKeys(), SPACE)
        store.save(once(1, {1: range(25), 2: range(12)}))
        if not killed_at(monkeypatch, number, lambda store=store: store.remove({1: [3, 14], 2: [11]})):
            break
        assert not store.load().dropped
        store.remove({1: [3, 14], 2: [11]})
        assert loaded(store) == rows_of(1, {*range(25)} - {3, 14}) | rows_of(2, range(11))
        assert files(store) == {each["id"] for each in manifest(store)["segments"]}
        assert not seen(store._folder, store._keys, VECTORS[14])
        assert seen(store._folder, store._keys, VECTORS[3])  # in class 2 it stays
    assert number > 10


def test_every_segment_is_synced_after_it_is_written_and_before_the_manifest_names_it(store, monkeypatch):
    done = []

    def noted(owner, name):
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda path, *more: (original(path, *more), done.append((name, path)))[0])

    for name in ("write_unsynced", "sync_file", "sync_folder"):
        noted(segments, name)
    noted(segments.manifests, "write_unsynced")
    noted(segments.manifests, "sync_file")
    store.save(once(1, {class_id: [class_id] for class_id in range(5)}))
    written = [path for name, path in done if name == "write_unsynced" and path.suffix != ".new"]
    assert {path.stem for path in written} == files(store)
    assert done == [
        *(("write_unsynced", path) for path in written), *(("sync_file", path) for path in written),
        ("sync_folder", store._folder),
        *((name, store._folder / "manifest.json.new") for name in ("write_unsynced", "sync_file")),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(1, 8))
def test_a_full_disk_leaves_the_old_snapshot_and_no_new_file_or_key(store, keys, small_segments, monkeypatch, number):
    store.save(once(1, {1: range(25)}))
    named, count = files(store), 0

    def full(path, content):
        nonlocal count
        count += 1
        if count >= number:
            path.write_bytes(content[:10])
            raise OSError(28, "No space left on device")
        original(path, content)

    original = segments.write_unsynced
    monkeypatch.setattr(segments, "write_unsynced", full)
    with pytest.raises(StorageFailed, match="No space left"):
        store.save(once(2, {1: range(25, 100)}))
    assert files(store) == named == {key.hex() for key in keys.ids()}
    assert loaded(store) == rows_of(1, range(25))


# --- any order -------------------------------------------------------------------------------------------------------
class Snapshot(RuleBasedStateMachine):
    """Any order of saves, removals and destroyed classes equals a dictionary; and nothing removed can be opened."""

    @initialize()
    def begin(self):
        import tempfile

        self._folder = tempfile.TemporaryDirectory()
        self.keys = MemoryKeys()
        self.store = SegmentStore(Path(self._folder.name) / "index", self.keys, SPACE)
        self.model, self.seq, self.patch = {}, 0, pytest.MonkeyPatch()
        self.patch.setattr(segments, "SEGMENT_ROWS", 8)

    @rule(class_id=st.integers(1, 2), added=st.sets(st.integers(0, 60), max_size=20), shift=st.integers(0, 40))
    def save(self, class_id, added, shift):
        faces = sorted(added)
        rows = VECTORS[[face + 61 * shift for face in faces]] if faces else VECTORS[:0]
        self.seq += 1
        target = self.seq
        removed = {class_id: [shift, shift + 1]}
        assert target == self.store.save(
            lambda done: Changes(target, {class_id: (faces, rows)}, removed) if done < target else Changes(done)
        )
        for face in removed[class_id]:
            self.model.pop((class_id, face), None)
        for face, row in zip(faces, rows, strict=True):
            self.model[class_id, face] = row.astype(np.float16).tobytes()

    @rule(class_id=st.integers(1, 3), gone=st.sets(st.integers(0, 60), max_size=5))
    def remove(self, class_id, gone):
        assert self.store.remove({class_id: gone}).physically
        for face in gone:
            self.model.pop((class_id, face), None)

    @rule(class_id=st.integers(1, 3))
    def destroy_class(self, class_id):
        self.store.destroy_class(class_id)
        self.model = {key: row for key, row in self.model.items() if key[0] != class_id}

    @rule()
    def reopen(self):
        self.store = SegmentStore(self.store._folder, self.keys, SPACE)

    @invariant()
    def equals_the_model(self):
        state = self.store.load()
        assert not state.dropped
        assert state.seq == self.seq
        assert loaded(self.store) == self.model
        assert {key.hex() for key in self.keys.ids()} == files(self.store)
        if self.seq:
            sizes = [each["rows"] for each in manifest(self.store)["segments"]]
            assert all(0 < size <= 8 for size in sizes)

    def teardown(self):
        if hasattr(self, "patch"):
            self.patch.undo()
            self._folder.cleanup()


TestSnapshot = Snapshot.TestCase
TestSnapshot.settings = settings(max_examples=60, stateful_step_count=20)
