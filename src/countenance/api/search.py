"""Looking at pictures: search, detect, compare. What is sent is decoded in a child process, and rests in memory."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.shapes import Box, File, Line, Odds, Shape
from countenance.app.access.identity import Right
from countenance.types import Band, Basis, DuplicateLink, Purpose

router = operations("searching")
Searching = Annotated[ApiContext, may(Right.SEARCH)]

LEAD: Final[Any] = {
    "rank": 1, "face_id": "3f0c7a52-9d3c-4f57-8f6e-0d8c5d7c2a10", "picture_id": "8a1f5f0e-52c7-4c55-9f0b-6f2f4c1b7e33",
    "uri": "file:///home/may/Pictures/beach.jpg", "box": [10.0, 20.0, 60.0, 80.0], "score": 0.712, "band": "strong",
    "fmr": {"value": 3.8e-06, "bound": True}, "expected_false": {"value": 0.05, "bound": True}, "source": "album",
    "jurisdictions": ["CA-ON"], "basis": "household", "duplicates": [],
}  # fmt: skip


class _Asked(Shape):
    purpose: Purpose | None = Field(
        None, description="The purpose. Required in an organisation's home, here or in the access key."
    )
    case: Line | None = Field(None, description="The case reference: why you search.")
    client: Line | None = Field(None, description="The name of the client who asks. Default: the operator.")


class Question(_Asked):
    """A picture, a face of the gallery or a person, and what is searched for."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [name]} for name in ("picture", "face_id", "person_id")],
            "examples": [{"face_id": LEAD["face_id"], "top": 10}],
        }
    )

    picture: File | None = Field(None, description="The file: a JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF or HEIC.")
    face_id: UUID | None = Field(None, description="A face of the gallery: the face_id of a lead.")
    person_id: UUID | None = Field(None, description="A person, by all their faces. The right `people` is needed too.")
    face: int | None = Field(None, ge=0, description="The face to use, if the picture shows several. The first is 0.")
    top: int = Field(10, ge=1, le=1000, description="The most leads to show, each with its duplicates.")
    threshold: float | None = Field(None, ge=-1, le=1, description="The lowest score to show, a cosine.")
    fpir: float | None = Field(
        None, gt=0, lt=1, description="Or how often a search for a stranger may show a false lead. Default: 0.01."
    )

    @model_validator(mode="after")
    def _one_probe(self) -> Self:
        if sum(each is not None for each in (self.picture, self.face_id, self.person_id)) != 1:
            raise ValueError("send exactly one of these: picture, face_id, person_id")
        return self


class ProbeFace(Shape):
    """The face that was searched for."""

    index: int
    box: Box
    quality: float


class Probe(Shape):
    """What was searched for: the hash of a picture, or a face of the gallery."""

    sha256: str | None = None
    face_id: str | None = None
    face: ProbeFace
    faces: int = Field(description="The number of faces in the picture.")


class _Place(Shape):
    face_id: str
    picture_id: str
    uri: str
    box: Box
    score: float = Field(description="Cosine, three decimals.")
    band: Band
    source: str
    jurisdictions: list[str]
    basis: Basis


class Duplicate(_Place):
    """The same photograph at another place."""

    link: DuplicateLink
    distance: int = Field(description="The number of bits, of 256, that differ between the perceptual hashes.")


class Lead(_Place):
    """A candidate with its source, score and odds. Never an identification."""

    rank: int
    fmr: Odds = Field(description="How often two strangers score as high.")
    expected_false: Odds = Field(
        description="The expected number of false leads as good as this, in a search of this size."
    )
    duplicates: list[Duplicate]


class PersonLead(Shape):
    """A person of this home who resembles the probe, by all their faces."""

    rank: int
    person_id: str
    name: str | None
    faces: int
    face_id: str
    score: float
    band: Band
    fmr: Odds
    expected_false: Odds


