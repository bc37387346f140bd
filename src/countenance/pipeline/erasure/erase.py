"""Erasure, in an order that is safe to repeat after a crash at any line (docs/erasure.md).

    log the intent -> hide -> log what a restore needs -> index and segments -> blobs -> keys -> scan -> rows
        -> truncate -> log the end -> receipt

Hidden is what counts for a search: from that commit on no process shows the face. `resume` finishes what was begun; it
runs before an ingest, before another erasure and when a home is opened for writing. What was erased once is answered
with the same account when it is asked for again.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from countenance import jurisdictions
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.erasure import scan
from countenance.pipeline.erasure.holdings import HOLDINGS, LeavingPart
from countenance.pipeline.ids import checked_uuid
from countenance.pipeline.live_index import LiveIndex, snapshot
from countenance.pipeline.receipts import rfc3339, sign_receipt
from countenance.pipeline.redo_detail import seal_act
from countenance.pipeline.stores import Stores, probe_digest
from countenance.records.erasure.erasures import Erasure, Target
from countenance.records.erasure.receipts import Receipt
from countenance.records.erasure.suppressions import Suppression
from countenance.records.guests.erasures import GUEST
from countenance.records.guests.guests import Guest
from countenance.records.reachability import Unreachable
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy
from countenance.types import FaceId

log = logging.getLogger(__name__)

SCOPES: Final = ("face", "picture", "source", "person", "jurisdiction")
OPERATOR: Final = "the operator of this home"  # on whose word, where nobody else's is named
MAX_AUTHORITY: Final = 200  # characters
_BY_PLACE: Final = frozenset({"jurisdiction", "order"})  # pictures that stand elsewhere too may have lost a class
_NO_RECEIPT: Final = frozenset({"vanished", "replaced"})  # nobody asked: an ingest found it gone; the log has it


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What an erasure removed, or would."""

    uid: str  # empty: a dry run
    scope: str
    about: str | None  # uid or code of what was named
    pictures: int
    faces: int
    placements: int  # places where a picture stood and stands no more
    persons: int
    dry_run: bool = False
    pending: tuple[str, ...] = ()  # where bytes may still lie, sealed under a key that is destroyed
    log_entry: str | None = None
    receipt: str | None = None  # its id
    already: bool = False  # it was erased before; this is the account of then
    probes: int = 0  # kept with cases

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {
            "erasure": self.uid or None,
            "scope": self.scope,
            "about": self.about,
            "pictures": self.pictures,
            "faces": self.faces,
            "placements": self.placements,
            "persons": self.persons,
            "probes": self.probes,
            "dry_run": self.dry_run,
            "pending": list(self.pending),
            "log_entry": self.log_entry,
            "receipt": self.receipt,
            "already": self.already,
        }


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases in one home."""

    stores: Stores
    live: LiveIndex

    # --- what may be named -------------------------------------------------------------------------------------------
    def erase_face(self, uid: str, *, authority: str | None = None, dry_run: bool = False) -> ErasureReport:
        """One face is erased; of it the box stays, with the reason, so that it is not taken again. Raises NotFound."""
        uid = checked_uuid(uid, "face")
        found = self.stores.records.gallery.face(uid)
        if found is None:
            return self._again("face", uid, Remedy.FIND_ID)
        keep_out = self.keep_faces_out([found.id])
        target = Target("face", uid, authority, faces=[found.id], suppressions=keep_out)
        return self._erase(target, dry_run=dry_run)

    def erase_picture(self, uid: str, *, authority: str | None = None, dry_run: bool = False) -> ErasureReport:
        """A picture and its faces are erased wherever it stands, and it is not taken again. Raises NotFound."""
        uid = checked_uuid(uid, "picture")
        picture_id = self.stores.records.gallery.picture_id(uid)
        if picture_id is None:
            return self._again("picture", uid, Remedy.FIND_ID)
        keep_out = self.keep_pictures_out([picture_id])
        target = Target("picture", uid, authority, pictures=[picture_id], suppressions=keep_out)
        return self._erase(target, dry_run=dry_run)

    def erase_person(self, uid: str, *, authority: str | None = None, dry_run: bool = False) -> ErasureReport:
        """A person is erased, name, history and faces; no face of theirs is taken again. Raises NotFound."""
        uid = checked_uuid(uid, "person")
        found = self.stores.records.erasures.person_with_faces(uid)
        if found is None:
            return self._again("person", uid, Remedy.LIST_PERSONS)
        person_id, faces = found
        keep_out = self.keep_faces_out(faces)
        target = Target("person", uid, authority, faces=faces, persons=[person_id], suppressions=keep_out)
        return self._erase(target, dry_run=dry_run)

    def erase_source(self, source: Source, *, authority: str | None = None, dry_run: bool = False) -> ErasureReport:
        """A source, its grant and evidence are erased, with every picture that stands in no other source."""
        return self._erase(self.target_of(source, authority), dry_run=dry_run)

    def erase_probe(self, log_entry: str, *, authority: str | None = None, dry_run: bool = False) -> ErasureReport:
        """The probe kept of the search with this log entry is erased; the search's record stays. Raises NotFound."""
        found = self.stores.records.probes.of_searches([log_entry])
        if found:
            return self.erase_probes(found, about=log_entry, authority=authority, dry_run=dry_run)
        earlier = self.earlier("probe", log_entry)
        if earlier is None:
            raise NotFound(f"no probe is kept of a search {log_entry!r}; the answer of a search names its log entry")
        return earlier

    def erase_case(self, reference: str, *, authority: str | None = None, dry_run: bool = False) -> ErasureReport:
        """Every probe kept with a case is erased; case and searches stay. Raises NotFound: no such case."""
        found = self.stores.records.cases.find(reference)
        if found is None:
            raise NotFound(f"there is no case {reference!r}; its first search makes a case")
        probes = self.stores.records.probes.of_case(reference)
        earlier = None if probes else self.earlier("probe", found.uid)
        return earlier or self.erase_probes(probes, about=found.uid, authority=authority, dry_run=dry_run)

    def erase_probes(
        self, probes: Sequence[int], *, about: str | None, authority: str | None, dry_run: bool = False
    ) -> ErasureReport:
        """These probes, by the ids of their searches, are erased. about: log entry or case; None: the term is over."""
        return self._erase(Target("probe", about, authority, probes=probes), dry_run=dry_run)

    def erase_guest(self, guest: Guest) -> ErasureReport:
        """A guest withdraws: reference, consent with its photograph, and each template that rests on it are erased.

        So does whoever has the same subject, which is the same person. Their faces are tied to no subject from then on.
        """
        return self._erase(Target(GUEST, guest.uid, "the guest's own withdrawal", guests=[guest.id]))

    def earlier_guest(self, guest: Guest) -> ErasureReport | None:
        """The account of what the guest's withdrawal erased; None: it was not theirs that did."""
        return self.earlier(GUEST, guest.uid)

    def earlier(self, scope: str, about: str) -> ErasureReport | None:
        """The account of what was erased of this before; None: nothing was."""
        found = self.stores.records.erasures.newest_about(scope, about)
        return None if found is None else self._account(found)

    def target_of(self, source: Source, authority: str | None) -> Target:
        """What `source` takes."""
        return Target("source", source.uid, authority, source_id=source.id, named=self._named(source.name))

    def erase_target(self, target: Target) -> ErasureReport:
        """What an order names is erased: the very target that was rehearsed."""
        return self._erase(target)

    def earlier_source(self, name: str) -> ErasureReport:
        """The account of the source that had this name and was erased. Raises NotFound."""
        earlier = self.stores.records.erasures.newest_named("source", self._named(name))
        if earlier is None:
            raise NotFound(f"there is no source called {name!r}", Remedy.LIST_SOURCES)
        return self._account(earlier)

    def erase_jurisdiction(self, code: str, *, authority: str | None = None, dry_run: bool = False) -> ErasureReport:
        """Every place in this jurisdiction or a part of it is erased, with each picture that stands nowhere else.

        A picture that stands elsewhere too keeps those places, and is searched there. Raises: WrongUse: no such
        jurisdiction.
        """
        code = jurisdictions.parse(code)

        def covered(places: frozenset[str]) -> bool:
            return any(jurisdictions.covers(code, place) for place in places)

        def keep_out(tenant: str, sha256: bytes) -> Suppression:
            return Suppression("bytes", picture_digest(self.stores, tenant, sha256))

        target = Target("jurisdiction", code, authority, places=covered, keep_out=keep_out)
        counts = self.stores.records.erasures.rehearse(target, self.stores.clock())
        earlier = None if any(counts.values()) else self.earlier("jurisdiction", code)
        return earlier or self._erase(target, dry_run=dry_run)

    def erase_faces(
        self, faces: Sequence[FaceId], *, scope: str, about: str, authority: str,
        suppressions: Sequence[Suppression] = (), guests: Sequence[int] = (),
    ) -> ErasureReport:  # fmt: skip
        """These faces are erased at somebody's demand: `scope` request or order, `about` its uid.

        What keeps them out is the caller's choice: `keep_faces_out` gives what `face` would keep.
        Args: guests: by their ids in the records: they withdraw with it.
        """
        return self._erase(Target(scope, about, authority, faces=faces, suppressions=suppressions, guests=guests))

    def keep_faces_out(self, faces: Sequence[FaceId]) -> list[Suppression]:
        """What makes a later ingest leave these faces alone in the very same file."""
        return [
            Suppression("bytes", picture_digest(self.stores, tenant, sha256), box)
            for tenant, sha256, box in self.stores.records.erasures.boxes(faces)
        ]

    def keep_pictures_out(self, pictures: Sequence[int]) -> list[Suppression]:
        """What makes a later ingest refuse these very files."""
        return [
            Suppression("bytes", picture_digest(self.stores, tenant, sha256))
            for tenant, sha256 in self.stores.records.erasures.picture_hashes(pictures)
        ]

    def erase_unsupported(self, due: Unreachable, scope: str) -> ErasureReport | None:
        """What an ingest left without support is erased: `vanished` or `replaced`. It may be taken again."""
        if not due:
            return None
        return self._erase(Target(scope, faces=due.faces, pictures=due.pictures))

    def erase_leaving_source(self, source_id: int, faces: Sequence[FaceId]) -> ErasureReport | None:
        """These faces, which rest on that source alone, leave it, and are erased: hidden in the same commit."""
        return self._erase(Target("face", faces=faces, leaving_source=source_id)) if faces else None

    def resume(self) -> tuple[ErasureReport, ...]:
        """Every erasure that was begun is done."""
        if not self.stores.records.erasures.unfinished():
            return ()
        with self.stores.erasing():
            return tuple(self._finish(erasure) for erasure in self.stores.records.erasures.unfinished())

    # --- the order ---------------------------------------------------------------------------------------------------
    def _erase(self, target: Target, *, dry_run: bool = False) -> ErasureReport:
        target = replace(
            target,
            authority=_authority(target.authority),
            probe_digest=lambda sha256: probe_digest(self.stores, sha256),
        )
        if dry_run:
            counts = self.stores.records.erasures.rehearse(target, self.stores.clock())
            return _report("", target.scope, target.about, counts, dry_run=True)
        uid = uuid.uuid4()
        self.stores.log.append("erase.begun", {"erasure": str(uid), "scope": target.scope, "about": target.about})
        with self.stores.erasing():
            return self._finish(self.stores.records.erasures.hide(target, uid=uid, at=self.stores.clock()))

    def erase_again(self, faces: Sequence[int], pictures: Sequence[int], probes: Sequence[int] = ()) -> ErasureReport:
        """What was erased before, and came back with a backup, is erased; what keeps it out is there already."""
        back = Target("face", None, "a restore from a backup", faces=faces, pictures=pictures, probes=probes)
        return self._erase(back)

    def _note(self, erasure: Erasure) -> None:
        """The log has what a restore needs, before any row is gone. A crash may leave it there twice, to no harm."""
        act = self.stores.records.redo.of_erasure(erasure)
        if act is not None:
            record = {"erasure": erasure.uid, "faces": len(act["faces"]), "pictures": len(act["pictures"])}
            self.stores.log.append("erase.hidden", record, detail=seal_act(self.stores, act))
            self.stores.records.redo.mark_noted(erasure, self.stores.clock())

    def _finish(self, erasure: Erasure) -> ErasureReport:
        log.info("erasure %s (%s): hidden, removing", erasure.uid, erasure.scope)
        pending: set[str] = set()
        self._note(erasure)
        for holding in HOLDINGS:
            for part in holding.leaving(self.stores.records, erasure):
                log.debug(
                    "erasure %s: %s, %d blobs, %d keys", erasure.uid, holding.name, len(part.blobs), len(part.keys)
                )
                pending.update(self._remove(part))
                holding.forget(self.stores.records, erasure, part)
                if part.changes_classes:
                    snapshot(self.stores, self.live.space)
        pending.update(self.stores.keys.destroy(()).pending)  # also what an earlier erasure had to leave in its log
        if erasure.scope in _BY_PLACE and erasure.counts["placements"]:
            snapshot(self.stores, self.live.space)  # faces that stand elsewhere too leave the classes that went
        if not self.stores.records.database.truncate_wal():
            pending.add(
                "records.db and records.db-wal (held by a reader; emptied by the next erasure or `countenance doctor`)"
            )
        scan.look_for_rows(self.stores, erasure)
        log.info("erasure %s: removed, %d places pending", erasure.uid, len(pending))
        return self._acknowledge(erasure, tuple(sorted(pending)))

    def _remove(self, part: LeavingPart) -> set[str]:
        """Remove a part from index, blobs and keys, and look for it; return where bytes may still be."""
        rows, pending = part.index_rows(), set(part.pending)
        if part.faces:
            self.live.remove([face.id for face in part.faces])
            pending.update(self.stores.segments.remove(rows).pending)
        for class_id in part.classes:  # faces that stand in another source too leave this one's classes
            pending.update(self.stores.segments.destroy_class(class_id).pending)
        if part.blobs:
            pending.update(self.stores.blobs.delete_many(part.blobs).pending)
        if part.keys:
            pending.update(self.stores.keys.destroy(part.keys).pending)
        if part.faces:
            scan.look_for_faces(self.stores, part.faces, rows)
        else:
            scan.look_for_keys(self.stores, part.keys, part.blobs)
        return pending

    # --- the account -------------------------------------------------------------------------------------------------
    def _acknowledge(self, erasure: Erasure, pending: tuple[str, ...]) -> ErasureReport:
        """The end is logged and the receipt signed: what is not in the receipt was not done."""
        entry = self.stores.log.append(
            "erase.done", {"erasure": erasure.uid, "scope": erasure.scope, **erasure.counts, "pending": list(pending)}
        )
        receipt = None
        if erasure.scope not in _NO_RECEIPT:
            account = self._told(erasure, pending)
            receipt = sign_receipt(self.stores, kind="erasure", about=erasure.uid, account=account, entry=entry)
        self.stores.records.erasures.mark_done(erasure, self.stores.clock(), receipt)
        return _report(
            erasure.uid, erasure.scope, erasure.about, erasure.counts, pending=pending, log_entry=entry.id,
            receipt=None if receipt is None else receipt.uid,
        )  # fmt: skip

    def _told(self, erasure: Erasure, pending: tuple[str, ...]) -> dict[str, Any]:
        return {
            "scope": erasure.scope,
            "of": erasure.about,
            "authority": erasure.authority,
            "asked_at": rfc3339(erasure.begun_at),
            "counts": erasure.counts,
            "recipients": len(self.stores.records.receipts.recipients(erasure.uid)),
            "pending": list(pending),
            **scan.account(),
        }

    def _again(self, scope: str, uid: str, remedy: Remedy) -> ErasureReport:
        """The account of what was erased before. Raises NotFound: the same for what never was and went with more."""
        earlier = self.stores.records.erasures.newest_about(scope, uid)
        if earlier is None:
            raise NotFound(f"there is no {scope} {uid}", remedy)
        return self._account(earlier)

    def _account(self, earlier: Erasure) -> ErasureReport:
        if earlier.done_at is None:  # begun and not done: by a process that died, or by one that is at it
            self.resume()
        receipt = self.stores.records.receipts.of(earlier.uid)
        pending, entry = _said(receipt)
        return _report(
            earlier.uid, earlier.scope, earlier.about, earlier.counts, pending=pending, log_entry=entry,
            receipt=None if receipt is None else receipt.uid, already=True,
        )  # fmt: skip

    def _named(self, name: str) -> bytes:
        return self.stores.digest("source name", name.encode("utf-8", "surrogateescape"))


