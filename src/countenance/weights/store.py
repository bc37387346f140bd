"""The shipped weights, in the package countenance-weights, which is located and never imported.

What holds: no bytes are returned whose sha256 is not the one in the manifest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from countenance.errors import WeightsDamaged
from countenance.remedies import Remedy
from countenance.types import ARCFACE
from countenance.weights.manifest import PACKAGE, VERSION, ModelEntry, entry
from countenance.weights.model import EMBED, Model


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A verified model. `data` is the ONNX file, `sha256` its hash, which names the embedding space."""

    entry: ModelEntry
    sha256: str
    data: bytes


def load(name: str) -> Weights:
    """Reads the shipped weights called `name`.

    Raises: NotFound: no such model; WeightsDamaged: the package is not installed, or holds another file.
    """
    model = entry(name)
    return Weights(model, model.sha256, read_verified(_located(model), model.sha256))


def shipped(name: str) -> Model:
    """The shipped model called `name`, not loaded yet. Raises: NotFound."""
    found = entry(name)
    return Model(
        name=found.name, task=found.task, sha256=found.sha256, licence=found.licence,
        colour_order=found.colour_order, mean=found.mean, std=found.std, layout="NCHW", dimension=found.dimension,
        crop=ARCFACE if found.task == EMBED else None, path=lambda: model_path(name), read=lambda: load(name).data,
    )  # fmt: skip


def model_path(name: str) -> Path:
    """The ONNX file called `name`, verified, for programs that need a file. Raises: as `load`."""
    load(name)
    return _located(entry(name))


def read_verified(path: Path, sha256: str, *, own: str = "") -> bytes:
    """Reads the file. own: the model's name, if a user brought it.

    Raises: WeightsDamaged: it can't be read, or is another file.
    """
    remedy, values = (Remedy.REPLACE_MODEL, (own,)) if own else (Remedy.INSTALL_WEIGHTS, (VERSION,))
    try:
        data = path.read_bytes()
    except OSError as e:
        raise WeightsDamaged(f"the weights can't be read: {e.strerror}", remedy, values=values, path=path) from e
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsDamaged(
            f"the weights are damaged, or another file: the sha256 begins {found[:12]}, not {sha256[:12]}",
            remedy,
            values=values,
            path=path,
        )
    return data


def _located(model: ModelEntry) -> Path:
    """Where the model's file should be. Raises: WeightsDamaged: the package is not installed."""
    package = find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise WeightsDamaged(
            f"the weights of {model.name} are not installed", Remedy.INSTALL_WEIGHTS, values=(VERSION,)
        )
    return Path(package.submodule_search_locations[0], f"{model.name}.onnx")
