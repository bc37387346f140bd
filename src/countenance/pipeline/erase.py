"""Erasure, in an order that is safe to repeat after a crash at any line (DESIGN.md section 3).

    log the intent -> hide -> log what a restore needs -> index and segments -> blobs -> keys -> rows -> truncate
        -> log the end

Hidden is what counts for a search: from that commit on no process shows the face. `resume` finishes what was begun; it
runs before an ingest, before another erasure and when a home is opened for writing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from countenance.errors import NotFound, WrongUse
from countenance.pipeline.act_detail import seal_act
from countenance.pipeline.refresh import LiveIndex
from countenance.pipeline.stores import Stores
from countenance.records.erasures import Erasure, HiddenFace, Suppression
from countenance.records.sources import Source
from countenance.records.support import Due

SCOPES: Final = ("face", "picture", "source")


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What an erasure removed. The signed receipt comes with the rights issue."""

    uid: str
    scope: str
    pictures: int
    faces: int
    dry_run: bool
    pending: tuple[str, ...]  # where bytes may still lie, sealed under a key that is destroyed
    log_entry: str | None

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {
            "erasure": self.uid,
            "scope": self.scope,
            "pictures": self.pictures,
            "faces": self.faces,
            "dry_run": self.dry_run,
            "pending": list(self.pending),
            "log_entry": self.log_entry,
        }


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases in one home."""

    stores: Stores
    live: LiveIndex

    def face(self, uid: str, *, dry_run: bool = False) -> ErasureReport:
        """One face is erased; of it the box stays, with the reason, so that it is not taken again. Raises NotFound."""
        found = self.stores.records.gallery.face(_uuid(uid, "face"))
        if found is None:
            raise NotFound(f"there is no face {uid}", "it may be erased already; leads name the faces there are")
        if dry_run:
            return ErasureReport(uid, "face", 0, 1, dry_run=True, pending=(), log_entry=None)
        tenant, sha256, box = self.stores.records.erasures.face_box(found.id)
        keep_out = Suppression(picture_digest(self.stores, tenant, sha256), box)
        return self._erase("face", about={"face": uid}, faces=[found.id], suppressions=[keep_out])

    def picture(self, uid: str, *, dry_run: bool = False) -> ErasureReport:
        """A picture and its faces are erased wherever it stands, and it is not taken again. Raises NotFound."""
        picture_id = self.stores.records.gallery.picture(_uuid(uid, "picture"))
        if picture_id is None:
            raise NotFound(f"there is no picture {uid}", "it may be erased already; leads name the pictures there are")
        if dry_run:
            faces = self.stores.records.erasures.count_faces([picture_id])
            return ErasureReport(uid, "picture", 1, faces, dry_run=True, pending=(), log_entry=None)
        keep_out = [
            Suppression(picture_digest(self.stores, tenant, sha256), None)
            for tenant, sha256 in self.stores.records.erasures.picture_hashes([picture_id])
        ]
        return self._erase("picture", about={"picture": uid}, pictures=[picture_id], suppressions=keep_out)

    def source(self, source: Source, *, dry_run: bool = False) -> ErasureReport:
        """A source, its grant and evidence are erased, with every picture that stands in no other source."""
        if dry_run:
            pictures, faces = self.stores.records.erasures.count_source(source.id)
            return ErasureReport(source.uid, "source", pictures, faces, dry_run=True, pending=(), log_entry=None)
        return self._erase("source", about={"source": source.uid}, source_id=source.id)

    def faces(
        self, faces: Sequence[int], *, scope: str, about: str, authority: str, suppressions: Sequence[Suppression] = ()
    ) -> ErasureReport:
        """These faces are erased at somebody's demand: `about` its uid, `authority` whose it is."""
        return self._erase(
            scope, about={"about": about, "authority": authority}, faces=faces, suppressions=suppressions
        )

    def due(self, due: Due, scope: str) -> ErasureReport | None:
        """What an ingest left without support is erased: `vanished` or `replaced`. It may be taken again."""
        if not due:
            return None
        return self._erase(scope, about={}, faces=due.faces, pictures=due.pictures)

    def resume(self) -> tuple[ErasureReport, ...]:
        """Every erasure that was begun is done."""
        if not self.stores.records.erasures.unfinished():
            return ()
        with self.stores.erasing():
            return tuple(self._finish(erasure) for erasure in self.stores.records.erasures.unfinished())

    # --- the order -----------------------------------------------------------------------------------------------
    def _erase(
        self,
        scope: str,
        *,
        about: dict[str, str],
        faces: Sequence[int] = (),
        pictures: Sequence[int] = (),
        source_id: int | None = None,
        suppressions: Sequence[Suppression] = (),
    ) -> ErasureReport:
        uid = uuid.uuid4()
        self.stores.log.append("erase.begun", {"erasure": str(uid), "scope": scope, **about})
        with self.stores.erasing():
            erasure = self.stores.records.erasures.hide(
                uid=uid, scope=scope, at=self.stores.clock(), faces=faces, pictures=pictures, source_id=source_id,
                suppressions=suppressions,
            )  # fmt: skip
            return self._finish(erasure)

    def again(self, faces: Sequence[int], pictures: Sequence[int]) -> ErasureReport:
        """What was erased before, and came back with a backup, is erased; what keeps it out is there already."""
        return self._erase("face", about={}, faces=faces, pictures=pictures)

    def _note(self, erasure: Erasure) -> None:
        """The log has what a restore needs, before any row is gone. A crash may leave it there twice, to no harm."""
        act = self.stores.records.replays.of_erasure(erasure)
        if act is not None:
            record = {"erasure": erasure.uid, "faces": len(act["faces"]), "pictures": len(act["pictures"])}
            self.stores.log.append("erase.hidden", record, detail=seal_act(self.stores, act))
            self.stores.records.replays.noted(erasure, self.stores.clock())

    def _finish(self, erasure: Erasure) -> ErasureReport:
        pending: set[str] = set()
        self._note(erasure)
        for faces in self.stores.records.erasures.hidden_faces(erasure):
            pending.update(self._remove_bytes(faces))
            self.stores.records.erasures.forget_faces(erasure, faces)
        self.stores.records.erasures.forget_pictures(erasure)
        if erasure.source_id is not None:
            blobs, keys, classes = self.stores.records.erasures.source_holdings(erasure.source_id)
            for class_id in classes:  # faces that stand in another source too leave this one's classes
                pending.update(self.stores.segments.destroy_class(class_id).pending)
            pending.update(self.stores.blobs.delete_many(blobs).pending)
            pending.update(self.stores.keys.destroy(keys).pending)
            self.stores.records.erasures.forget_source(erasure.source_id)
        if not self.stores.records.database.truncate_wal():
            pending.add(
                "records.db and records.db-wal (held by a reader; emptied by the next erasure or `countenance doctor`)"
            )
        entry = self.stores.log.append(
            "erase.done", {"erasure": erasure.uid, "scope": erasure.scope, **erasure.counts, "pending": sorted(pending)}
        )
        self.stores.records.erasures.done(erasure, self.stores.clock())
        return ErasureReport(
            erasure.uid, erasure.scope, erasure.counts["pictures"], erasure.counts["faces"], dry_run=False,
            pending=tuple(sorted(pending)), log_entry=entry.id,
        )  # fmt: skip

    def _remove_bytes(self, faces: Sequence[HiddenFace]) -> set[str]:
        by_class: dict[int, list[int]] = {}
        for face in faces:
            for class_id in face.classes:
                by_class.setdefault(class_id, []).append(face.id)
        self.live.remove([face.id for face in faces])
        pending = set(self.stores.segments.remove(by_class).pending)
        pending.update(self.stores.blobs.delete_many([face.uid for face in faces if face.key_id]).pending)
        pending.update(self.stores.keys.destroy([key for face in faces for key in face.keys]).pending)
        return pending


def picture_digest(stores: Stores, tenant: str, sha256: bytes) -> bytes:
    """What a suppression knows a picture by."""
    return stores.digest("suppression", tenant.encode() + b"\0" + sha256)


def _uuid(text: str, what: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise WrongUse(
            f"{text!r} is not the id of a {what}", "ids are uuids, as in a lead's face_id and picture_id"
        ) from error
