"""A stranger's model, tried in a child process that can die: it loads, and gives what its entry says.

The child is that of `decode.sandbox`: it opens no file, its memory and time are bounded, and nothing that it says is
unpickled. A model that crashes, loops or eats memory ends its child and is refused.
"""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from countenance.decode.sandbox import Sandbox, SandboxLimits
from countenance.decode.wire import Answer
from countenance.errors import WrongUse
from countenance.remedies import Remedy
from countenance.types import CropSpec, Rejected, RejectReason
from countenance.weights.model import EMBED, Model
from countenance.weights.own import OwnEntry

TARGET: Final = "countenance.pipeline.upkeep.try_model:trying"
BOUNDS: Final = SandboxLimits(time_s=120.0, memory_bytes=8 * 2**30, start_s=60.0)
SAME_COSINE: Final = 0.9999  # protocols.Embedder: a row does not depend on its neighbours
DIFFERENT_COSINE: Final = 0.9999  # of two pictures of noise; above, the network does not look at its input
SHORTEST: Final = 1e-6  # a row this short has no direction that float16 could keep
CROPS: Final = 5
_NEEDED: Final = (
    "numpy.random",
    "onnxruntime",
    "countenance.detect.yunet",
    "countenance.embed.onnx",
    "countenance.weights.inspect",
)


@dataclass(frozen=True, slots=True)
class ModelTrial:
    """What was seen of a model that passed."""

    seconds_a_run: float  # on one thread: of a crop, or of a picture of 640 x 480


def try_model(entry: OwnEntry, onnx: bytes, *, bounds: SandboxLimits = BOUNDS) -> ModelTrial:
    """The model loads and gives what its entry says.

    Raises: WrongUse: names what it does instead; SandboxFailed.
    """
    with Sandbox(TARGET, bounds=bounds) as sandbox:
        answer = sandbox.run(onnx, dataclasses.asdict(entry))
    if isinstance(answer, Rejected):
        died = "took too long" if answer.reason is RejectReason.TIMED_OUT else "brought its process down"
        raise WrongUse(
            f"the model {entry.name} {died} when it was tried, and nothing was added "
            f"({answer.detail or answer.reason})",
            Remedy.EXPORT_MODEL_AGAIN,
        )
    header, _ = answer
    if "refused" in header:
        remedy = Remedy.of(header.get("remedy"))
        values = [f"{value!s:.500}" for value in header.get("values", ())]
        raise WrongUse(f"the model {entry.name} is refused: {header['refused']!s:.500}", remedy, values=values)
    return ModelTrial(float(header["seconds"]))


# --- in the child ----------------------------------------------------------------------------------------------------
def trying() -> Callable[[bytes, Mapping[str, Any]], Answer | Rejected]:
    """The self-test as the sandbox speaks it, with everything loaded: the child opens no file afterwards."""
    for module in _NEEDED:
        importlib.import_module(module)

    def try_in_child(data: bytes, options: Mapping[str, Any]) -> Answer | Rejected:
        try:
            return {"seconds": _seconds(data, options)}, []
        except WrongUse as refused:
            return {"refused": refused.message, "remedy": refused.remedy, "values": refused.values}, []

    return try_in_child


