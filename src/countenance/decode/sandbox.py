"""Child processes that work on untrusted bytes and may die of them.

A child gets bytes and options over a pipe and answers with a JSON header and raw bytes: the parent never unpickles what
a child says, so a child that a picture has taken over can send wrong pixels and nothing worse. A child has no key, no
permit and no path; it may not write a file, and its memory is bounded. One that dies or takes too long costs its
picture, not the run: it is started anew.

A child ends with its parent, however that ends: idle, when its pipe closes; at work, by its own alarm at the latest.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Final, Self, TypeAlias, TypeVar

from countenance.errors import SandboxFailed
from countenance.types import Rejected, RejectReason

T = TypeVar("T")
Answer: TypeAlias = tuple[dict[str, Any], list[bytes]]  # a JSON object, and the byte strings that it speaks of
_LENGTHS: Final = struct.Struct("<QI")  # bytes of the JSON header, number of byte strings
_LENGTH: Final = struct.Struct("<Q")
_MAX_HEADER: Final = 16 * 2**20
_MAX_PARTS: Final = 100_000
_MAX_PART: Final = 2**31
_PR_SET_NO_NEW_PRIVS: Final = 38  # prctl(2)
QUEUED: Final = 2  # pictures for a child: one at work, one read and ready, so that it hardly idles


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take."""

    time_s: float = 60.0  # for one picture
    memory_bytes: int = 6 * 2**30  # of address space; libraries and models map about 1.5 GB of it
    start_s: float = 60.0  # until its first sign of life


