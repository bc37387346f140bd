"""A home of toy pictures: real records, policy, segments and index; keys, blobs and log in memory."""

from __future__ import annotations

import os
import secrets
import threading
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from countenance.calibrate.calibration import Calibration
from countenance.collect.folder import FolderCollector
from countenance.index.snapshots import Snapshots
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.guests import GuestWorkflow
from countenance.pipeline.live_index import LiveIndex
from countenance.pipeline.pictures.ingest import Ingest
from countenance.pipeline.pictures.ingest_report import IngestReport
from countenance.pipeline.search.search import Searcher, SearchQuery
from countenance.pipeline.sources.grant import SourceWorkflow
from countenance.pipeline.sources.subjects import open_subjects
from countenance.pipeline.stores import Stores
from countenance.policy.gate import Policy
from countenance.policy.rules import RuleFiles
from countenance.records.sources.sources import Source
from countenance.records.store import open_records
from countenance.rights.grants import check_grant
from countenance.rights.subjects import read_subjects
from countenance.testing.memory_keys import MemoryBlobs, MemoryKeyRing
from countenance.testing.memory_log import MemoryLog
from countenance.testing.toy import SPACE, ToyEmbedder, ToyLooker, picture
from countenance.types import HomeKind, SearchResult


class ToyHome:
    """Wired as `app` wires a real one."""

    def __init__(self, folder: Path, *, kind: HomeKind = HomeKind.HOUSEHOLD) -> None:
        self.folder = folder
        self.now: datetime | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.log = MemoryLog()
        self.keys = MemoryKeyRing()
        self.blobs = MemoryBlobs()
        self.analyser = ToyLooker()
        self.embedder = ToyEmbedder()
        self.records = open_records(folder / "records.db")
        lock = threading.RLock()
        self.stores = Stores(
            kind=kind,
            records=self.records,
            keys=self.keys,
            blobs=self.blobs,
            log=self.log,
            segments=Snapshots(folder / "index", self.keys),
            policy=Policy(
                RuleFiles(folder / "rules"), self.log, self.records.policy.facts,
                self.records.sources.policy_version, self.clock,
            ),
            signer=self.log.signer,
            pseudonym_key=secrets.token_bytes(32),
            clock=self.clock,
            naming_keys=lambda: lock,
            nothing_unnamed=lambda: lock,
            erasing=lambda: lock,
        )  # fmt: skip
        self.live = LiveIndex(self.stores, SPACE)
        self.eraser = Eraser(self.stores, self.live)
        shipped = resources.files("countenance.calibrate") / "data" / "sface-2021dec.json"  # odds are odds
        self.calibration = Calibration.from_json(shipped.read_bytes())

    def clock(self) -> datetime:
        """Now, or the time that a test has set."""
        return self.now or datetime.now(UTC)

    @property
    def kept_out(self) -> SuppressionList:
        """What the home keeps out, seen with toy eyes."""
        return SuppressionList(self.stores, lambda _: self.embedder, lambda _: self.calibration)

    def close(self) -> None:
        """Nothing is left open."""
        self.records.close()

    def add_source(
        self,
        folder: Path,
        name: str = "album",
        *,
        subjects: Path | None = None,
        evidence: Path | None = None,
        **grant: Any,
    ) -> Source:
        """A source over `folder`; by default a household's, in Ontario."""
        folder.mkdir(parents=True, exist_ok=True)
        terms = check_grant(
            home=self.stores.kind,
            now=self.clock(),
            has_evidence=evidence is not None,
            has_subjects=subjects is not None,
            **{"basis": "household", "jurisdiction": "CA-ON", **grant},
        )
        registrar = SourceWorkflow(self.stores, self.analyser, self.embedder, "operator", self.kept_out)  # type: ignore[arg-type]  # a toy
        return registrar.add(
            name=name,
            location=os.fsencode(folder),
            terms=terms,
            evidence=evidence,
            subjects=read_subjects(subjects) if subjects else (),
        )

    def ingest(self, name: str = "album", *, prune: bool = False, **more: Any) -> IngestReport:
        """One run over a source."""
        return self.ingest_run(name, **more).run(prune=prune)

    def ingest_run(self, name: str = "album", **more: Any) -> Ingest:
        """What `ingest` runs."""
        collect_garbage(self.stores)
        source = self.records.sources.get(name)
        subjects = (
            open_subjects(self.stores, source, self.embedder, self.calibration)
            if source.grant.basis in {"consent", "licence"}
            else None
        )
        return Ingest(
            stores=self.stores,
            analyser=self.analyser,  # type: ignore[arg-type]  # a toy
            embedder=self.embedder,
            eraser=self.eraser,
            collector=FolderCollector(Path(os.fsdecode(source.location))),
            source=source,
            subjects=subjects,
            **{"kept_out": self.kept_out, **more},
        )

    def search(self, *faces: str, **question: Any) -> SearchResult:
        """Leads for a toy face."""
        found, _ = self.searcher.search(picture(*faces), SearchQuery(**question))
        return found

    @property
    def guests(self) -> GuestWorkflow:
        """Takes in guests."""
        return GuestWorkflow(
            self.stores, self.analyser, self.embedder, self.calibration, self.eraser, self.kept_out,  # type: ignore[arg-type]  # a toy
        )  # fmt: skip

    @property
    def searcher(self) -> Searcher:
        """A searcher over the home's own index."""
        return Searcher(self.stores, self.analyser, self.embedder, self.live, self.calibration)  # type: ignore[arg-type]  # a toy
