"""The operations: each takes parameters and gives the members of its answer. They make no rule: the gates do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from countenance.api.rekognition import shapes
from countenance.api.rekognition.similarity import DEFAULT, Similarity
from countenance.api.rekognition.wire import (
    COLLECTION_ID,
    EXTERNAL_ID,
    FACE_ID,
    TOKEN,
    USER_ID,
    Params,
    Refused,
    invalid,
)
from countenance.app.access.identity import Right, Who
from countenance.app.home import Home
from countenance.app.search.rekognition_collections import Associated, CollectionService, IndexedFaces, NamedUser
from countenance.errors import NotFound
from countenance.pipeline.search.search import TOP_LIMIT, SearchQuery
from countenance.records.people.rekognition_collections import Collection, CollectionFace
from countenance.types import PersonLead, SearchResult

MOST_INDEXED: Final = 100  # faces of one picture
PAGE: Final = 4096
USER_PAGE: Final = 500
_LONGEST_TOKEN: Final = 255


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, whose signature stands."""

    home: Home
    who: Who
    region: str
    params: Params

    @property
    def desk(self) -> CollectionService:
        """The asker's collections."""
        return self.home.collections(self.who)

    def collection(self, desk: CollectionService) -> Collection:
        """The one that is named."""
        name = self.params.text("CollectionId", COLLECTION_ID)
        try:
            return desk.get(name)
        except NotFound:
            raise Refused("ResourceNotFoundException", f"The collection id: {name} does not exist") from None

    @property
    def model(self) -> str:
        """FaceModelVersion."""
        return self.desk.model()


Answer = dict[str, Any]


# --- collections -----------------------------------------------------------------------------------------------------
def create_collection(asked: Asked) -> Answer:
    """CreateCollection."""
    name = asked.params.text("CollectionId", COLLECTION_ID)
    try:
        asked.desk.make(name)
    except IndexedFaces:
        raise Refused("ResourceAlreadyExistsException", f"The collection id: {name} already exists") from None
    return {"StatusCode": 200, "CollectionArn": _arn(asked, name), "FaceModelVersion": asked.model}


def describe_collection(asked: Asked) -> Answer:
    """DescribeCollection."""
    desk = asked.desk
    collection = asked.collection(desk)
    faces, users = desk.counts(collection)
    return {
        "FaceCount": faces,
        "UserCount": users,
        "FaceModelVersion": asked.model,
        "CollectionARN": _arn(asked, collection.name),
        "CreationTimestamp": desk.source(collection).added_at.timestamp(),
    }


def list_collections(asked: Asked) -> Answer:
    """ListCollections."""
    desk = asked.desk
    size = asked.params.whole("MaxResults", 0, PAGE, PAGE) or PAGE
    after = _place(asked, "ListCollections", "")
    found = [each for each in desk.all() if each.id > after]
    page = sorted(found, key=lambda each: each.id)[: size + 1]
    return {
        "CollectionIds": [each.name for each in page[:size]],
        "FaceModelVersions": [asked.model for _ in page[:size]],
        **_next(asked, "ListCollections", "", [each.id for each in page], size),
    }


def delete_collection(asked: Asked) -> Answer:
    """DeleteCollection."""
    desk = asked.desk
    desk.delete(asked.collection(desk))
    return {"StatusCode": 200}


# --- pictures --------------------------------------------------------------------------------------------------------
def index_faces(asked: Asked) -> Answer:
    """IndexFaces."""
    desk, params = asked.desk, asked.params
    collection, data = asked.collection(desk), params.image()
    external = params.maybe("ExternalImageId", EXTERNAL_ID)
    most, least = params.whole("MaxFaces", 1, 2**31 - 1, MOST_INDEXED), params.quality("AUTO")
    params.attributes("DetectionAttributes")
    looked = asked.home.detect(data)
    good = [face for face in shapes.largest_first(looked.faces) if face.quality.overall >= least]
    poor = [face for face in looked.faces if face.quality.overall < least]
    wanted, beyond = good[: min(most, MOST_INDEXED)], good[min(most, MOST_INDEXED) :]
    taken, refused = desk.index(collection, data, looked, wanted, external) if wanted else ((), ())
    users = _users(desk, collection, taken)
    left_out = [
        *((face, "EXCEEDS_MAX_FACES") for face in beyond),
        *((face, "LOW_FACE_QUALITY") for face in poor),
        *((face, shapes.reason_of(row)) for face, row in refused),
    ]
    return {
        "FaceRecords": [{"Face": shapes.face(row, users), "FaceDetail": shapes.stored_detail(row)} for row in taken],
        "FaceModelVersion": asked.model,
        "UnindexedFaces": [shapes.unindexed(face, looked.width, looked.height, reason) for face, reason in left_out],
    }


