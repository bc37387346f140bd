"""One operation of /v1: its right, its body, its answers; and what stands before each: who asks comes first."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from countenance.api.context import known
from countenance.api.idempotency import HEADER, UNREPEATED, once
from countenance.api.problems import described
from countenance.http.bodies import BodyRefused
from countenance.http.csrf import SAFE
from countenance.http.forms import read_form
from countenance.pipeline.documents import MAX_DOCUMENT_BYTES

M = TypeVar("M", bound=BaseModel)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
ALWAYS: Final = (400, 401, 403, 404, 422, 429, 500, 503)
WITH_BODY: Final = (408, 409, 413, 415)
bodies: Final[list[type[BaseModel]]] = []  # of all operations, for the description


class Guarded(APIRoute):
    """Who asks is known before a byte of the body is read."""

    def get_route_handler(self) -> Handler:
        """FastAPI's own, behind that."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.state.door, request.state.route = "v1", f"/v1{self.path_format}"
            await known(request)
            if request.method in SAFE:
                return await handle(request)
            form = await _read(request)
            try:
                return await once(request, form, handle)
            finally:
                if form is not None:
                    await form.close()

        return guarded


async def _read(request: Request) -> FormData | None:
    """The body is in memory; its form, if it is one. Raises: BodyRefused; WrongUse: a form that can't be read."""
    if _type_of(request) == FORM:
        request.state.form = await read_form(request)
        return request.state.form  # type: ignore[no-any-return]  # just set
    await request.body()
    return None


def _type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def sent(shape: type[M], *, optional: bool = False) -> Any:
    """A dependency: the body, as JSON or as a form; where it is `optional`, all defaults.

    Raises: ValidationError; HTTPException: another type.
    """

    async def read(request: Request) -> M:
        kind = _type_of(request)
        if optional and not kind and not await request.body():
            return shape()
        if kind == JSON:
            return shape.model_validate_json(await request.body(), strict=True)
        if kind == FORM:
            return shape.model_validate(await _fields(request.state.form, shape))
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)

    return Depends(read)


async def _fields(form: FormData, shape: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in form:
        values = [await _value(value) for value in form.getlist(name)]
        field = shape.model_fields.get(name)
        many = field is not None and "list" in str(field.annotation)
        found[name] = values if many else values[0] if len(values) == 1 else values
    return found


async def _value(value: UploadFile | str) -> str | bytes:
    if isinstance(value, str):
        return value
    data = await value.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        detail = f"a file may have {MAX_DOCUMENT_BYTES // 2**20} MB"
        raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return data


def operations(tag: str) -> APIRouter:
    """A router for one subject."""
    return APIRouter(route_class=Guarded, tags=[tag])


def operation(
    router: APIRouter, method: str, path: str, *, answer: Any = None, status: int = 200,
    body: type[BaseModel] | None = None, form: bool = False, optional: bool = False,
    media: Mapping[str, dict[str, Any]] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # fmt: skip
    """Adds a handler to `router`. Its docstring is the description; its name the operationId.

    Args: answer: the shape of a good answer; body: that of what is sent, also as a `form`; optional: it may be left
    out; media: what a good answer is where it is no JSON, by media type.
    """
    statuses = {*ALWAYS, *(WITH_BODY if method not in SAFE else ())}
    responses: dict[int | str, dict[str, Any]] = described(*statuses)
    if media is not None:
        responses[status] = {"description": "As asked for.", "content": dict(media)}
    extra: dict[str, Any] = {}
    if method not in SAFE and path not in UNREPEATED:
        extra["parameters"] = [HEADER]
    if body is not None:
        bodies.append(body)
        schema = {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}
        extra["requestBody"] = {"required": not optional, "content": {JSON: schema, **({FORM: schema} if form else {})}}
    return router.api_route(
        path, methods=[method], response_model=answer, status_code=status, responses=responses,
        response_class=JSONResponse if media is None else Response, openapi_extra=extra or None,
    )  # fmt: skip


def answer(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON document."""
    return _Document(document, status, dict(headers or {}))


class _Document(JSONResponse):
    def render(self, content: Any) -> bytes:
        """UTF-8; a byte of a file name that was no UTF-8 becomes JSON's own escape."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str).encode(
            "utf-8", "backslashreplace"
        )