class Recall(Shape):
    """The measured share of the exact best ten that the approximate index finds."""

    value: float
    sample: int


class Leads(Shape):
    """The answer to a search. Leads below the threshold are not shown."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "probe": {"sha256": "9f86d081...", "faces": 1,
                              "face": {"index": 0, "box": [12.0, 18.5, 61.0, 80.2], "quality": 0.91}},
                    "searched": 13000, "exact": True, "threshold": 0.561, "extrapolated": True,
                    "model": "sface-2021dec", "calibration": "sface-2021dec/1",
                    "log_entry": "01KB3V5W1Q", "leads": [LEAD],
                    "notice": "Investigative lead, not an identification. The person may not be in this gallery.",
                }
            ]
        }
    )  # fmt: skip

    probe: Probe
    searched: int = Field(description="The number of faces, rounded up to two significant figures.")
    exact: bool
    recall: Recall | None = None
    threshold: float
    extrapolated: bool
    model: str
    calibration: str
    log_entry: str
    leads: list[Lead]
    people: list[PersonLead] = Field(default=[])
    notice: str


class PictureSent(Shape):
    """A picture."""

    picture: File


class Quality(Shape):
    """The quality of a face for comparison. 1 is best."""

    width_px: float
    sharpness: float
    pose: float
    exposure: float
    detector: float
    overall: float


class DetectedFace(Shape):
    """A face of the picture. A search takes its index as `face`."""

    index: int
    box: Box
    landmarks: list[list[float]] = Field(description="The viewer's left eye, right eye, nose, left, right mouth.")
    score: float
    quality: Quality


class Detected(Shape):
    """The faces in a picture, the most certain first."""

    width: int
    height: int
    format: str
    faces: list[DetectedFace]


class TwoPictures(_Asked):
    """Two pictures to compare."""

    a: File
    b: File
    face_a: int | None = Field(None, ge=0, description="The face of a, if it shows several. The first is 0.")
    face_b: int | None = Field(None, ge=0, description="The face of b, if it shows several.")


class Comparison(Shape):
    """How similar two faces are."""

    score: float
    fmr: Odds
    log_entry: str
    notice: str


@operation(router, "POST", "/search", answer=Leads, body=Question, form=True)
async def search(ask: Searching, question: Annotated[Question, sent(Question)]) -> Response:
    """Search for one face, from a picture or the gallery, or for a person by all their faces.

    If the picture shows several faces, the error lists their boxes. Choose one with `face`.
    """
    said = question.model_dump(include={"face", "top", "threshold", "fpir"})
    bound: dict[str, Any] = ask.bound(question.purpose, question.case, question.client)
    if question.picture is not None:
        found = await ask.call(ask.home.search, question.picture, **said, **bound)
    elif question.face_id is not None:
        found = await ask.call(ask.home.search_face, str(question.face_id), **said, **bound)
    else:
        ask.who.require(Right.PEOPLE)
        found = await ask.call(ask.home.search_person, str(question.person_id), **said, **bound)
    return answer(found.as_dict())


@operation(router, "POST", "/detect", answer=Detected, body=PictureSent, form=True)
async def detect(ask: Searching, sent_: Annotated[PictureSent, sent(PictureSent)]) -> Response:
    """Find every face of a picture, with its box, landmarks and quality. It stores nothing."""
    found = await ask.call(ask.home.detect, sent_.picture)
    return answer(found.as_dict())


@operation(router, "POST", "/compare", answer=Comparison, body=TwoPictures, form=True)
async def compare(ask: Searching, two: Annotated[TwoPictures, sent(TwoPictures)]) -> Response:
    """Compare one face of each of two pictures. Neither is stored; the log records it."""
    bound: dict[str, Any] = ask.bound(two.purpose, two.case, two.client)
    found = await ask.call(ask.home.compare, two.a, two.b, face_a=two.face_a, face_b=two.face_b, **bound)
    return answer(found.as_dict())