class Sandbox:
    """Child processes that run one function. Started when first needed; a context manager.

    `target` is "module:function": function(data: bytes, options) -> Answer, imported in the child.
    Safe in one thread at a time.
    """

    def __init__(
        self,
        target: str,
        *,
        workers: int = 1,
        bounds: Bounds | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment`: what the children know beside the few names that are passed on."""
        self._target = target
        self._environment = dict(environment or {})
        self._workers = workers
        self._bounds = bounds or Bounds()
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No child is left."""
        for child in self._children:
            child.kill()
        self._children = []

    def run(self, data: bytes, options: Mapping[str, Any]) -> Answer | Rejected:
        """The answer for one picture. Raises SandboxFailed: no child can be started."""
        [(_, answer)] = self.run_many([(None, data, options)])
        return answer

    def run_many(self, items: Iterable[tuple[T, bytes, Mapping[str, Any]]]) -> Iterator[tuple[T, Answer | Rejected]]:
        """(token, answer) for each (token, data, options), as they are done.

        Takes from `items` only what the children can hold, so that a run over any number of pictures has a few in
        memory. Closing the iterator early stops the children. Raises SandboxFailed.
        """
        source = iter(items)
        exhausted = False
        try:
            while True:
                while not exhausted and (child := self._with_room()) is not None:
                    item = next(source, None)
                    if item is None:
                        exhausted = True
                        break
                    child.give(*item)
                busy = [child for child in self._children if child.waiting]
                if not busy:
                    return
                yield from self._answers(busy)
        except BaseException:  # also GeneratorExit and Ctrl-C: what is under way has nobody to go to
            self.close()
            raise

    def _with_room(self) -> _Child | None:
        """The child with the least to do; None: all are busy. All are started at once, so that they start together."""
        while len(self._children) < self._workers:
            self._children.append(_Child(self._target, self._bounds, self._environment))
        idle = min(self._children, key=lambda child: len(child.waiting))
        return idle if len(idle.waiting) < QUEUED else None

    def _answers(self, busy: Sequence[_Child]) -> Iterator[tuple[Any, Answer | Rejected]]:
        """What came within the time of the next deadline; at least one answer, or a child's end."""
        until = min(child.deadline for child in busy)
        ready, _, _ = select.select([child.reader for child in busy], [], [], max(0.0, until - time.monotonic()))
        for child in busy:
            if child.reader in ready:
                answer = child.take()
                if answer is not None:
                    yield child.waiting.popleft().token, answer
                    child.begin_next()
                    continue
                reason = Rejected(RejectReason.DECODER_DIED, child.how_it_died())
            elif time.monotonic() >= child.deadline:  # not a word
                reason = Rejected(RejectReason.TIMED_OUT, f"more than {self._bounds.time_s:.0f} s")
            else:
                continue
            yield from self._replace(child, reason)

    def _replace(self, child: _Child, reason: Rejected) -> Iterator[tuple[Any, Rejected]]:
        """The picture that a child failed on gets `reason`; those behind it go to its successor."""
        child.kill()
        if not child.ever_answered and child.deaths_before >= 1 and reason.reason is RejectReason.DECODER_DIED:
            raise SandboxFailed(
                f"the decoder's process does not start: {reason.detail}",
                "run `countenance doctor`; it needs about 1 GB of memory and Python's own files",
            )
        successor = _Child(
            self._target,
            self._bounds,
            self._environment,
            deaths_before=0 if child.ever_answered else child.deaths_before + 1,
        )
        self._children[self._children.index(child)] = successor
        failed = child.waiting.popleft()
        for item in child.waiting:
            successor.give(item.token, item.data, item.options)
        yield failed.token, reason


@dataclass(frozen=True, slots=True)
class _Item:
    token: Any
    data: bytes
    options: Mapping[str, Any]


class _Child:
    """One process, its pipes, and what it was given and has not answered."""

    def __init__(self, target: str, bounds: Bounds, environment: Mapping[str, str], *, deaths_before: int = 0) -> None:
        self.waiting: deque[_Item] = deque()
        self.ever_answered = False
        self.deaths_before = deaths_before
        self.deadline = float("inf")
        self._bounds = bounds
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and code, nothing from a picture
                [sys.executable, "-c", _CHILD, target, str(bounds.memory_bytes), str(bounds.time_s)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                close_fds=True,
                start_new_session=True,  # Ctrl-C is the parent's to deal with
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}
                | _ONE_THREAD
                | dict(environment),
            )
        except OSError as error:
            raise SandboxFailed(
                f"the decoder's process can't be started: {error.strerror}", "free some memory"
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._writer: IO[bytes] = self._process.stdin
        self.reader: IO[bytes] = self._process.stdout

    def give(self, token: Any, data: bytes, options: Mapping[str, Any]) -> None:
        """It is the child's to do. Only one is in the pipe at a time: two ends that both write would wait for ever."""
        self.waiting.append(_Item(token, data, options))
        if len(self.waiting) == 1:
            self.begin_next()

    def begin_next(self) -> None:
        """The first one waiting is sent, and its clock starts. A dead child is found out when its answer is taken."""
        if not self.waiting:
            self.deadline = float("inf")
            return
        self.deadline = time.monotonic() + self._bounds.time_s + (0 if self.ever_answered else self._bounds.start_s)
        first = self.waiting[0]
        with contextlib.suppress(BrokenPipeError):
            _send(self._writer, first.options, [first.data])

    def take(self) -> Answer | Rejected | None:
        """The next answer; None: the child is dead, or says what it can't have meant."""
        try:
            found = _receive(lambda count: _exactly_by(self.reader.fileno(), count, self.deadline))
        except (OSError, ValueError, EOFError):
            return None
        self.ever_answered = True
        header, parts = found
        if "rejected" in header:
            try:
                return Rejected(RejectReason(header["rejected"]), str(header.get("detail", ""))[:300])
            except ValueError:
                return None
        return header, parts

    def how_it_died(self) -> str:
        """In a word: by which signal, or with which exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.returncode
        if code is None:
            return "it answered with nonsense"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """Dead, and its pipes closed."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._writer, self.reader):
            with contextlib.suppress(OSError):
                pipe.close()


_CHILD: Final = "from countenance.decode.sandbox import child; child()"
_PASSED_ON: Final = (
    "PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV",
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
)  # fmt: skip
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def _receive(exactly: Callable[[int], bytes]) -> Answer:
    """One message. Raises: EOFError: the other end has gone; ValueError: it is no message."""
    header_bytes, count = _LENGTHS.unpack(exactly(_LENGTHS.size))
    if header_bytes > _MAX_HEADER or count > _MAX_PARTS:
        raise ValueError("no message")
    header = json.loads(exactly(header_bytes))
    if not isinstance(header, dict):
        raise ValueError("no message")  # noqa: TRY004  # what came over the pipe has no type to speak of
    parts = []
    for _ in range(count):
        (length,) = _LENGTH.unpack(exactly(_LENGTH.size))
        if length > _MAX_PART:
            raise ValueError("no message")
        parts.append(exactly(length))
    return header, parts


def _send(pipe: IO[bytes], header: Mapping[str, Any], parts: Sequence[bytes]) -> None:
    encoded = json.dumps(header).encode()
    pipe.write(_LENGTHS.pack(len(encoded), len(parts)) + encoded)
    for part in parts:
        pipe.write(_LENGTH.pack(len(part)))
        pipe.write(part)
    pipe.flush()


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) != count:
        raise EOFError("the other end has gone")
    return data


def _exactly_by(descriptor: int, count: int, deadline: float) -> bytes:
    """As `_exactly`, and no longer than until `deadline`: a child may stop in the middle of a word."""
    data = bytearray()
    while len(data) < count:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(descriptor, min(count - len(data), 2**20)) if ready else b""
        if not part:
            raise EOFError("the other end has gone")
        data += part
    return bytes(data)


# --- in the child ----------------------------------------------------------------------------------------------------
def child() -> None:
    """The child's whole life. Its arguments: the target, how much memory it may map, and the time for one picture."""
    target, memory_bytes, time_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a library that prints must not spoil the answers
    module, name = target.split(":")
    function = getattr(importlib.import_module(module), name)
    _confine(memory_bytes)
    while True:
        try:
            options, [data] = _receive(lambda count: _exactly(sys.stdin.buffer, count))
        except (EOFError, ValueError):
            return
        signal.setitimer(signal.ITIMER_REAL, time_s + 5.0)  # the default action ends the process, even in a C loop
        try:
            answer = function(data, options)
        except MemoryError:
            answer = Rejected(RejectReason.TOO_MANY_PIXELS, "it does not fit in the decoder's memory")
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        if isinstance(answer, Rejected):
            answer = ({"rejected": str(answer.reason), "detail": answer.detail}, [])
        _send(answers, *answer)


def _confine(memory_bytes: int) -> None:
    """From here on: no file grows, no core is dumped, memory is bounded."""
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a system that knows no such limit keeps its own
            resource.setrlimit(limit, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
