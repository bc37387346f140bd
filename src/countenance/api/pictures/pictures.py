"""Pictures one by one: handing them in, and looking at those that are kept."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import Page
from countenance.api.pictures.faces import JPEG
from countenance.api.shapes import Box, File, Shape
from countenance.app.access.identity import Right
from countenance.app.pictures.pictures import PictureDetails
from countenance.errors import NotAllowed, NotFound
from countenance.remedies import Remedy

router = operations("pictures")
Searching = Annotated[ApiContext, may(Right.SEARCH)]
Collecting = Annotated[ApiContext, may(Right.COLLECT)]
PictureId = Annotated[UUID, Path(description="The picture's ID, as in leads.")]
Name = Annotated[str, Path(min_length=1, max_length=200, description="The source's name.")]


class PictureFace(Shape):
    """A face of a picture. `state`: indexed, or why it is not; not_permitted for every reason of policy."""

    face_id: str | None
    box: Box
    quality: float | None
    state: str
    person: str | None


class PicturePlace(Shape):
    """A source of a picture, and the grant."""

    source: str
    uri: str
    basis: str
    purposes: list[str]
    jurisdictions: list[str]
    expires_at: str | None


class Picture(Shape):
    """A picture of the home. Boxes are in pixels of the upright picture."""

    picture_id: str
    sha256: str
    width: int
    height: int
    format: str
    taken_at: str | None
    places: list[PicturePlace]
    faces: list[PictureFace]


class NewUpload(Shape):
    """A picture for a source of uploads. Its name is never used as a path."""

    picture: File
    place: str = Field(
        min_length=1, max_length=1000, description="The file name in the source, with / between folders."
    )
    wait: bool = Field(default=True, description="False: it is stored encrypted until the next ingest of the source.")
    keep: bool = Field(default=True, description="False: the file is deleted after its faces are indexed.")


class Taken(Shape):
    """The result: a picture with its faces, or the reason why it was rejected. Waiting: no result yet."""

    place: str
    waiting: bool
    picture_id: str | None
    width: int
    height: int
    faces: list[PictureFace]
    rejected: str | None
    detail: str


@operation(router, "GET", "/pictures/{picture_id}", answer=Picture)
async def show_picture(ask: Searching, picture_id: PictureId) -> Response:
    """Show the sources of a picture, the grants, and the state of each face in it."""
    return answer(_told(await ask.call(_seen, ask, picture_id)))


@operation(router, "GET", "/pictures/{picture_id}/image", media=JPEG)
async def picture_image(
    ask: Searching, picture_id: PictureId,
    longest: Annotated[int, Query(ge=16, le=4096, description="The most pixels of the longer side.")] = 1600,
) -> Response:  # fmt: skip
    """Show the picture as a new JPEG without metadata. People who opted out are blurred."""
    await ask.call(_seen, ask, picture_id)
    data = await ask.call(lambda: ask.home.pictures.image(str(picture_id), longest=longest))
    return Response(data, media_type="image/jpeg")


@operation(router, "GET", "/sources/{name}/pictures", answer=Page[Picture])
async def list_pictures(
    ask: Searching, name: Name, limit: Annotated[int, Query(ge=1, le=200)] = 50, after: UUID | None = None
) -> Response:
    """List the pictures of a source that may be shown now."""
    _free(ask)
    await ask.call(ask.source, name)
    found, more = await ask.call(
        lambda: ask.home.pictures.page(name, after=None if after is None else str(after), limit=limit)
    )
    return answer({"items": [_told(each) for each in found], "next": more})


@operation(router, "POST", "/sources/{name}/pictures", answer=Taken, status=201, body=NewUpload, form=True)
async def upload_picture(ask: Collecting, name: Name, upload: Annotated[NewUpload, sent(NewUpload)]) -> Response:
    """Upload a picture. It passes every gate of an ingest, and is encrypted before the answer."""
    await ask.call(ask.source, name)
    if not upload.wait:
        await ask.call(ask.home.uploads.put, name, upload.place, upload.picture)
        nothing: dict[str, Any] = {"picture_id": None, "width": 0, "height": 0, "faces": [], "rejected": None}
        return answer({"place": upload.place, "waiting": True, **nothing, "detail": ""}, 201)
    act = ask.home.uploads.index_now
    taken = await ask.call(lambda: act(name, upload.place, upload.picture, keep=upload.keep))
    return answer(
        {
            "place": taken.place, "waiting": False, "picture_id": taken.picture_id, "width": taken.width,
            "height": taken.height, "faces": [_face(face) for face in taken.faces],
            "rejected": None if taken.rejected is None else str(taken.rejected), "detail": taken.detail,
        },
        201,
    )  # fmt: skip


def _free(ask: ApiContext) -> None:
    """Raises NotAllowed: whole pictures are shown as the operator sees them, which a client's key does not."""
    if ask.who.binding.client is not None or ask.who.binding.purpose is not None:
        raise NotAllowed(
            "a key that is bound to a client or a purpose sees only the faces and crops of leads",
            Remedy.USE_ANOTHER_KEY,
        )


def _seen(ask: ApiContext, picture_id: UUID) -> PictureDetails:
    _free(ask)
    found = ask.home.pictures.details(str(picture_id))
    if ask.who.binding.source not in {None, *(place.source for place in found.places)}:
        raise NotFound(f"there is no picture {picture_id}", Remedy.FIND_ID)
    return found


def _told(found: PictureDetails) -> dict[str, Any]:
    return {**found.as_dict(), "faces": [_face(face) for face in found.faces]}


def _face(face: Any) -> dict[str, Any]:
    return {
        "face_id": face.face_id, "box": [round(v, 1) for v in face.box],
        "quality": None if face.quality is None else round(face.quality, 2), "state": face.state, "person": face.person,
    }  # fmt: skip