def detect_faces(asked: Asked) -> Answer:
    """DetectFaces."""
    asked.params.attributes("Attributes")
    looked = asked.home.detect(asked.params.image())
    faces = shapes.largest_first(looked.faces)[:MOST_INDEXED]
    return {"FaceDetails": [shapes.detail(face, looked.width, looked.height) for face in faces]}


def compare_faces(asked: Asked) -> Answer:
    """CompareFaces: the largest face of the source image with each of the target image."""
    params = asked.params
    least = params.quality("NONE")
    asked_for = params.percent("SimilarityThreshold", DEFAULT)
    a, b = params.image("SourceImage"), params.image("TargetImage")
    ((looked_a, source), looked_b, scores), threshold = asked.desk.compare(a, b)
    similarity = Similarity(threshold)
    pairs = [
        (similarity.of(score), face)
        for face, score in zip(looked_b.faces, scores, strict=True)
        if face.quality.overall >= least
    ]
    pairs.sort(key=lambda pair: -pair[0])
    shown = [(value, shapes.compared(face, looked_b.width, looked_b.height)) for value, face in pairs]
    return {
        "SourceImageFace": {
            "BoundingBox": shapes.bounding_box(source.face.box, looked_a.width, looked_a.height),
            "Confidence": 100 * source.face.score,
        },
        "FaceMatches": [{"Similarity": value, "Face": face} for value, face in shown if value >= asked_for],
        "UnmatchedFaces": [face for value, face in shown if value < asked_for],
    }


# --- faces -----------------------------------------------------------------------------------------------------------
def list_faces(asked: Asked) -> Answer:
    """ListFaces."""
    desk, params = asked.desk, asked.params
    collection = asked.collection(desk)
    size = params.whole("MaxResults", 0, PAGE, PAGE) or PAGE
    only = None if params.values.get("FaceIds") is None else params.faces(PAGE)
    name = params.maybe("UserId", USER_ID)
    user = None if name is None else _user(desk, collection, name)
    scope = f"{collection.id}|{name}|{only}"
    after = _place(asked, "ListFaces", scope)
    page: Sequence[CollectionFace] = ()
    if user is None or user.person is not None:
        person = None if user is None else user.person
        page = desk.faces(collection, after=after, limit=size + 1, only=only, person=person)
    users = _users(desk, collection, page)
    return {
        "Faces": [shapes.face(face, users) for face in page[:size]],
        "FaceModelVersion": asked.model,
        **_next(asked, "ListFaces", scope, [face.id for face in page], size),
    }


