"""Errors as /v1 answers them: problem documents, whatever went wrong, and never a value that was sent."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from countenance.api.remedies import DOOR
from countenance.errors import CountenanceError
from countenance.http.bodies import BodyRefused
from countenance.http.csrf import SAFE
from countenance.http.problems import MEDIA_TYPE, headers_of, other, problem, response, status_of
from countenance.remedies import Remedy

# What the statuses mean here, for the description.
MEANINGS: Final[Mapping[int, str]] = {
    400: "Wrong use: a value is not valid. The document names it.",
    401: "The access key is missing, unknown, revoked or expired.",
    403: "The key lacks the right, or a gate refused the act. `rules` names the rules.",
    404: "It does not exist, or this key may not see it. The answer is the same for both.",
    408: "The body arrived too slowly.",
    409: "Another request is doing the same work.",
    413: "The body, or a picture in it, is too large.",
    415: "This operation does not accept a body of this type.",
    422: "The request does not match its description, the grant is not valid, or the picture can't be used.",
    429: "Too many requests. Retry after the number of seconds in Retry-After.",
    500: "Internal error. Please report it with the request's ID, which the service's log also has.",
    503: "A disk, a database or the log can't be used. Part of a write may have been done.",
}

# How to go on where an error names no remedy: then its text says what to do, or all that there is to know.
_CORRECT: Final = "correct what `detail` names; GET /v1/openapi.json describes every request"
OTHERWISE: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: _CORRECT,
    HTTPStatus.UNAUTHORIZED: DOOR.text(Remedy.SIGN_IN),
    HTTPStatus.FORBIDDEN: "docs/policy.md explains each of the `rules`, and what it needs",
    HTTPStatus.NOT_FOUND: "check the name or ID that was sent",
    HTTPStatus.CONFLICT: "look first at what the earlier request made",
    HTTPStatus.UNPROCESSABLE_ENTITY: _CORRECT,
    HTTPStatus.TOO_MANY_REQUESTS: "wait for as many seconds as the header Retry-After says, then send it again",
}
# What Pydantic puts into a reason from the description alone: a list's values, limits.
_DESCRIBED: Final = frozenset({"expected", "gt", "ge", "lt", "le", "min_length", "max_length", "pattern", "class_name"})


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of these statuses for the OpenAPI description."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANINGS[status], "content": content} for status in sorted(statuses)}


def install(app: FastAPI) -> None:
    """Every error that leaves an operation is answered so."""
    app.add_exception_handler(CountenanceError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(BodyRefused, _refused)
    app.add_exception_handler(Exception, _bug)


def _id(request: Request) -> str:
    return str(request.state.request_id)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, CountenanceError)
    facts = error.as_dict()
    partly = error.partly and request.method not in SAFE
    if not partly:
        facts.pop("partly", None)
    if int(status_of(error)) >= 500:  # its text may name a database of this machine
        facts = {name: facts[name] for name in ("kind", "partly") if name in facts}
        facts["message"] = "it could not be done here" + ("; part of it may have been done" if partly else "")
        where = _shown_by(request) if partly else ""
        facts |= {"hint": f"GET {where} shows its state"} if where else {"remedy": Remedy.TRY_AGAIN_LATER}
    document = problem(error, DOOR.document(facts), instance=_id(request))
    return response({**document, "hint": document["hint"] or OTHERWISE[status_of(error)]}, headers_of(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    errors = [{"at": ".".join(map(str, each["loc"])), "message": _reason(each)} for each in error.errors()]
    return response({**other(HTTPStatus.UNPROCESSABLE_ENTITY, instance=_id(request)), "errors": errors})


def _reason(each: Mapping[str, Any]) -> str:
    """Why a value does not fit, in full where that can't quote it; else up to the comma, behind which Pydantic may."""
    said, context = str(each["msg"]), each.get("ctx", {})
    if isinstance(context.get("error"), ValueError):  # a check of ours, without Pydantic's words before it
        return str(context["error"])
    if each["type"] == "json_invalid" or context.keys() <= _DESCRIBED:  # a parser of JSON names what it expects
        return said
    return said.partition(",")[0]


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(
            _methods(request, request.scope["path"])
        )  # of all operations there, not of the first alone
    return response(other(HTTPStatus(error.status_code), instance=_id(request)), headers)


def _shown_by(request: Request) -> str:
    """Where to look at what a write changes: the nearest path at or above its own that can be read; "": none."""
    path: str = request.scope["path"]
    while path and "GET" not in _methods(request, path):
        path = path.rpartition("/")[0]
    return path


def _methods(request: Request, path: str) -> list[str]:
    path = path.removeprefix(request.scope.get("root_path", ""))
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    return sorted(
        method.upper() for written, operations in paths.items()
        if compile_path(written)[0].match(path) for method in operations
    )  # fmt: skip


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, BodyRefused)
    return response(other(error.status, instance=_id(request), detail=error.detail), {"connection": "close"})


async def _bug(request: Request, error: Exception) -> Response:
    del error  # the journal writes it down
    return response(other(HTTPStatus.INTERNAL_SERVER_ERROR, instance=_id(request)))
