"""Signatures of requests by AWS Signature Version 4, verified. No AWS code: it is a published algorithm.

A request names an access key and the time, and carries an HMAC over itself under a key that is derived from the secret;
the secret never travels. Checked are the key, the time, the scope and every byte that was signed, in constant time.
Stricter than need be in one thing: the host, the time and every x-amz-* header must be signed, since one that is not
could be changed on the way.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar
from urllib.parse import quote, unquote_to_bytes

W = TypeVar("W")

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
SKEW: Final = timedelta(minutes=5)
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_CREDENTIAL: Final = re.compile(r"([A-Za-z0-9]{1,128})/(\d{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request")
_PART: Final = re.compile(r"\s*([A-Za-z]+)=([^,\s]*)\s*")
_TIME: Final = re.compile(r"\d{8}T\d{6}Z")


class SignatureRefused(Exception):
    """The request is not signed as it must be. `code` and message as AWS words them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What was sent, as it came."""

    method: str
    path: str  # raw, percent-encoded
    query: str
    headers: Sequence[tuple[str, str]]  # any case, in order
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True, slots=True)
class Verified(Generic[W]):
    """A request that is signed by whom it says."""

    who: W
    signature: bytes  # 32 bytes
    at: datetime
    region: str


def verify(
    request: SignedRequest, secret_of: Callable[[str], tuple[str, W] | None], *, service: str, now: datetime
) -> Verified[W]:
    """Who signed the request.

    Args: secret_of: a key's secret and whose it is; None: no such key, or one that counts no more.
    Raises: SignatureRefused.
    """
    said = _parsed(request)
    at = _time(request, said, now)
    if said.service != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'.")
    found = None if request.all("x-amz-security-token") else secret_of(said.key)
    if found is None:
        raise SignatureRefused("UnrecognizedClientException", "The security token included in the request is invalid.")
    secret, who = found
    calculated = signature(request, secret, said.signed, at, said.region, service)
    if not hmac.compare_digest(calculated.encode(), said.signature.encode()):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )
    return Verified(who, bytes.fromhex(calculated), at, said.region)


def signature(
    request: SignedRequest, secret: str, signed: Sequence[str], at: datetime, region: str, service: str
) -> str:
    """The signature of a request, in hexadecimal. Raises SignatureRefused: a hash in a header is not the body's."""
    day, moment = at.strftime("%Y%m%d"), at.strftime("%Y%m%dT%H%M%SZ")
    canonical = "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query),
            *(f"{name}:{','.join(' '.join(value.split()) for value in request.all(name))}" for name in signed),
            "",
            ";".join(signed),
            _payload_hash(request),
        )
    )
    to_sign = "\n".join(
        (ALGORITHM, moment, f"{day}/{region}/{service}/{TERMINATOR}", hashlib.sha256(_bytes(canonical)).hexdigest())
    )
    key = _hmac(_hmac(_hmac(_hmac(b"AWS4" + secret.encode(), day), region), service), TERMINATOR)
    return _hmac(key, to_sign).hex()


@dataclass(frozen=True, slots=True)
class _Said:
    key: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str


def _parsed(request: SignedRequest) -> _Said:
    """What the Authorization header says."""
    given = request.all("authorization")
    if not given:
        raise SignatureRefused("MissingAuthenticationTokenException", "Missing Authentication Token")
    scheme, _, rest = given[0].partition(" ")
    if scheme != ALGORITHM or len(given) > 1:
        raise _incomplete(f"Authorization header requires one value, of the algorithm '{ALGORITHM}'.")
    parts = [_PART.fullmatch(part) for part in rest.split(",")]
    said = {part[1]: part[2] for part in parts if part is not None}
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not said.get(name):
            raise _incomplete(f"Authorization header requires '{name}' parameter.")
    scope = _CREDENTIAL.fullmatch(said["Credential"])
    if scope is None:
        raise _incomplete("Credential must have the form 'ID/date/region/service/aws4_request'.")
    signed = tuple(said["SignedHeaders"].split(";"))
    sent = {name.lower() for name, _ in request.headers}
    if not sent.issuperset(signed) or signed != tuple(sorted(set(signed))):
        raise _mismatch("SignedHeaders must name headers of the request, each once, in order.")
    needed = {"host", *(name for name in sent if name.startswith("x-amz-"))}
    if unsigned := sorted(needed.difference(signed)):
        raise _mismatch(f"There were headers present in the request which were not signed: {', '.join(unsigned)}.")
    key, day, region, service = scope.groups()
    return _Said(key, day, region, service, signed, said["Signature"])


def _time(request: SignedRequest, said: _Said, now: datetime) -> datetime:
    """When it was signed, as the request says."""
    given = request.all("x-amz-date")
    if len(given) != 1 or not _TIME.fullmatch(given[0]):
        raise _incomplete("Authorization header requires existence of an 'X-Amz-Date' header.")
    try:
        at = datetime.strptime(given[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("'X-Amz-Date' is not a time.") from None
    if not given[0].startswith(said.day):
        raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    if abs(now - at) > SKEW:
        state, limit = ("expired", now - SKEW) if at < now else ("not yet current", now + SKEW)
        sign = "<" if at < now else ">"
        raise _mismatch(f"Signature {state}: {given[0]} is now {sign} {limit:%Y%m%dT%H%M%SZ} (5 min.)")
    return at


def _payload_hash(request: SignedRequest) -> str:
    """Of the body; a client may leave it unsigned, and says so in a signed header."""
    actual = hashlib.sha256(request.body).hexdigest()
    given = request.all("x-amz-content-sha256")
    if given == [UNSIGNED]:
        return UNSIGNED
    if given and given != [actual]:
        raise _mismatch("The provided 'x-amz-content-sha256' header does not match what was computed.")
    return actual


def _canonical_path(path: str) -> str:
    """Percent-encoded once more, as every service but S3 has it, without empty or dot segments."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part not in {"", "."}:
            kept.append(part)
    slash = "/" if kept and path.endswith("/") else ""
    return "/" + quote("/".join(kept), safe="/-_.~") + slash


def _canonical_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    encoded = [tuple(quote(unquote_to_bytes(text), safe="-_.~") for text in (name, value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, _bytes(text), hashlib.sha256).digest()


def _mismatch(message: str) -> SignatureRefused:
    return SignatureRefused("InvalidSignatureException", message)


def _incomplete(message: str) -> SignatureRefused:
    return SignatureRefused("IncompleteSignatureException", message)
