"""Templates by an ONNX model."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.embed.runtimes import DEFAULT, Network, open_network
from countenance.errors import WeightsDamaged
from countenance.permits import EMBEDDING_ACTS, Permit, require
from countenance.remedies import Remedy
from countenance.types import Vectors
from countenance.weights.manifest import SFACE
from countenance.weights.model import Model
from countenance.weights.store import shipped

PART: Final = 64  # crops as float32 at once: 10 MB
SAMPLED: Final = 4  # crops on which another runtime is compared with the default


class OnnxEmbedder:
    """An `Embedder` over a model, shipped or brought; safe to call from several threads.

    The network is loaded at the first call (about 0.15 s), in the process that makes it: a session does not survive
    a fork, so make the first call after forking.
    """

    def __init__(self, model: Model | None = None, *, threads: int = 1, runtime: str = DEFAULT) -> None:
        """`runtime`: see `embed.runtimes`. Raises: ValueError: the model makes no templates."""
        self.model = shipped(SFACE) if model is None else model
        if self.model.crop is None:
            raise ValueError(f"{self.model.name} is a {self.model.task} model and makes no templates")
        self.space = self.model.space
        self.crop = self.model.crop
        self._threads = threads
        self.runtime = runtime
        self._lock = threading.Lock()
        self._network: Network | None = None

    def embed(self, crops: NDArray[np.uint8], permit: Permit) -> Vectors:
        """(N, D) float32 unit rows for (N, height, width, 3) uint8 RGB aligned crops; N may be 0.

        Raises: PermitRefused; ValueError: wrong shape or dtype; WrongUse, SpaceMismatch: see `embed.runtimes`;
        WeightsDamaged, StorageFailed: see `weights.store`; WeightsDamaged also where a row is no direction (not finite,
        or zero), which no self-test met.
        """
        require(permit, *EMBEDDING_ACTS)
        wanted = (self.crop.height, self.crop.width, 3)
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != wanted:
            raise ValueError(
                f"crops must be (N, {wanted[0]}, {wanted[1]}, 3) uint8 RGB, not {crops.shape} {crops.dtype}"
            )
        if not len(crops):
            return np.empty((0, self.space.dimension), np.float32)
        network = self._loaded()
        rows = np.concatenate(
            [network(as_input(self.model, crops[start : start + PART])) for start in range(0, len(crops), PART)]
        )
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and lengths.all()):
            raise WeightsDamaged(
                f"the model {self.space.model} can't be relied on: it gave a template that is not finite, or zero",
                Remedy.ROLL_BACK_REINDEX,
            )
        vectors: Vectors = rows / lengths
        return vectors

    def _loaded(self) -> Network:
        """The network, opened by the first caller."""
        with self._lock:
            if self._network is None:
                made_up = np.random.default_rng(0).integers(0, 256, (SAMPLED, self.crop.height, self.crop.width, 3))
                sample = as_input(self.model, made_up.astype(np.uint8))
                self._network = open_network(self.model.read(), self.runtime, self._threads, sample)
            return self._network


def as_input(model: Model, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network is given for (N, height, width, 3) uint8 RGB crops: its channels, scale and layout."""
    pixels = crops if model.colour_order == "RGB" else crops[..., ::-1]
    if model.layout == "NCHW":
        pixels = pixels.transpose(0, 3, 1, 2)
    values = np.ascontiguousarray(pixels, np.float32)
    if any(model.mean) or any(each != 1 for each in model.std):
        shape = (3, 1, 1) if model.layout == "NCHW" else (3,)
        values -= np.array(model.mean, np.float32).reshape(shape)
        values /= np.array(model.std, np.float32).reshape(shape)
    return values
