"""The Idempotency-Key of a write: the same request under the same key is done once, and answered alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from countenance.api.context import known
from countenance.app.idempotency import Answer
from countenance.errors import WrongUse
from countenance.remedies import Remedy

NAME: Final = "Idempotency-Key"
LONGEST: Final = 200
HEADER: Final[dict[str, Any]] = {
    "name": NAME, "in": "header", "required": False,
    "description": "A unique value for this write, such as a UUID. If you send the write again within a day, it is "
    "done only once, and you get the first answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
}  # fmt: skip
# They change nothing that a second one would change again, and their answers are not to be kept.
UNREPEATED: Final = frozenset({"/search", "/detect", "/compare", "/receipt-checks", "/log/verify"})
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


async def once(request: Request, form: FormData | None, handle: Handler) -> Response:
    """The handler's answer, or the one that it gave before. Raises: OtherRequest, UnderWay, WrongUse."""
    key = request.headers.get(NAME)
    if key is None or request.state.route.removeprefix("/v1") in UNREPEATED:
        return await handle(request)
    if not 0 < len(key) <= LONGEST or not all("!" <= letter <= "~" for letter in key):
        raise WrongUse(
            f"an {NAME} has 1 to {LONGEST} printable ASCII characters and no space, for example a UUID",
            Remedy.USE_NEW_IDEMPOTENCY_KEY,
        )
    ask = await known(request)
    repeats = await ask.call(lambda: ask.home.idempotency)
    digest = repeats.digest(ask.who.id, key)
    before = await ask.call(repeats.begin, digest, await _whole(request, form))
    if before is not None:
        return JSONResponse(before.document, before.status, {"Idempotency-Replayed": "true"})
    try:
        answer = await handle(request)
    except Exception:  # not where it was cut off: then it may have been done
        await ask.call(repeats.drop, digest)
        raise
    await ask.call(repeats.end, digest, Answer(answer.status_code, json.loads(bytes(answer.body))))
    return answer


async def _whole(request: Request, form: FormData | None) -> bytes:
    """What is asked, in one form: a multipart body's boundary is another one each time."""
    parts: list[Any] = [request.method, request.url.path, request.url.query]
    if form is not None:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                parts += [name, hashlib.sha256(await value.read()).hexdigest()]
                await value.seek(0)
            else:
                parts += [name, value]
    else:
        parts.append(hashlib.sha256(await request.body()).hexdigest())
    return json.dumps(parts).encode()
