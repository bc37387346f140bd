"""A home: one installation's data, and everything that can be done with it. Opens its parts when they are needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from countenance.app import manifest as manifests
from countenance.app.access.access_keys import AccessKeyService
from countenance.app.access.identity import Who
from countenance.app.access.sign_in import SignInService
from countenance.app.erasure.receipts import ReceiptService
from countenance.app.guests import GuestService
from countenance.app.idempotency import IdempotencyService
from countenance.app.inputs import (
    DocumentLike,
    PictureLike,
    document_of,
    purpose_of,
    read_picture,
    source_folder,
    source_name,
)
from countenance.app.jobs import JobService
from countenance.app.opening import make_home
from countenance.app.orders import OrderService
from countenance.app.paths import path_of
from countenance.app.pictures.crops import Crops
from countenance.app.pictures.pictures import PictureService
from countenance.app.pictures.uploads import UploadService
from countenance.app.requests.requests import RequestService, finish_decisions
from countenance.app.search.rekognition_collections import CollectionService
from countenance.app.search.search_sessions import SearchSessionService
from countenance.app.settings import Settings, worker_count
from countenance.app.sources.collectors import UPLOAD, collector_of
from countenance.app.upkeep.audit import AuditService
from countenance.app.wiring import Parts
from countenance.errors import NotFound, PolicyDenied, WrongUse
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.clients import ClientWorkflow
from countenance.pipeline.erasure.erase import Eraser, ErasureReport
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.orders.orders import OrderWorkflow
from countenance.pipeline.people.persons import PersonWorkflow
from countenance.pipeline.people.suggest import SuggestedGroup, suggest
from countenance.pipeline.pictures.duplicates import Duplicates, find_duplicates
from countenance.pipeline.pictures.inbox import Inbox
from countenance.pipeline.pictures.ingest import Ingest, IngestReport, Progress, SecondPassProgress
from countenance.pipeline.search.search import SearchQuery, analyse_or_raise
from countenance.pipeline.sources.grant import SourceWorkflow
from countenance.pipeline.sources.subjects import open_subjects
from countenance.present.labels import visible
from countenance.protocols import Collector
from countenance.records.sources.sources import Source
from countenance.rights.grants import ERASE_WITHIN_DAYS, check_grant
from countenance.rights.subjects import SubjectLine, read_subjects
from countenance.types import SUBJECT_BASES, GrantState, HomeKind, Odds, SearchResult

if TYPE_CHECKING:
    from countenance.calibrate.calibration import Calibration
    from countenance.pipeline.upkeep.evaluate import Evaluation

OPERATOR = "operator"  # the tenant of a home's own sources; clients bring theirs later


@dataclass(frozen=True, slots=True)
class Ingested:
    """What `ingest` did, a report a source."""

    reports: tuple[IngestReport, ...]
    skipped: tuple[tuple[str, str], ...]  # (source, why) of those that were not named and may not be collected now
    _rejected: Callable[[], Iterator[tuple[str, str, str, str]]]

    @property
    def rejected(self) -> Iterator[tuple[str, str, str, str]]:
        """(source, place, reason, detail) of every file that is no picture, read from the records as you go."""
        return self._rejected()

    def as_dict(self) -> dict[str, Any]:
        """For --json, with every rejected file."""
        return {
            "sources": [report.as_dict() for report in self.reports],
            "skipped": [{"source": source, "why": why} for source, why in self.skipped],
            "rejected": [
                {"source": source, "place": place, "reason": reason, "detail": detail}
                for source, place, reason, detail in self.rejected
            ],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer of `compare`."""

    score: float
    fmr: Odds
    log_entry: str
    notice: str = "A score is evidence about two pictures, not an identification."

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "score": self.score,
            "fmr": {"value": self.fmr.value, "bound": self.fmr.bound},
            "log_entry": self.log_entry,
            "notice": self.notice,
        }


