"""Templates by ONNX Runtime on the CPU."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countenance.permits import EMBEDDING_ACTS, Permit, require
from countenance.types import EmbeddingSpace, Vectors
from countenance.weights.manifest import SFACE, entry
from countenance.weights.store import load

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH = 4  # crops a run; measured: 1 to 4 are alike on one thread, 4 is best on two, from 8 on the caches overflow


class OnnxEmbedder:
    """An `Embedder` over a model of the manifest; safe to call from several threads.

    The network is loaded at the first call (about 0.15 s), in the process that makes it: a session does not survive
    a fork, so make the first call after forking.
    """

    def __init__(self, name: str = SFACE, *, threads: int = 1) -> None:
        model = entry(name)
        self.space = EmbeddingSpace(model.name, model.folded_sha256, model.dimension)
        self._threads = threads
        self._lock = threading.Lock()
        self._session: InferenceSession | None = None

    def embed(self, crops: NDArray[np.uint8], permit: Permit) -> Vectors:
        """(N, D) float32 unit rows for (N, 112, 112, 3) uint8 RGB aligned crops; N may be 0.

        Raises: PermitRefused; ValueError: wrong shape or dtype; WeightsDamaged, StorageFailed: see `weights.store`.
        """
        require(permit, *EMBEDDING_ACTS)
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (112, 112, 3):
            raise ValueError(f"crops must be (N, 112, 112, 3) uint8 RGB, not {crops.shape} {crops.dtype}")
        if not len(crops):
            return np.empty((0, self.space.dimension), np.float32)
        session = self._loaded()
        (data,) = session.get_inputs()
        planes = crops.transpose(0, 3, 1, 2)
        rows = np.concatenate(
            [
                session.run(None, {data.name: np.ascontiguousarray(planes[start : start + BATCH], np.float32)})[0]
                for start in range(0, len(crops), BATCH)
            ]
        )
        vectors: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    def _loaded(self) -> InferenceSession:
        """The session, made by the first caller."""
        with self._lock:
            if self._session is None:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                options.log_severity_level = 3  # errors only
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are shared
                self._session = onnxruntime.InferenceSession(
                    load(self.space.model).data, options, providers=["CPUExecutionProvider"]
                )
            return self._session