def delete_faces(asked: Asked) -> Answer:
    """DeleteFaces."""
    desk = asked.desk
    collection, wanted = asked.collection(desk), asked.params.faces(PAGE)
    known = desk.known(collection, wanted)
    users = _users(desk, collection, known.values())
    bound = {uid for uid, face in known.items() if face.person in users}
    desk.delete_faces(collection, [face for uid, face in known.items() if uid not in bound])
    failed = [
        {"FaceId": uid, "Reasons": ["FACE_NOT_FOUND"]}
        if uid not in known
        else {"FaceId": uid, "UserId": users[known[uid].person or ""], "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]}
        for uid in wanted
        if uid not in known or uid in bound
    ]
    done = [uid for uid in wanted if uid in known and uid not in bound]
    return {**({"DeletedFaces": done} if done else {}), "UnsuccessfulFaceDeletions": failed}


def search_faces(asked: Asked) -> Answer:
    """SearchFaces."""
    desk, params = asked.desk, asked.params
    collection, uid = asked.collection(desk), params.text("FaceId", FACE_ID)
    most = params.whole("MaxFaces", 1, PAGE, 80)
    least = params.percent("FaceMatchThreshold", DEFAULT)
    question, similarity = _search(desk, collection, least, most)
    found = _by_face(asked, collection, [uid], question)
    return {
        "SearchedFaceId": uid,
        "FaceMatches": _matches(desk, collection, found, similarity, least, most),
        "FaceModelVersion": asked.model,
    }


def search_faces_by_image(asked: Asked) -> Answer:
    """SearchFacesByImage."""
    desk, params = asked.desk, asked.params
    collection, data = asked.collection(desk), params.image()
    most, least = params.whole("MaxFaces", 1, PAGE, 80), params.percent("FaceMatchThreshold", DEFAULT)
    _check_quality(asked, data)
    question, similarity = _search(desk, collection, least, most)
    found, looked = desk.search(data, question)
    probe = looked.faces[found.face.index]
    return {
        "SearchedFaceBoundingBox": shapes.bounding_box(probe.face.box, looked.width, looked.height),
        "SearchedFaceConfidence": 100 * probe.face.score,
        "FaceMatches": _matches(desk, collection, found, similarity, least, most),
        "FaceModelVersion": asked.model,
    }


# --- users -----------------------------------------------------------------------------------------------------------
def create_user(asked: Asked) -> Answer:
    """CreateUser."""
    desk, params = asked.desk, asked.params
    params.maybe("ClientRequestToken", TOKEN)
    collection, name = asked.collection(desk), params.text("UserId", USER_ID)
    try:
        desk.make_user(collection, name)
    except IndexedFaces:
        raise Refused("ConflictException", f"The user id: {name} already exists") from None
    return {}


def list_users(asked: Asked) -> Answer:
    """ListUsers."""
    desk = asked.desk
    collection = asked.collection(desk)
    size = asked.params.whole("MaxResults", 1, USER_PAGE, USER_PAGE)
    after = _place(asked, "ListUsers", str(collection.id))
    page = desk.users(collection, after=after, limit=size + 1)
    return {
        "Users": [{"UserId": user.name, "UserStatus": _status(user)} for user in page[:size]],
        **_next(asked, "ListUsers", str(collection.id), [user.row.id for user in page], size),
    }


def delete_user(asked: Asked) -> Answer:
    """DeleteUser."""
    desk, params = asked.desk, asked.params
    params.maybe("ClientRequestToken", TOKEN)
    collection = asked.collection(desk)
    desk.delete_user(collection, _user(desk, collection, params.text("UserId", USER_ID)))
    return {}


def associate_faces(asked: Asked) -> Answer:
    """AssociateFaces."""
    desk, params = asked.desk, asked.params
    params.maybe("ClientRequestToken", TOKEN)
    if params.percent("UserMatchThreshold", 0):
        raise invalid("UserMatchThreshold is not offered here: who is one person is your decision")
    collection = asked.collection(desk)
    name, faces = params.text("UserId", USER_ID), params.faces(100)
    done = desk.associate(collection, _user(desk, collection, name), faces)
    return _associated(done, "Associated", "Associations", _status(desk.user(collection, name)))


def disassociate_faces(asked: Asked) -> Answer:
    """DisassociateFaces."""
    desk, params = asked.desk, asked.params
    params.maybe("ClientRequestToken", TOKEN)
    collection = asked.collection(desk)
    name, faces = params.text("UserId", USER_ID), params.faces(100)
    done = desk.disassociate(collection, _user(desk, collection, name), faces)
    return _associated(done, "Disassociated", "Disassociations", _status(desk.user(collection, name)))


def search_users(asked: Asked) -> Answer:
    """SearchUsers: by a face, or by all that a user's faces have in common."""
    desk, params = asked.desk, asked.params
    collection = asked.collection(desk)
    name, uid = params.maybe("UserId", USER_ID), params.maybe("FaceId", FACE_ID)
    if (name is None) is (uid is None):
        raise invalid("one of UserId and FaceId must be given")
    most, least = params.whole("MaxUsers", 1, USER_PAGE, 20), params.percent("UserMatchThreshold", DEFAULT)
    question, similarity = _search(desk, collection, least, TOP_LIMIT)
    if uid is not None:
        found, searched = _by_face(asked, collection, [uid], question), {"SearchedFace": {"FaceId": uid}}
    else:
        user = _user(desk, collection, name or "")
        faces = [] if user.person is None else desk.faces(collection, limit=PAGE, person=user.person)
        searched = {"SearchedUser": {"UserId": user.name}}
        if not faces:
            return {"UserMatches": [], "FaceModelVersion": asked.model, **searched}
        found = _by_face(asked, collection, [face.uid for face in faces], question)
    return {
        "UserMatches": _user_matches(desk, collection, found, similarity, least, but=name)[:most],
        "FaceModelVersion": asked.model,
        **searched,
    }


def search_users_by_image(asked: Asked) -> Answer:
    """SearchUsersByImage."""
    desk, params = asked.desk, asked.params
    collection, data = asked.collection(desk), params.image()
    most, least = params.whole("MaxUsers", 1, USER_PAGE, 20), params.percent("UserMatchThreshold", DEFAULT)
    _check_quality(asked, data)
    question, similarity = _search(desk, collection, least, TOP_LIMIT)
    found, looked = desk.search(data, question)
    details = [shapes.detail(face, looked.width, looked.height) for face in looked.faces]
    return {
        "UserMatches": _user_matches(desk, collection, found, similarity, least)[:most],
        "FaceModelVersion": asked.model,
        "SearchedFace": {"FaceDetail": details[found.face.index]},
        "UnsearchedFaces": [
            {"FaceDetails": each, "Reasons": ["FACE_NOT_LARGEST"]}
            for number, each in enumerate(details)
            if number != found.face.index
        ],
    }


@dataclass(frozen=True, slots=True)
class Operation:
    """What answers an operation, which right it takes (one of them), what it may be asked with."""

    act: Callable[[Asked], Answer]
    rights: tuple[Right, ...]
    params: tuple[str, ...]
    writes: bool = False


_LISTS: Final = (Right.SEARCH, Right.COLLECT)
_COLLECT: Final = (Right.COLLECT,)
_SEARCH: Final = (Right.SEARCH,)
_PEOPLE: Final = (Right.PEOPLE,)
_C: Final = "CollectionId"
OPERATIONS: Final[Mapping[str, Operation]] = {
    "CreateCollection": Operation(create_collection, _COLLECT, (_C,), writes=True),
    "DescribeCollection": Operation(describe_collection, _LISTS, (_C,)),
    "ListCollections": Operation(list_collections, _LISTS, ("NextToken", "MaxResults")),
    "DeleteCollection": Operation(delete_collection, _COLLECT, (_C,), writes=True),
    "IndexFaces": Operation(
        index_faces, _COLLECT,
        (_C, "Image", "ExternalImageId", "DetectionAttributes", "MaxFaces", "QualityFilter"), writes=True,
    ),
    "DetectFaces": Operation(detect_faces, _SEARCH, ("Image", "Attributes")),
    "CompareFaces": Operation(
        compare_faces, _SEARCH, ("SourceImage", "TargetImage", "SimilarityThreshold", "QualityFilter")
    ),
    "ListFaces": Operation(list_faces, _LISTS, (_C, "NextToken", "MaxResults", "UserId", "FaceIds")),
    "DeleteFaces": Operation(delete_faces, _COLLECT, (_C, "FaceIds"), writes=True),
    "SearchFaces": Operation(search_faces, _SEARCH, (_C, "FaceId", "MaxFaces", "FaceMatchThreshold")),
    "SearchFacesByImage": Operation(
        search_faces_by_image, _SEARCH, (_C, "Image", "MaxFaces", "FaceMatchThreshold", "QualityFilter")
    ),
    "CreateUser": Operation(create_user, _PEOPLE, (_C, "UserId", "ClientRequestToken"), writes=True),
    "ListUsers": Operation(list_users, _LISTS, (_C, "MaxResults", "NextToken")),
    "DeleteUser": Operation(delete_user, _PEOPLE, (_C, "UserId", "ClientRequestToken"), writes=True),
    "AssociateFaces": Operation(
        associate_faces, _PEOPLE, (_C, "UserId", "FaceIds", "UserMatchThreshold", "ClientRequestToken"), writes=True
    ),
    "DisassociateFaces": Operation(
        disassociate_faces, _PEOPLE, (_C, "UserId", "ClientRequestToken", "FaceIds"), writes=True
    ),
    "SearchUsers": Operation(search_users, _SEARCH, (_C, "UserId", "FaceId", "UserMatchThreshold", "MaxUsers")),
    "SearchUsersByImage": Operation(
        search_users_by_image, _SEARCH, (_C, "Image", "UserMatchThreshold", "MaxUsers", "QualityFilter")
    ),
}  # fmt: skip


# --- inside ----------------------------------------------------------------------------------------------------------
def _search(desk: CollectionService, collection: Collection, least: float, most: int) -> tuple[SearchQuery, Similarity]:
    """The question for faces at or above a Similarity, and the mapping of this collection as it is now."""
    question = desk.question(collection, top=min(most, TOP_LIMIT), largest=True)
    similarity = Similarity(desk.default_threshold(question))
    return desk.question(collection, top=question.top, largest=True, threshold=similarity.score(least)), similarity


def _by_face(asked: Asked, collection: Collection, faces: Sequence[str], question: SearchQuery) -> SearchResult:
    """A search from faces of the collection. One of another collection is told as one that is not there."""
    if len(asked.desk.known(collection, faces)) != len(faces):
        raise _no_face(faces)
    try:
        return asked.desk.search_faces(faces, question)
    except NotFound:
        raise _no_face(faces) from None


def _no_face(faces: Sequence[str]) -> Refused:
    return invalid(f"faceId: {faces[0]} was not found in the collection")


def _matches(
    desk: CollectionService,
    collection: Collection,
    found: SearchResult,
    similarity: Similarity,
    least: float,
    most: int,
) -> list[Answer]:
    """Each face apart: what other doors show as one lead with its copies."""
    scores: dict[str, float] = {}
    for lead in found.leads:
        for uid, score in ((lead.face_id, lead.score), *((copy.face_id, copy.score) for copy in lead.duplicates)):
            scores.setdefault(uid, similarity.of(score))
    known = desk.known(collection, list(scores))
    users = _users(desk, collection, known.values())
    ranked = sorted((uid for uid in scores if uid in known and scores[uid] >= least), key=lambda uid: -scores[uid])
    return [{"Similarity": scores[uid], "Face": shapes.face(known[uid], users)} for uid in ranked[:most]]


def _user_matches(
    desk: CollectionService, collection: Collection, found: SearchResult, similarity: Similarity, least: float, *,
    but: str | None = None,
) -> list[Answer]:  # fmt: skip
    users = desk.users_who_are(collection, (person.person_id for person in found.people))
    near: list[tuple[PersonLead, NamedUser]] = [
        (person, users[person.person_id]) for person in found.people if person.person_id in users
    ]
    return [
        {"Similarity": value, "User": {"UserId": user.name, "UserStatus": _status(user)}}
        for person, user in near
        if user.name != but and (value := similarity.of(person.score)) >= least
    ]


def _check_quality(asked: Asked, data: bytes) -> None:
    """Raises Refused: the largest face is poorer than the request's filter lets through."""
    least = asked.params.quality("NONE")
    if least:
        faces = shapes.largest_first(asked.home.detect(data).faces)
        if not faces or faces[0].quality.overall < least:
            raise invalid("There are no faces in the image. Should be at least 1.")


def _users(desk: CollectionService, collection: Collection, faces: Iterable[CollectionFace]) -> dict[str, str]:
    """Person -> UserId, of the users that these faces belong to."""
    users = desk.users_who_are(collection, (face.person for face in faces))
    return {person: user.name for person, user in users.items()}


def _user(desk: CollectionService, collection: Collection, name: str) -> NamedUser:
    try:
        return desk.user(collection, name)
    except NotFound:
        raise Refused("ResourceNotFoundException", f"The user id: {name} does not exist") from None


def _status(user: NamedUser) -> str:
    return "ACTIVE" if user.active else "CREATED"


def _associated(done: Associated, what: str, failures: str, status: str) -> Answer:
    failed: list[Answer] = [{"FaceId": uid, "Reasons": ["FACE_NOT_FOUND"]} for uid in done.not_found]
    failed += [
        {"FaceId": uid, "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"], **({"UserId": name} if name else {})}
        for uid, name in done.another
    ]
    return {
        f"{what}Faces": [{"FaceId": uid} for uid in done.done],
        f"UnsuccessfulFace{failures}": failed,
        "UserStatus": status,
    }


