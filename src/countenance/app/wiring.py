"""The one room where adapters meet: which store, which engine, behind which seam."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict

from filelock import FileLock, Timeout

from countenance.app import manifest as manifests
from countenance.app.counts import Counts
from countenance.app.manifest import HomeManifest
from countenance.app.settings import approximate_above, core_count, free_bytes, runtime_name
from countenance.app.shared_lock import SharedLock
from countenance.auditlog.checkpoint import Signer
from countenance.auditlog.log import SqliteLog
from countenance.blobs.files import FileBlobStore
from countenance.errors import HomeBusy, KeyDestroyed, NotFound, SealBroken, StorageFailed, WrongUse
from countenance.index.snapshots import Snapshots
from countenance.keys import master as masters
from countenance.keys.ring import SqliteKeyRing
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.live_index import LiveIndex
from countenance.pipeline.sealing import crop_binding
from countenance.pipeline.stores import Stores
from countenance.policy.gate import Policy
from countenance.policy.rules import RuleFiles
from countenance.records.store import RecordStore, open_records
from countenance.types import CropSpec, EmbeddingSpace, HomeKind
from countenance.weights.manifest import YUNET, entries
from countenance.weights.model import Model
from countenance.weights.own import OwnModels
from countenance.weights.store import shipped

if TYPE_CHECKING:
    from countenance.calibrate.calibration import Calibration
    from countenance.calibrate.home_calibrations import HomeCalibrations
    from countenance.embed.onnx import OnnxEmbedder
    from countenance.pipeline.search.search import Searcher
    from countenance.protocols import Embedder
    from countenance.records.search.gallery import FacePlace
    from countenance.types import KeyId

RECORDS, KEYS, LOG = "records.db", "keys.db", "log.db"
CALIBRATIONS = "calibrations"
LOCK_WAIT_S = 60.0
PROBES = 2  # looked at side by side, where there are as many cores
FULL_BYTES = 2**17  # opening three databases takes their shared-memory files, 32 kB each


class Looking(TypedDict):
    """What a `FaceAnalyser` of this home is made with."""

    detector: Model
    crops: tuple[CropSpec, ...]


@dataclass(frozen=True, slots=True)
class Crops:
    """Thumbnails of faces that may be shown now."""

    stores: Stores

    def crop(self, face_id: str) -> bytes:
        """JPEG. Raises NotFound: no such face, or it may not be shown, when it is asked for or when it is opened."""
        found, key_id = self._shown(face_id)
        try:
            crop = self._opened(face_id, key_id, found.second_key)
        except KeyDestroyed as error:  # it was erased since
            raise _no_face(face_id) from error
        self._shown(face_id)  # gate 4 once more: what came into force meanwhile wins
        return crop

    def _opened(self, face_id: str, key_id: KeyId, second_key: KeyId | None) -> bytes:
        sealed = self.stores.blobs.get(face_id)
        try:
            return self.stores.keys.open(key_id, crop_binding(face_id), sealed)
        except SealBroken:
            if second_key is None:
                raise
            return self.stores.keys.open(second_key, crop_binding(face_id), sealed)

    def _shown(self, face_id: str) -> tuple[FacePlace, KeyId]:
        found = self.stores.records.gallery.face(face_id)
        if found is None or found.key_id is None or self.stores.records.gallery.is_restricted(found.id):
            raise _no_face(face_id)
        return found, found.key_id


def _no_face(face_id: str) -> NotFound:
    return NotFound(f"there is no face {face_id}", "leads name the faces there are")


class Parts:
    """A home's stores and engines. What needs a model is made when it is first asked for."""

    def __init__(self, path: Path, manifest: HomeManifest, *, make: bool = False) -> None:
        """Raises: KeyMissing, StorageFailed, HomeTooNew."""
        self.path = path
        self.keyfile = masters.keyfile_path(manifest.id)
        master = masters.create(manifest.id, self.keyfile) if make else masters.load(manifest.id, self.keyfile)
        self.keys = SqliteKeyRing(
            path / KEYS, master, make=make, find=lambda key_id: masters.find(manifest.id, self.keyfile, key_id)
        )
        self.log = SqliteLog(
            path / LOG, Signer(f"countenance/home/{manifest.id}", self.keys.secret("log signing key")), make=make
        )
        self.blobs = FileBlobStore(path / "blobs")
        self._records: RecordStore = open_records(path / RECORDS)
        self._naming = SharedLock(path / "naming.lock", timeout_s=LOCK_WAIT_S)
        self._erasing = FileLock(path / "erasing.lock", timeout=LOCK_WAIT_S, mode=0o600)
        self._ingesting = FileLock(path / "ingest.lock", timeout=0, mode=0o600)
        self._reindexing = FileLock(path / "reindex.lock", timeout=0, mode=0o600)
        self._following = threading.Lock()
        self._retired: list[FaceAnalyser] = []
        self.models = OwnModels(path / "models")
        self._kind = manifest.kind
        self.stores = self._stores()
        self.crops = Crops(self.stores)
        self.counts = Counts(self.stores)

    def _stores(self) -> Stores:
        def clock() -> datetime:
            return datetime.now(UTC)

        self.embedder: OnnxEmbedder = self._embedder()
        sources = self._records.sources
        return Stores(
            kind=self._kind,
            records=self._records,
            keys=self.keys,
            blobs=self.blobs,
            log=self.log,
            segments=Snapshots(self.path / "index", self.keys),
            policy=Policy(
                RuleFiles(self.path / "rules"), self.log, self._records.policy.facts, sources.policy_version, clock
            ),
            signer=self.log.signer,
            pseudonym_key=self.keys.secret("log pseudonyms"),
            clock=clock,
            naming_keys=self._naming.shared,
            nothing_unnamed=self._naming.alone,
            erasing=lambda: _held(self._erasing),
        )

    def _embedder(self) -> OnnxEmbedder:
        """Of the model that the home is searched with; loads its weights when first used."""
        from countenance.embed.onnx import OnnxEmbedder

        space = self.active_space()
        return OnnxEmbedder(
            None if space is None else self.model(space.model), threads=core_count(), runtime=runtime_name()
        )

    def active_space(self) -> EmbeddingSpace | None:
        """The space that a reindex has chosen; None: that of the model shipped."""
        newest = self._records.reindexes.newest()
        return None if newest is None else EmbeddingSpace(*self._records.sources.spaces()[newest.active])

    def followed(self) -> Self:
        """The same, now with the model that the home is searched with at this moment: another process may switch."""
        active = self.active_space()
        if active is not None and active != self.embedder.space:
            with self._following:
                self.embedder = self._embedder()
                if "looker" in self.__dict__:
                    self._retired.append(self.looker)  # a search in another thread may still use it
                for name in ("looker", "live", "eraser", "calibration", "searcher"):
                    self.__dict__.pop(name, None)
        return self

    def embedder_of(self, name: str | None) -> Embedder:
        """The embedder called `name`; None: the home's own. Raises: NotFound; WrongUse: that model is no embedder."""
        from countenance.embed.onnx import OnnxEmbedder

        if name is None or name == self.embedder.space.model:
            return self.embedder
        model = self.model(name)
        if model.task != "embed":
            raise WrongUse(f"{name} is a detector: it makes no templates", "name an embedder: `countenance model list`")
        return OnnxEmbedder(model, threads=core_count(), runtime=runtime_name())

    def model(self, name: str) -> Model:
        """The model of that name, shipped or brought; not loaded. Raises: NotFound, StorageFailed."""
        return shipped(name) if name in entries() else self.models.get(name)

    def detector(self) -> Model:
        """The detector in use. Raises: NotFound: it was removed by hand."""
        return self.model(self.models.detector() or YUNET)

    def looking(self) -> Looking:
        """With which detector pictures are looked at, and which crops the embedders want to see."""
        return {"detector": self.detector(), "crops": (self.embedder.crop, *self.kept_out.crops)}

    @cached_property
    def looker(self) -> FaceAnalyser:
        """Child processes for probes and for what is handed in, each started when it is first needed."""
        return FaceAnalyser(workers=min(PROBES, core_count()), **self.looking())

    @cached_property
    def live(self) -> LiveIndex:
        """The index of one process, this one."""
        return LiveIndex(self.stores, self.embedder.space, approximate_above=approximate_above())

    @cached_property
    def eraser(self) -> Eraser:
        """Erases, and finishes what a crash interrupted."""
        return Eraser(self.stores, self.live)

    @cached_property
    def kept_out(self) -> SuppressionList:
        """What an ingest must not take."""
        return SuppressionList(self.stores, self.embedder_of, self.calibration_of)

    @cached_property
    def calibrations(self) -> HomeCalibrations:
        """Those that this home has measured for itself."""
        from countenance.calibrate.home_calibrations import HomeCalibrations

        return HomeCalibrations(
            self.path / CALIBRATIONS, lambda data: self.stores.pseudonym("calibration", data)
        )  # fmt: skip

    def calibration_of(self, space: EmbeddingSpace) -> Calibration:
        """What a score is worth in `space`: by the home's own measurement, else by what came with the model.

        Raises: NotFound, SpaceMismatch: it has neither; StorageFailed: the home's own is damaged.
        """
        from countenance.calibrate.calibration import Calibration, load

        own = self.calibrations.read(space)
        if own is not None:
            return own
        brought = self.models.calibration(space.model)
        return load(space) if brought is None else Calibration.from_json(brought)

    @cached_property
    def calibration(self) -> Calibration:
        """What a score of the home's own model is worth; another process's change is seen by the next one to open."""
        return self.calibration_of(self.embedder.space)

    def calibration_changed(self) -> None:
        """The next search takes the calibration anew."""
        for name in ("calibration", "searcher"):
            self.__dict__.pop(name, None)

    @cached_property
    def searcher(self) -> Searcher:
        """Searches."""
        from countenance.pipeline.search.search import Searcher

        return Searcher(self.stores, self.looker, self.embedder, self.live, self.calibration)

    @contextmanager
    def ingest_lock(self, wait_s: float = 0) -> Iterator[None]:
        """One ingest at a time. Raises HomeBusy at once, or after so long; an ingest can take hours."""
        try:
            with self._ingesting.acquire(timeout=wait_s):
                yield
        except Timeout as error:
            raise HomeBusy(
                "another ingest of this home is running", "let it end, or interrupt it; then run this again"
            ) from error

    @contextmanager
    def reindex_lock(self, wait_s: float = 0) -> Iterator[None]:
        """One process works on a reindex. Raises HomeBusy at once, or after so long."""
        try:
            with self._reindexing.acquire(timeout=wait_s, poll_interval=0.005):  # pictures handed in follow closely
                yield
        except Timeout as error:
            raise HomeBusy(
                "another process is reindexing this home", "let it end, or interrupt it: it goes on where it was"
            ) from error

    def close(self) -> None:
        """Databases are closed and child processes gone."""
        for looker in self._retired:
            looker.close()
        if "looker" in self.__dict__:
            self.looker.close()
        self._records.close()
        self.log.close()
        self.keys.close()


