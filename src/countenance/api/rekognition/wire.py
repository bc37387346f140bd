"""What comes in by the Rekognition door and how it is refused: names, limits and errors as botocore describes them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from countenance.app.search.rekognition_collections import IndexedFaces
from countenance.errors import (
    BadPicture,
    CountenanceError,
    HomeBusy,
    NoFace,
    NotFound,
    PolicyDenied,
    SignInNeeded,
    TooMany,
    WrongUse,
)

MAX_IMAGE_BYTES: Final = 5 * 2**20  # ImageBlob
MAX_BODY_BYTES: Final = 15 * 2**20  # two images of CompareFaces as base64, and what stands around them
COLLECTION_ID: Final = re.compile(r"[a-zA-Z0-9_.\-]{1,255}")
FACE_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
EXTERNAL_ID: Final = re.compile(r"[a-zA-Z0-9_.\-:]{1,255}")
USER_ID: Final = re.compile(r"[a-zA-Z0-9_.\-:]{1,128}")
TOKEN: Final = re.compile(r"[a-zA-Z0-9_\-]{1,64}")
ATTRIBUTES: Final = frozenset(
    {
        "DEFAULT", "ALL", "AGE_RANGE", "BEARD", "EMOTIONS", "EYE_DIRECTION", "EYEGLASSES", "EYES_OPEN", "GENDER",
        "MOUTH_OPEN", "MUSTACHE", "FACE_OCCLUDED", "SMILE", "SUNGLASSES",
    }
)  # fmt: skip
QUALITY: Final[
    Mapping[str, float]
] = {  # the lowest `quality.overall` that a filter lets through; AUTO is the home's own
    "NONE": 0.0,
    "AUTO": 0.05,
    "LOW": 0.1,
    "MEDIUM": 0.25,
    "HIGH": 0.5,
}


class Refused(Exception):
    """A request that gets an error: its name in the protocol, a sentence, the status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def invalid(message: str) -> Refused:
    """A parameter is not as it must be."""
    return Refused("InvalidParameterException", message)


def refusal_of(error: CountenanceError) -> Refused:
    """How the protocol tells an error of ours."""
    if isinstance(error, BadPicture):
        if error.reason == "too_large":
            return Refused("ImageTooLargeException", "Image size is too large")
        return Refused("InvalidImageFormatException", "Request has invalid image format")
    if isinstance(error, NoFace):
        return invalid("There are no faces in the image. Should be at least 1.")
    if isinstance(error, SignInNeeded):
        return Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    if isinstance(error, TooMany | HomeBusy):
        return Refused("ThrottlingException", error.message)
    if isinstance(error, PolicyDenied):
        return Refused("AccessDeniedException", error.message)
    if isinstance(error, NotFound):
        return Refused("ResourceNotFoundException", error.message)
    if isinstance(error, IndexedFaces):
        return Refused("ResourceAlreadyExistsException", error.message)
    if isinstance(error, WrongUse):
        return invalid(error.message)
    return Refused("InternalServerError", "Something went wrong here; the service's log has it.", 500)


@dataclass(frozen=True, slots=True)
class Params:
    """A request's parameters. Each reader raises Refused where one is not as it must be."""

    values: Mapping[str, Any]

    def known(self, names: Sequence[str]) -> None:
        """No parameter but these is given: one that would be ignored is refused."""
        if unknown := sorted(name for name, value in self.values.items() if name not in names and value is not None):
            raise invalid(f"{', '.join(unknown)[:200]} is not offered here; see docs/rekognition.md")

    def text(self, name: str, pattern: re.Pattern[str]) -> str:
        """A text that must be given."""
        found = self.maybe(name, pattern)
        if found is None:
            raise invalid(f"{name} is missing")
        return found

    def maybe(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """A text that may be given."""
        found = self.values.get(name)
        if found is not None and not (isinstance(found, str) and pattern.fullmatch(found)):
            raise invalid(f"{name} must match {pattern.pattern}")
        return found

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        """A whole number from `low` to `high`."""
        found = self.values.get(name)
        if found is None:
            return default
        if type(found) is not int or not low <= found <= high:
            raise invalid(f"{name} must be a whole number from {low} to {high}")
        return found

    def percent(self, name: str, default: float) -> float:
        """A number from 0 to 100."""
        found = self.values.get(name)
        if found is None:
            return default
        if type(found) not in {int, float} or not 0 <= found <= 100:
            raise invalid(f"{name} must be a number from 0 to 100")
        return float(found)

    def quality(self, default: str) -> float:
        """The lowest quality that the request's filter lets through."""
        found = self.values.get("QualityFilter", default)
        if not isinstance(found, str) or found not in QUALITY:
            raise invalid(f"QualityFilter must be one of {', '.join(QUALITY)}")
        return QUALITY[found]

    def attributes(self, name: str) -> None:
        """Names of attributes are known ones; which of them are answered does not depend on it."""
        found = self.values.get(name)
        if found is not None and not (isinstance(found, list) and ATTRIBUTES.issuperset(map(str, found))):
            raise invalid(f"{name} must be some of {', '.join(sorted(ATTRIBUTES))}")

    def faces(self, most: int) -> list[str]:
        """FaceIds: 1 to `most` of them, each once."""
        found = self.values.get("FaceIds")
        if not isinstance(found, list) or not 1 <= len(found) <= most:
            raise invalid(f"FaceIds must name 1 to {most} faces")
        if not all(isinstance(each, str) and FACE_ID.fullmatch(each) for each in found):
            raise invalid(f"each of FaceIds must match {FACE_ID.pattern}")
        return list(dict.fromkeys(found))

    def image(self, name: str = "Image") -> bytes:
        """The bytes of a picture."""
        found = self.values.get(name)
        if not isinstance(found, dict):
            raise invalid(f"{name} is missing")
        if found.get("S3Object") is not None:
            raise Refused("InvalidS3ObjectException", "This service fetches nothing: send the image as Bytes.")
        given = found.get("Bytes")
        if not isinstance(given, str) or not given:
            raise invalid(f"{name} must hold Bytes")
        if len(given) > 4 * (MAX_IMAGE_BYTES // 3 + 1):
            raise Refused("ImageTooLargeException", "Image size is too large; the limit is 5 MB")
        try:
            data = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            raise invalid(f"{name}.Bytes is not base64") from None
        if len(data) > MAX_IMAGE_BYTES:
            raise Refused("ImageTooLargeException", "Image size is too large; the limit is 5 MB")
        return data
