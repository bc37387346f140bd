"""Persons, with what only a model can say of them: which faces may be one person."""

from __future__ import annotations

import re
from dataclasses import dataclass

from countenance.app.wiring import Parts
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.people.persons import NamedPerson, PersonWorkflow
from countenance.pipeline.people.suggest import SuggestedGroup, suggest
from countenance.remedies import Remedy


@dataclass(frozen=True, slots=True)
class PersonService(PersonWorkflow):
    """The persons of one home (docs/people.md). `person` is an id, or a name that one person alone has."""

    parts: Parts

    def suggest(self) -> tuple[SuggestedGroup, ...]:
        """Faces that may be one person, for you to decide. Raises: PolicyDenied: across an organisation's gallery."""
        engine = self.parts.engine()
        return suggest(self.stores, engine.embedder.space, engine.calibration)

    def accept(self, group: str, name: str | None = None) -> NamedPerson:
        """A group that is suggested now is one person: a new one, or the one that it is suggested for.

        Args: group: its id; name: what the person is called from now on. Raises: NotFound; WrongUse: no id of a group,
        or no name can be that; PolicyDenied.
        """
        if not re.fullmatch("[0-9a-f]{12}", group.strip()):
            raise WrongUse(
                f"{group!r} is not the id of a suggested group, which has 12 characters", Remedy.SUGGEST_AGAIN
            )
        chosen = next((found for found in self.suggest() if found.id == group.strip()), None)
        if chosen is None:
            raise NotFound(
                f"no group {group} is suggested now: a group has another id as soon as its faces change",
                Remedy.SUGGEST_AGAIN,
            )
        faces = [face for face, _ in chosen.faces]
        if chosen.person_id is None:
            return self.new(faces, name)
        if name is not None:
            self.name(chosen.person_id, name)
        return self.add(chosen.person_id, faces)