def _arn(asked: Asked, name: str) -> str:
    return f"aws:rekognition:{asked.region}:000000000000:collection/{name}"  # there are no account numbers here


def _place(asked: Asked, operation: str, scope: str) -> int:
    """The row after which the page begins. Raises Refused: the token is of another list, or of nobody."""
    given = asked.params.values.get("NextToken")
    if given is None:
        return 0
    try:
        packed = base64.urlsafe_b64decode(given) if isinstance(given, str) and len(given) <= _LONGEST_TOKEN else b""
    except (binascii.Error, ValueError):
        packed = b""
    if len(packed) != 24 or packed[8:] != _seal(asked, operation, scope, packed[:8]):
        raise Refused("InvalidPaginationTokenException", "The pagination token is not valid")
    return int.from_bytes(packed[:8], "big")


def _next(asked: Asked, operation: str, scope: str, ids: Sequence[int], size: int) -> Answer:
    if len(ids) <= size:
        return {}
    place = ids[size - 1].to_bytes(8, "big")
    return {"NextToken": base64.urlsafe_b64encode(place + _seal(asked, operation, scope, place)).decode()}


def _seal(asked: Asked, operation: str, scope: str, place: bytes) -> bytes:
    about = f"{asked.who.id}|{operation}|{scope}|".encode() + place
    return asked.desk.page_seal(about)
