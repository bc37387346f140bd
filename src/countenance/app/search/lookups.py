"""Asking a home: leads for a face, the faces of a picture, how alike two are, and pictures that are there twice."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from countenance.app.access.identity import Binding
from countenance.app.inputs import PictureLike, purpose_of, read_picture
from countenance.app.search.face_visibility import shown_face
from countenance.app.sources.source_acts import SourceService
from countenance.app.wiring import Parts
from countenance.errors import NotFound
from countenance.pipeline.analyse import FaceAnalysis
from countenance.pipeline.people.persons import id_of_person
from countenance.pipeline.pictures.duplicates import Duplicates, find_duplicates
from countenance.pipeline.search.probe import analyse_or_raise
from countenance.pipeline.search.search import SearchQuery
from countenance.remedies import Remedy
from countenance.types import Odds, SearchResult


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer of `compare`."""

    score: float
    fmr: Odds
    log_entry: str
    notice: str = "A score is evidence about two pictures, not an identification."

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LookupService:
    """What can be asked of one home."""

    parts: Parts
    sources: SourceService

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
            raise NotFound("there is nothing to search: this home has no source", Remedy.ADD_SOURCE)
        return self.parts.engine().searcher.search(read_picture(picture), asked, preview_px=preview_px)

    def search_face(self, face_id: str, *, purpose: str | None = None, **question: Any) -> SearchResult:
        """`search` for a face of the gallery, by a lead's `face_id`. Raises: NotFound, also for one not to be shown."""
        return self.parts.engine().searcher.search_face(face_id, SearchQuery(purpose=purpose_of(purpose), **question))

    def search_person(self, person: str, *, purpose: str | None = None, **question: Any) -> SearchResult:
        """`search` for a person of this home, by all its faces together; those are not among the leads.

        person: its id, or a name that one person alone has. Raises: NotFound; as `search`.
        """
        uid = id_of_person(self.parts.stores, person)
        return self.parts.engine().searcher.search_person(uid, SearchQuery(purpose=purpose_of(purpose), **question))

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
        return find_duplicates(self.parts.stores, self.sources.chosen(names), top)

    def shown_face(self, face_id: str, binding: Binding) -> dict[str, Any]:
        """A face as JSON. Raises NotFound: there is none, or none that a search in these bounds could show."""
        return shown_face(self.parts.stores, face_id, binding)
