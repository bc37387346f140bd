"""The change list, which the index of every process follows: its rows are in the order of the commits.

A row says only that a face's place in a policy class must be looked at again. A reader takes the state of the records
at the time of reading, so of two rows of one (face, class) the first may go: a reader of the whole list gets the same
result. A row of a face that is no longer enrolled may go too, but a reader that has not reached it would keep what has
left. So `forgotten` is the highest such row that may be gone, and a reader behind it must start again from nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.queries import counter
from countenance.types import ClassId, FaceId

ROWS_A_READ: Final = 4096  # so that a snapshot of the records is held for well under 200 ms
KEPT: Final = 100_000  # of the newest rows none is dropped, so that few processes ever start again from nothing
WORTH_IT: Final = 4  # the list is gone through when a fourth of it has not been: a constant cost a row
_FORGOTTEN: Final = "changes_forgotten"


class ChangesForgotten(Exception):
    """The reader is behind what the list still holds: it must load everything again, from nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the change list. `sealed` None: the row has left the index, or its face is gone."""

    seq: int
    face: FaceId
    class_id: ClassId
    face_uid: str
    key_id: bytes | None
    sealed: bytes | None


def note_changes(connection: sa.Connection, rows: Sequence[tuple[FaceId, ClassId]], *, added: bool) -> None:
    """Add these rows to the change list, in this order, so that the index of every process sees them."""
    if rows:
        connection.execute(
            t.changes.insert(), [{"face_id": face, "class_id": class_id, "added": added} for face, class_id in rows]
        )


class ChangeList:
    """Reads and compacts the list. Rows are added by `note_changes`, in the commit that changes a face."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def after(self, seq: int, space_id: int, *, since: int = 0) -> tuple[tuple[Change, ...], bool]:
        """Return the next changes in order, and whether there are more. Templates of another space are left out.

        Args: since: the value of `forgotten` from before a reader that began from nothing read its first row. It never
        held what went up to there.
        Raises: ChangesForgotten: a row that would remove something from an index at `seq` may be gone.
        """
        with self._db.snapshot() as connection:
            if max(seq, since) < int(connection.scalar(_FLOOR) or 0):
                raise ChangesForgotten
            rows = connection.execute(_CHANGES, {"seq": seq, "most": ROWS_A_READ, "space": space_id}).all()
        return tuple(
            Change(
                seq=row.seq,
                face=row.face_id,
                class_id=row.class_id,
                face_uid=row.uid or "",
                key_id=row.key_id if row.space_id == space_id else row.second_key,
                sealed=None
                if not row.added or row.enrolled is None
                else row.template
                if row.space_id == space_id
                else row.second,
            )
            for row in rows
        ), len(rows) == ROWS_A_READ

    def newest(self) -> int:
        """Return the number of the newest change; 0: nothing was ever enrolled."""
        return self._db.count(sa.select(sa.func.max(t.changes.c.seq)))

    def forgotten(self) -> int:
        """Return the highest change that may be gone without a later one in its place; 0: none."""
        return self._db.count(_FLOOR)

    def compact_if_due(self, *, kept: int = KEPT) -> int:
        """Delete rows that no reader needs any more, except the newest `kept`; return how many.

        It does so only now and then, so that a change costs the same in a home of any size. `forgotten` is committed
        first, then rows are deleted a page at a time: a crash leaves some of them for the next time.
        """
        newest, forgotten = self.newest(), self.forgotten()
        grown = newest - forgotten
        if grown < 2 * kept or grown * WORTH_IT < self._count():
            return 0
        upto = newest - kept
        seqs, superseded = self._listed(upto)
        with self._db.write() as connection:
            if not connection.execute(_MOVE_FLOOR, {"upto": upto}).rowcount:
                connection.execute(t.counters.insert().values(name=_FORGOTTEN, value=upto))
        gone = 0
        for start in range(0, len(seqs), ROWS_A_READ):
            page = slice(start, start + ROWS_A_READ)
            doubles = [{"one": seq} for seq in seqs[page][superseded[page]].tolist()]
            with self._db.write() as connection:
                if doubles:
                    gone += connection.execute(
                        t.changes.delete().where(t.changes.c.seq == sa.bindparam("one")), doubles
                    ).rowcount
                gone += connection.execute(
                    _DROP_LEFT, {"first": int(seqs[page][0]), "last": int(seqs[page][-1])}
                ).rowcount
        return gone

    def _count(self) -> int:
        return self._db.count(sa.select(sa.func.count()).select_from(t.changes))

    def _listed(self, upto: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return (N,) the seqs up to `upto` in order, and whether a later one is of the same face and class."""
        parts = [np.array(rows, np.int64) for rows in self._pages(upto)]
        seqs, faces, classes = np.concatenate([np.empty((0, 3), np.int64), *parts]).T
        order = np.lexsort((seqs, classes, faces))
        same = (np.diff(faces[order]) == 0) & (np.diff(classes[order]) == 0)
        superseded = np.zeros(len(seqs), np.bool_)
        superseded[order[:-1][same]] = True
        return seqs, superseded

    def _pages(self, upto: int) -> Iterator[Sequence[tuple[int, FaceId, ClassId]]]:
        last = 0
        while True:
            with self._db.read() as connection:
                rows = connection.execute(_LISTED, {"seq": last, "upto": upto, "most": ROWS_A_READ}).all()
            if not rows:
                return
            yield [tuple(row) for row in rows]
            last = rows[-1].seq


_FLOOR: Final = counter(_FORGOTTEN)
_MOVE_FLOOR: Final = t.counters.update().where(t.counters.c.name == _FORGOTTEN).values(value=sa.bindparam("upto"))
_LISTED: Final = (
    sa.select(t.changes.c.seq, t.changes.c.face_id, t.changes.c.class_id)
    .where(t.changes.c.seq > sa.bindparam("seq"), t.changes.c.seq <= sa.bindparam("upto"))
    .order_by(t.changes.c.seq)
    .limit(sa.bindparam("most"))
)
_DROP_LEFT: Final = t.changes.delete().where(
    t.changes.c.seq.between(sa.bindparam("first"), sa.bindparam("last")),
    ~sa.exists()
    .where(t.enrolments.c.face_id == t.changes.c.face_id, t.enrolments.c.class_id == t.changes.c.class_id)
    .where(t.enrolments.c.refusal.is_(None))
    .where(t.faces.c.id == t.changes.c.face_id, t.faces.c.erasure_id.is_(None)),
)

# Asked by every search: built once, since building a statement costs more than running it.
_CHANGES: Final = (
    sa.select(
        t.changes, t.faces.c.uid, t.faces.c.key_id, t.faces.c.template, t.faces.c.space_id,
        t.face_templates.c.key_id.label("second_key"), t.face_templates.c.template.label("second"),
        t.enrolments.c.face_id.label("enrolled"),
    )
    .select_from(
        t.changes.outerjoin(
            t.faces, sa.and_(t.faces.c.id == t.changes.c.face_id, t.faces.c.erasure_id.is_(None))
        ).outerjoin(
            t.enrolments,
            sa.and_(
                t.enrolments.c.face_id == t.changes.c.face_id,
                t.enrolments.c.class_id == t.changes.c.class_id,
                t.enrolments.c.refusal.is_(None),
            ),
        ).outerjoin(
            t.face_templates,
            sa.and_(
                t.face_templates.c.face_id == t.faces.c.id, t.face_templates.c.space_id == sa.bindparam("space")
            ),
        )
    )
    .where(t.changes.c.seq > sa.bindparam("seq"))
    .order_by(t.changes.c.seq)
    .limit(sa.bindparam("most"))
)  # fmt: skip
