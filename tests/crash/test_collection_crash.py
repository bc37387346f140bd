"""The Rekognition door killed at any point: what was acknowledged holds; what was cut short is done by asking again."""

import base64

import pytest

from countenance.api.rekognition.operations import OPERATIONS, Asked
from countenance.api.rekognition.wire import Params
from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles
from support.disk_home import held_by, opened

HERS = "handed-in-zenobia"
IMAGE = {"Bytes": base64.b64encode(picture(f"{HERS}@10,20,60,80")).decode()}
INDEX = {"CollectionId": "c", "Image": IMAGE, "ExternalImageId": "a.jpg"}


def ask(home, token, operation, **params):
    return OPERATIONS[operation].act(Asked(home, home.access_keys.bearer(token), "eu-west-1", Params(params)))


def faces(home, token):
    return [face["FaceId"] for face in ask(home, token, "ListFaces", CollectionId="c")["Faces"]]


@pytest.fixture
def place(tmp_path):
    """(home, access key): an empty collection."""
    (tmp_path / "album").mkdir()
    with opened(tmp_path / "home", "household") as home:
        home.add_source("album", tmp_path / "album", basis="household", jurisdiction="CA-ON")
        token = home.access_keys.make("program", rights=["search", "collect", "people"], source="album").token
        ask(home, token, "CreateCollection", CollectionId="c")
    return tmp_path / "home", token


def whole(home):
    home.ingest()  # sweeps
    held_by(home)  # no key and no blob that nothing names
    home.verify_log()


def test_indexing_killed_at_every_point(place, breaker):
    path, token = place

    def check(copy, ran):
        with opened(copy) as home:
            there = faces(home, token)
            assert len(there) <= 1
            if ran.acknowledged:
                [record] = ran.told[0]["FaceRecords"]
                assert there == [record["Face"]["FaceId"]]
            [again] = ask(home, token, "IndexFaces", **INDEX)["FaceRecords"]
            assert again["Face"]["FaceId"] in faces(home, token)
            assert ask(home, token, "SearchFacesByImage", CollectionId="c", Image=IMAGE)["FaceMatches"]
            whole(home)

    breaker.everywhere(path, "by_amazons_door", token, "IndexFaces", INDEX, at_least=40, then=check, kills=2)


def test_deleting_killed_at_every_point(place, breaker):
    path, token = place
    with opened(path) as home:
        [record] = ask(home, token, "IndexFaces", **INDEX)["FaceRecords"]
        keyfile = home.parts.keyfile
    delete = {"CollectionId": "c", "FaceIds": [record["Face"]["FaceId"]]}

    def check(copy, ran):
        with opened(copy) as home:
            if ran.acknowledged:
                assert faces(home, token) == []
            if faces(home, token):
                assert ask(home, token, "DeleteFaces", **delete)["DeletedFaces"] == delete["FaceIds"]
            assert faces(home, token) == []
            home.parts.engine().eraser.resume()
            whole(home)
        assert Thief(keyfile, copy).find(face_needles(HERS)) == {}

    breaker.everywhere(path, "by_amazons_door", token, "DeleteFaces", delete, at_least=27, then=check, kills=2)
