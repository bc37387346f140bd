"""What the whole road reaches on people whose names are known. About 40 s on two cores."""

import numpy as np
import pytest

from countenance.calibrate.calibration import load
from countenance.calibrate.histogram import Histogram
from countenance.calibrate.measure import score_pairs
from countenance.embed.onnx import OnnxEmbedder
from countenance.pipeline.look import Looker
from countenance.testing.people import known_faces

pytestmark = [pytest.mark.faces, pytest.mark.slow]


@pytest.fixture(scope="module")
def faces(faces_dir):
    with Looker(workers=2) as looker:
        return known_faces(faces_dir / "people", looker, OnnxEmbedder(threads=2))


def test_every_picture_shows_a_face(faces):
    assert faces.pictures - len(faces.people) <= 2


def test_rank_one_is_at_least_0_994_with_one_enrolled_picture_a_person(faces):
    people, enrolled = np.unique(faces.people, return_index=True)  # the first picture of each
    probes = np.setdiff1d(np.arange(len(faces.people)), enrolled)
    nearest = people[(faces.vectors[probes] @ faces.vectors[enrolled].T).argmax(axis=1)]
    assert (len(people), len(probes)) == (600, 653)
    assert (nearest == faces.people[probes]).mean() >= 0.994


def test_the_shipped_calibration_is_what_this_road_measures(faces):
    """If this fails, the road from picture to template has changed: run `make calibrate`."""
    scores = score_pairs(faces.vectors, faces.people)
    shipped = load(OnnxEmbedder().space)
    impostor = Histogram.of(scores.impostor)
    for rate in (1e-2, 1e-3, 1e-4):
        count = int(rate * impostor.total)
        measured, known = impostor.lowest_with_at_most(count), shipped.impostor.lowest_with_at_most(count)
        assert measured == pytest.approx(known, abs=0.004)
