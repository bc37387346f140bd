"""Models of strangers: the sound ones pass, and each fault is named."""

import contextlib
import hashlib
import re

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from countenance.decode.sandbox import SandboxLimits
from countenance.errors import WrongUse
from countenance.pipeline.upkeep.try_model import try_model
from countenance.weights.inspect import inspect
from countenance.weights.manifest import YUNET
from countenance.weights.own import parse_entry
from countenance.weights.store import shipped
from support.networks import entry_text, tiny

FLOAT = np.float32


def node(kind, *inputs, out="z", **attributes):
    return helper.make_node(kind, list(inputs), [out], **attributes)


def tried(data, dimension=16, bounds=None, **changed):
    entry = parse_entry(entry_text("net", data, dimension, **changed))
    return try_model(entry, data, **({"bounds": bounds} if bounds else {}))


def refusal(data, dimension=16, **more):
    with pytest.raises(WrongUse) as refused:
        tried(data, dimension, **more)
    assert refused.value.hint
    return refused.value.message


def test_sound_models_pass_in_either_layout():
    assert tried(tiny()).seconds_a_run > 0
    assert tried(tiny(layout="NHWC"), layout="NHWC").seconds_a_run > 0
    assert tried(tiny(), mean=[127.5] * 3, std=[128] * 3, colour_order="BGR").seconds_a_run > 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: b"junk", "not an ONNX network"),
        (lambda: b"", "no network"),
        (lambda: tiny(dimension=17), r"shape \(5, 17\)"),
        (lambda: tiny(batch=1), "exactly 1 crops at a time"),
        (lambda: tiny(batch=5), "exactly 5 crops at a time"),
        (lambda: tiny(layout="NHWC"), "check input_size|its entry says"),
        (lambda: tiny(node("Add", "y", "c"), tensors={"c": np.full(16, np.nan, FLOAT)}), "NaN"),
        (lambda: tiny(node("Mul", "y", "c"), tensors={"c": np.zeros(16, FLOAT)}), "without a direction"),
        (lambda: tiny(node("Mul", "y", "nil", out="w"), node("Add", "w", "c"),
                      tensors={"nil": np.zeros(1, FLOAT), "c": np.ones(16, FLOAT)}), "same template for every picture"),
        (lambda: tiny(node("RandomNormalLike", "y", out="r"), node("Add", "y", "r")), "other templates for the same"),
        (lambda: tiny(node("ReduceMean", "y", out="m", axes=[0]), node("Mul", "m", "half", out="h"),
                      node("Sub", "y", "h"), tensors={"half": np.array([0.9], FLOAT)}), "depends on the crops beside"),
        (lambda: tiny(node("Unsqueeze", "y", "at"), tensors={"at": np.array([1])}), "its entry says"),
        (lambda: tiny(node("Cast", "y", to=TensorProto.DOUBLE)), "can't load it.*double"),
        (lambda: tiny(node("Mine", "y", domain="my.ops")), "my.ops.Mine"),
    ],
    ids=["junk", "empty", "dimension", "batch-1", "batch-5", "layout", "nan", "zeros", "constant", "random",
         "neighbours", "axes", "type", "operator"],
)  # fmt: skip
def test_each_fault_is_named(data, words):
    assert re.search(words, refusal(data()))


@given(st.data())
def test_whatever_the_bytes_are_looking_at_them_ends_with_an_answer(data):
    whole = tiny(node("Mine", "y", domain="my.ops"))
    start = data.draw(st.integers(0, len(whole)))
    changed = whole[:start] + data.draw(st.binary(max_size=12)) + whole[start + data.draw(st.integers(0, 12)) :]
    with contextlib.suppress(WrongUse):
        inspect(changed)


def test_graphs_within_graphs_without_end_are_no_network():
    part = b""
    for _ in range(2000):
        part = _field(1, _field(5, _field(6, part)))  # a node's attribute holds a graph
    with pytest.raises(WrongUse, match="not an ONNX network"):
        inspect(_field(7, part))


def _field(number, data):
    size, left = b"", len(data)
    while left > 127:
        size, left = size + bytes([left & 127 | 128]), left >> 7
    return bytes([number << 3 | 2]) + size + bytes([left]) + data


def test_weights_in_other_files_are_refused_also_within_a_subgraph():
    model = onnx.load_from_string(tiny())
    matrix = model.graph.initializer[0]
    matrix.data_location = TensorProto.EXTERNAL
    matrix.external_data.add(key="location", value="../../etc/passwd")
    assert "other files" in refusal(model.SerializeToString())

    inner = helper.make_graph([node("Identity", "far", out="o")], "inner", [],
                              [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)], [matrix])  # fmt: skip
    inner.initializer[0].name = "far"
    nested = tiny(node("If", "yes", then_branch=inner, else_branch=inner), tensors={"yes": np.array(True)})
    assert "other files" in refusal(nested)


def test_a_foreign_operator_in_a_subgraph_is_named():
    inner = helper.make_graph([node("Mine", "y", out="o", domain="my.ops")], "inner", [],
                              [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)])  # fmt: skip
    nested = tiny(node("If", "yes", then_branch=inner, else_branch=inner), tensors={"yes": np.array(True)})
    assert "my.ops.Mine" in refusal(nested)


def test_a_model_that_never_ends_ends_with_its_process():
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", "more", out="on"), node("Identity", "v", out="w")],
        "body",
        [value("i", TensorProto.INT64, []), value("more", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, None)],
        [value("on", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, None)],
    )
    endless = tiny(
        helper.make_node("Loop", ["times", "yes", "y"], ["z"], body=body),
        tensors={"times": np.array(2**62), "yes": np.array(True)},
    )
    assert "took too long" in refusal(endless, bounds=SandboxLimits(time_s=3.0))


def test_a_model_that_eats_memory_is_refused():
    huge = tiny(node("Expand", "y", "wide", out="e"), node("ReduceSum", "e", "axes", keepdims=0),
                tensors={"wide": np.array([2**33, 1, 16]), "axes": np.array([0])})  # fmt: skip
    assert "fails on 5 crops" in refusal(huge, bounds=SandboxLimits(memory_bytes=3 * 2**30))


def detector_entry(data):
    sha256 = hashlib.sha256(data).hexdigest()
    return parse_entry(
        f'name = "eyes"\ntask = "detect"\nfile = "e.onnx"\nsha256 = "{sha256}"\nlicence = "MIT"\nheads = "yunet"\n'
    )


def test_a_yunet_of_other_weights_is_a_detector_and_an_embedder_is_none():
    yunet = shipped(YUNET).read()
    assert try_model(detector_entry(yunet), yunet).seconds_a_run > 0
    assert "face detector" in refusal(yunet)
    with pytest.raises(WrongUse, match="not those of a YuNet") as refused:
        try_model(detector_entry(tiny()), tiny())
    assert "cls, obj, bbox, kps" in refused.value.message
