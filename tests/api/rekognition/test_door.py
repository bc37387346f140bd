"""boto3, unmodified, against the service: every operation, every answer checked against botocore's own description."""

import itertools
import uuid

import pytest

from countenance.testing import toy
from support.disk_home import held_by

ALICE = toy.picture("alice@10,20,60,80")
BOTH = toy.picture("alice~@10,20,60,80", "bob@100,20,150,80")
NOBODY = toy.picture("#garden")
NUMBERS = itertools.count()


def fresh():
    return f"c{next(NUMBERS)}"


@pytest.fixture
def client(place):
    return place.client()


@pytest.fixture
def collection(client):
    name = fresh()
    client.create_collection(CollectionId=name)
    return name


def test_a_collection_is_made_described_listed_and_deleted(client):
    name = fresh()
    made = client.create_collection(CollectionId=name)
    assert made["StatusCode"] == 200
    assert made["CollectionArn"].endswith(f"collection/{name}")
    client.refused("ResourceAlreadyExistsException", "create_collection", CollectionId=name)
    about = client.describe_collection(CollectionId=name)
    assert (about["FaceCount"], about["UserCount"]) == (0, 0)
    assert name in client.list_collections()["CollectionIds"]
    assert client.delete_collection(CollectionId=name)["StatusCode"] == 200
    assert client.refused("ResourceNotFoundException", "describe_collection", CollectionId=name).status == 400


def test_a_collection_is_a_source_under_a_copy_of_the_grant(place, office):
    for where, bound in ((place, {}), (office, {"purpose": "archive-description", "case": "2026-17"})):
        client, name = where.client(**bound), fresh()
        client.create_collection(CollectionId=name)
        [source] = [s for s in where.home.sources() if s.name.startswith(f"{name} (")]
        origin = where.home.source("album")
        assert source.kind == "upload"
        assert source.grant.id != origin.grant.id
        for what in ("basis", "jurisdictions", "purposes", "expires_at", "evidence_sha256"):
            assert getattr(source.grant, what) == getattr(origin.grant, what), what
        client.delete_collection(CollectionId=name)


def test_faces_are_indexed_found_listed_and_deleted(client, collection):
    done = client.index_faces(CollectionId=collection, Image={"Bytes": ALICE}, ExternalImageId="aunt:1",
                              DetectionAttributes=["ALL"])  # fmt: skip
    [record] = done["FaceRecords"]
    assert done["UnindexedFaces"] == []
    face = record["Face"]
    assert face["ExternalImageId"] == "aunt:1"
    assert face["BoundingBox"] == pytest.approx(
        {"Left": 10 / 640, "Top": 20 / 480, "Width": 50 / 640, "Height": 60 / 480}
    )
    assert {point["Type"] for point in record["FaceDetail"]["Landmarks"]} == {
        "eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"
    }  # fmt: skip
    again = client.index_faces(CollectionId=collection, Image={"Bytes": ALICE})
    assert again["FaceRecords"][0]["Face"]["FaceId"] == face["FaceId"]
    found = client.search_faces_by_image(CollectionId=collection, Image={"Bytes": toy.picture("alice~@1,1,50,50")})
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [face["FaceId"]]
    assert 80 <= found["FaceMatches"][0]["Similarity"] <= 100
    assert [each["FaceId"] for each in client.list_faces(CollectionId=collection)["Faces"]] == [face["FaceId"]]
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 1
    nowhere = str(uuid.uuid4())
    gone = client.delete_faces(CollectionId=collection, FaceIds=[face["FaceId"], nowhere])
    assert gone["DeletedFaces"] == [face["FaceId"]]
    assert gone["UnsuccessfulFaceDeletions"] == [{"FaceId": nowhere, "Reasons": ["FACE_NOT_FOUND"]}]
    assert client.search_faces_by_image(CollectionId=collection, Image={"Bytes": ALICE})["FaceMatches"] == []
    assert len(client.index_faces(CollectionId=collection, Image={"Bytes": ALICE})["FaceRecords"]) == 1


