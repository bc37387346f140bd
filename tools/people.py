"""Measure what persons are worth, on labelled people: fused templates against single ones, and suggested groups.

    python tools/people.py PEOPLE_DIR      where PEOPLE_DIR/person/picture.jpg, one folder a person

Prints the figures of docs/people.md. Templates are made in a home that is thrown away and stay in memory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from countenance.app.home import open_home
from countenance.pipeline.people.suggest import clusters
from countenance.pipeline.search.person_leads import fused, opened_templates
from countenance.types import Vectors

ENROLLED = 3  # pictures of a person that are fused; another is the probe
DRAWS = 200  # which of a person's pictures those are
FPIR = 0.01
FUSED = (2, 3, 4, 5)  # pictures of a person, for the rate at which strangers reach their mean
SCORES = np.array([0.3, 0.364, 0.4, 0.427, 0.46])
SHIFTS = np.arange(0, 0.0801, 0.002)
DRAWS_OF_ONE = 20  # of the pictures of one person
REPLICATES = 200  # of the bootstrap over people
SEED = 20261123


def templates_of(people: Path) -> tuple[Vectors, list[str]]:
    """(templates, name of each face's person) of every picture in which one face was found."""
    with TemporaryDirectory() as folder:
        os.environ["COUNTENANCE_KEYFILE"] = f"{folder}/key"
        with open_home(f"{folder}/home") as home:
            home.add_source("people", people, basis="household", jurisdiction="CA-ON")
            home.ingest()
            stores, space = home.parts.stores, home.parts.engine().embedder.space
            space_id = stores.records.sources.ensure_space(space.model, space.weights_sha256, space.dimension)
            classes = [known.id for known in stores.records.policy.facts()[1]]
            sealed = [face for page in stores.records.persons.enrolled(classes, space_id) for face in page]
            sealed, vectors = opened_templates(stores, sealed, space)
            version = stores.records.policy.facts()[0]
            shown = stores.records.gallery.visible([face.face for face in sealed], classes, version) or {}
            largest: dict[bytes, int] = {}
            for row, face in enumerate(sealed):
                x1, y1, x2, y2 = shown[face.face].box
                place = shown[face.face].place
                held = largest.get(place)
                if held is None or _area(shown[sealed[held].face].box) < (x2 - x1) * (y2 - y1):
                    largest[place] = row
            rows = sorted(largest.values())
            names = [os.fsdecode(shown[sealed[row].face].place).partition("/")[0] for row in rows]
            return vectors[rows], names


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def finds(vectors: Vectors, names: list[str], enrolled: int) -> tuple[float, float, float, float, int]:
    """TPIR at FPIR of probes of people of whom `enrolled` pictures are fused, in a gallery of everybody's.

    Returns: (mean over draws, lowest and highest 2.5 %, mean threshold, probes a draw). Everybody with more pictures
    than ENROLLED has a probe; of everybody else half are in the gallery and half are strangers' probes.
    """
    random = np.random.default_rng(SEED)
    by_person: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        by_person.setdefault(name, []).append(row)
    many = [rows for rows in by_person.values() if len(rows) > ENROLLED]
    few = [rows for rows in by_person.values() if len(rows) <= ENROLLED]
    rates, thresholds = [], []
    for _ in range(DRAWS):
        chosen = [random.permutation(rows) for rows in many]
        order = random.permutation(len(few))
        others, strangers = order[: len(few) // 2], order[len(few) // 2 :]
        gallery = [fused(vectors[rows[:enrolled]]) for rows in chosen]
        gallery += [fused(vectors[few[other][:enrolled]]) for other in others]
        matrix = np.stack(gallery)
        probes = vectors[[rows[ENROLLED] for rows in chosen]] @ matrix.T
        false = (vectors[[few[stranger][0] for stranger in strangers]] @ matrix.T).max(axis=1)
        threshold = float(np.quantile(false, 1 - FPIR))
        own = probes[np.arange(len(chosen)), np.arange(len(chosen))]
        rates.append(float(np.mean((own >= threshold) & (probes.argmax(axis=1) == np.arange(len(chosen))))))
        thresholds.append(threshold)
    low, high = np.quantile(rates, (0.025, 0.975))
    return float(np.mean(rates)), float(low), float(high), float(np.mean(thresholds)), len(many)


def lifted(vectors: Vectors, names: list[str], enrolled: int) -> list[tuple[float, float, float, float, float, float]]:
    """How much higher strangers score with fused templates of `enrolled` pictures than with the single ones in them.

    Returns: for each of SCORES: the score; the rate at which single and fused templates reach it; how much lower the
    score is that single ones reach as often, with its lowest and highest 2.5 %. The same pairs of people count on both
    sides. The interval is by a bootstrap that draws the enrolled and those who are compared with them apart, since
    every score shares both with others.
    """
    random = np.random.default_rng(SEED)
    _, people = np.unique(names, return_inverse=True)
    count = int(people.max()) + 1
    many = [one for one in range(count) if np.sum(people == one) >= enrolled]
    lowered = SCORES[:, None] - SHIFTS
    single = np.zeros((len(SCORES), len(SHIFTS), len(many), count), np.float32)
    several = np.zeros((len(SCORES), len(many), count), np.float32)
    for row, one in enumerate(many):
        own = np.flatnonzero(people == one)
        for _ in range(DRAWS_OF_ONE):
            chosen = vectors[random.permutation(own)[:enrolled]]
            apart, together = vectors @ chosen.T, vectors @ fused(chosen)
            for place, score in enumerate(SCORES):
                several[place, row] += np.bincount(people, together >= score, count)
                for at, lower in enumerate(lowered[place]):
                    single[place, at, row] += np.bincount(people, (apart >= lower).mean(axis=1), count)
        single[:, :, row, one] = several[:, row, one] = 0.0
    pictures = np.bincount(people).astype(float)
    trials = DRAWS_OF_ONE * (pictures.sum() * len(many) - pictures[many].sum())
    shifts = np.empty((REPLICATES, len(SCORES)))
    for replicate in range(REPLICATES):
        rows = np.bincount(random.integers(0, len(many), len(many)), minlength=len(many)).astype(np.float32)
        columns = np.bincount(random.integers(0, count, count), minlength=count).astype(np.float32)
        shifts[replicate] = _shift(np.einsum("r,sdrc,c->sd", rows, single, columns, optimize=True),
                                   np.einsum("r,src,c->s", rows, several, columns, optimize=True))  # fmt: skip
    low, high = np.quantile(shifts, (0.025, 0.975), axis=0)
    one_by_one, together = single.sum((2, 3)), several.sum((1, 2))
    return list(
        zip(SCORES, one_by_one[:, 0] / trials, together / trials, _shift(one_by_one, together), low, high, strict=True)
    )


def _shift(single: NDArray[np.float32], several: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each score the smallest of SHIFTS by which single templates are passed as often as fused ones."""
    enough = single >= several[:, None]
    return np.where(enough.any(axis=1), SHIFTS[enough.argmax(axis=1)], np.inf)


def b_cubed(labels: NDArray[np.int64], names: list[str]) -> tuple[float, float, int]:
    """(precision of the grouped, recall, faces in groups): B-cubed (Bagga and Baldwin 1998)."""
    labels = np.where(labels < 0, np.arange(len(labels)) + len(labels), labels)
    _, groups = np.unique(labels, return_inverse=True)
    _, people = np.unique(names, return_inverse=True)
    same_group, same_person = groups[:, None] == groups[None, :], people[:, None] == people[None, :]
    both = (same_group & same_person).sum(axis=1)
    grouped = same_group.sum(axis=1) > 1
    precision = (both / same_group.sum(axis=1))[grouped].mean()
    recall = (both / same_person.sum(axis=1))[same_person.sum(axis=1) > 1].mean()
    return float(precision), float(recall), int(grouped.sum())


def main(people: Path) -> None:
    """Every figure."""
    from countenance.calibrate.calibration import load
    from countenance.embed.onnx import OnnxEmbedder

    vectors, names = templates_of(people)
    print(f"{len(vectors)} templates of {len(set(names))} people")
    for enrolled in (1, ENROLLED):
        mean, low, high, threshold, probes = finds(vectors, names, enrolled)
        print(f"TPIR at FPIR {FPIR:.0%}, {enrolled} enrolled: {mean:.1%} ({low:.1%} to {high:.1%} of {DRAWS} draws, "
              f"{probes} probes each), threshold {threshold:.3f}")  # fmt: skip
    for enrolled in FUSED:
        for score, single, several, shift, low, high in lifted(vectors, names, enrolled):
            print(f"FMR at {score:.3f}, {enrolled} fused: single {single:.2e}, fused {several:.2e}, "
                  f"as single at {shift:.3f} less ({low:.3f} to {high:.3f})")  # fmt: skip
    calibration = load(OnnxEmbedder().space)
    for rate in (1e-3, 1e-4, 1e-5):
        threshold = calibration.threshold(1, rate)[0]
        precision, recall, grouped = b_cubed(clusters(vectors, threshold), names)
        print(f"groups at FMR {rate:.0e} ({threshold:.3f}): B-cubed precision {precision:.4f}, recall {recall:.4f}, "
              f"{grouped} faces in groups")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
