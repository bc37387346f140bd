"""Templates of folders of known people, by the road that a user's pictures take."""

from __future__ import annotations

from pathlib import Path

from countenance.calibrate.pairs import EveryPair
from countenance.permits import Act
from countenance.pipeline.acquire import Acquired, acquire
from countenance.pipeline.labels import Labelled, read_people
from countenance.pipeline.look import Looker
from countenance.protocols import Embedder
from countenance.testing.forged import live


def known_faces(people_dir: Path, looker: Looker, embedder: Embedder) -> tuple[Labelled, Acquired]:
    """The labels and faces of `people_dir`/person/picture, without a home to ask for a permit."""
    labelled = read_people(people_dir)
    return labelled, acquire(labelled, looker, embedder, lambda _: live(Act.SEARCH))


def every_pair(labelled: Labelled, faces: Acquired) -> EveryPair:
    """All pairs of those faces."""
    return EveryPair(faces.vectors, labelled.people[faces.rows], len(labelled.persons))
