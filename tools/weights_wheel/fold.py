"""Block-quantised ONNX files made into plain float32 ones, once.

The shipped files keep each weight as int8 blocks with a scale and zero point for each block (ONNX opset 21
`DequantizeLinear` with `block_size`), which neither ONNX Runtime nor OpenCV 5 runs as they stand. Folding multiplies
them out, so that the weights are the numbers which the quantised file means, and rewrites what is slow (prelu.py). It
is deterministic to the byte: elementwise float32 and float64 arithmetic only, and one order of tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weights_wheel.prelu import Tensors, without_batch_norms, without_prelus

if TYPE_CHECKING:
    from onnx import NodeProto, ValueInfoProto

PRODUCER = "countenance fold 1"


def fold(model_bytes: bytes) -> bytes:
    """The same network with float32 weights and a free batch size (and free height and width where they were free).

    Args:    model_bytes: an ONNX file that has been verified; its picture input is (1, 3, H, W).
    Returns: an ONNX file without DequantizeLinear. A detector's input is (N, 3, H, W) and its outputs (N, A, C);
             an embedder's are (N, 3, 112, 112) and (N, D).
    """
    import onnx
    from onnx import numpy_helper

    source = onnx.load_from_string(model_bytes)
    graph = source.graph
    tensors: Tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    network = _multiplied_out(graph.node, tensors)
    _free_the_batch(network, tensors)
    network = without_prelus(without_batch_norms(network, tensors), tensors)

    needed = {name for node in network for name in node.input if name}
    (picture,) = (i for i in graph.input if i.name in needed and i.name not in tensors)
    any_size = all(node.op_type != "Gemm" for node in network)  # fully convolutional
    model = onnx.ModelProto(ir_version=source.ir_version, producer_name=PRODUCER, opset_import=source.opset_import)
    model.graph.name = graph.name
    model.graph.node.extend(network)
    model.graph.initializer.extend(
        numpy_helper.from_array(_as_stored(tensors[n]), n) for n in sorted(needed & tensors.keys())
    )
    model.graph.input.append(_with_free_dims(picture, ("N", None, "H", "W") if any_size else ("N",)))
    model.graph.output.extend(_with_free_dims(o, ("N", f"A_{o.name}") if any_size else ("N",)) for o in graph.output)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _multiplied_out(nodes: Any, tensors: Tensors) -> list[NodeProto]:
    """The nodes that are left when everything computed from weights alone is computed into `tensors`."""
    from onnx import helper

    left: list[NodeProto] = []
    same: dict[str, str] = {}  # the output of a Dropout, which does nothing at inference, and its input
    for node in nodes:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "DequantizeLinear":
            quantised, scale, zero_point = (tensors[name] for name in node.input)
            axis, block = attributes["axis"], attributes["block_size"]
            spread = [np.repeat(t.astype(np.float32), block, axis=axis) for t in (scale, zero_point)]
            rows = [np.take(t, range(quantised.shape[axis]), axis=axis) for t in spread]  # the last block may be short
            tensors[node.output[0]] = (quantised.astype(np.float32) - rows[1]) * rows[0]
        elif node.op_type == "Reshape" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]].reshape(tensors[node.input[1]])
        elif node.op_type == "Dropout":
            same[node.output[0]] = node.input[0]
        elif node.op_type != "Constant":  # here only Dropout's ratio
            for i, name in enumerate(node.input):
                node.input[i] = same.get(name, name)
            left.append(node)
    return left


def _free_the_batch(nodes: list[NodeProto], tensors: Tensors) -> None:
    """Every Reshape to (1, -1, C) becomes one to (the input's own first dimension, -1, C)."""
    for node in nodes:
        if node.op_type == "Reshape":
            shape = tensors[node.input[1]]
            tensors[node.input[1]] = np.array([0, *shape[1:]], dtype=np.int64)  # 0 copies (ONNX Reshape, allowzero=0)


def _as_stored(tensor: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers (shapes) as they are, all others rounded once to float32."""
    return tensor if tensor.dtype.kind == "i" else tensor.astype(np.float32)


def _with_free_dims(value: ValueInfoProto, names: tuple[str | None, ...]) -> ValueInfoProto:
    """The same input or output with its first dimensions free and named; None leaves one as it is."""
    free = type(value)()
    free.CopyFrom(value)
    for dim, name in zip(free.type.tensor_type.shape.dim, names, strict=False):
        if name:
            dim.dim_param = name
    return free