def test_only_the_collection_is_searched(client, collection):
    zoe = toy.picture("zoe~@1,1,50,50")
    assert client.search_faces_by_image(CollectionId=collection, Image={"Bytes": zoe})["FaceMatches"] == []


def test_the_largest_face_is_searched_for_and_others_are_named(client, collection):
    client.index_faces(CollectionId=collection, Image={"Bytes": ALICE})
    probe = toy.picture("bob@1,1,20,20", "alice~@100,100,200,220")
    found = client.search_faces_by_image(CollectionId=collection, Image={"Bytes": probe})
    assert found["SearchedFaceBoundingBox"]["Left"] == pytest.approx(100 / 640)
    assert len(found["FaceMatches"]) == 1
    by_user = client.search_users_by_image(CollectionId=collection, Image={"Bytes": probe})
    assert [each["Reasons"] for each in by_user["UnsearchedFaces"]] == [["FACE_NOT_LARGEST"]]


def test_a_face_finds_others_and_not_itself(client, collection):
    one = client.index_faces(CollectionId=collection, Image={"Bytes": ALICE})["FaceRecords"][0]["Face"]["FaceId"]
    two = client.index_faces(CollectionId=collection, Image={"Bytes": toy.picture("alice~@30,30,80,90")})
    two = two["FaceRecords"][0]["Face"]["FaceId"]
    found = client.search_faces(CollectionId=collection, FaceId=one)
    assert found["SearchedFaceId"] == one
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [two]
    client.refused("InvalidParameterException", "search_faces", CollectionId=collection, FaceId=str(uuid.uuid4()))


def test_a_face_of_another_collection_is_told_as_none(place, client, collection):
    other = fresh()
    client.create_collection(CollectionId=other)
    uid = client.index_faces(CollectionId=other, Image={"Bytes": toy.picture("eve@10,20,60,80")})
    uid = uid["FaceRecords"][0]["Face"]["FaceId"]
    nowhere = str(uuid.uuid4())
    said = [
        client.refused(
            "InvalidParameterException", "search_faces", CollectionId=collection, FaceId=each
        ).message.replace(each, "")
        for each in (uid, nowhere)
    ]
    assert said[0] == said[1]
    failed = client.delete_faces(CollectionId=collection, FaceIds=[uid, nowhere])["UnsuccessfulFaceDeletions"]
    assert [each["Reasons"] for each in failed] == [["FACE_NOT_FOUND"]] * 2
    zoe = place.home.search(toy.picture("zoe@1,1,50,50")).leads[0].face_id
    assert client.delete_faces(CollectionId=collection, FaceIds=[zoe])["UnsuccessfulFaceDeletions"]
    assert place.home.crop(zoe)


def test_a_face_that_stands_in_two_collections_outlives_one(client, collection):
    other, shared = fresh(), toy.picture("shared@10,20,60,80")
    client.create_collection(CollectionId=other)
    ids = {client.index_faces(CollectionId=c, Image={"Bytes": shared})["FaceRecords"][0]["Face"]["FaceId"]
           for c in (collection, other)}  # fmt: skip
    [uid] = ids
    assert client.delete_faces(CollectionId=collection, FaceIds=[uid])["DeletedFaces"] == [uid]
    assert client.list_faces(CollectionId=collection)["Faces"] == []
    assert [face["FaceId"] for face in client.list_faces(CollectionId=other)["Faces"]] == [uid]


