"""What is known of each model that Countenance ships with, read from manifest.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from countenance.errors import NotFound
from countenance.remedies import Remedy

YUNET = "yunet-2023mar"
SFACE = "sface-2021dec"
PACKAGE = "countenance_weights"  # holds the models' files, and no code
VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model: where its file is from, whose it is, and what it wants to see."""

    name: str
    task: str  # "detect" or "embed"
    sha256: str  # of the ONNX file that is run
    source: str  # the package, with its version, that the file is made from
    source_file: str  # within that package
    source_sha256: str
    licence: str  # SPDX
    origin: str  # URL
    paper: str
    input_size: str
    colour_order: str
    mean: tuple[float, float, float]  # subtracted before the network, per channel in `colour_order`
    std: tuple[float, float, float]  # divided by before the network
    dimension: int  # of a template; 0 for a detector
    preprocessing: str
    training_data: str  # what is known of it, with the caveats


@cache
def entries() -> dict[str, ModelEntry]:
    """Every entry of the manifest by name."""
    text = files("countenance.weights").joinpath("manifest.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = tomllib.loads(text)
    return {
        name: ModelEntry(name=name, **fields | {"mean": tuple(fields["mean"]), "std": tuple(fields["std"])})
        for name, fields in found.items()
    }


def entry(name: str) -> ModelEntry:
    """The entry called `name`. Raises: NotFound."""
    try:
        return entries()[name]
    except KeyError:
        raise NotFound(f"no model is called {name!r}", Remedy.USE_ONE_OF, values=tuple(sorted(entries()))) from None
