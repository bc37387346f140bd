"""Signatures: what botocore signs is verified, and whatever was changed on the way is refused."""

import base64
import json
import string
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countenance.api.rekognition.sigv4 import SKEW, SignatureRefused, SignedRequest, verify

KEY, SECRET = "CKEYABCDEFGHIJKLMNOP", "s" * 40


@pytest.fixture(scope="session")
def botocore():
    """botocore's signer; without it a test is skipped by name."""
    pytest.importorskip("botocore", reason="botocore is not installed: `make test` does that")
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("signer.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def signed(*, method="POST", path="/", query="", headers=None, body=b"{}", **more):
            asked = {
                "method": method, "url": f"http://faces.example.org{path}{'?' + query if query else ''}",
                "headers": headers or {}, "body": base64.b64encode(body).decode(), "key": KEY, "secret": SECRET,
                "region": "eu-west-1", **more,
            }  # fmt: skip
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            told = json.loads(process.stdout.readline())["headers"]
            return SignedRequest(method, path, query, [*told, ("Host", "faces.example.org")], body)

        yield signed
        process.stdin.close()


def secret_of(key):
    return (SECRET, "who") if key == KEY else None


def checked(request, *, now=None):
    return verify(request, secret_of, service="rekognition", now=now or datetime.now(UTC))


def refused(request, **more):
    with pytest.raises(SignatureRefused) as raised:
        checked(request, **more)
    return raised.value


def without(request, *names):
    return replace(request, headers=[(n, v) for n, v in request.headers if n.lower() not in names])


def with_header(request, name, value):
    return replace(request, headers=[*without(request, name.lower()).headers, (name, value)])


def authorization(request):
    return request.all("authorization")[0]


WORDS = st.text(string.ascii_letters + string.digits + "-_.~ é/+=&%", max_size=12)
PAIRS = st.lists(st.tuples(WORDS.filter(bool), WORDS), max_size=4)
VALUES = st.text(string.ascii_letters + string.digits + "  ,;=-", max_size=20)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    method=st.sampled_from(["POST", "GET"]),
    parts=st.lists(WORDS.filter(lambda word: word.strip(".")), max_size=3),
    pairs=PAIRS,
    values=st.lists(VALUES, max_size=3),
    body=st.binary(max_size=200),
)
def test_what_botocore_signs_is_verified(botocore, method, parts, pairs, values, body):
    path = "/" + "/".join(quote(part, safe="-_.~") for part in parts)
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    headers = {f"X-Amz-Meta-{number}": value for number, value in enumerate(values)}
    request = botocore(method=method, path=path, query=query, headers=headers, body=body)
    found = checked(request)
    assert (found.who, found.region, len(found.signature)) == ("who", "eu-west-1", 32)


@pytest.fixture
def request_(botocore):
    return botocore(headers={"X-Amz-Target": "RekognitionService.ListCollections", "Content-Type": "text/plain"})


def test_whatever_was_changed_on_the_way_is_refused(request_):
    assert checked(request_).who == "who"
    for changed in (
        replace(request_, body=b"{} "),
        replace(request_, method="PUT"),
        replace(request_, path="/other"),
        replace(request_, query="a=b"),
        with_header(request_, "X-Amz-Target", "RekognitionService.DeleteCollection"),
        with_header(request_, "Host", "other.example.org"),
        with_header(request_, "X-Amz-Extra", "not signed"),
        with_header(request_, "Authorization", authorization(request_).replace("eu-west-1", "eu-west-2")),
        replace(request_, headers=[*request_.headers, ("x-amz-target", "RekognitionService.DeleteCollection")]),
    ):
        assert refused(changed).code == "InvalidSignatureException"


def test_each_bit_of_the_signature_counts(request_):
    said = authorization(request_)
    before, signature = said[:-64], bytes.fromhex(said[-64:])
    for bit in range(256):
        forged = before + (int.from_bytes(signature) ^ 1 << bit).to_bytes(32).hex()
        assert refused(with_header(request_, "Authorization", forged)).code == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("", "IncompleteSignatureException"),
        ("Bearer CKEY.secret", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=CKEY/20260101/eu/rekognition/aws4_request, SignedHeaders=, Signature=y",
         "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=CKEY/20260101/eu/rekognition/aws4_request, SignedHeaders=host, Signature=y",
         "InvalidSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=CKEY/20260101/eu/rekognition/aws4_request, SignedHeaders=nowhere, Signature=y",
         "InvalidSignatureException"),
    ],
)  # fmt: skip
def test_a_header_that_says_too_little_is_told_what(request_, said, code):
    request = without(request_, "authorization")
    assert refused(request if said is None else with_header(request, "Authorization", said)).code == code


@given(st.text(max_size=200))
def test_no_header_breaks_the_parser(text):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    headers = [("Authorization", text), ("Host", "x"), ("X-Amz-Date", "20260101T000000Z")]
    assert refused(SignedRequest("POST", "/", "", headers, b""), now=moment).code


def test_a_time_that_is_none_is_refused(request_):
    for said in ("", "20261399T000000Z", "2026-01-01T00:00:00Z"):
        assert refused(with_header(request_, "X-Amz-Date", said)).code == "IncompleteSignatureException"
    assert refused(without(request_, "x-amz-date")).code == "InvalidSignatureException"  # signed, and not there


@pytest.mark.parametrize("sign", [-1, 1])
def test_five_minutes_of_skew_are_borne_and_no_more(botocore, request_, sign):
    at = datetime.strptime(request_.all("x-amz-date")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert checked(request_, now=at + sign * SKEW).at == at
    late = refused(request_, now=at + sign * (SKEW + timedelta(seconds=1)))
    assert late.code == "InvalidSignatureException"
    assert ("Signature expired" if sign > 0 else "Signature not yet current") in late.message


def test_a_key_that_counts_no_more_is_told_as_one_that_never_was(botocore):
    unknown = refused(botocore(key="CKEYNOBODYNOBODYNOBO"))
    assert (unknown.code, unknown.message) == (
        "UnrecognizedClientException", "The security token included in the request is invalid."
    )  # fmt: skip
    token = botocore(headers={"X-Amz-Security-Token": "temporary"})
    assert refused(token).code == "UnrecognizedClientException"


def test_another_services_signature_is_refused(request_):
    forged = with_header(request_, "Authorization", authorization(request_).replace("/rekognition/", "/s3/"))
    assert refused(forged).code == "InvalidSignatureException"


def test_a_body_may_be_left_unsigned_only_where_that_is_signed(botocore):
    body, hidden = b'{"a": 1}', "UNSIGNED-PAYLOAD"
    request = botocore(headers={"X-Amz-Content-SHA256": hidden}, body=body)
    assert checked(replace(request, body=b"{}")).who == "who"
    plain = botocore(body=body)
    assert refused(with_header(plain, "X-Amz-Content-SHA256", hidden)).code == "InvalidSignatureException"
    wrong = botocore(headers={"X-Amz-Content-SHA256": "0" * 64}, body=body)
    assert refused(wrong).code == "InvalidSignatureException"


def test_the_published_example_is_verified():
    """AWS's own: "get-vanilla" of its Signature Version 4 test suite."""
    said = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )
    headers = [("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z"), ("Authorization", said)]
    request = SignedRequest("GET", "/", "", headers, b"")
    found = verify(
        request, lambda key: ("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", key), service="service",
        now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )  # fmt: skip
    assert found.who == "AKIDEXAMPLE"
