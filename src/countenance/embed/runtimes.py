"""What runs an embedder's network: ONNX Runtime unless the operator chose another (ADR 12 has the figures).

Every choice gives the same templates, or is refused: what runs elsewhere than on ONNX Runtime's CPU kernels (lower
precision on a GPU or on a processor with bfloat16 is the usual cause) is compared with these before its first template.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from countenance.errors import CountenanceError, SpaceMismatch, WrongUse
from countenance.remedies import Remedy

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Planes: TypeAlias = NDArray[np.float32]
Network: TypeAlias = Callable[[Planes], NDArray[np.float32]]  # (N, ...) as the network takes it -> (N, D), any length

VARIABLE: Final = "COUNTENANCE_RUNTIME"
DEFAULT: Final = "onnxruntime"
SAME: Final = 0.9999  # the least cosine between two runtimes' templates of one crop
BATCH: Final = 4  # crops a run; measured: 1 to 4 are alike, from 8 on the caches overflow


def open_network(onnx: bytes, runtime: str, threads: int, sample: Planes) -> Network:
    """The network, ready to run; safe to call from several threads.

    Args: runtime: "onnxruntime" (its CPU provider), "onnxruntime:NAME" (another of its providers, such as
    CUDAExecutionProvider), "openvino" or "opencv"; sample: inputs on which it is compared with the default.
    Raises: WrongUse: no such runtime, or it is not installed, or its provider is not there, or does not start, or it
    can't run this network; SpaceMismatch: its templates are not those of the default.
    """
    if runtime == DEFAULT:
        return _onnxruntime(onnx, threads, CPU)
    try:
        network = _open_other(onnx, runtime, threads)
        rows = network(sample)
    except CountenanceError:
        raise
    except Exception as error:  # each runtime has errors of its own; somebody's own model may hold what it lacks
        said = " ".join(str(error).split())[:300]
        raise WrongUse(f"{runtime} can't run this model: {said}", Remedy.UNSET_VARIABLE, values=(VARIABLE,)) from error
    _require_same(runtime, rows, _onnxruntime(onnx, threads, CPU)(sample))
    return network


def _open_other(onnx: bytes, runtime: str, threads: int) -> Network:
    """Raises: WrongUse: no such runtime, or not here; whatever the runtime raises."""
    name, _, provider = runtime.partition(":")
    if name == "onnxruntime" and provider:
        return _onnxruntime(onnx, threads, provider)
    if runtime in _OTHERS:
        return _OTHERS[runtime](onnx, threads)
    raise WrongUse(
        f"{VARIABLE} names {runtime!r}, and there is no such runtime",
        Remedy.USE_ONE_OF,
        values=[DEFAULT, *_OTHERS, *(f"onnxruntime:{each}" for each in providers())],
    )


def _require_same(runtime: str, ours: NDArray[np.float32], reference: NDArray[np.float32]) -> None:
    cosines = (ours * reference).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(reference, axis=1)
    worst = float(np.nan_to_num(cosines, nan=-1.0).min())
    if worst < SAME:
        raise SpaceMismatch(
            f"{runtime} gives other templates than ONNX Runtime on the CPU: their cosine is {worst:.6f}, below {SAME}",
            Remedy.UNSET_VARIABLE,
            values=(VARIABLE,),
        )


# --- ONNX Runtime ----------------------------------------------------------------------------------------------------
CPU: Final = "CPUExecutionProvider"


def providers() -> Sequence[str]:
    """Those of ONNX Runtime that compute on this machine; AzureExecutionProvider would send crops to a service."""
    import onnxruntime

    return [provider for provider in onnxruntime.get_available_providers() if provider != "AzureExecutionProvider"]


def session_of(onnx: bytes, provider: str = CPU) -> InferenceSession:
    """A session of one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a batch split over two threads of busy cores costs a fifth more than one
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are shared
    return onnxruntime.InferenceSession(onnx, options, providers=[provider])


def _onnxruntime(onnx: bytes, threads: int, provider: str) -> Network:
    """A batch a thread."""
    if provider not in providers():
        raise WrongUse(
            f"ONNX Runtime has no {provider} on this machine, without the package that brings it; it has "
            f"{', '.join(providers())}",
            Remedy.UNSET_VARIABLE,
            values=(VARIABLE,),
        )
    session = session_of(onnx, provider)
    if session.get_providers()[0] != provider:  # it falls back to the CPU in silence where a library is missing
        raise WrongUse(
            f"ONNX Runtime has {provider}, but it does not start here, perhaps without its libraries or driver: "
            f"{session.get_providers()[0]} was used instead",
            Remedy.UNSET_VARIABLE,
            values=(VARIABLE,),
        )
    (data,) = session.get_inputs()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")

    def one(planes: Planes) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = session.run(None, {data.name: planes})[0]
        return rows

    def run(planes: Planes) -> NDArray[np.float32]:
        batches = [planes[start : start + BATCH] for start in range(0, len(planes), BATCH)]
        return np.concatenate(list(map(one, batches) if len(batches) == 1 else pool.map(one, batches)))

    return run


# --- others ----------------------------------------------------------------------------------------------------------
def _openvino(onnx: bytes, threads: int) -> Network:
    """OpenVINO in its throughput form: a stream a thread, a crop a request."""
    try:
        import openvino
    except ImportError as error:
        raise WrongUse(
            f"{VARIABLE} names openvino, which is not installed", Remedy.INSTALL, values=("countenance[openvino]",)
        ) from error
    core = openvino.Core()
    model = core.read_model(onnx)
    shape = model.input(0).partial_shape
    shape[0] = 1
    model.reshape(shape)
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the processor has it: cosines down to 0.990
        "ENABLE_CPU_PINNING": False,  # the cores are shared
    }
    requests = openvino.AsyncInferQueue(core.compile_model(model, "CPU", settings), threads)
    one_caller = threading.Lock()

    def run(planes: Planes) -> NDArray[np.float32]:
        rows: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(planes)

        def keep(request: Any, place: int) -> None:
            rows[place] = request.get_output_tensor(0).data[0].copy()

        with one_caller:
            requests.set_callback(keep)
            for place in range(len(planes)):
                requests.start_async({0: planes[place : place + 1]}, place)
            requests.wait_all()
        return np.stack(rows)

    return run


def _opencv(onnx: bytes, threads: int) -> Network:
    """OpenCV's own engine. It uses all of OpenCV's threads, whatever `threads` says."""
    del threads
    import cv2

    network = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
    one_caller = threading.Lock()

    def run(planes: Planes) -> NDArray[np.float32]:
        rows = []
        with one_caller:
            for place in range(len(planes)):
                network.setInput(planes[place : place + 1])
                rows.append(network.forward().reshape(-1).copy())
        return np.stack(rows)

    return run


_OTHERS: Final[dict[str, Callable[[bytes, int], Network]]] = {"openvino": _openvino, "opencv": _opencv}
