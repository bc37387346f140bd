"""The list of holdings is complete: whatever the records hold in bytes, text or JSON is in it, or not for a reason."""

from collections import defaultdict

import sqlalchemy as sa

from countenance.pipeline.erasure.holdings import HOLDINGS, NOT_ERASED
from countenance.records.schema import metadata
from countenance.testing.toy import picture


def named():
    """(table, column) of all that can hold a name, a hash, bytes or a document: numbers and times can't."""
    for table in metadata.tables.values():
        for column in table.columns:
            kind = getattr(column.type, "impl", column.type)
            time = type(column.type).__name__ == "UtcTime"
            if not (time or column.foreign_keys or isinstance(kind, sa.Integer | sa.Float | sa.Boolean)):
                yield table.name, column.name


def listed():
    places = defaultdict(set)
    for holding in HOLDINGS:
        for table, columns in holding.columns.items():
            places[table].update(columns.split())
    return places


def test_every_place_is_in_a_holding_or_is_not_erased_for_a_reason():
    erased, kept = listed(), {table: set(columns.split()) for table, (columns, _) in NOT_ERASED.items()}
    assert {f"{table}.{column}" for table, column in named()} == {
        f"{table}.{column}" for places in (erased, kept) for table, columns in places.items() for column in columns
    }
    assert all(erased[table].isdisjoint(columns) for table, columns in kept.items())
    assert all(reason for _, reason in NOT_ERASED.values())


def rows(home):
    """Table -> rows, of the tables that a holding names; of a face that stays the box is left."""
    with home.records.database.read() as connection:
        counts = {
            name: connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables[name])) for name in listed()
        }
    return {name: count for name, count in counts.items() if count}


def test_nothing_is_left_in_any_holding_once_all_is_erased(toy, album):
    (album / "both.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (album / "notes.jpg").write_bytes(b"no picture")
    toy.add_source(album)
    toy.ingest()
    full = {"faces", "enrolments", "pictures", "placements", "sources", "grants", "policy_classes", "rejections"}
    assert full <= set(rows(toy))
    toy.eraser.erase_source(toy.records.sources.get("album"))
    assert rows(toy) == {}
    assert (toy.keys.keys, toy.blobs.kept) == ({}, {})
