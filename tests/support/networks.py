"""Networks for tests of models that users bring: tiny ones with one fault each, and SFace seen from another angle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from countenance.weights.manifest import SFACE
from countenance.weights.store import shipped

PLACES: Final = 192  # 3 channels of 8 x 8 means


def tiny(
    *more: NodeProto, dimension: int = 16, batch: str | int = "N", layout: str = "NCHW", shape: Sequence[Any] = (),
    tensors: dict[str, NDArray[Any]] | None = None,
) -> bytes:  # fmt: skip
    """An embedder of a few nodes: the means of 64 tiles, times a fixed matrix. `more` nodes go from "y" to "z"."""
    matrix = np.random.RandomState(3).standard_normal((PLACES, dimension)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["planes"], ["pooled"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "matrix", "bias"], ["y"]),  # with a bias black has a template too
    ]
    first = helper.make_node("Identity", ["x"], ["planes"])
    size = [3, 112, 112]
    if layout == "NHWC":
        first, size = helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2]), [112, 112, 3]
    graph = helper.make_graph(
        [first, *nodes, *more],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *(shape or size)])],
        [helper.make_tensor_value_info("z" if more else "y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in ({"matrix": matrix, "bias": matrix[0]} | (tensors or {})).items()],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(n.domain, 1) for n in more if n.domain)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(made.SerializeToString())


def turned_sface(dimension: int = 96) -> bytes:
    """SFace with its templates projected on `dimension` fixed random directions: nearly as good, and another space.

    Source: Johnson and Lindenstrauss 1984: a random projection nearly keeps the angles.
    """
    model = onnx.load_from_string(shipped(SFACE).read())
    normal = np.random.RandomState(5).standard_normal((128, 128))
    basis = np.linalg.qr(normal)[0][:, :dimension].astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(basis, "basis"))
    model.graph.node.append(helper.make_node("MatMul", [model.graph.output[0].name, "basis"], ["turned"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("turned", TensorProto.FLOAT, ["N", dimension]))
    return bytes(model.SerializeToString())


def entry_text(name: str, data: bytes, dimension: int, /, **changed: Any) -> str:
    """The entry of an embedder; a field that is changed to None is left out."""
    fields = {
        "name": name, "task": "embed", "file": f"{name}.onnx", "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0", "input_size": [112, 112], "colour_order": "RGB", "mean": [0, 0, 0],
        "std": [1, 1, 1], "dimension": dimension, "template": "arcface", **changed,
    }  # fmt: skip
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items() if value is not None)


def write_entry(folder: Path, name: str, data: bytes, dimension: int, /, **changed: Any) -> Path:
    """The ONNX file and its entry in `folder`; returns the entry's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(data)
    path = folder / f"{name}.toml"
    path.write_text(entry_text(name, data, dimension, **changed), encoding="utf-8")
    return path
