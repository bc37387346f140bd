"""PReLU without PReLU: the same function from operators that ONNX Runtime runs in its blocked layout.

PReLU has no kernel in ONNX Runtime's NCHWc layout, so each of SFace's 27 forces its tensor out of that layout and back;
together they cost a third of the network's time (docs/calibration.md has the figures). With slope s for each channel

    PReLU(y) = max(y, 0) + s min(y, 0) = (1 - s) max(y, 0) + s y

and with y' = |1 - s| y, which costs nothing because |1 - s| goes into the weights of the convolution before,

    PReLU(y) = sign(1 - s) (max(y', 0) + s / (1 - s) y')

where the sign goes into the weights of the convolution after. What is left is a ReLU and one scale for each channel.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import NodeProto

Tensors = dict[str, NDArray[Any]]
SMALLEST_STEP = 1e-3  # a slope nearer to 1 would lose digits in s / (1 - s)


def without_batch_norms(nodes: list[NodeProto], tensors: Tensors) -> list[NodeProto]:
    """The nodes with each BatchNormalization that follows a Conv multiplied into its weights (in float64)."""
    from onnx import helper

    made_by = {node.output[0]: node for node in nodes}
    left: list[NodeProto] = []
    for node in nodes:
        conv = made_by.get(node.input[0])
        if node.op_type != "BatchNormalization" or conv is None or conv.op_type != "Conv":
            left.append(node)
            continue
        (epsilon,) = (a.f for a in node.attribute if a.name == "epsilon")
        gamma, beta, mean, variance = (tensors[name].astype(np.float64) for name in node.input[1:])
        scale = gamma / np.sqrt(variance + epsilon)
        bias = tensors[conv.input[2]] if len(conv.input) > 2 else np.zeros_like(scale)
        weights = tensors[conv.input[1]] * scale[:, None, None, None]
        names = [f"{node.output[0]}_weight", f"{node.output[0]}_bias"]
        tensors.update(zip(names, (weights, beta + (bias - mean) * scale), strict=True))
        left.remove(conv)
        folded = helper.make_node("Conv", [conv.input[0], *names], [node.output[0]], name=conv.name)
        folded.attribute.extend(conv.attribute)
        left.append(folded)
    return left


def without_prelus(nodes: list[NodeProto], tensors: Tensors) -> list[NodeProto]:
    """The nodes with each PReLU between two convolutions rewritten; one that doesn't fit stays as it is.

    Args: nodes, in order, as `without_batch_norms` leaves them: each convolution has a bias, and weights of its own.
    """
    from onnx import helper

    made_by = {node.output[0]: node for node in nodes}
    users: dict[str, list[NodeProto]] = defaultdict(list)
    for node in nodes:
        for name in node.input:
            users[name].append(node)

    left: list[NodeProto] = []
    for node in nodes:
        if node.op_type != "PRelu":
            left.append(node)
            continue
        before, after = made_by[node.input[0]], users[node.output[0]]
        slope = tensors[node.input[1]].astype(np.float64).ravel()
        step = 1 - slope
        flips = bool((step < 0).any())
        if (
            before.op_type != "Conv"
            or len(users[before.output[0]]) > 1
            or np.abs(step).min() < SMALLEST_STEP
            or (flips and [user.op_type for user in after] != ["Conv"])
        ):
            left.append(node)
            continue
        weights, bias = before.input[1:]
        tensors[weights] = tensors[weights] * np.abs(step)[:, None, None, None]
        tensors[bias] = tensors[bias] * np.abs(step)
        if flips:
            tensors[after[0].input[1]] = _times_inputs(tensors[after[0].input[1]], np.sign(step))
        left.extend(_relu_plus_scale(helper, before.output[0], node.output[0], slope / step, tensors))
    return left


def _relu_plus_scale(
    helper: Any, y: str, out: str, scale: NDArray[np.float64], tensors: Tensors
) -> tuple[NodeProto, ...]:
    """Nodes for out = max(y, 0) + scale y. The scale is a BatchNormalization, which the blocked layout knows."""
    gamma, zero, one = f"{out}_scale", f"{out}_zero", f"{out}_one"
    tensors.update({gamma: scale, zero: np.zeros_like(scale), one: np.ones_like(scale)})
    parameters = [gamma, zero, zero, one]  # gamma, beta, mean, variance
    return (
        helper.make_node("Relu", [y], [f"{out}_positive"]),
        helper.make_node("BatchNormalization", [y, *parameters], [f"{out}_scaled"], epsilon=0.0),
        helper.make_node("Add", [f"{out}_scaled", f"{out}_positive"], [out]),
    )


def _times_inputs(weights: NDArray[Any], factor: NDArray[np.float64]) -> NDArray[Any]:
    """Convolution weights (out, in / groups, h, w) with each input channel multiplied; groups are 1 or all."""
    depthwise = weights.shape[1] == 1
    return weights * (factor[:, None, None, None] if depthwise else factor[None, :, None, None])
