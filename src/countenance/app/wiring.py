"""The one room where adapters meet: which store, which engine, behind which seam."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from countenance.app.counts import Counts
from countenance.app.engine import Engine
from countenance.app.manifest import HomeManifest
from countenance.app.opening import Opened, open_databases
from countenance.app.settings import core_count, runtime_name
from countenance.auditlog.log import SqliteLog
from countenance.blobs.files import FileBlobStore
from countenance.errors import HomeBusy, WrongUse
from countenance.keys import master as masters
from countenance.keys.ring import SqliteKeyRing
from countenance.locking import held
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.stores import Stores
from countenance.remedies import Remedy
from countenance.types import EmbeddingSpace
from countenance.weights.manifest import YUNET, entries
from countenance.weights.model import Model
from countenance.weights.own import OwnModels
from countenance.weights.store import shipped

if TYPE_CHECKING:
    from countenance.calibrate.calibration import Calibration
    from countenance.calibrate.home_calibrations import HomeCalibrations
    from countenance.embed.onnx import OnnxEmbedder
    from countenance.protocols import Embedder

CALIBRATIONS = "calibrations"
OPERATOR = "operator"  # the tenant of a home's own sources; clients bring theirs later


class Parts:
    """What the services of a home are made of: its stores, and the engine of the model that it is searched with.

    Nothing is opened before it is asked for. What is closed opens again when it is next asked for.
    """

    def __init__(self, path: Path, manifest: HomeManifest) -> None:
        self.path = path
        self.id = manifest.id
        self.kind = manifest.kind
        self.models = OwnModels(path / "models")
        self._manifest = manifest
        self._ingesting = FileLock(path / "ingest.lock", timeout=0, mode=0o600)
        self._reindexing = FileLock(path / "reindex.lock", timeout=0, mode=0o600)
        self._following = threading.Lock()
        self._engines: list[Engine] = []  # the last is at work; a search in another thread may still use the others

    @property
    def keyfile(self) -> Path:
        """Where the home's master key is: not in the home."""
        return masters.keyfile_path(self.id)

    @cached_property
    def _opened(self) -> Opened:
        return open_databases(self.path, self._manifest)

    @property
    def stores(self) -> Stores:
        """Everything that the home keeps. Raises: KeyMissing, StorageFailed (missing, full, read-only), HomeTooNew."""
        return self._opened.stores

    @property
    def keys(self) -> SqliteKeyRing:
        """The data keys."""
        return self._opened.keys

    @property
    def log(self) -> SqliteLog:
        """The audit log."""
        return self._opened.log

    @property
    def blobs(self) -> FileBlobStore:
        """Sealed crops, evidence and probes."""
        return self._opened.blobs

    @cached_property
    def counts(self) -> Counts:
        """How much the home holds."""
        return Counts(self.stores)

    # --- the model at work ---------------------------------------------------------------------------------------
    def engine(self) -> Engine:
        """Of the model that the home is searched with at this moment: any process may switch it."""
        active = self.active_space()
        with self._following:
            if not self._engines or (active is not None and active != self._engines[-1].embedder.space):
                embedder = self._embedder(None if active is None else self.model(active.model))
                kept = self.calibrations
                engine = Engine(self.stores, embedder, self.kept_out, self.detector, kept, self.calibration_of)
                self._engines.append(engine)
            return self._engines[-1]

    def active_space(self) -> EmbeddingSpace | None:
        """The space that a reindex has chosen; None: that of the model shipped."""
        records = self.stores.records
        newest = records.reindexes.newest()
        return None if newest is None else EmbeddingSpace(*records.sources.spaces()[newest.active])

    def _embedder(self, model: Model | None) -> OnnxEmbedder:
        """Loads its weights when first used."""
        from countenance.embed.onnx import OnnxEmbedder

        return OnnxEmbedder(model, threads=core_count(), runtime=runtime_name())

    def embedder_of(self, name: str | None) -> Embedder:
        """The embedder called `name`; None: the home's own. Raises: NotFound; WrongUse: that model is no embedder."""
        own = self.engine().embedder
        if name is None or name == own.space.model:
            return own
        model = self.model(name)
        if model.task != "embed":
            raise WrongUse(f"{name} finds faces, and makes no templates", Remedy.LIST_MODELS)
        return self._embedder(model)

    def model(self, name: str) -> Model:
        """The model of that name, shipped or brought; not loaded. Raises: NotFound, StorageFailed."""
        return shipped(name) if name in entries() else self.models.get(name)

    def detector(self) -> Model:
        """The detector in use. Raises: NotFound: it was removed by hand."""
        return self.model(self.models.detector() or YUNET)

    @cached_property
    def kept_out(self) -> SuppressionList:
        """What an ingest must not take."""
        return SuppressionList(self.stores, self.embedder_of, self.calibration_of)

    @cached_property
    def calibrations(self) -> HomeCalibrations:
        """Those that this home has measured for itself."""
        from countenance.calibrate.home_calibrations import HomeCalibrations

        return HomeCalibrations(self.path / CALIBRATIONS, lambda data: self.stores.pseudonym("calibration", data))

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

    # --- one at a time -------------------------------------------------------------------------------------------
    @contextmanager
    def ingest_lock(self, wait_s: float = 0) -> Iterator[None]:
        """One ingest at a time. Raises HomeBusy at once, or after so long; an ingest can take hours."""
        try:
            with held(self._ingesting, "ingest", wait_s=wait_s):
                yield
        except Timeout as error:
            raise HomeBusy("another ingest of this home is running", Remedy.WAIT_FOR_OTHER) from error

    @contextmanager
    def reindex_lock(self, wait_s: float = 0) -> Iterator[None]:
        """One process works on a reindex. Raises HomeBusy at once, or after so long."""
        try:
            with held(self._reindexing, "reindex", wait_s=wait_s, poll_s=0.005):  # uploads follow closely
                yield
        except Timeout as error:
            raise HomeBusy("another process is reindexing this home", Remedy.WAIT_FOR_OTHER) from error

    def close(self) -> None:
        """Databases are closed and child processes gone."""
        while self._engines:
            self._engines.pop().close()
        if "_opened" in self.__dict__:
            self._opened.close()
        for name in ("_opened", "counts", "kept_out", "calibrations"):
            self.__dict__.pop(name, None)
