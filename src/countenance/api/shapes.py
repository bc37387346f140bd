"""Shapes that several operations share, as JSON has them: docs and checks are made of these."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from countenance.errors import BadPicture
from countenance.http.problems import TYPE
from countenance.remedies import Remedy
from countenance.types import RejectReason

_ADDRESS: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")


class Shape(BaseModel):
    """A JSON object with these members and no others."""

    model_config = ConfigDict(extra="forbid")


def _bytes(value: Any) -> bytes:
    """From base64, or as a file of a form brought it. Raises: BadPicture: an address; ValueError: no base64."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("send base64, or a file of a form")  # noqa: TRY004 - as pydantic wants it
    if _ADDRESS.match(value):
        raise BadPicture(
            "this is an address, and nothing is fetched here", Remedy.SEND_PICTURE,
            reason=str(RejectReason.NOT_A_PICTURE),
        )  # fmt: skip
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("this is not base64 (RFC 4648 section 4)") from error


# A file, as base64 in JSON or as a file of a form.
File = Annotated[
    bytes,
    BeforeValidator(_bytes),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}),
]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Box = Annotated[
    list[float],
    Field(min_length=4, max_length=4, description="x1, y1, x2, y2 in pixels of the picture as displayed; y down."),
]


class Odds(Shape):
    """A rate or count. `bound`: the true value is this or less."""

    value: float
    bound: bool


class Problem(BaseModel):
    """An error (RFC 9457). `type` ends in its kind, `hint` says what to do. Some kinds have more members."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:countenance:problem:several_faces", "title": "Several faces", "status": 422,
                    "detail": "the picture holds 2 faces", "hint": "say which with face: 0 is the first of these boxes",
                    "instance": "urn:uuid:0b6f3e5c-8a55-4f0b-9d1e-0c7d3f8f5d11",
                    "boxes": [[10.0, 20.0, 60.0, 80.0], [100.0, 20.0, 150.0, 80.0]],
                }
            ]
        },
    )  # fmt: skip

    type: str = Field(pattern=f"^{TYPE}[a-z_]+$", description="`urn:countenance:problem:` and the error's kind.")
    title: str
    status: int
    instance: str = Field(description="The request's id, as the X-Request-Id header and the service's log have it.")
    detail: str = Field(min_length=1, description="What happened, to what.")
    hint: str = Field(min_length=1, description="What to do.")
