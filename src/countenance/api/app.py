"""REST under /v1 as one application. A subject is a module with a `router`; it is named here once."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.types import ASGIApp

import countenance
from countenance.api import access, erasure, guests, orders, persons, problems, requests, search, sources
from countenance.api.operation import FORM, bodies
from countenance.api.pictures import faces, pictures
from countenance.api.shapes import Problem
from countenance.api.upkeep import backups, jobs, log, models, overview, witnesses

SUBJECTS: Final = (
    search,
    faces,
    pictures,
    sources,
    guests,
    jobs,
    persons,
    erasure,
    requests,
    orders,
    access,
    models,
    backups,
    log,
    witnesses,
    overview,
)
_ABOUT: Final = """\
Search the faces of pictures that you have the right to search. Every operation passes the same gates as the command
line, and is recorded in the audit log.

An error is a problem document (RFC 9457). Its `type` ends in the kind of the error. Lists have pages: pass `next` as
`after`. A write can have an `Idempotency-Key`, so that you can send it again safely.
"""


def rest() -> ASGIApp:
    """The application, to be mounted at /v1. Its requests carry the `Service` (http/context.py)."""
    app = FastAPI(
        title="Countenance", version=countenance.__version__, description=_ABOUT, docs_url=None, redoc_url=None,
        openapi_url="/openapi.json", servers=[{"url": "/v1"}], root_path_in_servers=False,
        generate_unique_id_function=lambda route: route.name, redirect_slashes=False,
        license_info={"name": "MIT", "identifier": "MIT"},
    )  # fmt: skip
    problems.install(app)
    for subject in SUBJECTS:
        app.include_router(subject.router)
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(made())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it
    return app


def _complete(document: dict[str, Any]) -> None:
    """Adds the shapes of bodies and of errors, which operations name by reference."""
    shapes = [(shape, "validation") for shape in (*bodies, Problem)]
    _, found = models_json_schema(shapes, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # its modes are Literals
    schemas = document["components"]["schemas"]
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)
    for path in document["paths"].values():
        for described in path.values():
            content = described.get("requestBody", {}).get("content", {})
            if FORM in content:
                name = content[FORM]["schema"]["$ref"].rpartition("/")[2]
                schemas[f"{name}Form"] = _as_form(schemas[name])
                content[FORM] = {"schema": {"$ref": f"#/components/schemas/{name}Form"}}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _as_form(schema: dict[str, Any]) -> dict[str, Any]:
    """The same shape as a form brings it: its files as they are."""

    def plain(part: Any) -> Any:
        if isinstance(part, dict):
            if part.get("contentEncoding") == "base64":
                return {"type": "string", "format": "binary"}
            return {name: plain(value) for name, value in part.items() if name != "examples"}
        return [plain(each) for each in part] if isinstance(part, list) else part

    found: dict[str, Any] = plain(schema)
    return found