class Home:
    """One home, open. A context manager; closing it twice is harmless."""

    def __init__(self, path: Path, manifest: manifests.HomeManifest) -> None:
        self.path = path
        self.kind = manifest.kind
        self.id = manifest.id
        self._manifest = manifest

    @cached_property
    def parts(self) -> Parts:
        """Stores and engines, wired; the way in for the command line, the service and tests."""
        return Parts(self.path, self._manifest)

    @cached_property
    def guests(self) -> GuestService:
        """Guests of events: links, consent, their pictures, withdrawing (docs/guests.md)."""
        return GuestService(self)

    @cached_property
    def searches(self) -> SearchSessionService:
        """Searching by pages, step by step (docs/pages.md)."""
        return SearchSessionService(self)

    @cached_property
    def requests(self) -> RequestService:
        """What pictured people ask for (docs/requests.md)."""
        return RequestService(self)

    @cached_property
    def jobs(self) -> JobService:
        """Work that outlasts a request; this process runs what it was asked for."""
        return JobService(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Databases are closed and child processes gone."""
        if "searches" in self.__dict__:
            self.searches.close()
            del self.__dict__["searches"]
        if "jobs" in self.__dict__:
            self.jobs.close()
            del self.__dict__["jobs"]
        if "parts" in self.__dict__:
            self.parts.close()
            del self.__dict__["parts"]

    # --- sources -------------------------------------------------------------------------------------------------
    def add_source(
        self,
        name: str,
        path: str | os.PathLike[str] | None,
        *,
        basis: str,
        jurisdiction: str,
        within: str | None = None,
        purposes: Sequence[str] = (),
        evidence: DocumentLike | None = None,
        subjects: str | os.PathLike[str] | Sequence[SubjectLine] | None = None,
        expires: str | None = None,
        erase_within_days: int = ERASE_WITHIN_DAYS,
        retain_days: int | None = None,
        retain_from: str | None = None,
        retain_rule: str | None = None,
        law: str | None = None,
        authority: str | None = None,
    ) -> Source:
        """A folder may be collected from now on, under this grant (docs/grants.md).

        Args: path: of the folder; None: its pictures are handed in (`uploads`); basis: household, consent, licence,
        statute or historical; jurisdiction: of its pictures by default, a code or several with commas, or "unknown";
        within: what the grant covers, where that is wider; purposes: needed but for household; evidence: a document,
        sealed into the home; subjects: of a consent or licence grant, a CSV or its lines; expires: "2027-12-31";
        retain_days, retain_from, retain_rule: how long all of it may be kept, as the options of
        `countenance source add`.
        Raises: GrantInvalid, WrongUse, NotFound (no such folder), LogUnwritable, StorageFailed.
        """
        folder, name = None if path is None else source_folder(path, self.path), source_name(name)
        if any(source.name == name for source in self.sources()):  # the records refuse it too, but after the log
            raise WrongUse(f"a source called {name!r} exists", "choose another name, or see `countenance source show`")
        terms = check_grant(
            home=self.kind,
            now=self.parts.stores.clock(),
            basis=basis,
            jurisdiction=jurisdiction,
            within=within,
            purposes=purposes,
            has_evidence=evidence is not None,
            has_subjects=subjects is not None,
            expires=expires,
            erase_within_days=erase_within_days,
            retain_days=retain_days,
            retain_from=retain_from,
            retain_rule=retain_rule,
            law=law,
            authority=authority,
        )
        if isinstance(subjects, str | os.PathLike):
            subjects = read_subjects(path_of(subjects))
        return self._registrar.add(
            name=name,
            location=None if folder is None else os.fsencode(folder),
            terms=terms,
            evidence=None if evidence is None else document_of(evidence),
            subjects=subjects or (),
        )

    def sources(self) -> tuple[Source, ...]:
        """Every source, by name."""
        return self.parts.stores.records.sources.all()

    def source(self, name: str) -> Source:
        """Raises NotFound."""
        return self.parts.stores.records.sources.get(name)

    def suspend(self, name: str) -> Source:
        """Its faces are out of the very next search, in every process, until `resume`. Raises WrongUse: it is over."""
        self._not_over(name)
        return self._set_state(name, "suspended", suspended_at=self.parts.stores.clock())

    def resume(self, name: str) -> Source:
        """A suspended grant is in force again. Raises WrongUse: it is withdrawn or has expired."""
        self._not_over(name)
        return self._set_state(name, "resumed", suspended_at=None)

    def withdraw(self, name: str) -> Source:
        """The grant is over: its faces are out of the very next search, and due for erasure within its term.

        Withdrawing it again changes nothing: the term runs from the first time.
        """
        source = self.source(name)
        if source.grant.withdrawn_at is not None:
            return source
        return self._set_state(name, "withdrawn", withdrawn_at=self.parts.stores.clock())

    def takedown(self, name: str) -> ErasureReport:
        """The grant is over and everything taken under it is erased now."""
        ended = self.source(name).grant.withdrawn_at or self.parts.stores.clock()
        self._set_state(name, "takedown", withdrawn_at=ended)
        return self.parts.engine().eraser.erase_source(self.source(name))

    def interaction(self, name: str) -> Source:
        """The people pictured dealt with you today: terms of retention that run from it begin anew."""
        return self._set_state(name, "interaction", last_interaction_at=self.parts.stores.clock())

    def purpose_met(self, name: str) -> Source:
        """What its pictures were for is done: terms of retention that run from it begin. The first day counts."""
        met = self.source(name).purpose_met_at or self.parts.stores.clock()
        return self._set_state(name, "purpose_met", purpose_met_at=met)

    def _not_over(self, name: str) -> None:
        state = self.source(name).grant.state(self.parts.stores.clock())
        if state in {GrantState.WITHDRAWN, GrantState.EXPIRED}:
            raise WrongUse(f"the grant of {name!r} has ended for good: it is {state}", "add a source under a new grant")

    def _set_state(self, name: str, event: str, **times: Any) -> Source:
        """The grant, and each copy of it under which a program's collection stands, is so from now on."""
        source = self.source(name)
        copies = self.parts.stores.records.collections.of_source(source.id)
        for each in (source, *map(self.source, copies)):
            self.parts.stores.log.append(f"source.{event}", {"source": each.uid, "grant": each.grant_uid})
            self.parts.stores.records.sources.set_grant_state(each, **times)
        return self.source(name)

    # --- pictures in ---------------------------------------------------------------------------------------------
    def ingest(
        self,
        *names: str,
        workers: int | None = None,
        prune: bool = False,
        progress: Callable[[str, Progress], None] | None = None,
    ) -> Ingested:
        """Every picture of these sources (of all, if none is named) is taken that may be; see IngestReport.

        Args: workers: child processes that decode, by default one a core; prune: erase what has vanished from the
        folders; progress: called with the source's name and where its run stands.
        Raises: NotFound, PolicyDenied (a named source), HomeBusy (another ingest runs), LogUnwritable, StorageFailed.
        """
        chosen = [self.source(name) for name in names] if names else list(self.sources())
        if not chosen:
            raise NotFound("this home has no source yet", _ADD_ONE)
        reports: list[IngestReport] = []
        skipped: list[tuple[str, str]] = []
        now = self.parts.stores.clock()
        with self.parts.ingest_lock():
            self.parts.blobs.remove_unfinished()
            collect_garbage(self.parts.stores)
            self.orders.finish()
            for source in chosen:
                state = source.grant.state(now)
                if not names and state != "in_force":
                    skipped.append((source.name, f"its grant is {state.replace('_', ' ')}"))
                    continue
                try:
                    reports.append(self._ingest_one(source, workers, prune, progress))
                except PolicyDenied as denied:  # an order, a rule of the home's own
                    if names:
                        raise
                    skipped.append((source.name, denied.message))
        return self.ingested(reports, skipped)

    def watch(
        self,
        *names: str,
        workers: int | None = None,
        prune: bool = False,
        stop: threading.Event | None = None,
        progress: Callable[[str, Progress], None] | None = None,
        notice: Callable[[str], None] | None = None,
        settle_s: float | None = None,
    ) -> Iterator[Ingested]:
        """`ingest`, and again whenever a folder of these sources (of all, also later ones) has changed and rested.

        Yields the first round, then each that did something or found a source that can't be collected: `skipped` names
        it once, and it is taken again when it can be. Ends when `stop` is set.
        Args: as `ingest`; progress: of the first round; notice: told in a sentence what it waits for; settle_s: the
        rest, by default 1 s.
        Raises: NotFound: no such source, or none yet; LogUnwritable, StorageFailed.
        """
        from countenance.app.sources.watch import SETTLE_S, Watcher

        for name in names:
            self.source(name)
        if not self.sources():
            raise NotFound("this home has no source yet", _ADD_ONE)
        watcher = Watcher(
            self, names, workers=workers, prune=prune, stop=stop or threading.Event(), progress=progress,
            notice=notice or (lambda _: None), settle_s=SETTLE_S if settle_s is None else settle_s,
        )  # fmt: skip
        return watcher.rounds()

    def ingested(self, reports: Sequence[IngestReport], skipped: Sequence[tuple[str, str]]) -> Ingested:
        """These reports, with what their sources' records hold as rejected."""
        done = [report.source for report in reports]
        return Ingested(tuple(reports), tuple(skipped), lambda: self._rejected(done))

    def _ingest_one(
        self, source: Source, workers: int | None, prune: bool, progress: Callable[[str, Progress], None] | None
    ) -> IngestReport:
        parts = self.parts
        finish_decisions(self)
        with FaceAnalyser(workers=worker_count(workers), **parts.engine().looking()) as analyser:
            told = None if progress is None else lambda p: progress(source.name, p)
            report = self.ingest_run(source, analyser, progress=told).run(prune=prune)
        if source.kind == UPLOAD:
            Inbox(parts.stores, source).drop_refused()
        return report

    def search_for_guests(
        self, name: str, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> SecondPassProgress:
        """The source's pictures were looked at for every guest who waits for it (docs/guests.md). Safe to kill.

        Args: workers: as of `ingest`; progress: called with (pictures looked at, of how many).
        Raises: NotFound, PolicyDenied, HomeBusy (an ingest runs), LogUnwritable, StorageFailed.
        """
        source, parts = self.source(name), self.parts
        with parts.ingest_lock():
            parts.blobs.remove_unfinished()
            collect_garbage(parts.stores)
            self.orders.finish()
            finish_decisions(self)
            with FaceAnalyser(workers=worker_count(workers), **parts.engine().looking()) as analyser:
                run = self.ingest_run(source, analyser)
                told = None if progress is None else lambda so_far, of: progress(so_far.pictures, of)
                return self.guests.desk.match_waiting_guests(source, run, told)

    def ingest_run(
        self, source: Source, analyser: FaceAnalyser, collector: Collector | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Ingest:  # fmt: skip
        """A run over the source, or over what `collector` finds in it. Only under the ingest lock."""
        parts, engine = self.parts, self.parts.engine()
        return Ingest(
            stores=parts.stores,
            analyser=analyser,
            embedder=engine.embedder,
            eraser=engine.eraser,
            collector=collector_of(parts.stores, source) if collector is None else collector,
            source=source,
            subjects=(
                open_subjects(parts.stores, source, engine.embedder, engine.calibration)
                if source.grant.basis in SUBJECT_BASES
                else None
            ),
            kept_out=parts.kept_out,
            progress=progress,
        )

    def _rejected(self, names: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
        for name in names:
            for place, reason, detail in self.parts.stores.records.gallery.rejected(self.source(name).id):
                yield name, visible(os.fsdecode(place)), reason, detail

    # --- leads out -----------------------------------------------------------------------------------------------
    def search(
        self,
        picture: PictureLike,
        *,
        face: int | None = None,
        top: int = 10,
        threshold: float | None = None,
        fpir: float | None = None,
        purpose: str | None = None,
        case: str | None = None,
        client: str | None = None,
    ) -> SearchResult:
        """Leads for one face of `picture`: a path, the bytes of a picture file, or an (H, W, 3) uint8 RGB array.

        Args: face: which, where there are several; top: at most so many leads; threshold: the lowest cosine shown, by
        default the one at which 1 search in 1 / `fpir` (0.01) for a stranger shows a false lead; purpose, case and
        client (the name of the one that asks; None: the operator): for an organisation.
        Raises: BadPicture, NoFace, SeveralFaces, WrongUse, NotFound (no source yet), PolicyDenied, LogUnwritable.
        """
        return self.search_and_look(
            picture, preview_px=0, face=face, top=top, threshold=threshold, fpir=fpir, purpose=purpose, case=case,
            client=client,
        )[0]  # fmt: skip

    def search_and_look(
        self, picture: PictureLike, *, preview_px: int = 1024, purpose: str | None = None, **question: Any
    ) -> tuple[SearchResult, FaceAnalysis]:
        """`search`, with what was seen in the probe, for pages that show it: at most `preview_px` wide and high."""
        asked = SearchQuery(purpose=purpose_of(purpose), **question)
        if not self.parts.stores.records.sources.any():
            raise NotFound("there is nothing to search: this home has no source yet", _ADD_ONE)
        return self.parts.engine().searcher.search(read_picture(picture), asked, preview_px=preview_px)

    def search_face(self, face_id: str, *, purpose: str | None = None, **question: Any) -> SearchResult:
        """`search` for a face of the gallery, by a lead's `face_id`. Raises: NotFound, also for one not to be shown."""
        return self.parts.engine().searcher.search_face(face_id, SearchQuery(purpose=purpose_of(purpose), **question))

    def search_person(self, person: str, *, purpose: str | None = None, **question: Any) -> SearchResult:
        """`search` for a person of this home, by its id and all its faces together; those are not among the leads."""
        return self.parts.engine().searcher.search_person(person, SearchQuery(purpose=purpose_of(purpose), **question))

    def detect(self, picture: PictureLike) -> FaceAnalysis:
        """Every face of a picture, with box and quality. Stores nothing. Raises BadPicture."""
        return analyse_or_raise(self.parts.engine().analyser, read_picture(picture))

    def compare(
        self, a: PictureLike, b: PictureLike, *, face_a: int | None = None, face_b: int | None = None,
        purpose: str | None = None, case: str | None = None, client: str | None = None,
    ) -> Comparison:  # fmt: skip
        """How alike one face of each picture is. Stores nothing but the log entry. Raises: as `search`.

        Args: face_a, face_b: which face, counted from 0; needed where a picture holds several.
        """
        question = SearchQuery(purpose=purpose_of(purpose), case=case, client=client)
        found = self.parts.engine().searcher.compare(
            read_picture(a), read_picture(b), question, face_a=face_a, face_b=face_b
        )
        return Comparison(*found)

    def duplicates(self, *names: str, top: int | None = None) -> Duplicates:
        """Pictures of these sources (of all, if none is named) that show one photograph, in groups, largest first.

        Args: top: of so many groups the copies are read; None: of all.
        Raises: NotFound: no such source, or none yet; LogUnwritable, StorageFailed.
        """
        chosen = [self.source(name) for name in dict.fromkeys(names)] if names else self.sources()
        if not chosen:
            raise NotFound("this home has no source yet", _ADD_ONE)
        return find_duplicates(self.parts.stores, chosen, top)

    @property
    def uploads(self) -> UploadService:
        """Pictures that are handed in: `put`, `index_now` (docs/uploads.md)."""
        return UploadService(self)

    @property
    def pictures(self) -> PictureService:
        """Pictures one by one: `details`, `image`, and `page` through a source's."""
        return PictureService(self)

    def crop(self, face_id: str) -> bytes:
        """The JPEG thumbnail of an indexed face. Raises NotFound, also for a face that may not be shown now."""
        return Crops(self.parts.stores).crop(face_id)

    def verify_log(self) -> dict[str, Any]:
        """What `countenance log verify --json` answers, of a log that is whole. Raises LogBroken: the first bad one."""
        return self.audit.verify()

    @property
    def sign_in(self) -> SignInService:
        """Who may come in by the service's pages, and how."""
        return SignInService(self)

    @property
    def repeats(self) -> IdempotencyService:
        """Writes of programs that may be sent again."""
        return IdempotencyService(self)

    @property
    def audit(self) -> AuditService:
        """The log for those who oversee: `prove`, `export`, witnesses (docs/audit-log.md)."""
        return AuditService(self)

    # --- how good it is ------------------------------------------------------------------------------------------
    def evaluate(
        self,
        *,
        people: str | os.PathLike[str] | None = None,
        pairs: str | os.PathLike[str] | None = None,
        groups: str | os.PathLike[str] | None = None,
        model: str | None = None,
        use: bool = False,
        purpose: str | None = None,
        case: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Evaluation:
        """A model measured on labelled pictures (docs/evaluation.md). Keeps none of them, nor their templates.

        Args: people: a folder that holds a folder a person; or pairs: a list of pairs; groups: a CSV of your own
        labels; model: by default the home's; use: what is measured becomes that model's calibration in this home;
        purpose and case: for an organisation; progress: called with (pictures done, of how many).
        Raises: NotFound, WrongUse: labels that do not fit, too little data; PolicyDenied, LogUnwritable, StorageFailed.
        """
        from countenance.app.upkeep.evaluation import evaluate

        return evaluate(
            self.parts, people=people, pairs=pairs, groups=groups, model=model, use=use,
            purpose=purpose_of(purpose), case=case, progress=progress,
        )  # fmt: skip

    def use_shipped_calibration(self, model: str | None = None) -> Calibration | None:
        """The shipped calibration of the model stands again, if any. Raises NotFound: the home has none of its own."""
        from countenance.app.upkeep.evaluation import use_shipped

        return use_shipped(self.parts, model)

    @property
    def receipts(self) -> ReceiptService:
        """Signed accounts of what was done: `all`, `get`, `recipients`, ... (docs/erasure.md)."""
        return ReceiptService(self)

    # --- people --------------------------------------------------------------------------------------------------
    @property
    def people(self) -> PersonWorkflow:
        """Several faces that are one person by your decision: `new`, `name`, `add`, `remove`, ... (docs/people.md)."""
        return PersonWorkflow(self.parts.stores, OPERATOR)

    def faces_of(self, person: str) -> tuple[tuple[str, str], ...]:
        """(face id, address of its picture) of a person's faces that may be shown now. Raises NotFound."""
        return self.people.shown(person)

    def suggest_people(self) -> tuple[SuggestedGroup, ...]:
        """Faces that may be one person, for you to decide. Raises: PolicyDenied: across an organisation's gallery."""
        engine = self.parts.engine()
        return suggest(self.parts.stores, engine.embedder.space, engine.calibration)

    # --- out for good --------------------------------------------------------------------------------------------
    def erase(
        self, *, face: str | None = None, picture: str | None = None, source: str | None = None,
        person: str | None = None, jurisdiction: str | None = None, probe: str | None = None, case: str | None = None,
        authority: str | None = None, dry_run: bool = False,
    ) -> ErasureReport:  # fmt: skip
        """One of these is gone from everything that the home keeps, and a signed receipt says so (docs/erasure.md).

        Args: jurisdiction: every place in it or a part of it; probe: the picture kept with the search of that log
        entry; case: every probe kept with that case; authority: on whose word, by default the operator's.
        What was erased before is answered with the account of then. Raises NotFound, WrongUse.
        """
        eraser: Eraser = self.parts.engine().eraser
        named = {
            "face": face, "picture": picture, "source": source, "person": person, "jurisdiction": jurisdiction,
            "probe": probe, "case": case,
        }  # fmt: skip
        chosen = [(what, value) for what, value in named.items() if value is not None]
        if len(chosen) != 1:
            raise WrongUse(
                "erase names one thing",
                "one of --face ID, --picture ID, --source NAME, --person ID, --jurisdiction CODE, --probe ENTRY, "
                "--case REF",
            )
        [(what, value)] = chosen
        if what != "source":
            by_id: dict[str, Callable[..., ErasureReport]] = {
                "face": eraser.erase_face,
                "picture": eraser.erase_picture,
                "person": eraser.erase_person,
                "jurisdiction": eraser.erase_jurisdiction,
                "probe": eraser.erase_probe,
                "case": eraser.erase_case,
            }
            return by_id[what](value, authority=authority, dry_run=dry_run)
        found = next((each for each in self.sources() if each.name == value), None)
        if found is None:
            return eraser.earlier_source(value)
        return eraser.erase_source(found, authority=authority, dry_run=dry_run)

    # --- who may ask, and who may say no -------------------------------------------------------------------------
    @property
    def clients(self) -> ClientWorkflow:
        """Organisations that may search here: `add`, `end`, `all`, `get` (docs/clients.md)."""
        return ClientWorkflow(self.parts.stores)

    @property
    def access_keys(self) -> AccessKeyService:
        """Programs that may use the service: `make`, `all`, `get`, `revoke` (docs/access-keys.md)."""
        return AccessKeyService(self)

    def collections(self, who: Who) -> CollectionService:
        """The collections of whoever asks by the Rekognition door (docs/rekognition.md)."""
        return CollectionService(self, who)

    @property
    def orders(self) -> OrderService:
        """What regulators, courts and platforms demand: `draft`, `simulate`, `apply`, ... (docs/orders.md)."""
        return OrderService(OrderWorkflow(self.parts.stores, self.parts.engine().eraser))

    @property
    def _registrar(self) -> SourceWorkflow:
        engine = self.parts.engine()
        return SourceWorkflow(self.parts.stores, engine.analyser, engine.embedder, OPERATOR, self.parts.kept_out)


_ADD_ONE = "`countenance source add album ~/Pictures --basis household --jurisdiction CA-ON` adds one"


def open_home(path: str | os.PathLike[str] | None = None, *, kind: str | None = None) -> Home:
    """The home at `path` (by default COUNTENANCE_HOME or the user's data folder), made if there is none.

    Raises: WrongUse: the folder is another kind of home, or holds something else; HomeTooNew; KeyMissing;
    StorageFailed.
    """
    if kind is not None and kind not in set(HomeKind):
        raise WrongUse(f"{kind!r} is no kind of home", f"one of: {', '.join(HomeKind)}")
    where = Settings.read(path).home
    found = manifests.read(where)
    if found is None:
        found = make_home(where, HomeKind(kind or HomeKind.HOUSEHOLD))
    elif kind is not None and found.kind != kind:
        raise WrongUse(
            f"the home {where} is of kind {found.kind}, fixed when it was made",
            f"name another folder for one of kind {kind}",
        )
    return Home(where, found)
