"""Messages over a pipe: all lengths, a JSON object, some byte strings.

Nothing is ever unpickled.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

Answer: TypeAlias = tuple[dict[str, Any], list[bytes]]  # a JSON object, and the byte strings that it speaks of
_LENGTHS: Final = struct.Struct("<QI")  # bytes of the JSON header, number of byte strings
_MAX_HEADER: Final = 16 * 2**20
_MAX_PARTS: Final = 100_000
_MAX_BYTES: Final = 2**29  # of all strings: the largest picture that is read (`Limits.max_bytes`) fits
_CHUNK: Final = 2**20


def message(header: Mapping[str, Any], parts: Sequence[bytes]) -> Iterator[bytes]:
    """What goes into the pipe, in pieces."""
    encoded = json.dumps(header).encode()
    lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
    yield _LENGTHS.pack(len(encoded), len(parts)) + lengths + encoded
    yield from parts


def received(exactly: Callable[[int], bytes]) -> Answer:
    """One message, read by `exactly(count)`.

    Raises: ValueError, RecursionError: it is none; and what `exactly` raises.
    """
    header_bytes, count = _LENGTHS.unpack(exactly(_LENGTHS.size))
    if header_bytes > _MAX_HEADER or count > _MAX_PARTS:
        raise ValueError("no message")
    start = exactly(8 * count + header_bytes)
    header = json.loads(start[8 * count :])
    ends = list(itertools.accumulate(struct.unpack_from(f"<{count}Q", start), initial=0))
    if not isinstance(header, dict) or ends[-1] > _MAX_BYTES:
        raise ValueError("no message")
    data = exactly(ends[-1])
    return header, [data[begin:end] for begin, end in itertools.pairwise(ends)]


def read_by(descriptor: int, count: int, deadline: float) -> bytes:
    """Exactly `count` bytes, by the monotonic time `deadline`.

    Raises: TimeoutError; EOFError: the other end has gone.
    """
    data = bytearray()
    while len(data) < count:
        _wait_for(descriptor, select.POLLIN, deadline)
        part = os.read(descriptor, min(count - len(data), _CHUNK))
        if not part:
            raise EOFError("the other end has gone")
        data += part
    return bytes(data)


def write_by(descriptor: int, data: bytes, deadline: float) -> None:
    """All of it is written to a descriptor that does not block. Raises TimeoutError; BrokenPipeError."""
    left = memoryview(data)
    while left:
        _wait_for(descriptor, select.POLLOUT, deadline)
        left = left[os.write(descriptor, left[:_CHUNK]) :]


def _wait_for(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError
