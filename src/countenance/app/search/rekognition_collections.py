"""Collections of programs that come by the Rekognition door: each is a source, its users are persons.

What its protocol has no words for is bound to the access key: the source under whose grant a new collection stands, the
purpose, the client and the case of its searches. A collection belongs to that pair of source and client, and is not
there for anybody else; nor is one of its faces. Everything passes the same gates as at every other door.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection as Group
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from countenance.app.access.identity import Who
from countenance.app.inputs import purpose_of
from countenance.app.pictures.uploads import WAIT_S, alone_if_known
from countenance.app.sources.collectors import collector_of
from countenance.app.sources.ingests import IngestService
from countenance.app.sources.source_acts import SourceService
from countenance.app.wiring import OPERATOR, Parts
from countenance.associated_data import collection_user_aad
from countenance.errors import HomeBusy, NotAllowed, NotFound, WrongUse
from countenance.permits import Act
from countenance.pipeline.analyse import FaceAnalysis, iou
from countenance.pipeline.erasure.suppression_list import SAME_BOX_IOU
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.ids import checked_uuid
from countenance.pipeline.people.persons import PersonWorkflow
from countenance.pipeline.pictures.inbox import Inbox
from countenance.pipeline.search.search import SearchQuery
from countenance.pipeline.sources.grant import SourceWorkflow, copied_evidence
from countenance.records.people.rekognition_collections import Collection, CollectionFace, CollectionUser, Owner
from countenance.remedies import Remedy
from countenance.rights.grants import GrantTerms
from countenance.types import SUBJECT_BASES, AlignedFace, ClassId, GrantState, HomeKind, SearchResult

if TYPE_CHECKING:
    from countenance.records.sources.sources import Source

T = TypeVar("T")
EXTERNAL: Final = b"/"  # between a picture's hash and the program's own name for it; hashes hold none


@dataclass(frozen=True, slots=True)
class NamedUser:
    """A user with the name opened."""

    row: CollectionUser
    name: str
    active: bool  # a face of theirs is searchable

    @property
    def person(self) -> str | None:
        """Uid; None: no face is associated."""
        return self.row.person


@dataclass(frozen=True, slots=True)
class Associated:
    """What became of each face that was to be a user's."""

    done: tuple[str, ...]
    not_found: tuple[str, ...]
    another: tuple[tuple[str, str | None], ...]  # (face, name of the user that it belongs to, where there is one here)


