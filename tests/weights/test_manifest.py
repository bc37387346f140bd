import pytest

from countenance.errors import NotFound
from countenance.weights.manifest import SFACE, YUNET, entries, entry


def test_both_models_are_described():
    assert set(entries()) == {SFACE, YUNET}


@pytest.mark.parametrize("model", entries().values(), ids=lambda m: m.name)
def test_every_model_says_whose_it_is_and_what_it_wants(model):
    assert len(model.sha256) == len(model.source_sha256) == 64
    assert model.licence in {"MIT", "Apache-2.0"}
    assert model.origin.startswith("https://")
    assert model.colour_order in {"RGB", "BGR"}
    assert len(model.mean) == len(model.std) == 3
    assert model.preprocessing
    assert model.training_data


def test_the_caveat_about_sface_names_both_issues():
    assert all(f"opencv_zoo/issues/{n}" in entry(SFACE).training_data for n in (124, 313))


def test_an_unknown_name_is_not_found():
    with pytest.raises(NotFound, match="vggface"):
        entry("vggface")
