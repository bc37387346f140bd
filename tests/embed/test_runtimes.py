"""Each runtime gives the same templates or is refused, and none takes another's place in silence."""

import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import helper

from countenance.embed import runtimes
from countenance.embed.onnx import OnnxEmbedder
from countenance.errors import SpaceMismatch, WrongUse
from countenance.permits import Act
from countenance.remedies import Remedy
from countenance.testing.embedder import EmbedderContract, synthetic_crops
from countenance.testing.forged import live
from support.networks import tiny

CROPS = synthetic_crops(9)
with_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="openvino is not installed: `make test-all` does that"
)


@with_openvino
class TestOpenVino(EmbedderContract):
    @classmethod
    def make(cls):
        return OnnxEmbedder(threads=2, runtime="openvino")


class TestOpenCv(EmbedderContract):
    @classmethod
    def make(cls):
        return OnnxEmbedder(runtime="opencv")


@pytest.fixture(scope="module")
def reference():
    return OnnxEmbedder().embed(CROPS, live(Act.EMBED))


@pytest.mark.parametrize(
    "runtime", [pytest.param("openvino", marks=with_openvino), "opencv", "onnxruntime:CPUExecutionProvider"]
)
def test_every_runtime_gives_the_same_templates(runtime, reference):
    rows = OnnxEmbedder(threads=2, runtime=runtime).embed(CROPS, live(Act.EMBED))
    assert (rows * reference).sum(axis=1).min() >= 0.9999


def test_one_that_gives_other_templates_is_refused(monkeypatch):
    real = runtimes.session_of

    def rough(onnx, threads):
        session = real(onnx)
        return lambda planes: session.run(None, {"data": np.round(planes / 16) * 16})[0]

    monkeypatch.setitem(runtimes._OTHERS, "opencv", rough)
    with pytest.raises(SpaceMismatch, match="opencv gives other templates"):
        OnnxEmbedder(runtime="opencv").embed(CROPS, live(Act.EMBED))


def test_one_that_gives_no_number_is_refused(monkeypatch):
    monkeypatch.setitem(runtimes._OTHERS, "opencv", lambda *_: lambda planes: np.full((len(planes), 128), np.nan))
    with pytest.raises(SpaceMismatch):
        OnnxEmbedder(runtime="opencv").embed(CROPS, live(Act.EMBED))


def test_one_that_is_not_installed_is_refused_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(WrongUse, match="openvino") as caught:
        OnnxEmbedder(runtime="openvino").embed(CROPS, live(Act.EMBED))
    assert "countenance[openvino]" in caught.value.hint


@pytest.mark.parametrize("runtime", ["tpu", "onnxruntime:", "openvino:GPU", "OpenCV"])
def test_an_unknown_runtime_is_named_with_those_there_are(runtime):
    with pytest.raises(WrongUse, match="no such runtime") as caught:
        OnnxEmbedder(runtime=runtime).embed(CROPS, live(Act.EMBED))
    assert "openvino" in caught.value.hint
    assert "CPUExecutionProvider" in caught.value.hint


@pytest.mark.parametrize("provider", ["CUDAExecutionProvider", "AzureExecutionProvider", "Nonsense"])
def test_a_provider_that_is_not_here_is_refused(provider):
    """Azure's is in ONNX Runtime's wheel, and would send crops to somebody's service."""
    with pytest.raises(WrongUse, match=provider):
        OnnxEmbedder(runtime=f"onnxruntime:{provider}").embed(CROPS, live(Act.EMBED))


def test_a_provider_that_does_not_start_is_not_replaced_in_silence(monkeypatch):
    fallen_back = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(runtimes, "providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(runtimes, "session_of", lambda *_: fallen_back)
    with pytest.raises(WrongUse, match=r"does not start here.*: CPUExecutionProvider was used instead"):
        OnnxEmbedder(runtime="onnxruntime:CUDAExecutionProvider").embed(CROPS, live(Act.EMBED))


@pytest.mark.parametrize(
    ("runtime", "words"),
    [pytest.param("openvino", "Det", marks=with_openvino), ("opencv", "opencv can't run this model")],
)
def test_one_that_can_not_run_somebodys_own_model_is_refused(runtime, words):
    """The model passed its self-test, which ONNX Runtime runs; another runtime may know less."""
    tensors = {"four": np.array([-1, 4, 4], np.int64), "one": np.array([1], np.int64)}
    data = tiny(
        helper.make_node("Reshape", ["y", "four"], ["square"]), helper.make_node("Det", ["square"], ["det"]),
        helper.make_node("Unsqueeze", ["det", "one"], ["column"]), helper.make_node("Add", ["y", "column"], ["z"]),
        tensors=tensors,
    )  # fmt: skip
    sample = np.zeros((2, 3, 112, 112), np.float32)
    assert runtimes.open_network(data, "onnxruntime", 1, sample)(sample).shape == (2, 16)
    with pytest.raises(WrongUse, match=words) as caught:
        runtimes.open_network(data, runtime, 1, sample)
    assert caught.value.remedy is Remedy.UNSET_VARIABLE
    assert "\n" not in caught.value.message
