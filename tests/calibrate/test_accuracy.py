"""What the whole road reaches on people whose names are known. About 40 s on two cores."""

import pytest

from countenance.calibrate.calibration import load
from countenance.calibrate.identification import search_all
from countenance.calibrate.measure import measured
from countenance.calibrate.tally import distributions
from countenance.embed.onnx import OnnxEmbedder
from countenance.pipeline.look import Looker
from countenance.testing.people import every_pair, known_faces

pytestmark = [pytest.mark.faces, pytest.mark.slow]


@pytest.fixture(scope="module")
def faces(faces_dir):
    with Looker(workers=2) as looker:
        return known_faces(faces_dir / "people", looker, OnnxEmbedder(threads=2))


@pytest.fixture(scope="module")
def pairs(faces):
    return every_pair(*faces)


def test_every_picture_shows_a_face(faces):
    labelled, got = faces
    assert len(labelled.pictures) - len(got.rows) <= 2


def test_rank_one_is_at_least_0_994_with_one_enrolled_picture_a_person(pairs):
    searches = search_all(pairs.vectors, pairs.people, pairs.persons)
    missed = searches.rank_rate(1)
    assert (searches.enrolled, missed.trials) == (600, 653)
    assert missed.value <= 1 - 0.994


def test_the_shipped_calibration_is_what_this_road_measures(pairs):
    """If this fails, the road from picture to template has changed: run `make calibrate`."""
    shipped = load(OnnxEmbedder().space)
    found = measured(pairs, distributions(pairs), shipped.space, {})
    for rate in (1e-2, 1e-3, 1e-4):
        score, known = (each.threshold(1, rate)[0] for each in (found, shipped))
        assert score == pytest.approx(known, abs=0.004)
    for searched in (1_000, 100_000):
        assert found.threshold(searched)[0] == pytest.approx(shipped.threshold(searched)[0], abs=0.006)
    assert found.tail.scale == pytest.approx(shipped.tail.scale, rel=0.03)
    assert found.impostor.total == shipped.impostor.total
    assert found.genuine.total == shipped.genuine.total
