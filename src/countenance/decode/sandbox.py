"""Child processes that work on untrusted bytes and may die of them.

A child gets bytes and options over a pipe and answers with a JSON header and raw bytes: the parent never unpickles what
a child says, so a child that a picture has taken over can send wrong pixels and nothing worse. A child has no key, no
permit, no path and no secret in its environment. Before the first byte of a picture it loads all it needs, and from
then on opens nothing, neither file nor connection; its memory is bounded. One that dies or takes too long costs its
picture, not the run: another is started in its place.

A child ends with its parent, however that ends: the kernel kills it (Linux), its pipe closes, or its own alarm rings.
What a child that was taken over can still do is to answer wrongly about later pictures; docs/threat-model.md says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from countenance.decode.wire import Answer, message, read_by, received, write_by
from countenance.errors import SandboxFailed
from countenance.remedies import Remedy
from countenance.types import Rejected, RejectReason

T = TypeVar("T")
QUEUED: Final = 4  # pictures read for each child, the one at work among them, so that it hardly ever waits for one
QUEUED_BYTES: Final = 64 * 2**20  # in all; one picture larger than that is still taken, alone
# The kernel kills a child when the *thread* that started it ends, so one thread, which does not, starts them all.
_STARTER: Final = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a child may take."""

    time_s: float = 60.0  # for one picture
    memory_bytes: int = 6 * 2**30  # of address space; a picture of 200 megapixels needs up to three copies of 600 MB
    start_s: float = 60.0  # until it is ready