def picture_digest(stores: Stores, tenant: str, sha256: bytes) -> bytes:
    """What a suppression knows a picture by."""
    return stores.digest("suppression", tenant.encode() + b"\0" + sha256)


def _said(receipt: Receipt | None) -> tuple[tuple[str, ...], str | None]:
    """(pending, log entry) as the receipt has them."""
    if receipt is None:
        return (), None
    document = json.loads(receipt.document)
    return tuple(document["receipt"]["pending"]), json.loads(document["log"]["record"])["id"]


def _report(uid: str, scope: str, about: str | None, counts: Mapping[str, int], **more: Any) -> ErasureReport:
    return ErasureReport(
        uid, scope, about, counts["pictures"], counts["faces"], counts.get("placements", 0), counts.get("persons", 0),
        probes=counts.get("probes", 0), **more,
    )  # fmt: skip


def _authority(text: str | None) -> str:
    """On whose word, in one line. Raises WrongUse."""
    said = (text or OPERATOR).strip()
    if not said or len(said) > MAX_AUTHORITY or not said.isprintable():
        raise WrongUse(
            f"an authority is one printable line of 1 to {MAX_AUTHORITY} characters",
            Remedy.USE_FORMAT,
            field="authority",
            values=("request of 2026-11-23, letter 4711",),
        )
    return said
