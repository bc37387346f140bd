"""Forms, as browsers send them. Files stay in memory: a picture that somebody sends never lies open on a disk."""

from __future__ import annotations

from contextlib import aclosing
from http import HTTPStatus
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from countenance.errors import WrongUse
from countenance.http.bodies import MAX_BODY_BYTES, BodyRefused
from countenance.remedies import Remedy

MAX_FIELDS: Final = 200
MAX_FIELD_BYTES: Final = 64 * 1024
MAX_FILES: Final = 64


class _InMemory(MultiPartParser):
    """Starlette's parser, whose files stay in memory, and no longer than a form that was cut off or given up."""

    spool_max_size = MAX_BODY_BYTES + 1  # Starlette's own is 1 MB; beyond it, a file in /tmp

    async def parse(self) -> FormData:
        """The form. A file of it that never came to its end is closed, whether the body ended or was refused."""
        whole: set[int] = set()
        try:
            form = await super().parse()
            whole = {id(each.file) for _, each in form.multi_items() if isinstance(each, UploadFile)}
            return form
        finally:  # Starlette closes them for its own errors alone
            for file in self._files_to_close_on_error:
                if id(file) not in whole:
                    file.close()


async def read_form(request: Request, *, max_files: int = MAX_FILES) -> FormData:
    """The fields and files of a form; empty for any other body.

    Raises: WrongUse: no form, whatever its type says, or too many parts; BodyRefused: too long or too slow.
    """
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    try:
        async with aclosing(request.stream()) as stream:
            if kind == b"multipart/form-data":
                return await _InMemory(
                    request.headers, stream, max_files=max_files, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
                ).parse()
            if kind == b"application/x-www-form-urlencoded":
                return await FormParser(
                    request.headers, stream, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
                ).parse()
    except MultiPartException as error:
        raise WrongUse(f"the form can't be read: {error.message}", Remedy.RELOAD_PAGE) from error
    except KeyError as error:  # a multipart body that names no boundary
        raise WrongUse("the form can't be read: it names no boundary", Remedy.RELOAD_PAGE) from error
    return FormData()


async def read_file(form: FormData, name: str, *, max_bytes: int) -> bytes:
    """The bytes of the file in that field, b"" if none was chosen. Raises: BodyRefused: longer than `max_bytes`."""
    found = form.get(name)
    if not isinstance(found, UploadFile):
        return b""
    data = await found.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a picture may have {max_bytes // 2**20} MB")
    return data
