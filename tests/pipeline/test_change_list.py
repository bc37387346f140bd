"""A process far behind a change list that was compacted comes to what the records say, whatever it held."""

import pytest

from countenance.pipeline.live_index import LiveIndex, snapshot
from countenance.protocols import RemovalResult
from countenance.testing.toy import SPACE, picture


@pytest.fixture
def grown(toy, album, monkeypatch):
    """Twelve pictures of a face each, every one with a row in the list; pages of three."""
    monkeypatch.setattr("countenance.records.changes.ROWS_A_READ", 3)
    monkeypatch.setattr("countenance.pipeline.live_index.PORTION", 3)
    for number in range(12):
        (album / f"{number:02}.jpg").write_bytes(picture(f"person{number}@10,20,60,80"))
    toy.add_source(album)
    toy.ingest()
    return toy


def held(index):
    return {face for rows in index._classes.values() for block in rows.blocks for face in block.faces.tolist()}


def searchable(toy):
    with toy.records.database.read() as connection:
        return set(connection.exec_driver_sql("SELECT id FROM faces WHERE erasure_id IS NULL").scalars())


def vanish(toy, album, *numbers):
    for number in numbers:
        (album / f"{number:02}.jpg").unlink()
    toy.ingest(prune=True)


def test_a_process_far_behind_holds_nothing_that_has_left(grown, album):
    behind = LiveIndex(grown.stores, SPACE)
    assert held(behind.refresh()) == searchable(grown)
    vanish(grown, album, 1, 5, 11)
    assert grown.records.changes.compact_if_due(kept=1) > 3
    with grown.records.database.read() as connection:  # nothing in the list tells of two of those that left
        assert connection.exec_driver_sql("SELECT count(*) FROM changes WHERE NOT added").scalar() == 1
    assert held(behind.refresh()) == searchable(grown)
    assert len(behind.refresh()) == 9
    assert behind.refresh() is behind.refresh()  # not loaded anew again


@pytest.mark.parametrize("portions", [0, 1, 2])
def test_a_snapshot_that_fell_behind_or_was_killed_half_built_is_built_anew(grown, album, portions):
    grown.stores.segments.of(SPACE).destroy()
    store, count = type(grown.stores.segments.of(SPACE)), 0

    def dies(self, manifest):
        nonlocal count
        if count == portions:
            raise KeyboardInterrupt
        count += 1
        return real(self, manifest)

    real = store._replace
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "_replace", dies)
        with pytest.raises(KeyboardInterrupt):
            snapshot(grown.stores, SPACE)
    with pytest.MonkeyPatch.context() as patched:  # erasing would remove them from the snapshot itself
        patched.setattr("countenance.pipeline.pictures.ingest.snapshot", lambda *_: None)
        patched.setattr(store, "remove", lambda *_: RemovalResult(physically=True))
        patched.setattr(store, "holds", lambda *_: 0)
        vanish(grown, album, 0, 4, 8)
    grown.records.changes.compact_if_due(kept=1)
    assert held(LiveIndex(grown.stores, SPACE).refresh()) == searchable(grown)
    snapshot(grown.stores, SPACE)
    loaded = grown.stores.segments.of(SPACE).load()
    assert held(loaded.index) == searchable(grown)
    assert loaded.seq == grown.records.changes.newest()


def test_a_list_that_is_compacted_while_it_is_read_from_the_beginning(grown, album, monkeypatch):
    grown.stores.segments.of(SPACE).destroy()
    real, read = type(grown.records.changes).after, []

    def after(self, seq, space_id, *, since=0):
        if len(read) == 2:  # two pages are in the index
            read.append("compacted")
            vanish(grown, album, 0, 4, 9)
            grown.stores.segments.of(SPACE).destroy()
            self.compact_if_due(kept=1)
        read.append(seq)
        return real(self, seq, space_id, since=since)

    monkeypatch.setattr(type(grown.records.changes), "after", after)
    assert held(LiveIndex(grown.stores, SPACE).refresh()) == searchable(grown)
    assert "compacted" in read