def check_databases(path: Path) -> dict[str, str]:
    """For each database of the home at `path` "ok", or what SQLite finds wrong with it. Needs no key."""
    found = {}
    for name in (RECORDS, KEYS, LOG):
        try:
            with closing(sqlite3.connect(f"{(path / name).as_uri()}?mode=ro", uri=True)) as connection:
                found[name] = str(connection.execute("PRAGMA quick_check").fetchone()[0])
        except sqlite3.Error as error:
            found[name] = str(error)
    return found


@contextmanager
def _held(lock: FileLock) -> Iterator[None]:
    try:
        with lock:
            yield
    except Timeout as error:
        raise HomeBusy("another process is at the same work in this home", "try again in a moment") from error


def make_home(path: Path, kind: HomeKind) -> HomeManifest:
    """A new home. Its manifest is written last: until then the folder is no home, and making it goes on where it was.

    Raises: WrongUse, StorageFailed.
    """
    manifest = manifests.draft(path, kind)
    parts = Parts(path, manifest, make=True)
    try:
        if len(parts.log) == 0:
            parts.log.append("home.created", {"home": manifest.id, "kind": str(kind)})
    finally:
        parts.close()
    manifests.finish(path, manifest)
    return manifest


def open_parts(path: Path, manifest: HomeManifest) -> Parts:
    """The parts of a home that is there. Raises: KeyMissing, StorageFailed (missing, full, read-only), HomeTooNew."""
    for name in (RECORDS, KEYS, LOG):
        if not (path / name).is_file():
            raise StorageFailed(f"{name} is missing from the home {path}", "restore the home from a backup")
    if not os.access(path, os.W_OK):
        read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
        raise StorageFailed(
            f"the home {path} " + ("is on a disk mounted read-only" if read_only else "can't be written by this user"),
            "every act is logged in the home before it is done, so it must be writable",
        )
    try:
        return Parts(path, manifest)
    except StorageFailed as error:
        if free_bytes(path) < FULL_BYTES:  # SQLite says no more than "disk I/O error" then
            raise StorageFailed(
                f"the disk that holds the home {path} is full",
                "free some space and run the same command again; nothing acknowledged is lost",
            ) from error
        raise
