"""Changing the model: every searchable face gets a template in a second space, then searches switch, then one goes.

A home keeps no picture that a template could be made of, so the originals are read again, under the same gates as when
they were taken: collect, embed. What can't be read, has changed, may not be embedded any more or shows no such face now
is counted and named, and keeps its old template until somebody decides.

Crash order of a batch: the decisions in the log; data keys; one transaction with the templates and the change list. A
kill before it leaves keys that no row names (swept by the next ingest, or by `finish`). Of the end: crops sealed anew
under the key that stays, one transaction, old keys destroyed; `finish` run again goes on from any line.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from countenance.associated_data import crop_aad, crop_hash_aad, template_aad
from countenance.errors import NotFound, PolicyDenied, SealBroken, StorageFailed
from countenance.permits import Act
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis, iou
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.live_index import snapshot
from countenance.pipeline.stores import Stores, salted_hash
from countenance.pipeline.vectors import pack_vector
from countenance.protocols import Collector, Embedder, FoundFile
from countenance.records.pictures.batch import PolicyMoved
from countenance.records.reachability import Unreachable
from countenance.records.sources.sources import Source
from countenance.records.upkeep.reindexes import (
    FaceWithoutTemplate,
    LackingPicture,
    Pair,
    Reindex,
    SecondTemplate,
    State,
)
from countenance.types import AlignedFace, EmbeddingSpace, Rejected

log = logging.getLogger(__name__)

PICTURES: Final = 64  # a batch: one decision of each gate, well within a permit's minute
SAME_BOX_IOU: Final = 0.5  # as at enrolment
MAX_BYTES: Final = 512 * 2**20
NAMED: Final = 1000  # places that a report names, the rest are counted


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a run of `build` came to. `lacking` faces have no template in the space; `why` names their places."""

    made: int
    lacking: int
    why: tuple[tuple[str, bytes, str], ...]  # source, place, reason

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {"made": self.made, "lacking": self.lacking}


