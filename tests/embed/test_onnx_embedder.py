from pathlib import Path

import numpy as np
import pytest

from countenance.embed.onnx import OnnxEmbedder
from countenance.permits import Act
from countenance.protocols import Embedder
from countenance.testing.embedder import EmbedderContract, synthetic_crops
from countenance.testing.forged import live
from countenance.weights.manifest import SFACE, YUNET, entry
from countenance.weights.store import shipped


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
    assert embedder.space.weights_sha256 == entry(SFACE).sha256
    assert embedder.space.dimension == 128


def test_a_detector_makes_no_templates():
    with pytest.raises(ValueError, match="makes no templates"):
        OnnxEmbedder(shipped(YUNET))
