"""Searching by pages: a probe is seen, a face of it chosen, its leads are read, filtered and taken away.

What is shown is checked again each time that it is shown: a face that was erased, opted out or suspended since the
search is on no page any more (gate 4). Reading again, filtering and raising the threshold are no new search; lowering
it is one, decided and logged like any.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

import numpy as np

from countenance.align.similarity import similarity_transform
from countenance.app.inputs import purpose_of
from countenance.app.search.export import ExportService
from countenance.app.search.lookups import Comparison, LookupService
from countenance.app.search.session_store import SessionStore
from countenance.app.wiring import Parts
from countenance.cases.reference import check_reference
from countenance.errors import NoFace, NotFound, SeveralFaces, WrongUse
from countenance.permits import Act
from countenance.pipeline.analyse import FaceAnalysis
from countenance.pipeline.ids import checked_uuid
from countenance.pipeline.search.probe import analyse_or_raise
from countenance.remedies import Remedy
from countenance.types import ARCFACE, Box, HomeKind, Lead, Odds, Purpose, SearchResult

PREVIEW_PX: Final = 1600
TOP: Final = 100  # leads of a search by pages
FLOOR_FPIR: Final = 0.1  # no page shows what comes in more than 1 of 10 searches for strangers
PURPOSES: Final = tuple(purpose for purpose in Purpose if purpose is not Purpose.HOUSEHOLD)


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face of a picture that somebody brought. Box in pixels of the picture, upright."""

    box: Box
    quality: float  # 0 to 1
    turn: tuple[float, float, float, float, float, float]  # SVG's matrix(a b c d e f): picture to 112 x 112, aligned


@dataclass(frozen=True, slots=True)
class SeenProbe:
    """A picture that somebody brought, held in the tray."""

    id: str
    width: int
    height: int
    faces: tuple[SeenFace, ...]


@dataclass(frozen=True, slots=True)
class HeldSearch:
    """A search, held in the tray: how it was asked, what may still be shown of it, and what a threshold means there."""

    id: str
    probe: str
    purpose: str | None
    case: str | None
    result: SearchResult
    floor: float  # the lowest threshold that a page asks for


@dataclass(frozen=True, slots=True)
class Filters:
    """Which leads of a search are on the page; None, or empty: all."""

    threshold: float | None = None
    band: str | None = None
    source: str | None = None
    jurisdiction: str | None = None
    since: str | None = None  # a day, "1962-05-04"
    until: str | None = None

    def keeps(self, lead: Lead) -> bool:
        """Whether it is one of them. A picture without a date is in no span of dates."""
        taken = (lead.picture.taken_at or "")[:10]
        return (
            (self.threshold is None or lead.score >= round(self.threshold, 3))
            and (self.band is None or lead.band == self.band)
            and (self.source is None or lead.source == self.source)
            and (self.jurisdiction is None or self.jurisdiction in lead.jurisdictions)
            and (self.since is None or taken >= self.since)
            and (self.until is None or "" < taken <= self.until)
        )


