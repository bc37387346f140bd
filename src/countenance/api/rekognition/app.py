"""The Rekognition door: Amazon Rekognition's wire protocol at the service's own address, for programs written for it.

`POST /` with `X-Amz-Target: RekognitionService.Operation` and a JSON body, signed with an access key
(api/rekognition/sigv4.py). A request that changes something is taken once: its signature is remembered, for all worker
processes, until it expires.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from countenance.api.rekognition.operations import OPERATIONS, Asked, Operation
from countenance.api.rekognition.sigv4 import SKEW, SignatureRefused, SignedRequest, Verified, verify
from countenance.api.rekognition.wire import MAX_BODY_BYTES, Params, Refused, refusal_of
from countenance.app.access.identity import Who
from countenance.app.home import Home
from countenance.errors import CountenanceError, NotAllowed, SignInNeeded, TooMany
from countenance.http.authentication import address
from countenance.http.bodies import BodyRefused
from countenance.http.context import Service, service_of
from countenance.http.rates import RateLimit
from countenance.remedies import Remedy

PREFIX: Final = "RekognitionService."
MEDIA_TYPE: Final = "application/x-amz-json-1.1"


A_SECOND: Final = 1.0  # after which a signature made anew is another one


class Received(Refused):
    """A write whose signature was taken already."""

    def __init__(self) -> None:
        super().__init__("ThrottlingException", "This very request was received before; sign it anew to send it again")


class RekognitionDoor(BaseRoute):
    """A route: `POST /` that names an operation of Rekognition's, and nothing else."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """FULL for such a request; what is left goes on to the other doors."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/" and _target(scope):
            return Match.FULL, {}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An answer of the operation's shape, or an error of the protocol's."""
        request = Request(scope, receive)
        request_id = str(scope["state"].setdefault("request_id", str(uuid.uuid4())))
        headers = {"x-amzn-requestid": request_id}
        try:
            answer, status = await _answer(request), 200
        except Refused as refused:
            answer = {"__type": refused.code, "message": refused.message}
            status = refused.status
            headers["x-amzn-errortype"] = refused.code
        body = json.dumps(answer, ensure_ascii=False).encode()
        await Response(body, status, headers, MEDIA_TYPE)(scope, receive, send)


async def _answer(request: Request) -> dict[str, Any]:
    """Raises Refused; what nobody expected goes on to the service's journal."""
    service, state = service_of(request), request.scope["state"]
    name = (_target(request.scope) or "").removeprefix(PREFIX)
    operation = OPERATIONS.get(name)
    state["door"], state["route"] = "rekognition", name if operation else "none"
    if operation is None:
        raise Refused("UnknownOperationException", "This operation is not offered here; see docs/rekognition.md")
    body = await _body(request)
    try:
        verified = await service.call(_verified, service.home, _signed(request, body))
        state["who"] = "key"
        service.rates.take(RateLimit.PROGRAM, verified.who.id)
        return await service.call(_act, service, operation, verified, _params(body))
    except Received:
        await anyio.sleep(A_SECOND)  # clients may try no more than twice, each time at once
        raise
    except SignatureRefused as refused:
        try:
            service.rates.take(RateLimit.PAGES, address(request))  # who guesses is counted by where they come from
        except TooMany as error:
            raise refusal_of(error) from None
        raise Refused(refused.code, refused.message) from None
    except CountenanceError as error:
        refusal = refusal_of(error)
        if refusal.status >= 500:
            raise Refused(refusal.code, f"{refusal.message} ({error.kind})", 500) from None
        raise refusal from None


def _act(service: Service, operation: Operation, verified: Verified[Who], params: Params) -> dict[str, Any]:
    home, who = service.home, verified.who
    if not any(who.may(right) for right in operation.rights):
        raise NotAllowed(
            f"this access key does not have the right {str(operation.rights[0])!r}", Remedy.USE_ANOTHER_KEY
        )
    params.known(operation.params)
    if operation.writes:
        _take_once(home, verified)
    return operation.act(Asked(home, who, verified.region, params))


def _take_once(home: Home, verified: Verified[Who]) -> None:
    """Raises Received.

    Signatures count in seconds, so a program that asks the same twice in one second signs the same twice: it is told
    to come again, a second later, which clients do by themselves. A replay stays refused until it expires.
    """
    if not home.access_keys.register_signature(verified.signature, verified.at + 2 * SKEW):
        raise Received


def _verified(home: Home, request: SignedRequest) -> Verified[Who]:
    def secret_of(key: str) -> tuple[str, Who] | None:
        try:
            return home.access_keys.signing(key)
        except SignInNeeded:
            return None

    verified = verify(request, secret_of, service="rekognition", now=home.now())
    home.access_keys.used(_key_of(request))
    return verified


def _key_of(request: SignedRequest) -> str:
    return request.all("authorization")[0].partition("Credential=")[2].partition("/")[0]


def _signed(request: Request, body: bytes) -> SignedRequest:
    scope = request.scope
    headers = [(name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in scope["headers"]]
    path = scope.get("raw_path") or scope["path"].encode()
    return SignedRequest(request.method, path.decode("latin-1"), scope["query_string"].decode("latin-1"), headers, body)


async def _body(request: Request) -> bytes:
    """All of it. Raises Refused: longer than any request of this protocol; told before it is read, if it says so."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise _too_long()
    parts: list[bytes] = []
    length = 0
    try:
        async for part in request.stream():
            length += len(part)
            if length > MAX_BODY_BYTES:
                raise _too_long()
            parts.append(part)
    except BodyRefused as refused:
        raise Refused("RequestTimeoutException", refused.detail, int(refused.status)) from None
    return b"".join(parts)


def _too_long() -> Refused:
    return Refused("ImageTooLargeException", "The request is too large; an image may have 5 MB")


def _params(body: bytes) -> Params:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise Refused("SerializationException", "The body is not a JSON object")
    return Params(found)


def _target(scope: Scope) -> str | None:
    """The X-Amz-Target header, of an operation of Rekognition's."""
    for name, value in scope["headers"]:
        if name == b"x-amz-target":
            target: str = value.decode("latin-1")
            return target if target.startswith(PREFIX) else None
    return None
