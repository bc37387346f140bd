"""Faces of the gallery, as far as this asker's search could show them now."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations
from countenance.api.shapes import Box, Shape
from countenance.app.access.identity import Right

router = operations("faces")
Searching = Annotated[ApiContext, may(Right.SEARCH)]
FaceId = Annotated[UUID, Path(description="The face's ID, as in leads.")]
JPEG: dict[str, dict[str, Any]] = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}


class Face(Shape):
    """A face, the source of its picture, and the grant."""

    face_id: str
    picture_id: str
    uri: str
    box: Box
    quality: float | None
    width: int = Field(description="The width of the picture as displayed, in pixels.")
    height: int
    taken_at: str | None
    source: str
    basis: str
    jurisdictions: list[str]


@operation(router, "GET", "/faces/{face_id}", answer=Face)
async def show_face(ask: Searching, face_id: FaceId) -> Response:
    """Show a face, the source of its picture, and the grant. 404 if it may not be shown now."""
    return answer(await ask.call(ask.home.lookups.shown_face, str(face_id), ask.who.binding))


@operation(router, "GET", "/faces/{face_id}/crop", media=JPEG)
async def face_crop(ask: Searching, face_id: FaceId) -> Response:
    """Show the crop of a face, a JPEG of at most 256 pixels per side."""
    await ask.call(ask.home.lookups.shown_face, str(face_id), ask.who.binding)
    return Response(await ask.call(ask.home.crop, str(face_id)), media_type="image/jpeg")