class CollectionService:
    """The collections of one asker."""

    def __init__(self, parts: Parts, sources: SourceService, ingests: IngestService, who: Who) -> None:
        self._parts = parts
        self._sources = sources
        self._ingests = ingests
        self._stores = parts.stores
        self._rows = parts.stores.records.collections
        self._people = PersonWorkflow(parts.stores, OPERATOR)
        self._binding = who.binding

    @cached_property
    def _bound(self) -> Source:
        if self._binding.source is None:
            raise NotAllowed(
                "this access key is bound to no source, so its collections have no grant",
                Remedy.MAKE_ACCESS_KEY,
                values=("source",),
            )
        return self._sources.get(self._binding.source)

    @cached_property
    def _owner(self) -> Owner:
        client = None if self._binding.client is None else self._stores.records.clients.get(self._binding.client)
        return Owner(self._bound.id, None if client is None else client.id)

    # --- collections ---------------------------------------------------------------------------------------------
    def all(self) -> tuple[Collection, ...]:
        """The asker's, by name."""
        return self._rows.all(self._owner)

    def get(self, name: str) -> Collection:
        """Raises NotFound: no such collection of the asker's."""
        found = self._rows.find(self._owner, name)
        if found is None:
            raise NotFound(f"there is no collection {name}")
        return found

    def make(self, name: str) -> Collection:
        """A source for what is handed in, under a copy of the bound source's grant with its evidence.

        A crash between source and collection leaves an empty source that no program sees; `source takedown` ends it.
        Raises: Taken; NotAllowed: the grant is not in force, or names people; LogUnwritable, StorageFailed.
        """
        if self._rows.find(self._owner, name) is not None:
            raise IndexedFaces
        grant = self._bound.grant
        if grant.state(self._stores.clock()) is not GrantState.IN_FORCE:
            raise NotAllowed("the grant that this access key is bound to is not in force", Remedy.USE_ANOTHER_KEY)
        if grant.basis in SUBJECT_BASES:
            raise NotAllowed(
                f"a grant of {grant.basis} names the people that it covers, and this protocol can't name them",
                Remedy.USE_ANOTHER_KEY,
            )
        parts, engine = self._parts, self._parts.engine()
        registrar = SourceWorkflow(parts.stores, engine.analyser, engine.embedder, self._bound.tenant, parts.kept_out)
        source = registrar.add(
            name=f"{name[:180]} ({secrets.token_hex(4)})", location=None,
            terms=GrantTerms(
                basis=grant.basis, default_jurisdictions=self._bound.jurisdictions, jurisdictions=grant.jurisdictions,
                purposes=grant.purposes, expires_at=grant.expires_at, erase_within_days=grant.erase_within_days,
                retention=self._bound.retention, terms=grant.terms,
            ),
            evidence=copied_evidence(self._stores, self._bound), subjects=(),
        )  # fmt: skip
        if not self._rows.add(self._owner, source.id, name):  # another request was faster
            self._sources.takedown(source.name)
            raise IndexedFaces
        return self.get(name)

    def delete(self, collection: Collection) -> None:
        """The collection's grant is over, and everything taken under it is erased now, with a receipt."""
        self._sources.takedown(collection.source)

    def source(self, collection: Collection) -> Source:
        """The source that the collection is."""
        return self._sources.get(collection.source)

    def counts(self, collection: Collection) -> tuple[int, int]:
        """(faces that the asker may search for, users)."""
        return self._rows.count(collection.id, self._permitted(collection))

    # --- pictures in ---------------------------------------------------------------------------------------------
    def index(
        self,
        collection: Collection,
        data: bytes,
        looked: FaceAnalysis,
        wanted: Sequence[AlignedFace],
        external: str | None,
    ) -> tuple[tuple[CollectionFace, ...], tuple[tuple[AlignedFace, CollectionFace | None], ...]]:
        """The wanted faces of a picture are taken, as far as grant and policy allow. The picture itself is not kept.

        Args: looked: what is in `data`; external: the program's own name for the picture.
        Returns: (faces now in the collection, those that were kept out with what is recorded of them).
        An ingest may run meanwhile; only a picture that is known already waits for it. A crash leaves what
        `Ingest.take` leaves.
        Raises: PolicyDenied, HomeBusy: it waited too long; LogUnwritable, StorageFailed.
        """
        parts, source = self._parts, self.source(collection)
        sha256 = hashlib.sha256(data).digest()
        place = sha256.hex() + (f"/{external}" if external else "")
        self._tidy()
        with parts.reindex_lock(WAIT_S), alone_if_known(self._parts, source, data, anew=True):
            inbox = Inbox(self._stores, source)
            upload = inbox.put(place, data)
            collector = collector_of(self._stores, source, only=upload)
            self._ingests.ingest_run(source, parts.engine().analyser, collector).take_anew(
                replace(looked, faces=tuple(wanted)), data, upload.place, upload.mtime_ns
            )
            inbox.drop_refused()
            kept = self._stores.records.uploads.get(source.id, upload.place)
            if kept is not None:
                inbox.drop_bytes(kept)
        rows = self._rows.faces_of_picture(collection.id, sha256)
        taken: list[CollectionFace] = []
        refused: list[tuple[AlignedFace, CollectionFace | None]] = []
        for face in wanted:
            row = max(rows, key=lambda each: iou(each.box, face.face.box), default=None)
            if row is None or iou(row.box, face.face.box) <= SAME_BOX_IOU:
                refused.append((face, None))
            elif row.refusal is None:
                taken.append(row)
            else:
                refused.append((face, row))
        return tuple(taken), tuple(refused)

    def _tidy(self) -> None:
        """What a killed call left is gone; while an ingest runs, that does it. A program may never run one."""
        with suppress(HomeBusy), self._parts.ingest_lock():
            collect_garbage(self._stores)
            self._ingests.requests.finish()

    # --- faces ---------------------------------------------------------------------------------------------------
    def faces(
        self, collection: Collection, *, after: int = 0, limit: int, only: Sequence[str] | None = None,
        person: str | None = None,
    ) -> tuple[CollectionFace, ...]:  # fmt: skip
        """Faces of the collection that the asker's searches could show now, from the one after `after` on."""
        permitted = self._permitted(collection)
        return self._rows.faces(collection.id, permitted, after=after, limit=limit, only=only, person=person)

    def known(self, collection: Collection, uids: Sequence[str]) -> dict[str, CollectionFace]:
        """Those of these faces that are the collection's, by uid. Raises WrongUse: one is no uuid."""
        checked = [checked_uuid(uid, "face") for uid in uids]
        return {face.uid: face for face in self.faces(collection, limit=len(uids), only=checked)}

    def delete_faces(self, collection: Collection, faces: Sequence[CollectionFace]) -> None:
        """These faces are not the collection's any more; one that stands nowhere else is erased, with a receipt.

        Order: one transaction takes those that stand nowhere else out of every search and begins their erasure, which
        a crash leaves to `countenance doctor`; then the others leave.
        """
        ids = [face.id for face in faces]
        if ids:
            eraser = self._parts.engine().eraser
            only_here = self._rows.only_here(collection.id, ids)
            eraser.erase_leaving_source(collection.id, only_here)
            gone = set(only_here)
            others = [face for face in ids if face not in gone]
            if others:
                eraser.erase_unsupported(
                    self._rows.unenrol(collection.id, others), "face"
                )  # due: what left elsewhere meanwhile

    # --- users ---------------------------------------------------------------------------------------------------
    def users(self, collection: Collection, *, after: int = 0, limit: int) -> tuple[NamedUser, ...]:
        """Users of the collection, oldest first, from the one after `after` on."""
        return self._named(collection, self._rows.users(collection.id, after=after, limit=limit))

    def users_who_are(self, collection: Collection, persons: Iterable[str | None]) -> dict[str, NamedUser]:
        """Users of the collection who are these persons, by the persons' uids."""
        rows = self._rows.users_who_are(collection.id, sorted({person for person in persons if person is not None}))
        return {user.person: user for user in self._named(collection, rows) if user.person is not None}

    def user(self, collection: Collection, name: str) -> NamedUser:
        """Raises NotFound."""
        row = self._rows.user(collection.id, self._digest(collection, name))
        found = () if row is None else self._named(collection, [row])
        if not found:
            raise NotFound("there is no such user")
        return found[0]

    def make_user(self, collection: Collection, name: str) -> None:
        """The collection has such a user. A crash before the row leaves a key, which is swept. Raises Taken."""
        with self._stores.naming_keys():
            [key] = self._stores.keys.create()
            sealed = self._stores.keys.seal(key, collection_user_aad(collection.id), name.encode())
            if not self._rows.add_user(collection.id, self._digest(collection, name), sealed, key):
                self._stores.keys.destroy([key])
                raise IndexedFaces
            self._stores.keys.confirm([key])

    def delete_user(self, collection: Collection, user: NamedUser) -> None:
        """The user is gone, name and all; the faces stay and are nobody's. Safe to repeat from any line."""
        faces = self._faces_of(collection, user)
        if user.person is not None and faces:
            self._people.remove(user.person, [face.uid for face in faces])
            self._people.name(user.person, None)
        self._rows.remove_user(user.row)
        self._stores.keys.destroy([user.row.key_id])

    def associate(self, collection: Collection, user: NamedUser, uids: Sequence[str]) -> Associated:
        """These faces are the user's: one person, by the program's decision, in the log and undone as any other.

        A crash between a new person and the user's row leaves a person of that name who is not the user yet: the
        operator sees it among the people, and takes it back.
        """
        known = self.known(collection, uids)
        mine, person = self._person_of(user), user.person
        others = self.users_who_are(collection, (face.person for face in known.values()))
        another = [uid for uid, face in known.items() if face.person is not None and face.person != mine]
        new = [uid for uid, face in known.items() if face.person is None]
        if new and mine is not None and person is not None:
            self._people.add(person, new)
        elif new:
            self._rows.set_person(user.row, self._people.new(new, user.name).id)
        return Associated(
            done=tuple(uid for uid in uids if uid in known and uid not in another),
            not_found=tuple(uid for uid in uids if uid not in known),
            another=tuple((uid, _name_of(others.get(known[uid].person or ""))) for uid in another),
        )

    def disassociate(self, collection: Collection, user: NamedUser, uids: Sequence[str]) -> Associated:
        """These faces are not the user's any more."""
        known = self.known(collection, uids)
        others = self.users_who_are(collection, (face.person for face in known.values()))
        mine = [uid for uid, face in known.items() if face.person is not None and face.person == user.person]
        another = [uid for uid, face in known.items() if face.person is not None and face.person != user.person]
        if mine and user.person is not None:
            self._people.remove(user.person, mine)
        return Associated(
            done=tuple(uid for uid in uids if uid in mine),
            not_found=tuple(uid for uid in uids if uid not in mine and uid not in another),
            another=tuple((uid, _name_of(others.get(known[uid].person or ""))) for uid in another),
        )

    # --- searching -----------------------------------------------------------------------------------------------
    def question(self, collection: Collection | None, **more: Any) -> SearchQuery:
        """What the key is bound to, as a question; of one collection, or for comparing two pictures of None."""
        binding = self._binding
        if self._stores.kind is HomeKind.ORGANISATION and binding.purpose is None:
            raise NotAllowed(
                "this access key is bound to no purpose, and an organisation's search needs one",
                Remedy.MAKE_ACCESS_KEY,
                values=("purpose", "case"),
            )
        return SearchQuery(
            purpose=purpose_of(binding.purpose), client=binding.client, case=binding.case,
            source=None if collection is None else collection.source, **more,
        )  # fmt: skip

    def search(self, picture: bytes, question: SearchQuery) -> tuple[SearchResult, FaceAnalysis]:
        """Leads for a face of the picture, with what was seen in it. Raises: as `Searcher.search`."""
        return self._parts.engine().searcher.search(picture, question)

    def search_faces(self, faces: Sequence[str], question: SearchQuery) -> SearchResult:
        """Leads for these faces of the gallery, together. Raises NotFound."""
        return self._parts.engine().searcher.search_face(faces[0], question, also=faces[1:])

    def compare(
        self, a: bytes, b: bytes
    ) -> tuple[tuple[tuple[FaceAnalysis, AlignedFace], FaceAnalysis, tuple[float, ...]], float]:
        """What `Searcher.compare_each` gives, and the threshold that is half the scale of Similarity."""
        searcher = self._parts.engine().searcher
        return searcher.compare_each(a, b, self.question(None)), searcher.calibration.threshold(1)[0]

    def default_threshold(self, question: SearchQuery) -> float:
        """The cosine from which such a search shows leads by itself."""
        return self._parts.engine().searcher.default_threshold(question)

    def model(self) -> str:
        """The name of the model that is searched with."""
        return self._parts.engine().embedder.space.model

    def page_seal(self, about: bytes) -> bytes:
        """16 bytes that nobody else can make, for the mark of a page."""
        return self._stores.digest("rekognition page", about)[:16]

    # --- inside --------------------------------------------------------------------------------------------------
    def _permitted(self, collection: Collection) -> Group[ClassId]:
        """The collection's classes that the asker's searches may show now."""
        asked = self.question(collection)
        client = None if asked.client is None else self._stores.records.clients.get(asked.client).uid
        ask = self._stores.ask(Act.SEARCH, purpose=asked.purpose, has_case=asked.case is not None, client=client)
        classes = self._stores.records.sources.classes_of(self.source(collection).grant)
        return classes & self._stores.policy.consider(ask).allowed.keys()

    def _named(self, collection: Collection, rows: Sequence[CollectionUser]) -> tuple[NamedUser, ...]:
        """With their names opened; without those whose key another process has just destroyed."""
        names = self._stores.keys.open_many([(u.key_id, collection_user_aad(collection.id), u.name) for u in rows])
        persons = [row.person for row in rows if row.person is not None]
        active = self._rows.with_faces(collection.id, self._permitted(collection), persons) if persons else set()
        return tuple(
            NamedUser(row, name.decode(), row.person in active)
            for row, name in zip(rows, names, strict=True)
            if name is not None
        )

    def _digest(self, collection: Collection, name: str) -> bytes:
        return self._stores.digest("collection user", f"{collection.id}|{name}".encode())

    def _faces_of(self, collection: Collection, user: NamedUser) -> tuple[CollectionFace, ...]:
        return () if user.person is None else self.faces(collection, limit=_ALL, person=user.person)

    def _person_of(self, user: NamedUser) -> str | None:
        """The user's person, where it still stands: an erasure or a merge may have taken it."""
        if user.person is None:
            return None
        try:
            return self._people.get(user.person).id
        except NotFound:
            return None


class IndexedFaces(WrongUse):
    """There is one of that name already."""

    kind = "wrong_use"

    def __init__(self) -> None:
        super().__init__("there is one of that name already", Remedy.CHOOSE_ANOTHER_NAME)


_ALL: Final = 10_000  # faces of one user


def _name_of(user: NamedUser | None) -> str | None:
    return None if user is None else user.name


def external_id(face: CollectionFace) -> str | None:
    """The program's own name for the face's picture."""
    _, found, name = face.place.partition(EXTERNAL)
    return name.decode() if found else None
