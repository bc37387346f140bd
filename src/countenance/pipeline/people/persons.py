"""Deciding that several faces are one person. Each decision is in the log first, by ids alone, and can be undone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from countenance.associated_data import person_name_aad
from countenance.errors import NotFound, WrongUse
from countenance.permits import Act
from countenance.pipeline.address import uri_of
from countenance.pipeline.ids import checked_uuid, is_uuid
from countenance.pipeline.search.person_leads import names_of
from countenance.pipeline.stores import Stores
from countenance.records.people.persons import PersonDecision, PersonRow
from countenance.remedies import Remedy
from countenance.types import HomeKind, KeyId, Purpose

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """A person with its name opened."""

    id: str  # uuid
    name: str | None
    faces: int

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {"person_id": self.id, "name": self.name, "faces": self.faces}


@dataclass(frozen=True, slots=True)
class PersonWorkflow:
    """The persons of one home. `person` is an id, or a name that one person alone has."""

    stores: Stores
    tenant: str

    def all(self) -> tuple[NamedPerson, ...]:
        """Every person, the one with most faces first."""
        persons = self.stores.records.persons.all()
        names = names_of(self.stores, persons)
        return tuple(NamedPerson(person.uid, names.get(person.uid), person.faces) for person in persons)

    def get(self, person: str) -> NamedPerson:
        """Raises NotFound."""
        return self._named(self.stores.records.persons.get(self._id(person)))

    def shown(self, person: str) -> tuple[tuple[str, str], ...]:
        """(face id, address of its picture) of those faces of a person that some search could show now."""
        faces = self.stores.records.persons.faces_of(self._id(person))
        permitted: set[int] = set()
        for purpose in Purpose if self.stores.kind is HomeKind.ORGANISATION else (None,):
            ask = self.stores.ask(Act.SEARCH, purpose=purpose, has_case=self.stores.kind is HomeKind.ORGANISATION)
            decision = self.stores.policy.consider(ask)
            permitted.update(decision.allowed)
        visible = self.stores.records.gallery.visible([face.id for face in faces], permitted, decision.version) or {}
        return tuple((face.uid, uri_of(visible[face.id])) for face in faces if face.id in visible)

    def new(self, faces: Sequence[str], name: str | None = None) -> NamedPerson:
        """These faces, by their ids, are one person.

        Its key is made first; then one transaction that writes to the log once all is checked, and commits last. A
        crash leaves at worst a key that the next sweep takes, and a log entry for a decision that never stood.
        Raises: NotFound; WrongUse: a face belongs to another person, or no name can be that.
        """
        uid, faces = uuid.uuid4(), _checked(faces)
        self.stores.records.persons.known_faces(faces)
        with self.stores.naming_keys():
            [key] = self.stores.keys.create()
            sealed = None if name is None else self._sealed(key, str(uid), name)
            made = self.stores.records.persons.create(
                uid=uid, tenant_id=self.stores.records.sources.ensure_tenant(self.tenant), key_id=key, name=sealed,
                faces=faces, at=self.stores.clock(), log=lambda: self._log("new", str(uid), faces),
            )  # fmt: skip
            self.stores.keys.confirm([key])
        return self._named(made)

    def name(self, person: str, name: str | None) -> NamedPerson:
        """The person is called so; None: nothing. Raises: NotFound; WrongUse: no name can be that."""
        persons = self.stores.records.persons
        found = persons.get(self._id(person))
        sealed = None if name is None else self._sealed(found.key_id, found.uid, name)
        return self._named(persons.rename(found.uid, sealed, self.stores.clock(), lambda: self._log("name", found.uid)))

    def add(self, person: str, faces: Sequence[str]) -> NamedPerson:
        """These faces are the person's too. Raises: NotFound; WrongUse: one belongs to another person."""
        uid, faces = self._id(person), _checked(faces)
        add = self.stores.records.persons.add
        return self._named(add(uid, faces, self.stores.clock(), lambda: self._log("add", uid, faces)))

    def remove(self, person: str, faces: Sequence[str]) -> NamedPerson:
        """Not this person: these faces are not its, and are not suggested for it again. Raises NotFound."""
        uid, faces = self._id(person), _checked(faces)
        remove = self.stores.records.persons.remove
        return self._named(remove(uid, faces, self.stores.clock(), lambda: self._log("remove", uid, faces)))

    def merge(self, person: str, other: str) -> NamedPerson:
        """Two are one: the first keeps its name. Raises: NotFound; WrongUse: they are the same."""
        uid, other = self._id(person), self._id(other)
        merge = self.stores.records.persons.merge
        return self._named(merge(uid, other, self.stores.clock(), lambda: self._log("merge", uid, other=other)))

    def split(self, person: str, faces: Sequence[str]) -> NamedPerson:
        """These faces become a person of their own, which is returned. Raises: NotFound; WrongUse: not its, or all."""
        uid, faces, new_uid = self._id(person), _checked(faces), uuid.uuid4()
        self.stores.records.persons.get(uid)
        with self.stores.naming_keys():
            [key] = self.stores.keys.create()
            made = self.stores.records.persons.split(
                uid, faces, new_uid=new_uid, key_id=key, at=self.stores.clock(),
                log=lambda: self._log("split", uid, faces, other=str(new_uid)),
            )  # fmt: skip
            self.stores.keys.confirm([key])
        return self._named(made)

    def undo(self) -> PersonDecision:
        """The newest decision that stands is taken back. Raises NotFound: none stands."""
        return self.stores.records.persons.undo(self.stores.clock(), lambda newest: self._log("undo", newest.person))

    def history(self, limit: int = 20) -> tuple[PersonDecision, ...]:
        """The newest decisions, newest first."""
        return self.stores.records.persons.history(limit)

    def _id(self, person: str) -> str:
        return id_of_person(self.stores, person)

    def _log(self, change: str, person: str, faces: Sequence[str] = (), *, other: str | None = None) -> None:
        record: dict[str, Any] = {"person": person, "change": change, "faces": list(faces)}
        self.stores.log.append("person.changed", {**record, **({"other": other} if other else {})})

    def _sealed(self, key: KeyId, uid: str, name: str) -> bytes:
        name = name.strip()
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise WrongUse(
                f"a person's name is one printable line of 1 to {MAX_NAME} characters",
                Remedy.USE_FORMAT,
                field="name",
                values=("Aunt May",),
            )
        return self.stores.keys.seal(key, person_name_aad(uid), name.encode())

    def _named(self, person: PersonRow) -> NamedPerson:
        return NamedPerson(person.uid, names_of(self.stores, [person]).get(person.uid), person.faces)


def id_of_person(stores: Stores, text: str) -> str:
    """The uuid of the person who is meant: by a uuid, which is not looked up, or by a name that is one person's alone.

    Small and capital letters are told apart only where somebody else has the same name in others.
    Raises NotFound: nobody is called so, or several are.
    """
    if is_uuid(text):
        return checked_uuid(text, "person")
    names = names_of(stores, stores.records.persons.all())
    alike = [uid for uid, name in names.items() if name.casefold() == text.strip().casefold()]
    found = [uid for uid in alike if names[uid] == text.strip()] or alike
    if len(found) > 1:
        raise NotFound(f"{len(found)} persons are called {text!r}: use the ID", Remedy.LIST_PERSONS)
    if not found:
        raise NotFound(f"there is no person {text!r}", Remedy.LIST_PERSONS)
    return found[0]


def _checked(faces: Sequence[str]) -> list[str]:
    """Ids of faces in their usual form. Raises WrongUse: none is named, or one is no id."""
    if not faces:
        raise WrongUse("no face is named", Remedy.FIND_ID, field="faces")
    return [checked_uuid(face, "face") for face in faces]
