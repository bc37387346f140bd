"""A probe to leads: look, decide, log, embed, scan the permitted classes, confirm each face, log, show."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from countenance.associated_data import probe_aad
from countenance.calibrate.calibration import Calibration, round_up_searched
from countenance.cases.reference import check_reference
from countenance.errors import NotFound, WrongUse
from countenance.permits import Act, Permit
from countenance.pipeline.address import uri_of
from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
from countenance.pipeline.ids import checked_uuid
from countenance.pipeline.live_index import LiveIndex, ensure_space_id
from countenance.pipeline.search.group_duplicates import DuplicateGroup, group_duplicates
from countenance.pipeline.search.person_leads import FUSED_LIFT, fused, opened_templates, person_leads
from countenance.pipeline.search.probe import analyse_or_raise, choose_face, largest_face
from countenance.pipeline.stores import Stores, probe_digest
from countenance.policy.facts import BROUGHT, UNKNOWN, PolicyQuery
from countenance.policy.gate import PolicyDecision
from countenance.protocols import Embedder, VectorIndex
from countenance.records.search.cases import Case, SearchId
from countenance.records.search.gallery import VisibleFace
from countenance.remedies import Remedy
from countenance.types import (
    AlignedFace,
    ClassId,
    Client,
    Duplicate,
    FaceId,
    HomeKind,
    Lead,
    Odds,
    PersonLead,
    PictureRef,
    ProbeFace,
    Purpose,
    SearchResult,
    Vectors,
)

log = logging.getLogger(__name__)

TOP_LIMIT: Final = 1000  # leads of one search; more is an export, not a search
DEFAULT_FPIR: Final = 0.01  # 1 false lead in 100 searches for strangers


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is searched for, besides the probe."""

    top: int = 10  # leads, each with its group of duplicates
    threshold: float | None = None  # a cosine; None: from `fpir`
    fpir: float | None = None
    face: int | None = None
    purpose: Purpose | None = None
    case: str | None = None
    client: str | None = None  # the name of the client that asks; None: the operator
    source: str | None = None  # the name of the only source that is searched; None: all that is permitted
    largest: bool = False  # of several faces the largest is meant, where `face` does not say

    def __post_init__(self) -> None:
        """Raises WrongUse."""
        if not 1 <= self.top <= TOP_LIMIT:
            raise WrongUse(
                f"the top {self.top} is not from 1 to {TOP_LIMIT}", Remedy.USE_RANGE, field="top", values=(1, TOP_LIMIT)
            )
        if self.threshold is not None and not (math.isfinite(self.threshold) and -1 <= self.threshold <= 1):
            raise WrongUse(
                f"the threshold {self.threshold} is not a cosine", Remedy.USE_RANGE, field="threshold", values=(-1, 1)
            )
        if self.fpir is not None and not 0 < self.fpir < 1:
            raise WrongUse(
                f"the false positive rate {self.fpir} is not above 0 and below 1; 0.01 is 1 false lead in 100 searches",
                Remedy.USE_FORMAT,
                field="fpir",
                values=(0.01,),
            )
        if self.threshold is not None and self.fpir is not None:
            raise WrongUse(
                "a threshold and a false positive rate say the same thing twice",
                Remedy.KEEP_ONE_OF,
                values=("threshold", "fpir"),
            )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a search shows, logged."""

    leads: tuple[Lead, ...]
    people: tuple[PersonLead, ...]
    counted: int  # exact; answers round it up
    threshold: float
    extrapolated: bool
    log_entry: str


@dataclass(frozen=True, slots=True)
class Searcher:
    """Searches one home."""

    stores: Stores
    analyser: FaceAnalyser
    embedder: Embedder
    live: LiveIndex
    calibration: Calibration

    def search(self, probe: bytes, question: SearchQuery, *, preview_px: int = 0) -> tuple[SearchResult, FaceAnalysis]:
        """Leads for one face of `probe`, and what was seen in it; its preview has at most so many pixels a side.

        Raises: BadPicture, NoFace, SeveralFaces, WrongUse, PolicyDenied, LogUnwritable, StorageFailed.
        """
        self._check_organisation(question)
        looked = analyse_or_raise(self.analyser, probe, preview_px=preview_px)
        chosen = largest_face(looked) if question.largest else choose_face(looked, question.face)
        sha256 = hashlib.sha256(probe).digest()
        client = self._client(question)
        ask = self._ask(question, client)
        record = {
            "probe": probe_digest(self.stores, sha256).hex(),
            "case": self.stores.pseudonym("case", question.case.encode()) if question.case else None,
            "client": ask.client,
        }
        permit, decision = self.stores.policy.decide(ask, classes=self._classes(question), record=record)
        kept = None
        if question.case is not None and self.stores.kind is HomeKind.ORGANISATION:
            kept = self._keep_probe(question, probe, permit, client)
        template = self.embedder.embed(chosen.crop_for(self.embedder.crop)[None], permit)
        found = self._shown(question, ask, record, (permit, decision), kept, lambda *_: (template, frozenset()))
        face = ProbeFace(looked.faces.index(chosen), chosen.face.box, chosen.quality.overall)
        return self._result(found, face, len(looked.faces), probe_sha256=sha256.hex()), looked

    def search_face(self, face_id: str, question: SearchQuery, *, also: Sequence[str] = ()) -> SearchResult:
        """Leads for a face of the gallery that this search may itself show; it is not among its own leads.

        also: other faces of the same person, by somebody's decision: searched for is what all of them have in common.

        Nothing is kept of it but its id, in the log and with the case: whoever has it erased must find no copy.
        Raises: NotFound: no such face, or none that this search may show; WrongUse, PolicyDenied, LogUnwritable.
        """
        self._check_organisation(question)
        uid, *others = [checked_uuid(each, "face") for each in (face_id, *also)]
        if question.face is not None:
            raise WrongUse("a face of the gallery is one face", Remedy.OMIT_FIELD, field="face")
        # A face that is not there is told after the decision, as one not to be shown is.
        known = [face for each in (uid, *others) if (face := self.stores.records.gallery.face(each)) is not None]
        client = self._client(question)
        ask = self._ask(question, client)
        record = {
            "face": known[0].uid if known else None,
            "case": self.stores.pseudonym("case", question.case.encode()) if question.case else None,
            "client": ask.client,
        }
        probes: list[VisibleFace] = []

        def template_of(permit: Permit, decision: PolicyDecision) -> tuple[Vectors, frozenset[FaceId]] | None:
            wanted = [face.id for face in known]
            visible = self.stores.records.gallery.visible(wanted, permit.classes, decision.version)
            if visible is None:
                return None
            space = self.embedder.space
            sealed = self.stores.records.persons.templates(list(visible), ensure_space_id(self.stores, space))
            living, templates = opened_templates(self.stores, sealed, space)
            if not living:
                raise NotFound(f"there is no face {uid}", Remedy.FIND_ID)
            probes[:] = visible.values()
            return fused(templates)[None], frozenset(each.face for each in living)

        permit, decision = self.stores.policy.decide(ask, classes=self._classes(question), record=record)
        kept = None
        if question.case is not None and self.stores.kind is HomeKind.ORGANISATION:
            kept = self._keep_search(question, permit, client)
        found = self._shown(question, ask, record, (permit, decision), kept, template_of)
        return self._result(found, ProbeFace(0, probes[0].box, probes[0].quality or 0.0), 1, probe_face=uid)

    def search_person(self, person: str, question: SearchQuery) -> SearchResult:
        """Leads for a person of this home, by all their faces that this search may show; those are not among them.

        Raises: NotFound: no such person, or none of their faces may be shown; WrongUse: no uuid, or a client asks; as
        `search_face`.
        """
        if question.client is not None:
            raise WrongUse(
                "a client's search starts from a picture or a face: persons are yours alone to know",
                Remedy.OMIT_FIELD,
                field="client",
            )
        uid = checked_uuid(person, "person")
        faces = [face.uid for face in self.stores.records.persons.faces_of(uid)]
        if not faces:
            raise NotFound(f"the person {uid} has no face now", Remedy.LIST_PERSONS)
        return self.search_face(faces[0], question, also=faces[1:])

    def _shown(
        self, question: SearchQuery, ask: PolicyQuery, record: dict[str, Any], decided: tuple[Permit, PolicyDecision],
        kept: SearchId | None, template_of: Callable[[Permit, PolicyDecision], tuple[Vectors, frozenset[FaceId]] |
        None] ) -> _Shown:  # fmt: skip
        """What this search may show, logged and recorded; decided anew as often as the policy moves meanwhile.

        template_of: (1, D) the probe's template and the faces to leave out; None: the policy moved.
        """
        permit, decision = decided
        while True:
            probe = template_of(permit, decision)
            answer = people = None
            if probe is not None:
                index = self.live.refresh()
                answer = self._leads(index, *probe, question, permit, decision)
                if answer is not None:
                    people = self._people(index, probe[0], question, permit, decision, answer[2])
            if answer is not None and people is not None:
                leads, counted, threshold, extrapolated = answer
                faces = [shown for lead in leads for shown in (lead.face_id, *(d.face_id for d in lead.duplicates))]
                faces += [person.face_id for person in people if person.face_id not in faces]
                self.stores.log.append(  # the answer names the decision's entry, which this one names too
                    "search.shown",
                    {
                        "search": permit.log_entry,
                        "searched": counted,  # exact; answers round it up
                        "threshold": f"{threshold:.6f}",
                        "faces": faces,
                    },
                )
                # A crash before this leaves a logged search that nobody got an answer to.
                if kept is None or self.stores.records.cases.keep_shown(kept, faces, decision.version):
                    return _Shown(leads, people, counted, threshold, extrapolated, permit.log_entry)
            # The policy moved while we searched: an order or erasure in force now binds this search too.
            log.info("search %s: the policy changed meanwhile, deciding again", permit.log_entry)
            again = {**record, "again": permit.log_entry}  # which decision this one replaces
            permit, decision = self.stores.policy.decide(ask, classes=self._classes(question), record=again)

    def _result(self, shown: _Shown, face: ProbeFace, faces: int, **more: Any) -> SearchResult:
        return SearchResult(
            face=face,
            faces=faces,
            searched=round_up_searched(shown.counted),
            exact=self.live.exact,
            recall=self.live.recall,
            threshold=round(shown.threshold, 3),
            extrapolated=shown.extrapolated,
            model=self.embedder.space.model,
            calibration=self.calibration.id,
            log_entry=shown.log_entry,
            leads=shown.leads,
            people=shown.people,
            **{"probe_sha256": None, **more},
        )

    def compare(
        self, a: bytes, b: bytes, question: SearchQuery, *, face_a: int | None = None, face_b: int | None = None
    ) -> tuple[float, Odds, str]:
        """(cosine, false-match rate at that cosine, log entry) of one face of each picture. Neither is kept."""
        self._check_organisation(question)
        faces = [
            choose_face(
                analyse_or_raise(self.analyser, data), face, what=f"picture {name}", field=f"face_{name.lower()}"
            )
            for name, data, face in (("A", a, face_a), ("B", b, face_b))
        ]
        permit = self._compared(a, b, question)
        templates = self.embedder.embed(np.stack([face.crop_for(self.embedder.crop) for face in faces]), permit)
        score = float(np.clip(templates[0] @ templates[1], -1.0, 1.0))
        self.stores.log.append("compare.shown", {"search": permit.log_entry})
        return round(score, 3), self.calibration.fmr(score), permit.log_entry

    def compare_each(
        self, a: bytes, b: bytes, question: SearchQuery
    ) -> tuple[tuple[FaceAnalysis, AlignedFace], FaceAnalysis, tuple[float, ...]]:
        """(picture A and its largest face, picture B, the cosine of each of B's faces with it). Nothing is kept.

        Raises: as `compare`; NoFace: one of them holds none.
        """
        self._check_organisation(question)
        looked_a, looked_b = analyse_or_raise(self.analyser, a), analyse_or_raise(self.analyser, b)
        chosen = largest_face(looked_a, what="picture A")
        largest_face(looked_b, what="picture B")
        faces = [chosen, *looked_b.faces]
        permit = self._compared(a, b, question)
        templates = self.embedder.embed(np.stack([face.crop_for(self.embedder.crop) for face in faces]), permit)
        self.stores.log.append("compare.shown", {"search": permit.log_entry})
        scores = np.clip(templates[1:] @ templates[0], -1.0, 1.0)
        return (looked_a, chosen), looked_b, tuple(round(float(score), 3) for score in scores)

    def default_threshold(self, question: SearchQuery) -> float:
        """The lowest cosine that this search shows by default, in the gallery as it is now. Raises: as `search`."""
        ask = self._ask(question, self._client(question))
        classes, allowed = self._classes(question), self.stores.policy.consider(ask).allowed.keys()
        counted = self.live.refresh().count(frozenset(allowed if classes is None else classes & allowed))
        return self.calibration.threshold(round_up_searched(counted), DEFAULT_FPIR)[0]

    def _ask(self, question: SearchQuery, client: Client | str | None, *, brought: bool = False) -> PolicyQuery:
        """What the policy is asked. What was typed for a client that there is not stays out of the log."""
        named = client.uid if isinstance(client, Client) else None if client is None else UNKNOWN
        return self.stores.ask(
            Act.SEARCH, purpose=question.purpose, has_case=question.case is not None, brought=brought, client=named
        )

    def _classes(self, question: SearchQuery) -> frozenset[ClassId] | None:
        """The classes that are asked for; None: all. Raises NotFound: no such source."""
        if question.source is None:
            return None
        sources = self.stores.records.sources
        return sources.classes_of(sources.get(question.source).grant)

    def _compared(self, a: bytes, b: bytes, question: SearchQuery) -> Permit:
        ask = self._ask(question, self._client(question), brought=True)
        record = {
            "compare": [self.stores.pseudonym("probe", hashlib.sha256(data).digest()) for data in (a, b)],
            "client": ask.client,
        }
        return self.stores.policy.decide(ask, classes=frozenset({BROUGHT}), record=record)[0]

    def _check_organisation(self, question: SearchQuery) -> None:
        if question.case is not None:
            check_reference(question.case)
        if self.stores.kind is HomeKind.ORGANISATION and question.purpose is None:
            raise WrongUse(
                "an organisation's search needs a purpose",
                Remedy.USE_ONE_OF,
                field="purpose",
                values=[p for p in Purpose if p is not Purpose.HOUSEHOLD],
            )

    def _client(self, question: SearchQuery) -> Client | str | None:
        """The client that asks; its name alone, where there is none of that name; None: the operator asks."""
        if question.client is None:
            return None
        if self.stores.kind is not HomeKind.ORGANISATION:
            raise WrongUse("a household's home has no clients", Remedy.OMIT_FIELD, field="client")
        return self.stores.records.clients.find(question.client) or question.client

    def _keep_search(self, question: SearchQuery, permit: Permit, client: Client | str | None) -> SearchId:
        """A search by a face of the gallery is recorded with its case, without a picture."""
        return self.stores.records.cases.keep_search(
            self._case(check_reference(question.case or "")), log_entry=permit.log_entry,
            purpose=str(question.purpose), at=self.stores.clock(),
            client_id=client.id if isinstance(client, Client) else None,
        )  # fmt: skip

    def _keep_probe(self, question: SearchQuery, probe: bytes, permit: Permit, client: Client | str | None) -> SearchId:
        """The probe is sealed with the case. A crash leaves at most a key and a blob that no row names; swept."""
        case = self._case(check_reference(question.case or ""))
        name = f"probe-{permit.log_entry}"
        with self.stores.naming_keys():
            [key] = self.stores.keys.create(1, blobs=[name])  # its own, so that it can be erased alone
            sealed = self.stores.keys.seal(key, probe_aad(permit.log_entry), probe)
            self.stores.blobs.put_many({name: sealed})
            kept = self.stores.records.cases.keep_search(
                case, log_entry=permit.log_entry, purpose=str(question.purpose), probe_blob=name, key_id=key,
                digest=probe_digest(self.stores, hashlib.sha256(probe).digest()), at=self.stores.clock(),
                client_id=client.id if isinstance(client, Client) else None,
            )  # fmt: skip
            self.stores.keys.confirm([key], blobs=[name])
        return kept

    def _case(self, reference: str) -> Case:
        found = self.stores.records.cases.find(reference)
        return self.stores.records.cases.ensure(reference, self.stores.clock()) if found is None else found

    def _leads(
        self, index: VectorIndex, template: Vectors, itself: frozenset[FaceId], question: SearchQuery, permit: Permit,
        decision: PolicyDecision,
    ) -> tuple[tuple[Lead, ...], int, float, bool] | None:  # fmt: skip
        """(leads, exact number searched, threshold, extrapolated), or None: the policy moved, decide again.

        itself: the faces that the template is of, where they are the gallery's. Of several it is the mean: its odds
        are those of a score that is FUSED_LIFT lower, as a bound (pipeline/search/person_leads.py).
        """
        lift = FUSED_LIFT if len(itself) > 1 else 0.0
        counted = index.count(permit.classes)
        searched = round_up_searched(counted)
        if question.threshold is not None:
            threshold, extrapolated = question.threshold, False
        else:
            threshold, extrapolated = self.calibration.threshold(searched, question.fpir or DEFAULT_FPIR)
            threshold += lift
        wanted = question.top + 16  # a few to spare for faces that are in two classes, or gone
        while True:
            hits = index.search(template, wanted, permit)[0]
            best: dict[int, float] = {}
            for hit in hits:
                score = round(hit.score, 3)  # as shown, so that what is shown and the threshold can't disagree
                if score >= round(threshold, 3) and hit.face not in itself:
                    best.setdefault(hit.face, score)
            visible = self.stores.records.gallery.visible(list(best), permit.classes, decision.version)
            if visible is None:
                return None
            shown = [(visible[face], score) for face, score in best.items() if face in visible]
            groups = group_duplicates(self.stores, shown, question.top)
            exhausted = len(hits) < wanted or round(hits[-1].score, 3) < round(threshold, 3)
            if exhausted or len(groups) >= question.top:
                break
            wanted *= 4
        return self._as_leads(groups, searched, lift), counted, threshold, extrapolated

    def _people(
        self, index: VectorIndex, template: Vectors, question: SearchQuery, permit: Permit, decision: PolicyDecision,
        threshold: float,
    ) -> tuple[PersonLead, ...] | None:  # fmt: skip
        """Persons like the probe, by the same threshold; None: the policy moved, decide again.

        Whom the operator named is the operator's: a client gets leads alone, but in a source of its own.
        """
        if question.client is not None and question.source is None:
            return ()
        return person_leads(
            self.stores, index, self.embedder.space, self.calibration, template, permit=permit,
            version=decision.version, threshold=threshold, top=question.top,
        )  # fmt: skip

    def _as_leads(self, groups: Sequence[DuplicateGroup], searched: int, lift: float) -> tuple[Lead, ...]:
        def bounded(odds: Odds) -> Odds:
            return Odds(odds.value, bound=True) if lift else odds

        def shown(face: VisibleFace, score: float) -> dict[str, Any]:
            return {
                "face_id": face.uid,
                "picture": PictureRef(face.picture_uid, uri_of(face), face.width, face.height, face.taken_at),
                "box": face.box,
                "score": score,
                "band": self.calibration.band(score - lift, searched),
                "source": face.source,
                "jurisdictions": face.jurisdictions,
                "basis": face.basis,
            }

        return tuple(
            Lead(
                **shown(face, score),
                rank=rank,
                fmr=bounded(self.calibration.fmr(score - lift)),
                expected_false=bounded(self.calibration.expected_false(score - lift, searched)),
                quality=face.quality,
                duplicates=tuple(
                    Duplicate(**shown(other, its_score), link=link, distance=distance)
                    for other, its_score, link, distance in group.others
                ),
            )
            for rank, group in enumerate(groups, start=1)
            for face, score in (group.best,)
        )
