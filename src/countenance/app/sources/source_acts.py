"""Sources and their grants: added, shown, and what ends or stays a grant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from countenance.app.inputs import DocumentLike, document_of, source_folder, source_name
from countenance.app.paths import path_of
from countenance.app.sources.sources import described
from countenance.app.wiring import OPERATOR, Parts
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.erasure.erase import ErasureReport
from countenance.pipeline.sources.grant import SourceWorkflow
from countenance.pipeline.stores import Stores
from countenance.present.labels import visible
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy
from countenance.rights.grants import ERASE_WITHIN_DAYS, check_grant
from countenance.rights.subjects import SubjectLine, read_subjects
from countenance.types import GrantState


@dataclass(frozen=True, slots=True)
class SourceService:
    """The sources of one home."""

    parts: Parts

    @property
    def _stores(self) -> Stores:
        return self.parts.stores

    def add(
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
        folder, name = None if path is None else source_folder(path, self.parts.path), source_name(name)
        if any(source.name == name for source in self.all()):  # the records refuse it too, but after the log
            raise WrongUse(f"a source called {name!r} exists", Remedy.CHOOSE_ANOTHER_NAME, field="name")
        terms = check_grant(
            home=self.parts.kind,
            now=self._stores.clock(),
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
        engine = self.parts.engine()
        workflow = SourceWorkflow(self._stores, engine.analyser, engine.embedder, OPERATOR, engine.kept_out)
        return workflow.add(
            name=name,
            location=None if folder is None else os.fsencode(folder),
            terms=terms,
            evidence=None if evidence is None else document_of(evidence),
            subjects=subjects or (),
        )

    def all(self) -> tuple[Source, ...]:
        """Every source, by name."""
        return self._stores.records.sources.all()

    def get(self, name: str) -> Source:
        """Raises NotFound."""
        return self._stores.records.sources.get(name)

    def chosen(self, names: Sequence[str]) -> tuple[Source, ...]:
        """Those sources, each once; all, if none is named. Raises NotFound: no such source, or the home has none."""
        found = tuple(self.get(name) for name in dict.fromkeys(names)) if names else self.all()
        if not found:
            raise no_source()
        return found

    def counted(self, source: Source | str) -> dict[str, Any]:
        """A source, or that of this name, as JSON, with what was taken from it, refused and rejected, and why.

        Raises NotFound.
        """
        source = self.get(source) if isinstance(source, str) else source
        return {**described(source), "counts": self.parts.counts.source(source.id)}

    def rejected(self, names: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
        """(source, place, reason, detail) of every file of these sources that is no picture."""
        for name in names:
            for place, reason, detail in self._stores.records.gallery.rejected(self.get(name).id):
                yield name, visible(os.fsdecode(place)), reason, detail

    def suspend(self, name: str) -> Source:
        """Its faces are out of the very next search, in every process, until `resume`. Raises WrongUse: it is over."""
        self._not_over(name)
        return self._set_state(name, "suspended", suspended_at=self._stores.clock())

    def resume(self, name: str) -> Source:
        """A suspended grant is in force again. Raises WrongUse: it is withdrawn or has expired."""
        self._not_over(name)
        return self._set_state(name, "resumed", suspended_at=None)

    def withdraw(self, name: str) -> Source:
        """The grant is over: its faces are out of the very next search, and due for erasure within its term.

        Withdrawing it again changes nothing: the term runs from the first time.
        """
        source = self.get(name)
        if source.grant.withdrawn_at is not None:
            return source
        return self._set_state(name, "withdrawn", withdrawn_at=self._stores.clock())

    def takedown(self, name: str) -> ErasureReport:
        """The grant is over and everything taken under it is erased now."""
        ended = self.get(name).grant.withdrawn_at or self._stores.clock()
        self._set_state(name, "takedown", withdrawn_at=ended)
        return self.parts.engine().eraser.erase_source(self.get(name))

    def interaction(self, name: str) -> Source:
        """The people pictured dealt with you today: terms of retention that run from it begin anew."""
        return self._set_state(name, "interaction", last_interaction_at=self._stores.clock())

    def purpose_met(self, name: str) -> Source:
        """What its pictures were for is done: terms of retention that run from it begin. The first day counts."""
        met = self.get(name).purpose_met_at or self._stores.clock()
        return self._set_state(name, "purpose_met", purpose_met_at=met)

    def _not_over(self, name: str) -> None:
        state = self.get(name).grant.state(self._stores.clock())
        if state in {GrantState.WITHDRAWN, GrantState.EXPIRED}:
            raise WrongUse(
                f"the grant of {name!r} has ended ({state}) and can't be resumed; add a source under a new grant",
                Remedy.ADD_SOURCE,
            )

    def _set_state(self, name: str, event: str, **times: Any) -> Source:
        """The grant, and each copy of it under which a program's collection stands, is so from now on."""
        source = self.get(name)
        copies = self._stores.records.collections.of_source(source.id)
        for each in (source, *map(self.get, copies)):
            self._stores.log.append(f"source.{event}", {"source": each.uid, "grant": each.grant_uid})
            self._stores.records.sources.set_grant_state(each, **times)
        return self.get(name)


def no_source() -> NotFound:
    """Nothing can be taken or searched in a home without a source."""
    return NotFound("this home has no source", Remedy.ADD_SOURCE)
