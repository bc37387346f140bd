"""What an ONNX file of a stranger's says of itself, before anything of it is run.

It is read as protocol buffers, by the field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
Where a field that should come once comes twice, both count, because another reader may take either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from countenance.errors import WrongUse
from countenance.remedies import Remedy

# "" and ai.onnx are one and the same; com.microsoft and its siblings are built into ONNX Runtime.
DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})
MAX_NODES: Final = 100_000
EXTERNAL: Final = 1  # TensorProto.DataLocation
NESTED: Final = 100  # protobuf's own bound on messages within messages

Message = dict[int, list["int | memoryview"]]  # field number to its values: numbers, or bytes


def inspect(onnx_bytes: bytes) -> None:
    """Checks that the file is an ONNX network that stands alone: no weights in other files, no foreign operators.

    Raises WrongUse: names what is wrong with it.
    """
    try:
        found = _NetworkContents(_message(memoryview(onnx_bytes)))
    except (ValueError, IndexError) as error:
        raise WrongUse("the file is not an ONNX network", Remedy.EXPORT_MODEL_AGAIN) from error
    if not found.graph_nodes:
        raise WrongUse("the file holds no network", Remedy.EXPORT_MODEL_AGAIN)
    if found.outside:
        raise WrongUse(
            f"the weights of {len(found.outside)} tensors are in other files ({min(found.outside)} is the first), and "
            "one file must hold everything",
            Remedy.EXPORT_MODEL_AGAIN,
        )
    if found.nodes > MAX_NODES:
        raise WrongUse(f"the network has {found.nodes:,} nodes, more than {MAX_NODES:,}", Remedy.EXPORT_MODEL_AGAIN)
    foreign = sorted(
        f"{domain}.{operator}" for domain, operator in found.operators if domain not in DOMAINS | found.own
    )
    if foreign:
        raise WrongUse(
            f"the network needs operators that are not ONNX's: {', '.join(foreign[:5])}; Countenance loads no library "
            "for a model",
            Remedy.EXPORT_MODEL_AGAIN,
        )


class _NetworkContents:
    """What is in a model: numbers of nodes, their operators, tensors whose data are elsewhere."""

    def __init__(self, model: Message) -> None:
        self.nodes = 0  # those of its functions included
        self.operators: set[tuple[str, str]] = set()  # domain, name
        self.outside: set[str] = set()  # names of tensors
        functions = [_message(part) for part in _parts(model, 25)]
        self.own = {text for function in functions for text in _texts(function, 10)}  # domains of its own functions
        for part in _parts(model, 7):
            self._graph(_message(part), NESTED)
        self.graph_nodes = self.nodes
        for function in functions:
            self._body(function, 7, 11, NESTED)

    def _graph(self, graph: Message, depth: int) -> None:
        self._body(graph, 1, 0, depth)
        for part in _parts(graph, 5):
            self._tensor(part)
        for part in _parts(graph, 15):
            self._sparse(part)

    def _body(self, message: Message, nodes: int, defaults: int, depth: int) -> None:
        """The nodes of a graph or function; `defaults`: the field of a function's attributes, 0 for a graph."""
        if depth == 0:
            raise ValueError("too many graphs within graphs")
        attributes = list(_parts(message, defaults))
        for part in _parts(message, nodes):
            node = _message(part)
            self.nodes += 1
            self.operators |= {(d, o) for d in _texts(node, 7) or {""} for o in _texts(node, 4) or {""}}
            attributes += _parts(node, 5)
        for part in attributes:
            attribute = _message(part)
            for tensor in (*_parts(attribute, 5), *_parts(attribute, 10)):
                self._tensor(tensor)
            for sparse in (*_parts(attribute, 22), *_parts(attribute, 23)):
                self._sparse(sparse)
            for graph in (*_parts(attribute, 6), *_parts(attribute, 11)):
                self._graph(_message(graph), depth - 1)

    def _sparse(self, data: memoryview) -> None:
        message = _message(data)
        for part in (*_parts(message, 1), *_parts(message, 2)):
            self._tensor(part)

    def _tensor(self, data: memoryview) -> None:
        message = _message(data)
        places = [place & 0xFFFFFFFF for place in message.get(14, ()) if isinstance(place, int)]  # an enum has 32 bits
        if EXTERNAL in places or message.get(13):
            self.outside |= _texts(message, 8) or {"?"}


def _message(data: memoryview) -> Message:
    """The fields of one protocol buffer. Raises: ValueError, IndexError: it is none."""
    fields: Message = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: int | memoryview
        match key & 7:
            case 0:
                value, at = _varint(data, at)
            case 2:
                size, at = _varint(data, at)
                value, at = data[at : at + size], at + size
            case 1 | 5 as wire:
                size = 8 if wire == 1 else 4
                value, at = data[at : at + size], at + size
            case _:
                raise ValueError("a wire type that onnx.proto does not use")
        if key >> 3 == 0 or at > len(data):
            raise ValueError("cut short")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at` and where the next field starts."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 64 bits")


def _parts(message: Message, field: int) -> Iterator[memoryview]:
    for value in message.get(field, ()):
        if isinstance(value, int):
            raise ValueError("a number where bytes belong")  # noqa: TRY004  the file is wrong, not the program
        yield value


def _texts(message: Message, field: int) -> set[str]:
    return {bytes(part).decode() for part in _parts(message, field)}  # UnicodeDecodeError is a ValueError