class Sandbox:
    """Child processes that run one function, started when first needed. A context manager, for any number of threads.

    `target` is "module:factory", imported in the child: factory() loads all that is needed and returns
    function(data: bytes, options) -> Answer | Rejected.
    """

    def __init__(
        self,
        target: str,
        *,
        workers: int = 1,
        bounds: SandboxLimits | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment`: what the children know beside the few names that are passed on."""
        self._target = target
        self._environment = dict(environment or {})
        self._workers = workers
        self._bounds = bounds or SandboxLimits()
        self._lock = threading.Lock()
        self._children: list[_Child] = []  # all that live
        self._free: queue.LifoQueue[_Child | None] = queue.LifoQueue()  # a child, or room to start one
        for _ in range(workers):
            self._free.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No child is left. What is under way is answered with DECODER_DIED; a later call starts children anew."""
        with self._lock:
            children, self._children = self._children, []
        for child in children:
            child.kill()
        for left in self._idle():
            if left is not None:
                left.release()
            self._free.put(None)

    def run(self, data: bytes, options: Mapping[str, Any]) -> Answer | Rejected:
        """The answer for one picture. Raises SandboxFailed: no child can be started."""
        child = self._free.get()
        try:
            if child is None:
                child = self._started()
            return child.ask(data, options)
        finally:
            self._free.put(None if child is None or self._buried(child) else child)

    def run_many(self, items: Iterable[tuple[T, bytes, Mapping[str, Any]]]) -> Iterator[tuple[T, Answer | Rejected]]:
        """(token, answer) for each (token, data, options), as they are done.

        `items` is drawn from in the caller's thread, and only as far as the children can soon use, so that a run over
        any number of pictures has a few in memory. Closing the iterator early ends the children. Raises SandboxFailed.
        """
        source, exhausted = iter(items), False
        under_way: dict[Future[Answer | Rejected], tuple[T, int]] = {}
        done: queue.SimpleQueue[Future[Answer | Rejected]] = queue.SimpleQueue()
        executor = ThreadPoolExecutor(self._workers, thread_name_prefix="sandbox")
        try:
            while under_way or not exhausted:
                room = not exhausted and _room(under_way.values(), self._workers * QUEUED)
                if room:
                    item = next(source, None)
                    if item is None:
                        exhausted = True
                        continue
                    token, data, options = item
                    future = executor.submit(self.run, data, options)
                    under_way[future] = (token, len(data))
                    future.add_done_callback(done.put)
                    del item, data
                if not room or not done.empty():
                    future = done.get()
                    yield under_way.pop(future)[0], future.result()
        except BaseException:  # also GeneratorExit and Ctrl-C: what is under way has nobody to go to
            executor.shutdown(wait=False, cancel_futures=True)
            self.close()
            executor.shutdown()
            self.close()  # of a child that was only just being started
            raise
        executor.shutdown()

    def _started(self) -> _Child:
        child = _Child(self._target, self._bounds, self._environment)
        with self._lock:
            self._children.append(child)
        try:
            child.await_ready()
        except BaseException:
            child.kill()
            self._buried(child)
            raise
        return child

    def _buried(self, child: _Child) -> bool:
        """True: it was dead, and nothing of it is left."""
        if not child.dead:
            return False
        child.release()
        with self._lock:
            self._children = [other for other in self._children if other is not child]
        return True

    def _idle(self) -> list[_Child | None]:
        """What nobody uses now, taken out."""
        taken: list[_Child | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                taken.append(self._free.get_nowait())
        return taken


def _room(under_way: Iterable[tuple[Any, int]], pictures: int) -> bool:
    sizes = [size for _, size in under_way]
    return not sizes or (len(sizes) < pictures and sum(sizes) < QUEUED_BYTES)


class _Child:
    """One process and its pipes. Ready when made. One thread asks at a time; another may kill it meanwhile."""

    def __init__(self, target: str, bounds: SandboxLimits, environment: Mapping[str, str]) -> None:
        self.dead = False
        self._bounds = bounds
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        where = json.dumps([place for place in sys.path if place])
        told = json.dumps([bounds.memory_bytes, bounds.time_s, os.getpid()])
        try:
            self._process = _STARTER.submit(
                subprocess.Popen,
                [sys.executable, "-I", "-c", _BOOT, where, target, told],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                close_fds=True,
                start_new_session=True,  # Ctrl-C is the parent's to deal with
                env=passed_on | _ONE_THREAD | _KEEP_MEMORY | dict(environment),
            ).result()
        except OSError as error:
            raise SandboxFailed(
                f"the decoder's process can't be started: {error.strerror}", Remedy.FREE_MEMORY
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = self._process.stdin.fileno()
        self._from = self._process.stdout.fileno()
        os.set_blocking(self._to, False)

    def await_ready(self) -> None:
        """It waits for pictures. Raises SandboxFailed."""
        hello = self._received(time.monotonic() + self._bounds.start_s)
        if isinstance(hello, Rejected) or "ready" not in hello[0]:
            why = hello.detail if isinstance(hello, Rejected) else str(hello[0].get("failed", ""))[:500]
            raise SandboxFailed(
                "the decoder's process does not start; it needs about 1 GB of memory and the files of this "
                f"installation: {why}",
                Remedy.RUN_DOCTOR,
            )

    def ask(self, data: bytes, options: Mapping[str, Any]) -> Answer | Rejected:
        """The answer for one picture; the child is dead afterwards where it did not give one."""
        deadline = time.monotonic() + self._bounds.time_s
        with contextlib.suppress(OSError, TimeoutError):  # then the answer tells how it died, or that it took too long
            for part in message(options, [data]):
                write_by(self._to, part, deadline)
        answer = self._received(deadline)
        if isinstance(answer, Rejected):
            self.kill()
            return answer
        header, _ = answer
        if "rejected" not in header:
            return answer
        with contextlib.suppress(ValueError):
            return Rejected(RejectReason(header["rejected"]), str(header.get("detail", ""))[:300])
        self.kill()
        return Rejected(RejectReason.DECODER_DIED, "it answered with nonsense")

    def kill(self) -> None:
        """Dead. Whoever waits for an answer hears at once. Safe to call again, and from another thread."""
        self.dead = True
        self._process.kill()
        self._process.wait()

    def release(self) -> None:
        """Dead, and its pipes closed. For the thread that alone still knows it."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _received(self, deadline: float) -> Answer | Rejected:
        """The next message, or why none came."""
        try:
            return received(lambda count: read_by(self._from, count, deadline))
        except TimeoutError:
            return Rejected(RejectReason.TIMED_OUT, f"more than {self._bounds.time_s:.0f} s")
        except (ValueError, RecursionError):
            return Rejected(RejectReason.DECODER_DIED, "it answered with nonsense")
        except (EOFError, OSError):
            self._process.kill()  # it closed its pipe; it does not matter what else it meant to do
            code = self._process.wait()
            return Rejected(RejectReason.DECODER_DIED, signal.Signals(-code).name if code < 0 else f"exit code {code}")


# The child's first words. It looks for code where the parent found it, and nowhere else (-I).
_BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from countenance.decode.sandbox_child import live; live(sys.argv[2], *json.loads(sys.argv[3]))"
)
_PASSED_ON: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
# glibc gives what is freed back to the kernel and takes it anew, zeroed, for every tensor: a seventh of a child's time.
_KEEP_MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": str(64 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20)}
