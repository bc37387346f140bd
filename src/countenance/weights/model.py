"""A model as it is run, wherever it comes from: shipped with Countenance, or brought by whoever runs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from countenance.types import CropSpec, EmbeddingSpace

EMBED: Final = "embed"
DETECT: Final = "detect"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")  # it becomes a file name


@dataclass(frozen=True, slots=True)
class Model:
    """What the network wants to see, and what it gives. Nothing is loaded until `read` is called."""

    name: str
    task: str  # EMBED or DETECT
    sha256: str  # of the ONNX file that is run
    licence: str
    colour_order: str  # "RGB" or "BGR", 0 to 255
    mean: tuple[float, float, float]  # subtracted, per channel in `colour_order`
    std: tuple[float, float, float]  # divided by afterwards
    layout: str  # "NCHW" or "NHWC"
    dimension: int  # of a template; 0 of a detector
    crop: CropSpec | None  # of an embedder
    path: Callable[[], Path] = field(repr=False, compare=False)  # where the file is, made if it can be made
    read: Callable[[], bytes] = field(repr=False, compare=False)  # its verified bytes; raises WeightsDamaged
    own: bool = False  # brought by the user

    @property
    def space(self) -> EmbeddingSpace:
        """The embedding space of its templates."""
        return EmbeddingSpace(self.name, self.sha256, self.dimension)