def _seconds(data: bytes, entry: Mapping[str, Any]) -> float:
    """The time of one run. Raises WrongUse."""
    from countenance.embed.runtimes import session_of
    from countenance.weights.inspect import inspect

    inspect(data)
    try:
        session = session_of(data)
    except Exception as error:
        raise WrongUse(f"ONNX Runtime can't load it: {error}", Remedy.EXPORT_MODEL_AGAIN) from error
    shape = [(value.name, list(value.shape), value.type) for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    if entry["task"] == EMBED:
        return _try_embedder(session, _model_of(entry), shape, outputs)
    return _try_detector(data, shape, outputs)


def _model_of(entry: Mapping[str, Any]) -> Model:
    crop = entry["crop"]
    points: Any = tuple(map(tuple, crop["points"]))  # as the parent wrote them
    spec = CropSpec(crop["width"], crop["height"], points)
    mean, std = tuple(entry["mean"]), tuple(entry["std"])
    return Model(
        name=entry["name"], task=entry["task"], sha256=entry["sha256"], licence=entry["licence"],
        colour_order=entry["colour_order"], mean=mean, std=std, layout=entry["layout"], dimension=entry["dimension"],
        crop=spec, path=Path, read=bytes,
    )  # fmt: skip


def _try_embedder(session: Any, model: Model, inputs: list[Any], outputs: list[str]) -> float:
    """Raises WrongUse: what it does is not what an embedder does (protocols.Embedder), or not what its entry says."""
    from countenance.embed.onnx import as_input

    assert model.crop is not None
    if _looks_like_a_detector(outputs):
        raise WrongUse("its outputs are those of a face detector, and its entry says embed", Remedy.CORRECT_MODEL_ENTRY)
    if len(inputs) != 1 or len(outputs) != 1:
        raise WrongUse(
            f"it has {len(inputs)} inputs and {len(outputs)} outputs; an embedder has one of each",
            Remedy.EXPORT_MODEL_AGAIN,
        )
    [(name, shape, kind)] = inputs
    if kind != "tensor(float)":
        raise WrongUse(f"its input is {kind}, not float32", Remedy.EXPORT_MODEL_AGAIN)
    wide, tall = model.crop.width, model.crop.height
    wanted = [3, tall, wide] if model.layout == "NCHW" else [tall, wide, 3]
    if len(shape) != 4 or any(
        isinstance(got, int) and got != want for got, want in zip(shape[1:], wanted, strict=True)
    ):
        raise WrongUse(
            f"its input is {shape}, and its entry says [N, {', '.join(map(str, wanted))}] by input_size and layout",
            Remedy.CORRECT_MODEL_ENTRY,
        )
    if isinstance(shape[0], int):
        raise WrongUse(
            f"it takes exactly {shape[0]} crops at a time: its first axis is not dynamic (dynamic_axes)",
            Remedy.EXPORT_MODEL_AGAIN,
        )

    def rows(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            found = session.run(None, {name: as_input(model, crops)})[0]
        except Exception as error:
            raise WrongUse(
                f"it fails on {len(crops)} crops: {error}; its first axis may not be dynamic all the way",
                Remedy.EXPORT_MODEL_AGAIN,
            ) from error
        given = np.asarray(found) if isinstance(found, np.ndarray) else np.empty(0)  # else a list or map of ONNX's
        if given.shape != (len(crops), model.dimension) or given.dtype != np.float32:
            got = f"{given.dtype} of shape {given.shape}"
            raise WrongUse(
                f"for {len(crops)} crops it gives {got}, and its entry says ({len(crops)}, {model.dimension}) "
                "float32; with more axes it needs a Flatten at its end",
                Remedy.CORRECT_MODEL_ENTRY,
            )
        if not np.isfinite(found).all():
            raise WrongUse(
                "it gives NaN or infinity: its mean or std may be wrong; a float16 network may overflow",
                Remedy.CORRECT_MODEL_ENTRY,
            )
        lengths = np.linalg.norm(found.astype(np.float64), axis=1)
        if lengths.min() < SHORTEST:
            raise WrongUse(
                "it gives a template without a direction, all zeros: the file may be damaged", Remedy.EXPORT_MODEL_AGAIN
            )
        unit: NDArray[np.float32] = (found / lengths[:, None]).astype(np.float32)
        return unit

    crops = noise(CROPS, tall, wide)
    together = rows(crops)
    if not np.array_equal(together, rows(crops)):
        raise WrongUse(
            "it gives other templates for the same crops: a Dropout or a random operator may be left in it",
            Remedy.EXPORT_MODEL_AGAIN,
        )
    started = time.perf_counter()
    alone = np.concatenate([rows(crop[None]) for crop in crops])
    seconds = (time.perf_counter() - started) / CROPS
    if (together * alone).sum(axis=1).min() < SAME_COSINE:
        raise WrongUse(
            "a crop's template depends on the crops beside it: it may not have been exported in evaluation mode",
            Remedy.EXPORT_MODEL_AGAIN,
        )
    rows(np.stack([np.zeros((tall, wide, 3), np.uint8), np.full((tall, wide, 3), 255, np.uint8)]))
    others = (together @ together.T)[~np.eye(CROPS, dtype=bool)]
    if others.min() > DIFFERENT_COSINE:
        raise WrongUse(
            "it gives the same template for every picture: its mean or std may be wrong, or the file damaged",
            Remedy.CORRECT_MODEL_ENTRY,
        )
    return seconds


def _looks_like_a_detector(outputs: list[str]) -> bool:
    return {"cls_8", "obj_8", "bbox_8", "kps_8"} <= set(outputs) or len(outputs) >= 6  # six: boxes and scores, 3 sizes


def _try_detector(data: bytes, inputs: list[Any], outputs: list[str]) -> float:
    """Raises WrongUse: its outputs are not YuNet's, or what they decode to can't be faces."""
    from countenance.detect.yunet import HEADS, YuNet

    missing = sorted(set(HEADS) - set(outputs))
    if missing:
        what = "it makes templates, it seems" if len(outputs) == 1 else f"it lacks the outputs {', '.join(missing[:4])}"
        raise WrongUse(
            f"its outputs are not those of a YuNet (cls, obj, bbox, kps; strides 8, 16, 32): {what}",
            Remedy.EXPORT_MODEL_AGAIN,
        )
    if [name for name, _, _ in inputs] != ["input"] or inputs[0][2] != "tensor(float)":
        raise WrongUse(
            f"its input is {inputs}, not one float32 input called input of (N, 3, H, W)", Remedy.EXPORT_MODEL_AGAIN
        )
    if any(isinstance(side, int) for side in inputs[0][1][2:]):
        raise WrongUse(
            f"it takes pictures of one size alone: {inputs[0][1]}; height and width must be dynamic",
            Remedy.EXPORT_MODEL_AGAIN,
        )
    network = YuNet(data)
    seconds = 0.0
    for tall, wide in ((64, 96), (320, 224), (480, 640)):
        picture = noise(1, tall, wide)[0]
        started = time.perf_counter()
        try:
            found, again = network.find(picture, 0.0), network.find(picture, 0.0)
        except Exception as error:
            raise WrongUse(
                f"it fails on a picture of {wide} x {tall}: {error}; its outputs may not be YuNet's",
                Remedy.EXPORT_MODEL_AGAIN,
            ) from error
        seconds = (time.perf_counter() - started) / 2
        if not all(np.isfinite(part).all() for part in found):
            raise WrongUse("it gives NaN or infinity: the file may be damaged", Remedy.EXPORT_MODEL_AGAIN)
        if found.scores.size and not (found.scores.min() >= 0 and found.scores.max() <= 1):
            raise WrongUse("its scores are not from 0 to 1: its outputs may not be YuNet's", Remedy.EXPORT_MODEL_AGAIN)
        if not all(np.array_equal(a, b) for a, b in zip(found, again, strict=True)):
            raise WrongUse(
                "it finds other faces in the same picture: a random operator may be left in it",
                Remedy.EXPORT_MODEL_AGAIN,
            )
    return seconds


def noise(count: int, tall: int, wide: int) -> NDArray[np.uint8]:
    """(count, tall, wide, 3) uint8 RGB of smooth noise, the same on every machine: it shows nobody."""
    coarse = np.random.RandomState(1).randint(0, 256, size=(count, 9, 9, 3))  # its stream is frozen (NEP 19)
    y, x = np.linspace(0, 7.999, tall), np.linspace(0, 7.999, wide)
    top, left = y.astype(int), x.astype(int)
    down, right = (y - top)[:, None, None], (x - left)[None, :, None]
    upper = coarse[:, top][:, :, left] * (1 - right) + coarse[:, top][:, :, left + 1] * right
    lower = coarse[:, top + 1][:, :, left] * (1 - right) + coarse[:, top + 1][:, :, left + 1] * right
    pixels: NDArray[np.uint8] = (upper * (1 - down) + lower * down).astype(np.uint8)
    return pixels
