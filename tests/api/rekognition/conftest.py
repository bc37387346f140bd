"""A served home with toy eyes and boto3, each in a process of its own: no socket is opened here."""

import base64
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from countenance.app.home import open_home
from countenance.testing import toy
from support.disk_home import toy_eyes

HERE = Path(__file__).parent
AWS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def aws():
    """Where `aws` and a Python with boto3 are; without them a test is skipped by name."""
    if not (AWS / "aws").exists():
        pytest.skip("boto3 and awscli are not installed: `make test` does that")
    return AWS


class Refusal(Exception):
    """An error that the client raised."""

    def __init__(self, told):
        super().__init__(told)
        self.code, self.message, self.status = told["error"], told["message"], told["status"]


@dataclass
class Client:
    """boto3's client with one access key."""

    process: subprocess.Popen
    endpoint: str
    key: str
    secret: str

    def __getattr__(self, call):
        def asked(**params):
            return self.told(call, params)["answer"]

        return asked

    def told(self, call, params, **more):
        """The whole of what the driver says; every answer fits botocore's description."""
        asked = {"endpoint": self.endpoint, "key": self.key, "secret": self.secret, "call": call, "params": params}
        self.process.stdin.write(json.dumps({**asked, **more}, default=_bytes) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert told["faults"] == []
        if "error" in told:
            raise Refusal(told)
        return told

    def refused(self, code, call, **params):
        """The refusal, which is of that name."""
        with pytest.raises(Refusal) as raised:
            self.told(call, params)
        assert raised.value.code == code, raised.value
        return raised.value


def _bytes(value):
    assert isinstance(value, bytes)
    return {"base64": base64.b64encode(value).decode()}


@pytest.fixture(scope="session")
def boto(aws):
    """The process in which boto3 runs."""
    with subprocess.Popen(
        [aws / "python", HERE / "client.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@dataclass
class Place:
    """A home that is served, and keys to it."""

    home: object
    boto: subprocess.Popen
    url: str = ""

    def client(self, **bound):
        """boto3 with a new key. By default it may do everything, under the household's album."""
        bound = {"rights": ["search", "collect", "people"], "source": "album", **bound}
        made = self.home.access_keys.make("program", **bound)
        return Client(self.boto, self.url, made.key.key, made.secret)


def serve(path, keyfile):
    return subprocess.Popen(
        [sys.executable, HERE / "server.py", path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COUNTENANCE_KEYFILE": str(keyfile)},
    )


@pytest.fixture(scope="module")  # and no longer: its toy eyes would be those of every later test
def places(tmp_path_factory, boto):
    """Opens a served home of either kind, once a module."""
    opened, running = {}, []
    with toy_eyes(), pytest.MonkeyPatch.context() as patch:

        def place(kind):
            if kind not in opened:
                root = tmp_path_factory.mktemp(kind)
                patch.setenv("COUNTENANCE_KEYFILE", str(root / "keys" / f"{kind}.key"))
                home = open_home(root / "home", kind=kind)
                (root / "album").mkdir()
                (root / "album" / "zoe.jpg").write_bytes(toy.picture("zoe@10,20,60,80"))
                (root / "deed.txt").write_text("a deed of gift")
                grant = {"basis": "household"}
                if kind == "organisation":
                    grant = {"basis": "historical", "purposes": ["archive-description"], "evidence": root / "deed.txt"}
                home.add_source("album", root / "album", jurisdiction="CA-ON", **grant)
                home.ingest()
                process = serve(root / "home", root / "keys" / f"{kind}.key")
                running.append((home, process))
                opened[kind] = Place(home, boto, f"http://127.0.0.1:{process.stdout.readline().strip()}")
            return opened[kind]

        yield place
        for home, process in running:
            home.close()
            process.send_signal(signal.SIGTERM)
            process.communicate()


@pytest.fixture
def place(places):
    """A household's."""
    return places("household")


@pytest.fixture
def office(places):
    """An organisation's."""
    return places("organisation")


@pytest.fixture(scope="session")
def send(aws):
    """Signs a request with botocore and sends it so many times, unchanged: (status, what was told, headers) of each."""
    with subprocess.Popen(
        [aws / "python", HERE.parent / "signer.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def sent(client, operation, body="{}", *, times=1, **more):
            headers = {"X-Amz-Target": f"RekognitionService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
            asked = {
                "method": "POST", "url": f"{client.endpoint}/", "headers": headers, "key": client.key,
                "body": base64.b64encode(body.encode()).decode(), "secret": client.secret, "region": "eu-west-1",
                "send": times, **more,
            }  # fmt: skip
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answers = json.loads(process.stdout.readline())["answers"]
            return [(answer["status"], answer["told"], answer["headers"]) for answer in answers]

        yield sent
        process.stdin.close()
