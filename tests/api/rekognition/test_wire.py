"""The door below boto3: replays, skew, bodies that are none; and Amazon's own command line."""

import base64
import json
import os
import subprocess

import pytest

from countenance.testing import toy


@pytest.fixture
def client(place):
    return place.client()


def kind(told):
    return told["__type"]


def test_a_replayed_write_is_refused_and_a_read_is_not(place, client, send):
    (done, _, _), (again, told, _) = send(client, "CreateCollection", '{"CollectionId": "once"}', times=2)
    assert (done, again, kind(told)) == (200, 400, "ThrottlingException")
    assert [status for status, _, _ in send(client, "ListCollections", times=2)] == [200, 200]
    client.delete_collection(CollectionId="once")
    with place.home.parts.stores.records.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM signatures").scalar()
    assert kept, "writes are remembered until their signature expires"


def test_a_signature_that_has_expired_or_is_of_another_body_is_refused(client, send):
    for late_s in (-400, 400):
        [(status, told, _)] = send(client, "ListCollections", late_s=late_s)
        assert (status, kind(told)) == (400, "InvalidSignatureException")
    other = base64.b64encode(b'{"MaxResults": 1}').decode()
    [(status, told, _)] = send(client, "ListCollections", body_sent=other)
    assert (status, kind(told)) == (400, "InvalidSignatureException")
    [(status, told, _)] = send(client, "ListCollections", drop=["Authorization"])
    assert (status, kind(told)) == (400, "MissingAuthenticationTokenException")


@pytest.mark.parametrize("body", ["", "[]", "nothing", '{"CollectionId": ', "[" * 100_000, "null"])
def test_a_body_that_is_no_object_is_told_so(client, send, body):
    [(status, told, headers)] = send(client, "DescribeCollection", body)
    assert status == 400
    assert kind(told) in {"SerializationException", "InvalidParameterException"}
    assert headers["x-amzn-requestid"]
    assert "Traceback" not in json.dumps(told)


def test_an_operation_that_is_not_offered_is_told_so(client, send):
    [(status, told, _)] = send(client, "RecognizeCelebrities")
    assert (status, kind(told)) == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    "params",
    [
        {"CollectionId": 7},
        {"CollectionId": "../../etc"},
        {"CollectionId": "a" * 256},
        {"CollectionId": "a\r\nX-Header: b"},
        {"CollectionId": "c", "MaxResults": -1},
        {"CollectionId": "c", "MaxResults": True},
        {"CollectionId": "c", "MaxResults": "all"},
        {"CollectionId": "c", "FaceIds": []},
        {"CollectionId": "c", "FaceIds": ["x"]},
        {"CollectionId": "c", "FaceIds": [{}]},
        {"CollectionId": "c", "UserId": "no spaces"},
        {"CollectionId": "c", "Surprise": 1},
    ],
)
def test_parameters_that_no_client_of_amazons_would_send_are_refused(client, send, params):
    if params["CollectionId"] == "c" and not client.list_collections()["CollectionIds"].count("c"):
        client.create_collection(CollectionId="c")
    [(status, told, headers)] = send(client, "ListFaces", json.dumps(params))
    assert (status, kind(told)) == (400, "InvalidParameterException")
    assert "X-Header" not in headers


def test_bytes_that_are_no_base64_are_refused(client, send):
    [(status, told, _)] = send(client, "DetectFaces", '{"Image": {"Bytes": "no base64!"}}')
    assert (status, kind(told)) == (400, "InvalidParameterException")


def test_the_service_log_names_nobody(client, send, place):
    """Routes and kinds alone: the log lines of the served process are checked by tests of the journal."""
    [(status, _, headers)] = send(client, "ListCollections")
    assert status == 200
    assert headers["content-type"] == "application/x-amz-json-1.1"


def test_amazons_own_command_line(aws, place, client, tmp_path):
    (tmp_path / "may.jpg").write_bytes(toy.picture("may@10,20,60,80"))
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": client.key,
        "AWS_SECRET_ACCESS_KEY": client.secret, "AWS_DEFAULT_REGION": "eu-west-1",
    }  # fmt: skip

    def run(*words):
        command = [aws / "aws", "--endpoint-url", place.url, "rekognition", *words]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    assert json.loads(run("create-collection", "--collection-id", "by-hand").stdout)["StatusCode"] == 200
    done = run("index-faces", "--collection-id", "by-hand", "--image-bytes", "fileb://may.jpg")
    [record] = json.loads(done.stdout)["FaceRecords"]
    assert record["Face"]["FaceId"]
    wrong = run("describe-collection", "--collection-id", "nowhere")
    assert wrong.returncode != 0
    assert "ResourceNotFoundException" in wrong.stderr
    client.delete_collection(CollectionId="by-hand")