@dataclass(frozen=True, slots=True)
class Reindexer:
    """Works on the reindex of one home. One process at a time (the home's lock), beside searches and an ingest."""

    stores: Stores
    eraser: Eraser

    # --- both spaces side by side --------------------------------------------------------------------------------
    def build(
        self,
        reindex: Reindex,
        space_id: int,
        embedder: Embedder,
        analyser: FaceAnalyser,
        collector_of: Callable[[Source], Collector],
        progress: Callable[[int, int], None] | None = None,
    ) -> BuildReport:
        """Every searchable face that can have one has a template in that space; those that can't are named.

        Raises: LogUnwritable, StorageFailed: what was committed stays, and running again goes on from there.
        """
        records = self.stores.records
        total, made = records.reindexes.count_lacking(space_id), 0
        why: dict[tuple[str, bytes], str] = {}
        for source in records.sources.all():
            for pictures in self._lacking_in(source, space_id):
                with_bytes = list(self._read(source, reindex, pictures, collector_of(source), why))
                made += self._batch(source, reindex, space_id, with_bytes, embedder, analyser, why)
                log.debug("reindex %s: %d of %d templates", reindex.uid, made, total)
                if progress is not None:
                    progress(made, total)
        snapshot(self.stores, embedder.space)
        lacking = records.reindexes.count_lacking(space_id)
        named = tuple((source, place, reason) for (source, place), reason in why.items())[:NAMED] if lacking else ()
        log.info("reindex %s: made %d templates, %d lack one", reindex.uid, made, lacking)
        self.stores.log.append("reindex.built", {"reindex": reindex.uid, "templates": made, "lacking": lacking})
        return BuildReport(made, lacking, named)

    def _lacking_in(self, source: Source, space_id: int) -> Iterator[tuple[LackingPicture, ...]]:
        """Pictures of the source whose faces lack a template and may have one, each once."""
        after = 0
        while True:
            allowed = self.stores.policy.consider(self.stores.ask(Act.EMBED)).allowed
            found = self.stores.records.reindexes.lacking_pictures(
                source.id, sorted(allowed), space_id, after, PICTURES
            )
            if not found:
                return
            yield found
            after = found[-1].id

    def _read(
        self,
        source: Source,
        reindex: Reindex,
        pictures: Sequence[LackingPicture],
        collector: Collector,
        why: dict[tuple[str, bytes], str],
    ) -> Iterator[tuple[LackingPicture, bytes]]:
        """The pictures whose files still hold the bytes that were taken."""
        classes = frozenset(c for picture in pictures for face in picture.faces for c in face.classes)
        try:
            permit, _ = self.stores.policy.decide(
                self.stores.ask(Act.COLLECT), classes=classes, record={"source": source.uid, "reindex": reindex.uid}
            )
        except PolicyDenied:
            return
        for picture in pictures:
            place = picture.place.decode("utf-8", "surrogateescape")
            data = collector.read(FoundFile(place, picture.size, picture.mtime_ns), permit, max_bytes=MAX_BYTES)
            if isinstance(data, Rejected):
                why[source.name, picture.place] = str(data.reason)
            elif hashlib.sha256(data).digest() != picture.sha256:
                why[source.name, picture.place] = "changed"
            else:
                yield picture, data

    def _batch(
        self,
        source: Source,
        reindex: Reindex,
        space_id: int,
        pictures: Sequence[tuple[LackingPicture, bytes]],
        embedder: Embedder,
        analyser: FaceAnalyser,
        why: dict[tuple[str, bytes], str],
    ) -> int:
        """Templates of the faces of these pictures, recorded; how many."""
        seen: list[tuple[FaceWithoutTemplate, AlignedFace]] = []
        for picture, looked in analyser.analyse_many(pictures):
            if isinstance(looked, Rejected):
                why[source.name, picture.place] = str(looked.reason)
                continue
            for face in picture.faces:
                aligned = _same_face(face, looked)
                if aligned is None:
                    why[source.name, picture.place] = "face not found again"
                else:
                    seen.append((face, aligned))
        hashes = [salted_hash(picture.salt, picture.sha256) for picture, _ in pictures]
        record = {"source": source.uid, "reindex": reindex.uid, "pictures": hashes}
        while seen:
            classes = frozenset(c for face, _ in seen for c in face.classes)
            try:
                permit, decision = self.stores.policy.decide(self.stores.ask(Act.EMBED), classes=classes, record=record)
            except PolicyDenied:
                return 0
            wanted = [(face, aligned) for face, aligned in seen if permit.classes & set(face.classes)]
            vectors = embedder.embed(np.stack([aligned.crop_for(embedder.crop) for _, aligned in wanted]), permit)
            with self.stores.naming_keys():
                keys = self.stores.keys.create(len(wanted))
                seconds = [
                    SecondTemplate(
                        face.id, key, self.stores.keys.seal(key, template_aad(face.uid), pack_vector(vector))
                    )
                    for (face, _), key, vector in zip(wanted, keys, vectors, strict=True)
                ]
                try:
                    added = self.stores.records.reindexes.add_templates(space_id, seconds, decision.version)
                except PolicyMoved:  # what was permitted a moment ago may not be now: ask again
                    self.stores.keys.destroy(keys)
                    continue
                except StorageFailed:
                    self.stores.keys.destroy(keys)
                    raise
                spare = [second.key_id for second in seconds if second.face not in added]
                if spare:
                    self.stores.keys.destroy(spare)
                self.stores.keys.confirm(keys)
            return len(added)
        return 0

    # --- the switch, there and back ------------------------------------------------------------------------------
    def switch(self, reindex: Reindex, *, measured: bool) -> Reindex:
        """Searches use the new space from their next one on, in every process. Only under the ingest lock.

        `measured`: for the log: the operator has a report of how both models do on pictures of their own.
        """
        self.stores.log.append("reindex.switched", {"reindex": reindex.uid, "measured": measured})
        return self.stores.records.reindexes.set_state(reindex, State.SWITCHED, active=reindex.to_space)

    def roll_back(self, reindex: Reindex) -> Reindex:
        """Searches use the old space again, and the new one is to go. Only under the ingest lock."""
        self.stores.log.append("reindex.rolled_back", {"reindex": reindex.uid})
        return self.stores.records.reindexes.set_state(reindex, State.ROLLING_BACK, active=reindex.from_space)

    def begin_finish(self, reindex: Reindex) -> Reindex:
        """The old space is to go; there is no way back from here. Only under the ingest lock."""
        self.stores.log.append("reindex.finishing", {"reindex": reindex.uid})
        return self.stores.records.reindexes.set_state(reindex, State.FINISHING, active=reindex.to_space)

    # --- destruction ---------------------------------------------------------------------------------------------
    def finish(self, reindex: Reindex, kept: EmbeddingSpace) -> tuple[str, ...]:
        """Of every face only the template in the active space is left: others' bytes and keys are gone.

        Faces without one there are erased, and taken again when their file is read anew. So are references of
        subjects, which come back from the grant's list (`pipeline.references`). Only under the ingest lock.
        Returns: where bytes may still lie, sealed under keys that are destroyed. Safe to repeat after a crash.
        """
        records, pending = self.stores.records.reindexes, set[str]()
        while pairs := records.pairs():
            with self.stores.erasing():  # or a crop that is being erased would be written again
                still = [pair for pair in pairs if self._still(pair)]
                crops = {pair.uid: crop for pair in still if (crop := self._crop(pair, reindex.active)) is not None}
                self.stores.blobs.put_many(crops)
                records.keep_one(still, reindex.active, self._crop_hashes(still, reindex.active))
                old = [p.key_id if p.second_space == reindex.active else p.second.key_id for p in still]
                pending.update(self.stores.keys.destroy(old).pending)
            log.debug("reindex %s: kept one template of %d faces", reindex.uid, len(pairs))
        records.keep_references(reindex.active)
        self.eraser.erase_unsupported(Unreachable(faces=records.unlist_lacking(reindex.active)), "replaced")
        pending.update(self.stores.segments.keep_only(kept).pending)
        collect_garbage(self.stores, whole=True)  # a finish that was cut short may have left a key that was never noted
        if not self.stores.records.database.truncate_wal():
            pending.add("records.db and records.db-wal (held by a reader; emptied by the next erasure)")
        log.info("reindex %s: finished, %d places pending", reindex.uid, len(pending))
        self.stores.log.append("reindex.finished", {"reindex": reindex.uid, "pending": sorted(pending)})
        records.set_state(reindex, State.DONE, active=reindex.active, done_at=self.stores.clock())
        return tuple(sorted(pending))

    def _crop_hashes(self, pairs: Sequence[Pair], active: int) -> dict[int, bytes]:
        """The perceptual hashes of crops, by face, sealed under the keys that stay."""
        mine = [pair for pair in pairs if pair.second_space == active and pair.crop_hash is not None]
        opened = self.stores.keys.open_many([(p.key_id, crop_hash_aad(p.uid), p.crop_hash or b"") for p in mine])
        return {
            pair.face: self.stores.keys.seal(pair.second.key_id, crop_hash_aad(pair.uid), plain)
            for pair, plain in zip(mine, opened, strict=True)
            if plain is not None
        }

    def _still(self, pair: Pair) -> bool:
        """It has not been erased meanwhile."""
        return self.stores.records.gallery.face(pair.uid) is not None

    def _crop(self, pair: Pair, active: int) -> bytes | None:
        """The face's thumbnail sealed under the key that stays; None: there is none, or it is already."""
        if pair.second_space != active:
            return None  # its own key stays
        try:
            sealed = self.stores.blobs.get(pair.uid)
        except NotFound:
            return None
        try:
            plain = self.stores.keys.open(pair.key_id, crop_aad(pair.uid), sealed)
        except SealBroken:  # a finish was cut short after this
            return None
        return self.stores.keys.seal(pair.second.key_id, crop_aad(pair.uid), plain)


def _same_face(face: FaceWithoutTemplate, looked: FaceAnalysis) -> AlignedFace | None:
    """The face of the picture that stands where this one was found."""
    best = max(looked.faces, key=lambda aligned: iou(aligned.face.box, face.box), default=None)
    return best if best is not None and iou(best.face.box, face.box) > SAME_BOX_IOU else None
