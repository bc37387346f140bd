"""Putting right what is recorded of somebody: the jurisdiction of their pictures, and their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countenance.associated_data import subject_name_aad
from countenance.errors import WrongUse
from countenance.pipeline.people.persons import PersonWorkflow
from countenance.pipeline.sources.subjects import key_of
from countenance.pipeline.stores import Stores
from countenance.remedies import Remedy
from countenance.types import FaceId


@dataclass(frozen=True, slots=True)
class Correction:
    """What is right: of the pictures where their law is of, of the person the name. One of them, or both."""

    jurisdictions: frozenset[str]  # codes; empty: as they are
    name: str  # empty: as it is

    def __post_init__(self) -> None:
        """Raises WrongUse."""
        if not (self.jurisdictions or self.name):
            raise WrongUse(
                "a correction says what is right: the person's name, the jurisdictions, or both",
                Remedy.ADD_SOME_OF,
                values=("rename", "jurisdictions"),
            )
        if not self.name.isprintable():
            raise WrongUse("a name is one printable line", Remedy.USE_FORMAT, field="rename", values=("Ada Lovelace",))

    def as_details(self) -> dict[str, Any]:
        """As it stands among the sealed details of its request, and as `apply_correction` reads it."""
        return {"rename": self.name, "right": sorted(self.jurisdictions)}


def apply_correction(stores: Stores, tenant: str, faces: Sequence[FaceId], details: Mapping[str, Any]) -> None:
    """What is recorded of these faces' pictures, and of the subjects they are tied to, is right. Safe to repeat."""
    records = stores.records
    sources = records.sources.all()
    if details.get("right"):
        codes, grants = frozenset(details["right"]), {source.grant.id: source.grant for source in sources}
        moves = [
            (picture, before, records.sources.ensure_class(grants[grant], codes))
            for picture, before, grant in records.corrections.pictures_of(faces)
        ]
        records.corrections.correct(codes, moves)
    if details.get("rename"):
        mine = set(records.corrections.subjects_of(faces))
        names = {
            subject.id: stores.keys.seal(
                key_of(source, subject), subject_name_aad(subject.uid), details["rename"].encode()
            )
            for source in sources
            for subject in records.sources.subjects(source.grant.id)
            if subject.id in mine
        }
        records.corrections.rename_subjects(names)
        people = PersonWorkflow(stores, tenant)
        for person in records.persons.by_id(records.persons.person_of(faces).values()).values():
            people.name(person.uid, details["rename"])
