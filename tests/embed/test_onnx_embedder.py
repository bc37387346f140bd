from pathlib import Path

import numpy as np
import pytest

from countenance.embed.onnx import OnnxEmbedder
from countenance.errors import NotFound
from countenance.permits import Act
from countenance.protocols import Embedder
from countenance.testing.embedder import EmbedderContract, synthetic_crops
from countenance.testing.forged import live
from countenance.weights.manifest import SFACE, entry


class TestOnnxEmbedder(EmbedderContract):
    @classmethod
    def make(cls):
        return OnnxEmbedder()


class TestOnnxEmbedderOnTwoThreads(EmbedderContract):
    @classmethod
    def make(cls):
        return OnnxEmbedder(threads=2)


def test_templates_are_the_golden_ones_to_a_cosine_of_0_9999():
    golden = np.loadtxt(Path(__file__).with_name("golden.txt"))
    rows = OnnxEmbedder().embed(synthetic_crops(len(golden)), live(Act.EMBED))
    cosines = (rows * golden).sum(axis=1) / np.linalg.norm(golden, axis=1)
    assert cosines.min() >= 0.9999


def test_the_space_names_the_weights_that_are_run():
    embedder = OnnxEmbedder()
    assert isinstance(embedder, Embedder)
    assert embedder.space.model == SFACE
    assert embedder.space.weights_sha256 == entry(SFACE).folded_sha256
    assert embedder.space.dimension == 128


def test_an_unknown_model_is_not_found():
    with pytest.raises(NotFound, match="buffalo"):
        OnnxEmbedder("buffalo")