def test_at_most_so_many_faces_are_indexed_the_largest_first(client, collection):
    image = toy.picture("ann@10,20,60,80", "ben@100,20,200,180")
    done = client.index_faces(CollectionId=collection, Image={"Bytes": image}, MaxFaces=1)
    assert done["FaceRecords"][0]["Face"]["BoundingBox"]["Left"] == pytest.approx(100 / 640)
    assert [each["Reasons"] for each in done["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]]
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 1
    probe = toy.picture("ann@1,1,50,50")
    assert client.search_faces_by_image(CollectionId=collection, Image={"Bytes": probe})["FaceMatches"] == []


def test_what_policy_keeps_out_has_one_reason_whatever_the_rule(place, client, collection):
    image = toy.picture("kept@10,20,60,80", "tiny@300,300,305,306")
    first = client.index_faces(CollectionId=collection, Image={"Bytes": image})
    assert [each["Reasons"] for each in first["UnindexedFaces"]] == [["SMALL_BOUNDING_BOX"]]
    place.home.erase(face=first["FaceRecords"][0]["Face"]["FaceId"])
    erased = client.index_faces(CollectionId=collection, Image={"Bytes": image})
    assert erased["FaceRecords"] == []
    reasons = {tuple(each["Reasons"]) for each in erased["UnindexedFaces"]}
    assert reasons == {("LOW_CONFIDENCE",), ("SMALL_BOUNDING_BOX",)}
    whole = toy.picture("whole@10,20,60,80")
    found = client.index_faces(CollectionId=collection, Image={"Bytes": whole})["FaceRecords"][0]["Face"]
    place.home.erase(picture=found["ImageId"])
    kept_out = client.index_faces(CollectionId=collection, Image={"Bytes": whole})
    assert [each["Reasons"] for each in kept_out["UnindexedFaces"]] == [["LOW_CONFIDENCE"]]


def test_pictures_are_compared_without_a_collection(client):
    done = client.compare_faces(SourceImage={"Bytes": ALICE}, TargetImage={"Bytes": BOTH})
    assert len(done["FaceMatches"]) == 1
    assert len(done["UnmatchedFaces"]) == 1
    everything = client.compare_faces(SourceImage={"Bytes": ALICE}, TargetImage={"Bytes": BOTH}, SimilarityThreshold=0)
    assert len(everything["FaceMatches"]) == 2
    client.refused(
        "InvalidParameterException", "compare_faces", SourceImage={"Bytes": NOBODY}, TargetImage={"Bytes": ALICE}
    )


def test_faces_are_detected_and_nothing_is_guessed_about_them(client):
    [one, two] = client.detect_faces(Image={"Bytes": BOTH}, Attributes=["ALL"])["FaceDetails"]
    assert one.keys() == two.keys() == {"BoundingBox", "Confidence", "Landmarks", "Quality"}
    assert client.detect_faces(Image={"Bytes": NOBODY})["FaceDetails"] == []


def test_users_are_persons(place, client, collection):
    client.create_user(CollectionId=collection, UserId="alice")
    client.create_user(CollectionId=collection, UserId="bob")
    client.refused("ConflictException", "create_user", CollectionId=collection, UserId="alice")
    assert client.list_users(CollectionId=collection)["Users"] == [
        {"UserId": "alice", "UserStatus": "CREATED"}, {"UserId": "bob", "UserStatus": "CREATED"}
    ]  # fmt: skip
    faces = [client.index_faces(CollectionId=collection, Image={"Bytes": toy.picture(f"{who}@10,20,{60 + n},80")})
             ["FaceRecords"][0]["Face"]["FaceId"] for n, who in enumerate(("alice", "alice~", "bob"))]  # fmt: skip
    nowhere = str(uuid.uuid4())
    done = client.associate_faces(CollectionId=collection, UserId="alice", FaceIds=[*faces[:2], nowhere])
    assert [each["FaceId"] for each in done["AssociatedFaces"]] == faces[:2]
    assert done["UnsuccessfulFaceAssociations"] == [{"FaceId": nowhere, "Reasons": ["FACE_NOT_FOUND"]}]
    assert done["UserStatus"] == "ACTIVE"
    taken = client.associate_faces(CollectionId=collection, UserId="bob", FaceIds=[faces[0], faces[2]])
    assert taken["UnsuccessfulFaceAssociations"] == [
        {"FaceId": faces[0], "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"], "UserId": "alice"}
    ]
    assert {person.name: person.faces for person in place.home.people.all()} == {"alice": 2, "bob": 1}
    assert {f["FaceId"] for f in client.list_faces(CollectionId=collection, UserId="alice")["Faces"]} == set(faces[:2])
    found = client.search_users_by_image(CollectionId=collection, Image={"Bytes": toy.picture("alice@1,1,50,50")})
    assert [match["User"]["UserId"] for match in found["UserMatches"]] == ["alice"]
    by_face = client.search_users(CollectionId=collection, FaceId=faces[0])
    assert [match["User"] for match in by_face["UserMatches"]] == [{"UserId": "alice", "UserStatus": "ACTIVE"}]
    assert client.search_users(CollectionId=collection, UserId="alice")["UserMatches"] == []
    stuck = client.delete_faces(CollectionId=collection, FaceIds=[faces[0]])
    assert stuck["UnsuccessfulFaceDeletions"][0]["Reasons"] == ["ASSOCIATED_TO_AN_EXISTING_USER"]
    parted = client.disassociate_faces(CollectionId=collection, UserId="alice", FaceIds=[faces[1], faces[2]])
    assert [each["FaceId"] for each in parted["DisassociatedFaces"]] == [faces[1]]
    assert parted["UnsuccessfulFaceDisassociations"][0]["Reasons"] == ["ASSOCIATED_TO_A_DIFFERENT_USER"]
    client.delete_user(CollectionId=collection, UserId="alice")
    client.refused("ResourceNotFoundException", "delete_user", CollectionId=collection, UserId="alice")
    assert client.delete_faces(CollectionId=collection, FaceIds=[faces[0]])["DeletedFaces"] == [faces[0]]
    assert [user["UserId"] for user in client.list_users(CollectionId=collection)["Users"]] == ["bob"]


def test_lists_come_in_pages_and_a_token_fits_its_own_list_alone(client, collection):
    ids = [client.index_faces(CollectionId=collection, Image={"Bytes": toy.picture(f"p{n}@10,20,60,80")})
           ["FaceRecords"][0]["Face"]["FaceId"] for n in range(3)]  # fmt: skip
    first = client.list_faces(CollectionId=collection, MaxResults=2)
    rest = client.list_faces(CollectionId=collection, MaxResults=2, NextToken=first["NextToken"])
    assert [face["FaceId"] for face in first["Faces"] + rest["Faces"]] == ids
    assert "NextToken" not in rest
    for token in (first["NextToken"][:-4] + "AAAA", "x", "é" * 9):
        client.refused("InvalidPaginationTokenException", "list_faces", CollectionId=collection, NextToken=token)
    client.refused(
        "InvalidPaginationTokenException", "list_users", CollectionId=collection, NextToken=first["NextToken"]
    )


@pytest.mark.parametrize(
    ("code", "call", "params"),
    [
        ("ResourceNotFoundException", "list_faces", {"CollectionId": "nowhere"}),
        ("InvalidParameterException", "create_collection", {"CollectionId": "no spaces"}),
        ("InvalidParameterException", "create_collection", {"CollectionId": "tagged", "Tags": {"a": "b"}}),
        ("InvalidImageFormatException", "detect_faces", {"Image": {"Bytes": b"no picture"}}),
        ("InvalidS3ObjectException", "detect_faces", {"Image": {"S3Object": {"Bucket": "bucket", "Name": "face.jpg"}}}),
        ("ImageTooLargeException", "detect_faces", {"Image": {"Bytes": b"x" * (5 * 2**20 + 1)}}),
        ("ImageTooLargeException", "detect_faces", {"Image": {"Bytes": b"x" * (12 * 2**20)}}),
        ("InvalidParameterException", "detect_faces", {"Image": {}}),
    ],
)
def test_what_is_wrong_is_said_in_the_protocols_words(client, code, call, params):
    assert client.refused(code, call, **params).status == 400


def test_a_picture_without_a_face_is_refused_as_a_probe(client, collection):
    client.refused(
        "InvalidParameterException", "search_faces_by_image", CollectionId=collection, Image={"Bytes": NOBODY}
    )
    assert client.index_faces(CollectionId=collection, Image={"Bytes": NOBODY})["FaceRecords"] == []


def test_a_key_does_what_it_may_and_no_more(place, office):
    searcher = place.client(rights=["search"])
    assert searcher.refused("AccessDeniedException", "create_collection", CollectionId=fresh()).status == 400
    unbound = place.client(source=None)
    unbound.refused("AccessDeniedException", "create_collection", CollectionId=fresh())
    unbound.refused("AccessDeniedException", "list_collections")
    assert unbound.detect_faces(Image={"Bytes": ALICE})["FaceDetails"]
    purposeless, name = office.client(case="2026-17"), fresh()
    purposeless.create_collection(CollectionId=name)
    purposeless.refused("AccessDeniedException", "search_faces_by_image", CollectionId=name, Image={"Bytes": ALICE})
    purposeless.refused(
        "AccessDeniedException", "compare_faces", SourceImage={"Bytes": ALICE}, TargetImage={"Bytes": ALICE}
    )


def test_a_clients_collections_are_not_there_for_another(office):
    for name in ("gazette", "courier"):
        office.home.clients.add(name, client_class="archive", jurisdiction="FR")
    bound = {"purpose": "archive-description", "case": "2026-17"}
    mine, theirs = (office.client(client=name, **bound) for name in ("gazette", "courier"))
    mine.create_collection(CollectionId="ours")
    mine.index_faces(CollectionId="ours", Image={"Bytes": ALICE})
    assert mine.search_faces_by_image(CollectionId="ours", Image={"Bytes": ALICE})["FaceMatches"]
    assert theirs.list_collections()["CollectionIds"] == []
    theirs.refused("ResourceNotFoundException", "list_faces", CollectionId="ours")
    theirs.create_collection(CollectionId="ours")
    assert theirs.list_faces(CollectionId="ours")["Faces"] == []
    office.home.clients.end("gazette")
    mine.refused("AccessDeniedException", "search_faces_by_image", CollectionId="ours", Image={"Bytes": ALICE})
    assert mine.list_faces(CollectionId="ours")["Faces"] == []


def test_the_end_of_the_grant_is_the_end_of_what_stands_under_its_copies(place):
    folder = place.home.path.parent / "second"
    folder.mkdir()
    place.home.add_source("second", folder, basis="household", jurisdiction="CA-ON")
    client = place.client(source="second")
    client.create_collection(CollectionId="short")
    client.index_faces(CollectionId="short", Image={"Bytes": toy.picture("sue@10,20,60,80")})
    place.home.suspend("second")
    client.refused("AccessDeniedException", "search_faces_by_image", CollectionId="short", Image={"Bytes": ALICE})
    client.refused("AccessDeniedException", "index_faces", CollectionId="short", Image={"Bytes": ALICE})
    place.home.resume("second")
    assert len(client.list_faces(CollectionId="short")["Faces"]) == 1
    place.home.takedown("second")
    client.refused("AccessDeniedException", "list_collections")


def test_revoked_and_unknown_keys_and_wrong_secrets_are_refused(place, client):
    from dataclasses import replace

    assert client.list_collections()
    replace(client, secret="x" * 40).refused("InvalidSignatureException", "list_collections")
    replace(client, key="CKEYUNKNOWN").refused("UnrecognizedClientException", "list_collections")
    place.home.access_keys.revoke(client.key)
    client.refused("UnrecognizedClientException", "list_collections")


def test_each_answer_has_an_id_of_its_own(client):
    ids = {client.told("list_collections", {})["id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(uuid.UUID(each) for each in ids)


def test_a_grant_that_names_people_makes_no_collection(office):
    album = office.home.path.parent / "album"
    office.home.add_source("agreed", album, basis="consent", jurisdiction="CA-ON", purposes=["event-delivery"],
                           evidence=office.home.path.parent / "deed.txt")  # fmt: skip
    client = office.client(source="agreed", purpose="event-delivery", case="1")
    refused = client.refused("AccessDeniedException", "create_collection", CollectionId=fresh())
    assert "names the people" in refused.message
    assert client.list_collections()["CollectionIds"] == []


def test_the_name_of_a_user_that_was_deleted_can_be_read_by_nobody(place, client, collection):
    client.create_user(CollectionId=collection, UserId="somebody")
    with place.home.parts.stores.records.database.read() as connection:
        key, name = connection.exec_driver_sql("SELECT key_id, name FROM collection_users ORDER BY id DESC").first()
    assert b"somebody" not in name
    assert key in set(place.home.parts.keys.ids())
    client.delete_user(CollectionId=collection, UserId="somebody")
    assert key not in set(place.home.parts.keys.ids())


def test_an_erased_persons_user_is_a_name_again(place, client, collection):
    image = {"Bytes": toy.picture("gone@10,20,60,80")}
    uid = client.index_faces(CollectionId=collection, Image=image)["FaceRecords"][0]["Face"]["FaceId"]
    client.create_user(CollectionId=collection, UserId="gone")
    client.associate_faces(CollectionId=collection, UserId="gone", FaceIds=[uid])
    [person] = [person for person in place.home.people.all() if person.name == "gone"]
    place.home.erase(person=person.id)
    assert client.list_users(CollectionId=collection)["Users"] == [{"UserId": "gone", "UserStatus": "CREATED"}]
    assert client.search_users(CollectionId=collection, UserId="gone")["UserMatches"] == []
    other = client.index_faces(CollectionId=collection, Image={"Bytes": toy.picture("new@10,20,60,80")})
    other = other["FaceRecords"][0]["Face"]["FaceId"]
    done = client.associate_faces(CollectionId=collection, UserId="gone", FaceIds=[other])
    assert done["UserStatus"] == "ACTIVE"


def test_an_ingest_that_prunes_takes_nothing_from_a_collection(place, client, collection):
    image = {"Bytes": toy.picture("kim@10,20,60,80", "lee@100,20,200,180")}
    first = client.index_faces(CollectionId=collection, Image=image, MaxFaces=1)["FaceRecords"]
    place.home.ingest(prune=True)
    assert [face["FaceId"] for face in client.list_faces(CollectionId=collection)["Faces"]] == [
        record["Face"]["FaceId"] for record in first
    ]
    assert len(client.index_faces(CollectionId=collection, Image=image)["FaceRecords"]) == 2, "the other one too, now"


def test_what_was_handed_in_is_not_kept_and_nothing_is_left_over(place, client, collection):
    client.index_faces(CollectionId=collection, Image={"Bytes": toy.picture("joy@10,20,60,80")})
    client.index_faces(CollectionId=collection, Image={"Bytes": toy.picture("tiny@300,300,305,306")})
    held_by(place.home)  # every key and blob belongs to a row, and every row's key lives
    with place.home.parts.stores.records.database.read() as connection:
        kept = "SELECT count(*) FROM uploads WHERE key_id IS NOT NULL"
        assert connection.exec_driver_sql(kept).scalar() == 0


def test_what_is_erased_elsewhere_is_gone_here(place, client, collection):
    done = client.index_faces(CollectionId=collection, Image={"Bytes": toy.picture("ivy@10,20,60,80")})
    uid = done["FaceRecords"][0]["Face"]["FaceId"]
    place.home.erase(face=uid)
    assert client.list_faces(CollectionId=collection)["Faces"] == []
    client.refused("InvalidParameterException", "search_faces", CollectionId=collection, FaceId=uid)
    probe = {"Bytes": toy.picture("ivy~@1,1,50,50")}
    assert client.search_faces_by_image(CollectionId=collection, Image=probe)["FaceMatches"] == []
