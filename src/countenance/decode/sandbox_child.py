"""The child's side of `sandbox.py`: load, confine, then answer until the pipe closes."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import IO, Any, Final

from countenance.decode.wire import message, received
from countenance.types import Rejected, RejectReason

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_NO_NEW_PRIVS: Final = 38
GRACE_S: Final = 5.0  # the parent's clock, which also reports, comes first


def live(target: str, memory_bytes: int, time_s: float, parent: int) -> None:
    """The child's whole life."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before it could be tied to
            return
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a library that prints must not spoil the answers
    try:
        module, factory = target.split(":")
        function = getattr(importlib.import_module(module), factory)()
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent raises it as SandboxFailed
        _send(answers, {"failed": f"{type(error).__name__}: {error}"}, [])
        return
    _confine(memory_bytes)
    _send(answers, {"ready": True}, [])
    while True:
        try:
            options, [data] = received(lambda count: _exactly(questions, count))
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, time_s + GRACE_S)  # its default action ends us, even in a loop of C
        try:
            answer = function(data, options)
        except MemoryError:
            answer = Rejected(RejectReason.TOO_MANY_PIXELS, "it does not fit in the decoder's memory")
        except Exception as error:  # noqa: BLE001  # a bug of ours on this picture; the report shows its name
            answer = Rejected(RejectReason.DECODER_DIED, type(error).__name__)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        if isinstance(answer, Rejected):
            answer = ({"rejected": str(answer.reason), "detail": answer.detail}, [])
        _send(answers, *answer)


def _confine(memory_bytes: int) -> None:
    """From here on nothing can be opened, neither file nor socket, no core is dumped, and memory is bounded."""
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),  # of new descriptors; the two pipes stay
    ):
        with contextlib.suppress(ValueError, OSError):  # a system that knows no such limit keeps its own
            resource.setrlimit(limit, (value, value))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _send(pipe: IO[bytes], header: dict[str, Any], parts: Sequence[bytes]) -> None:
    for part in message(header, parts):
        pipe.write(part)
    pipe.flush()


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) != count:
        raise EOFError("the parent has gone")
    return data
