"""Errors as HTTP tells them: a status for each kind, and the problem document of RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

from countenance.errors import CountenanceError, TooMany

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:countenance:problem:"  # followed by the error's kind (docs/errors.md)

# What is not here is given by its exit code (errors.py): 1 failed, 2 wrong use, 3 refused, 4 not found.
_STATUS: Final[Mapping[str, HTTPStatus]] = {
    "storage_failed": HTTPStatus.SERVICE_UNAVAILABLE,
    "log_unwritable": HTTPStatus.SERVICE_UNAVAILABLE,
    "home_busy": HTTPStatus.CONFLICT,
    "under_way": HTTPStatus.CONFLICT,
    "other_request": HTTPStatus.UNPROCESSABLE_ENTITY,
    "grant_invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "bad_picture": HTTPStatus.UNPROCESSABLE_ENTITY,
    "several_faces": HTTPStatus.UNPROCESSABLE_ENTITY,
    "no_face": HTTPStatus.UNPROCESSABLE_ENTITY,
    "receipt_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "sign_in_needed": HTTPStatus.UNAUTHORIZED,
    "too_many": HTTPStatus.TOO_MANY_REQUESTS,
}
_BY_EXIT_CODE: Final[Mapping[int, HTTPStatus]] = {
    1: HTTPStatus.INTERNAL_SERVER_ERROR,
    2: HTTPStatus.BAD_REQUEST,
    3: HTTPStatus.FORBIDDEN,
    4: HTTPStatus.NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class Other:
    """A problem that is no error of ours: HTTP itself refuses, or there is a bug."""

    kind: str
    detail: str  # unless whoever refuses knows more
    hint: str


OTHERS: Final[Mapping[HTTPStatus, Other]] = {
    HTTPStatus.NOT_FOUND: Other(
        "not_found", "there is nothing at this path", "GET /v1/openapi.json lists the paths of the API"
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Other(
        "method_not_allowed", "this path does not accept this method", "use a method that the header Allow names"
    ),
    HTTPStatus.REQUEST_TIMEOUT: Other("too_slow", "the body came too slowly", "send it again, without a pause"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Other("too_large", "the body is too large", "send a smaller file"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Other(
        "unsupported_type", "the body is missing, or of a type that is not accepted here",
        "send JSON as application/json, or a form as multipart/form-data",
    ),
    HTTPStatus.MISDIRECTED_REQUEST: Other(
        "other_host", "this service does not answer to that name", "ask its operator for its address"
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: Other(
        "invalid", "the request does not fit its description", "GET /v1/openapi.json describes every request"
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Other(
        "internal", "something went wrong here", "report it, please, with `instance`: the service's log has it too"
    ),
}  # fmt: skip


def status_of(error: CountenanceError) -> HTTPStatus:
    """The status that this error is answered with."""
    return _STATUS.get(error.kind, _BY_EXIT_CODE[error.exit_code])


def headers_of(error: CountenanceError) -> dict[str, str]:
    """Headers that go with it: when to come back, how to sign in (RFC 9110 sections 10.2.3 and 11.6.1)."""
    if isinstance(error, TooMany):
        return {"Retry-After": str(int(error.after_s) + 1)}
    if status_of(error) is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="countenance"'}
    return {}


def problem(error: CountenanceError, worded: Mapping[str, Any], *, instance: str) -> dict[str, Any]:
    """The problem document; `hint` and whatever else the error carries are its extension members.

    Args: worded: the error as a door words it; instance: the request's id, as a URN; it is also in the service's log.
    """
    members = dict(worded)
    kind, message = members.pop("kind"), members.pop("message")
    return {
        "type": f"{TYPE}{kind}",
        "title": _title(str(kind)),
        "status": int(status_of(error)),
        "detail": message,
        "instance": f"urn:uuid:{instance}",
        **members,
    }


def other(status: HTTPStatus, *, instance: str, detail: str = "") -> dict[str, Any]:
    """The problem document of what is no error of ours. detail: what is known beyond the kind."""
    found = OTHERS[status]
    return {
        "type": f"{TYPE}{found.kind}", "title": _title(found.kind), "status": int(status),
        "detail": detail or found.detail, "hint": found.hint, "instance": f"urn:uuid:{instance}",
    }  # fmt: skip


def response(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem document as an answer."""
    return JSONResponse(dict(document), int(document["status"]), headers, MEDIA_TYPE)


def _title(kind: str) -> str:
    return kind.replace("_", " ").capitalize()
