"""What the whole road reaches on people whose names are known: `evaluate` itself. About 40 s on two cores."""

import pytest

from countenance.app.home import open_home
from countenance.calibrate.calibration import load
from countenance.embed.onnx import OnnxEmbedder

pytestmark = [pytest.mark.faces, pytest.mark.slow]


@pytest.fixture(scope="module")
def found(faces_dir, tmp_path_factory):
    root = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        with open_home(root / "home") as home:
            yield home.evaluate(people=faces_dir / "people", use=True)


def test_every_picture_shows_a_face(found):
    assert (found.people, found.pictures) == (600, 1253)
    assert found.without_face <= 2
    assert found.excluded == ()


def test_rank_one_is_at_least_0_994_with_one_enrolled_picture_a_person(found):
    one = found.measures.identification
    assert (one.enrolled, one.rank_1.trials) == (600, 653)
    assert one.rank_1.value <= 1 - 0.994


def test_the_shipped_calibration_is_what_this_road_measures(found):
    """If this fails, the road from picture to template has changed: run `make calibrate`."""
    shipped, measured = load(OnnxEmbedder().space), found.calibration
    for rate in (1e-2, 1e-3, 1e-4):
        assert measured.threshold(1, rate)[0] == pytest.approx(shipped.threshold(1, rate)[0], abs=0.004)
    for searched in (1_000, 100_000):
        assert measured.threshold(searched)[0] == pytest.approx(shipped.threshold(searched)[0], abs=0.006)
    assert measured.tail.scale == pytest.approx(shipped.tail.scale, rel=0.03)
    assert (measured.impostor.total, measured.genuine.total) == (shipped.impostor.total, shipped.genuine.total)


def test_the_shipped_calibration_keeps_its_promise_on_these_people(found):
    for point in found.measures.points:
        low, high = point.fmr.interval()
        assert low < point.wanted * 1.05
        assert high > point.wanted * 0.95
        assert point.fnmr.value < 0.03
