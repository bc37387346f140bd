"""Templates of folders of known people, by the road that a user's pictures take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from countenance.permits import Act
from countenance.pipeline.look import Looked, Looker
from countenance.protocols import Embedder
from countenance.testing.forged import live
from countenance.types import AlignedFace, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class KnownFaces:
    """One face of each picture that holds one; people and their pictures in the order of their names."""

    vectors: Vectors  # (N, D)
    people: NDArray[np.int64]  # (N,) the number of each row's person, from 0
    pictures: int  # looked at: more than N where no face was found
    several: int  # pictures with more than one face, of which the most central was taken


def known_faces(people_dir: Path, looker: Looker, embedder: Embedder) -> KnownFaces:
    """The faces of `people_dir`/person/picture. Rejected pictures count as pictures without a face."""
    folders = sorted(folder for folder in people_dir.iterdir() if folder.is_dir())
    files = [(number, file) for number, folder in enumerate(folders) for file in sorted(folder.iterdir())]
    looks = looker.look_many((place, file.read_bytes()) for place, (_, file) in enumerate(files))
    found = {place: looked for place, looked in looks if isinstance(looked, Looked) and looked.faces}
    crops = np.stack([most_central(found[place]).crop_for(embedder.crop) for place in sorted(found)])
    people = np.array([files[place][0] for place in sorted(found)])
    several = sum(len(looked.faces) > 1 for looked in found.values())
    return KnownFaces(embedder.embed(crops, live(Act.EMBED)), people, len(files), several)


def most_central(looked: Looked) -> AlignedFace:
    """The face whose box's centre is nearest to the picture's; there is at least one.

    People's pictures are cut around whom they show, so this is the labelled face; a larger one may be a neighbour's.
    """
    centre = (looked.width / 2, looked.height / 2)

    def distance(aligned: AlignedFace) -> float:
        x1, y1, x2, y2 = aligned.face.box
        return math.dist(((x1 + x2) / 2, (y1 + y2) / 2), centre)

    return min(looked.faces, key=distance)
