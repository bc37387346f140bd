"""One picture, for whoever keeps it: as it looks, where it stands, and what became of each face in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from countenance.app.pictures.crops import Crops
from countenance.app.wiring import Parts
from countenance.errors import NotFound
from countenance.permits import Act
from countenance.pipeline.address import address_of
from countenance.pipeline.analyse import FaceAnalysis, FaceBlur
from countenance.pipeline.ids import checked_uuid
from countenance.pipeline.pictures.originals import read_original
from countenance.remedies import Remedy
from countenance.types import Box, ClassId, FaceRefusal, HomeKind, Purpose

if TYPE_CHECKING:
    from countenance.records.pictures.picture_reads import FaceView, PictureView, PlaceRow
    from countenance.records.sources.sources import Source

PREVIEW_PX: Final = 1600  # longest side of a picture on a page
# Whoever is refused for one of these asked to be left alone: a page shows a blur in their place.
_VEILED: Final = frozenset({FaceRefusal.ERASED, FaceRefusal.OPTED_OUT, FaceRefusal.RESTRICTED})


@dataclass(frozen=True, slots=True)
class PictureFace:
    """A face of a picture. `state`: "indexed", or the reason why it is not, as whoever enrols may know it."""

    face_id: str | None  # None: there is no crop, no template and nothing to search with
    box: Box
    quality: float | None  # 0 to 1
    state: str
    person: str | None  # uid

    @property
    def indexed(self) -> bool:
        """Whether it is searched."""
        return self.state == "indexed"


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """Where a picture stands, and by which right."""

    source: str
    uri: str
    basis: str
    purposes: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class PictureDetails:
    """What the home knows of a picture. Boxes are in its pixels, upright."""

    picture_id: str
    sha256: str
    width: int
    height: int
    format: str
    taken_at: str | None
    places: tuple[PicturePlace, ...]
    faces: tuple[PictureFace, ...]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PictureService:
    """Pictures of one home that may be looked at: whose class some search of the operator's may see."""

    parts: Parts

    def details(self, picture_id: str) -> PictureDetails:
        """Raises NotFound: no such picture, or none that may be looked at now."""
        picture, places, faces = self._found(picture_id)
        return _details(picture, places, faces)

    def handed_in(self, picture_id: str, source: Source) -> PictureDetails:
        """As `details`, for whoever has just handed it in to that source: what became of it there, searchable or not.

        Raises NotFound: it was erased meanwhile.
        """
        under = self.parts.stores.records.sources.classes_of(source.grant)
        return _details(*self._found(picture_id, under))

    def crop(self, face_id: str) -> bytes:
        """The JPEG thumbnail of an indexed face. Raises NotFound, also for a face that may not be shown now."""
        return Crops(self.parts.stores).crop(face_id)

    def image(self, picture_id: str, *, longest: int = PREVIEW_PX) -> bytes:
        """The picture as a new JPEG of at most `longest` pixels a side, upright, without what else the file says.

        Who asked to be left alone is blurred. Gate 4 is passed once more when the picture is drawn, for drawing takes
        a while: what came into force meanwhile binds this look too. Raises NotFound: as `details`, or its file is not
        there any more.
        """
        while True:
            seen = self._to_draw(picture_id)
            drawn = self._drawn(*seen, longest)
            if self._to_draw(picture_id) == seen:
                return drawn

    def _to_draw(self, picture_id: str) -> tuple[PictureView, list[PlaceRow], tuple[Box, ...], tuple[Box, ...]]:
        """(picture, places that allow a look, faces to be seen, faces to be blurred). Raises NotFound."""
        picture, places, faces = self._found(picture_id)
        going = self.parts.stores.records.picture_reads.leaving_boxes(picture.id)
        veiled = (*going, *(face.box for face in faces if _VEILED & set(face.states.values())))
        return picture, places, tuple(face.box for face in faces if face.box not in veiled), veiled

    def _drawn(
        self,
        picture: PictureView,
        places: list[PlaceRow],
        clear: tuple[Box, ...],
        veiled: tuple[Box, ...],
        longest: int,
    ) -> bytes:
        stores = self.parts.stores
        for place in places:
            data = read_original(stores, place.location, place.place, picture.sha256)
            if data is None:
                continue
            veil = FaceBlur(clear, veiled) if veiled else None
            looked = self.parts.engine().analyser.analyse(data, preview_px=longest, veil=veil)
            if isinstance(looked, FaceAnalysis) and looked.preview is not None:
                return looked.preview
        raise NotFound("the file of this picture was moved, deleted or changed", Remedy.INGEST_SOURCE)

    def page(
        self, source: str, *, after: str | None = None, limit: int = 50
    ) -> tuple[list[PictureDetails], str | None]:
        """(pictures of a source, what to ask for the next ones by). Raises NotFound: no such source, or cursor."""
        records = self.parts.stores.records
        found = records.sources.get(source)
        start = 0
        if after is not None:
            known = records.gallery.picture_id(checked_uuid(after, "picture"))
            if known is None:
                raise NotFound(f"there is no picture {after} to continue from")
            start = known
        rows = records.picture_reads.of_source(found.id, start, limit + 1)
        sight = self.in_sight()
        shown = []
        for row in rows[:limit]:
            places = [place for place in records.picture_reads.places(row.id) if place.class_id in sight]
            if places:
                shown.append(_details(row, places, records.picture_reads.faces(row.id)))
        return shown, rows[limit - 1].uid if len(rows) > limit else None

    def in_sight(self) -> frozenset[ClassId]:
        """The classes that some search of the operator's may see now: grants in force, offering not stopped."""
        stores = self.parts.stores
        if self.parts.kind is HomeKind.HOUSEHOLD:
            return frozenset(stores.policy.consider(stores.ask(Act.SEARCH)).allowed)
        asks = (stores.ask(Act.SEARCH, purpose=purpose, has_case=True) for purpose in Purpose)
        return frozenset().union(*(stores.policy.consider(ask).allowed for ask in asks))

    def _found(
        self, picture_id: str, sight: frozenset[ClassId] | None = None
    ) -> tuple[PictureView, list[PlaceRow], list[FaceView]]:
        reads = self.parts.stores.records.picture_reads
        picture = reads.get(checked_uuid(picture_id, "picture"))
        sight = self.in_sight() if sight is None else sight
        places = [] if picture is None else [each for each in reads.places(picture.id) if each.class_id in sight]
        if picture is None or not places:
            raise NotFound(f"there is no picture {picture_id}", Remedy.FIND_ID)
        return picture, places, reads.faces(picture.id)


def _details(picture: PictureView, places: list[PlaceRow], faces: list[FaceView]) -> PictureDetails:
    seen = {place.class_id for place in places}
    return PictureDetails(
        picture_id=picture.uid, sha256=picture.sha256.hex(), width=picture.width, height=picture.height,
        format=picture.format, taken_at=picture.taken_at,
        places=tuple(
            PicturePlace(
                place.source, address_of(place.location, place.place), str(place.basis), place.purposes,
                place.jurisdictions, place.expires_at,
            )
            for place in places
        ),
        faces=tuple(_face(face, seen) for face in faces),
    )  # fmt: skip


def _face(face: FaceView, seen: set[ClassId]) -> PictureFace:
    states = [state for class_id, state in face.states.items() if class_id in seen]
    if None in states:
        return PictureFace(face.uid, face.box, face.quality, "indexed", face.person)
    reason = next((str(state.public) for state in states if state is not None), str(FaceRefusal.NOT_PERMITTED))
    return PictureFace(None, face.box, None, reason, None)
