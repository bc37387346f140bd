"""What an ONNX file of a stranger's says of itself, before anything of it is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from countenance.errors import WrongUse

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

# "" and ai.onnx are one and the same; com.microsoft and its siblings are built into ONNX Runtime.
DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})
MAX_NODES: Final = 100_000


def inspect(onnx_bytes: bytes) -> None:
    """The file is an ONNX network that stands alone: no weights in other files, no operators of others' making.

    Raises WrongUse: names what is wrong with it.
    """
    import onnx

    try:
        model = onnx.load_from_string(onnx_bytes)
    except Exception as error:  # protobuf's own, which is no dependency of ours
        raise WrongUse("the file is no ONNX network", "a file as `torch.onnx.export` writes it") from error
    if not model.graph.node:
        raise WrongUse("the file holds no network", "a file as `torch.onnx.export` writes it")
    outside = sorted({tensor.name for tensor in _tensors(model) if _outside(tensor)})
    if outside:
        raise WrongUse(
            f"the weights of {len(outside)} tensors lie in other files ({outside[0]} is the first)",
            "one file holds everything here: onnx.save(onnx.load(FILE), NEW, save_as_external_data=False)",
        )
    nodes = list(_nodes(model))
    if len(nodes) > MAX_NODES:
        raise WrongUse(f"the network has {len(nodes):,} nodes", f"at most {MAX_NODES:,}")
    foreign = sorted({f"{node.domain}.{node.op_type}" for node in nodes if node.domain not in DOMAINS})
    if foreign:
        raise WrongUse(
            f"the network needs operators that are not ONNX's: {', '.join(foreign[:5])}",
            "export it with standard operators; Countenance loads no library for a model",
        )


def _outside(tensor: TensorProto) -> bool:
    return tensor.data_location == tensor.EXTERNAL or bool(tensor.external_data)


def _graphs(model: ModelProto) -> Iterator[GraphProto]:
    """The graph, and every graph within it (of If, Loop, Scan)."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            waiting += [inner for attribute in node.attribute for inner in _inner(attribute)]
    for function in model.functions:
        for node in function.node:
            waiting += [inner for attribute in node.attribute for inner in _inner(attribute)]
    yield from waiting


def _inner(attribute: AttributeProto) -> list[GraphProto]:
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


def _nodes(model: ModelProto) -> Iterator[NodeProto]:
    own = {function.domain for function in model.functions}
    for part in (*_graphs(model), *model.functions):
        yield from (node for node in part.node if node.domain not in own)


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    for graph in _graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in _nodes(model):
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t