class SearchSessionService:
    """Searches of one home, for sessions. `session` is the token of whoever asks; nobody else finds what it holds."""

    def __init__(self, parts: Parts, lookups: LookupService, exports: ExportService) -> None:
        self._parts = parts
        self._lookups = lookups
        self._exports = exports

    @cached_property
    def _tray(self) -> SessionStore:
        return SessionStore(self._parts.path / "tray")

    def close(self) -> None:
        """Nothing of this process is kept."""
        if "_tray" in self.__dict__:
            self._tray.close()
            del self._tray

    # --- a picture that somebody brings ------------------------------------------------------------------------------
    def bring(self, session: str, picture: bytes) -> SeenProbe:
        """It was looked at, and is held for the next step. Raises BadPicture, NoFace, StorageFailed."""
        looked = analyse_or_raise(self._parts.engine().analyser, picture, preview_px=PREVIEW_PX)
        if not looked.faces:
            raise NoFace("no face was found in the picture", Remedy.USE_CLEARER_PICTURE)
        faces = [SeenFace(each.face.box, each.quality.overall, _turn(each.face.landmarks)) for each in looked.faces]
        about = {
            "kind": "picture",
            "file": self._tray.put(session, {"kind": "file"}, [picture]),
            "width": looked.width,
            "height": looked.height,
            "faces": [asdict(face) for face in faces],
        }
        parts = [looked.preview or b"", *(each.thumbnail for each in looked.faces)]
        return SeenProbe(self._tray.put(session, about, parts), looked.width, looked.height, tuple(faces))

    def seen(self, session: str, picture: str) -> SeenProbe:
        """A picture that is held. Raises NotFound."""
        about, _ = self._held(session, picture, "picture")
        faces = (SeenFace(tuple(f["box"]), f["quality"], tuple(f["turn"])) for f in about["faces"])
        return SeenProbe(picture, about["width"], about["height"], tuple(faces))

    def image(self, session: str, picture: str, face: int | None = None) -> bytes:
        """JPEG: the picture, or one face of it. Raises NotFound."""
        _, parts = self._held(session, picture, "picture")
        if face is not None and not 0 <= face < len(parts) - 1:
            raise NotFound(f"there is no face {face} in the picture", Remedy.CHOOSE_FACE, field="face")
        return parts[0] if face is None else parts[1 + face]

    def check_reason(self, purpose: str | None, case: str | None) -> None:
        """Raises WrongUse: an organisation's search names its purpose and its case."""
        if self._parts.kind is HomeKind.HOUSEHOLD:
            return
        if purpose_of(purpose) not in PURPOSES:
            raise WrongUse("an organisation's search needs a purpose", Remedy.ADD_FIELD, field="purpose")
        check_reference(case or "")

    # --- leads -------------------------------------------------------------------------------------------------------
    def search(
        self, session: str, picture: str, face: int, *, purpose: str | None = None, case: str | None = None
    ) -> str:
        """The name of a search that was made, decided and logged now. Raises: as Home.search; NotFound."""
        return self._search(session, picture, face, purpose, case, None)

    def lower(self, session: str, search: str, threshold: float) -> str:
        """The same question asked anew with another threshold: the name of the new search.

        Raises: WrongUse: below the floor; as `search`.
        """
        held = self.searched(session, search)
        if not threshold >= held.floor:
            raise WrongUse(
                f"the threshold {threshold:.3f} is below the lowest here, {held.floor:.3f}: most leads "
                "would be strangers",
                field="threshold",
            )
        return self._search(session, held.probe, held.result.face.index, held.purpose, held.case, threshold)

    def _search(
        self, session: str, picture: str, face: int, purpose: str | None, case: str | None, threshold: float | None
    ) -> str:
        self.check_reason(purpose, case)
        if self._parts.kind is HomeKind.HOUSEHOLD:
            purpose = case = None
        result = self._lookups.search(
            self._file(session, picture), face=face, top=TOP, threshold=threshold, purpose=purpose, case=case
        )
        about = {
            "kind": "search",
            "probe": picture,
            "purpose": purpose,
            "case": case,
            "result": _adapter().dump_python(result, mode="json"),
        }
        return self._tray.put(session, about)

    def searched(self, session: str, search: str) -> HeldSearch:
        """What may be shown of a search now. Raises NotFound."""
        about, _ = self._held(session, search, "search")
        result: SearchResult = _adapter().validate_python(about["result"], strict=False)
        leads = self._still(result.leads, about["purpose"])
        people = () if len(leads) < len(result.leads) else result.people
        return HeldSearch(
            search, about["probe"], about["purpose"], about["case"], replace(result, leads=leads, people=people),
            min(self._floor(result.searched), result.threshold),
        )  # fmt: skip

    def crop(self, session: str, search: str, face_id: str) -> bytes:
        """The JPEG of a face that this search shows, if it may still be shown. Raises NotFound."""
        about, _ = self._held(session, search, "search")
        shown = {each["face_id"] for lead in about["result"]["leads"] for each in (lead, *lead["duplicates"])}
        if face_id not in shown or face_id not in self._visible([face_id], about["purpose"]):
            raise NotFound(f"there is no face {face_id}", Remedy.FIND_ID)
        return self._exports.pictures.crop(face_id)

    def _floor(self, searched: int) -> float:
        return self._parts.engine().calibration.threshold(searched, FLOOR_FPIR)[0]

    def odds(self, searched: int, threshold: float) -> Odds:
        """False leads that a search of this size is to expect at this threshold."""
        return self._parts.engine().calibration.expected_false(threshold, searched)

    def curves(self) -> tuple[list[float], list[float]]:
        """How often scores from 0 to 1 come in steps of 0.02: of two people, of one; each highest at 1."""
        calibration = self._parts.engine().calibration
        found = []
        for histogram in (calibration.impostor, calibration.genuine):
            reach = np.array([histogram.at_or_above(each / 50) for each in range(51)], np.float64)
            each = reach[:-1] - reach[1:]
            found.append([round(float(value), 4) for value in each / max(each.max(), 1.0)])
        return found[0], found[1]

    def archive(self, session: str, search: str, filters: Filters) -> bytes:
        """A ZIP of the page, the answer as JSON and the crops, of the leads that `filters` keep. Made in memory."""
        from countenance.present.page import render_search_page

        held = self.searched(session, search)
        kept = replace(held.result, leads=tuple(lead for lead in held.result.leads if filters.keeps(lead)))
        if filters.threshold is not None:
            kept = replace(kept, threshold=filters.threshold)
        probe = self._file(session, held.probe)
        looked: FaceAnalysis = analyse_or_raise(self._parts.engine().analyser, probe, preview_px=1024)
        view, crops = self._exports.view(kept, looked, probe_name="probe")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("search.html", render_search_page(view))
            archive.writestr("search.json", json.dumps(kept.as_dict(), ensure_ascii=False, indent=2) + "\n")
            for face_id, crop in crops.items():
                archive.writestr(f"crops/{face_id}.jpg", crop)
        return packed.getvalue()

    # --- two pictures ------------------------------------------------------------------------------------------------
    def compare(
        self, session: str, a: str, b: str, face_a: int, face_b: int, *, purpose: str | None = None,
        case: str | None = None,
    ) -> Comparison:  # fmt: skip
        """How alike one face of each is; a logged act. Raises: as Home.compare; NotFound."""
        self.check_reason(purpose, case)
        household = self._parts.kind is HomeKind.HOUSEHOLD
        one, two = (self._file(session, each) for each in (a, b))
        return self._lookups.compare(
            one, two, face_a=face_a, face_b=face_b, purpose=None if household else purpose,
            case=None if household else case,
        )  # fmt: skip

    def note(self, session: str, kind: str, about: dict[str, Any]) -> str:
        """The name under which `noted` gives it back."""
        return self._tray.put(session, {**about, "kind": kind})

    def noted(self, session: str, kind: str, name: str) -> dict[str, Any]:
        """Raises NotFound."""
        return dict(self._held(session, name, kind)[0])

    # --- inside ------------------------------------------------------------------------------------------------------
    def _file(self, session: str, picture: str) -> bytes:
        about, _ = self._held(session, picture, "picture")
        return self._held(session, about["file"], "file")[1][0]

    def _held(self, session: str, name: str, kind: str) -> tuple[Any, list[bytes]]:
        about, parts = self._tray.get(session, name)
        if about["kind"] != kind:
            raise NotFound(f"there is no such {kind}", Remedy.SEARCH_AGAIN)
        return about, parts

    def _still(self, leads: Sequence[Lead], purpose: str | None) -> tuple[Lead, ...]:
        """Those leads, and copies under them, that may be shown now."""
        faces = [lead.face_id for lead in leads]
        faces += [copy.face_id for lead in leads for copy in lead.duplicates]
        visible = self._visible(faces, purpose)
        return tuple(
            replace(lead, duplicates=tuple(copy for copy in lead.duplicates if copy.face_id in visible))
            for lead in leads
            if lead.face_id in visible
        )

    def _visible(self, face_ids: Sequence[str], purpose: str | None) -> frozenset[str]:
        stores = self._parts.stores
        household = self._parts.kind is HomeKind.HOUSEHOLD
        ask = stores.ask(Act.SEARCH, purpose=None if household else purpose_of(purpose), has_case=not household)
        known = [stores.records.gallery.face(checked_uuid(face, "face")) for face in face_ids]
        faces = [face.id for face in known if face is not None]
        while True:  # as often as the policy moves meanwhile
            decision = stores.policy.consider(ask)
            visible = stores.records.gallery.visible(faces, decision.allowed, decision.version)
            if visible is not None:
                return frozenset(face.uid for face in visible.values())


def one_face(seen: SeenProbe) -> int:
    """Its only face. Raises SeveralFaces."""
    if len(seen.faces) > 1:
        raise SeveralFaces(
            f"the picture holds {len(seen.faces)} faces",
            Remedy.CHOOSE_FACE,
            boxes=tuple(f.box for f in seen.faces),
            field="face",
        )
    return 0


def _turn(landmarks: Any) -> tuple[float, float, float, float, float, float]:
    matrix = similarity_transform(np.array(landmarks, np.float64), np.array(ARCFACE.points, np.float64))
    a, c, e, b, d, f = (round(float(value), 6) for value in matrix.ravel())
    return a, b, c, d, e, f


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(SearchResult)
