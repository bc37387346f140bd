"""Models that somebody brings: the entry that describes one, and the folder of a home that keeps them.

What holds: a model is there when its entry is there, and its entry is written last; and no bytes are handed out whose
sha256 is not the entry's. A crash while adding leaves at most files that no entry names; the next `add` removes them.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from countenance.durable import replace_file, sync_folder
from countenance.errors import NotFound, StorageFailed, WrongUse, reason_of
from countenance.remedies import Remedy, remedy_of_storage
from countenance.types import ARCFACE, CropSpec, Landmarks
from countenance.weights.manifest import entries
from countenance.weights.model import DETECT, EMBED, NAME, Model
from countenance.weights.store import read_verified

MAX_BYTES: Final = 400 * 2**20  # of an ONNX file; ViT-L in float16 has 600 MB, and no machine this is for runs it
MAX_DIMENSION: Final = 4096
MIN_DIMENSION: Final = 8
SIDES: Final = (32, 512)  # pixels of a crop
CHOICE: Final = "detector"  # no name of a model's file: those have an ending
HEADS: Final = ("yunet",)  # the outputs of a detector that are understood

_Kinds: TypeAlias = dict[str, type | tuple[type, ...]]
_COMMON: Final[_Kinds] = {"name": str, "task": str, "file": str, "sha256": str, "licence": str}
_ALWAYS: Final[_Kinds] = {"colour_order": str, "mean": list, "std": list}
_EMBED: Final[_Kinds] = {**_ALWAYS, "input_size": list, "dimension": int, "template": (str, list)}
_DETECT: Final[_Kinds] = {"heads": str}  # YuNet's colours and scale are fixed: BGR, 0 to 255
_OPTIONAL: Final = {"layout": str, "origin": str, "calibration": str}


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """What a user says of a model. Valid by itself; that the file is what it says is for `pipeline.try_model`."""

    name: str
    task: str
    file: str  # as written, relative to the entry
    sha256: str
    licence: str
    colour_order: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: str
    dimension: int
    crop: CropSpec | None
    origin: str
    calibration: str  # a file, relative to the entry; empty: none


def parse_entry(text: str) -> OwnEntry:
    """The entry that a TOML text describes. Raises WrongUse: names the line's key and what it must be."""
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongUse(f"the model's entry is not TOML: {error}", Remedy.CORRECT_MODEL_ENTRY) from error
    task = fields.get("task")
    _require(task in {EMBED, DETECT}, "task", task, f'"{EMBED}" or "{DETECT}"')
    wanted = _COMMON | (_EMBED if task == EMBED else _DETECT)
    for key, kind in wanted.items():
        value = fields.get(key, "")
        there = value != "" and isinstance(value, kind) and not isinstance(value, bool)
        _require(there, key, value, _MUST_BE.get(key, "a text"))
    unknown = fields.keys() - wanted - _OPTIONAL.keys()
    if unknown:
        raise WrongUse(
            f"the model's entry has {', '.join(sorted(unknown))}, which the task {task} does not use",
            Remedy.CORRECT_MODEL_ENTRY,
        )
    for key in _OPTIONAL:
        _require(isinstance(fields.get(key, ""), str), key, fields.get(key), "a text")
    return _checked(fields, embed=task == EMBED)


def _checked(fields: Mapping[str, Any], *, embed: bool) -> OwnEntry:
    name = fields["name"]
    _require(NAME.fullmatch(name), "name", name, "at most 63 of a to z, 0 to 9, dot, dash and underscore")
    if name in entries():
        raise WrongUse(f"{name} is the name of a model that Countenance ships with", Remedy.CHOOSE_ANOTHER_NAME)
    sha256 = fields["sha256"].lower()
    _require(re.fullmatch("[0-9a-f]{64}", sha256), "sha256", fields["sha256"], _MUST_BE["sha256"])
    licence = fields["licence"].strip()
    _require(len(licence) > 1 and licence.isprintable(), "licence", licence, _MUST_BE["licence"])
    layout = fields.get("layout", "NCHW")
    if embed:
        _require(layout in {"NCHW", "NHWC"}, "layout", layout, '"NCHW" or "NHWC"')
    else:
        _require(fields["heads"] in HEADS, "heads", fields["heads"], _MUST_BE["heads"])
        _require(layout == "NCHW", "layout", layout, '"NCHW" for YuNet')
    order = fields.get("colour_order", "BGR")
    _require(order in {"RGB", "BGR"}, "colour_order", order, _MUST_BE["colour_order"])
    std = _three(fields.get("std", [1, 1, 1]), "std")
    _require(all(each > 0 for each in std), "std", fields.get("std"), "above 0: pixels are divided by it")
    dimension = fields.get("dimension", 0)
    _require(not embed or MIN_DIMENSION <= dimension <= MAX_DIMENSION, "dimension", dimension, _MUST_BE["dimension"])
    return OwnEntry(
        name=name, task=fields["task"], file=fields["file"], sha256=sha256, licence=licence,
        colour_order=order, mean=_three(fields.get("mean", [0, 0, 0]), "mean"), std=std, layout=layout,
        dimension=dimension, crop=_crop(fields) if embed else None, origin=fields.get("origin", ""),
        calibration=fields.get("calibration", ""),
    )  # fmt: skip


def _crop(fields: Mapping[str, Any]) -> CropSpec:
    size, template = fields["input_size"], fields["template"]
    _require(
        len(size) == 2 and all(type(side) is int and SIDES[0] <= side <= SIDES[1] for side in size),
        "input_size", size, _MUST_BE["input_size"],
    )  # fmt: skip
    width, height = size
    if template == "arcface":
        _require((width, height) == (112, 112), "input_size", size, '[112, 112] for the template "arcface"')
        return ARCFACE
    _require(
        isinstance(template, list) and len(template) == 5
        and all(isinstance(p, list) and len(p) == 2 and all(_number(v) for v in p) for p in template),
        "template", template, _MUST_BE["template"],
    )  # fmt: skip
    points: Landmarks = tuple((float(x), float(y)) for x, y in template)  # type: ignore[assignment]  # five, see above
    _require(
        all(0 <= x <= width and 0 <= y <= height for x, y in points)
        and points[0][0] < points[1][0] and points[0][1] < points[3][1],
        "template", template, f"an upright face inside the crop: {_POINTS}",
    )  # fmt: skip
    return CropSpec(width, height, points)


def _three(values: list[Any], key: str) -> tuple[float, float, float]:
    _require(len(values) == 3 and all(_number(v) and abs(v) < 1e6 for v in values), key, values, _MUST_BE[key])
    a, b, c = map(float, values)
    return a, b, c


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  not NaN


def _require(holds: object, key: str, value: object, must_be: str) -> None:
    if not holds:
        raise WrongUse(f"the model's entry has {key} = {value!r}, and it must be {must_be}", Remedy.CORRECT_MODEL_ENTRY)


_POINTS: Final = "left eye, right eye, nose, left and right corner of the mouth, as the viewer sees them"
_CHANNELS: Final = "three numbers, one for each channel in the order of colour_order, for pixels from 0 to 255"
_MUST_BE: Final = {
    "sha256": "the file's sha256, 64 hex digits",
    "licence": "the licence of the weights: Countenance runs no model of unknown licence",
    "heads": f"one of these: {', '.join(HEADS)}",
    "colour_order": '"RGB" or "BGR"',
    "mean": _CHANNELS,
    "std": _CHANNELS,
    "input_size": f"[width, height] in pixels, each from {SIDES[0]} to {SIDES[1]}",
    "dimension": f"a whole number from {MIN_DIMENSION} to {MAX_DIMENSION:,}",
    "template": f'"arcface" for 112 x 112, or five [x, y] in pixels of the crop: {_POINTS}',
}


class OwnModels:
    """The models of one home: `NAME.toml`, `NAME.onnx` and, if there is one, `NAME.calibration.json`.

    The file `detector` holds the name of the detector in use; without it the one shipped is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> tuple[Model, ...]:
        """Every model, by name."""
        return tuple(self.get(path.stem) for path in sorted(self._folder.glob("*.toml")))

    def get(self, name: str) -> Model:
        """The model of that name, not loaded. Raises: NotFound; StorageFailed: its entry is damaged."""
        return _as_model(self.entry(name), self._file(name, "onnx"))

    def entry(self, name: str) -> OwnEntry:
        """What is known of it. Raises: as `get`."""
        try:
            if not NAME.fullmatch(name):
                raise FileNotFoundError
            return parse_entry(self._file(name, "toml").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise NotFound(f"no model is called {name!r}", Remedy.LIST_MODELS) from error
        except (OSError, WrongUse, UnicodeDecodeError) as error:
            raise StorageFailed(
                f"the entry of the model {name} is damaged: {reason_of(error)}", Remedy.REPLACE_MODEL, values=(name,)
            ) from error

    def calibration(self, name: str) -> bytes | None:
        """The calibration that came with it."""
        path = self._file(name, "calibration.json")
        return path.read_bytes() if path.is_file() else None

    def detector(self) -> str | None:
        """The name of the detector in use; None: the one shipped."""
        try:
            return (self._folder / CHOICE).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def choose_detector(self, name: str | None) -> None:
        """From now on pictures are looked at with it; None: with the one shipped. Raises: StorageFailed."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._folder / CHOICE, (name or "").encode())
        except OSError as error:
            raise StorageFailed(
                f"the choice of a detector can't be kept: {error.strerror}", remedy_of_storage(error)
            ) from error

    def add(self, entry: OwnEntry, onnx: bytes, calibration: bytes | None = None) -> Model:
        """The model is there, durably, or nothing is. Raises: WrongUse: the name is taken; StorageFailed."""
        if self._file(entry.name, "toml").exists():
            raise WrongUse(f"a model called {entry.name} is there already", Remedy.REMOVE_MODEL, values=(entry.name,))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
            replace_file(self._file(entry.name, "onnx"), onnx)
            if calibration is not None:
                replace_file(self._file(entry.name, "calibration.json"), calibration)
            replace_file(self._file(entry.name, "toml"), _as_toml(entry).encode())
        except OSError as error:
            self._sweep()
            raise StorageFailed(
                f"the model can't be kept: {error.strerror}", remedy_of_storage(error), path=self._folder
            ) from error
        return self.get(entry.name)

    def remove(self, name: str) -> None:
        """There is no such model any more: its entry goes first. Raises: NotFound; StorageFailed."""
        if not NAME.fullmatch(name) or not self._file(name, "toml").exists():
            raise NotFound(f"no model of this home is called {name!r}", Remedy.LIST_MODELS)
        try:
            self._file(name, "toml").unlink()
            sync_folder(self._folder)
            self._sweep()
        except OSError as error:
            raise StorageFailed(
                f"the model {name} can't be removed: {error.strerror}", remedy_of_storage(error)
            ) from error

    def _sweep(self) -> None:
        """Files that no entry names are gone, half-written ones among them."""
        for path in self._folder.iterdir():
            name = path.name.removesuffix(".toml").removesuffix(".onnx").removesuffix(".calibration.json")
            if path.name != CHOICE and not self._file(name, "toml").exists():
                path.unlink(missing_ok=True)

    def _file(self, name: str, kind: str) -> Path:
        return self._folder / f"{name}.{kind}"


def _as_model(entry: OwnEntry, file: Path) -> Model:
    return Model(
        name=entry.name, task=entry.task, sha256=entry.sha256, licence=entry.licence, colour_order=entry.colour_order,
        mean=entry.mean, std=entry.std, layout=entry.layout, dimension=entry.dimension, crop=entry.crop,
        path=lambda: file, read=lambda: read_verified(file, entry.sha256, own=entry.name), own=True,
    )  # fmt: skip


def read_onnx(entry: OwnEntry, beside: Path) -> bytes:
    """The bytes of the entry's file. Raises: NotFound: none there; WrongUse: too large, or not of that sha256."""
    path = beside / Path(entry.file).expanduser()
    try:
        if not path.is_file():
            raise NotFound(
                f"the entry's file {entry.file} was not found beside it", Remedy.CORRECT_MODEL_ENTRY, path=path
            )
        if path.stat().st_size > MAX_BYTES:
            most = f"{MAX_BYTES // 2**20} MB"
            raise WrongUse(
                f"the model's file is larger than {most}", Remedy.USE_SMALLER_FILE, values=(most,), path=path
            )
        data = path.read_bytes()
    except OSError as error:
        raise StorageFailed(
            f"the model's file can't be read: {error.strerror}", Remedy.CHECK_PERMISSION, path=path
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise WrongUse(
            f"the file is not the one of the model's entry: its sha256 is {found}, not {entry.sha256}",
            Remedy.GET_MODEL_AGAIN,
            path=path,
        )
    return data


def _as_toml(entry: OwnEntry) -> str:
    """What `parse_entry` reads. A JSON string without control characters is a TOML basic string."""
    fields: dict[str, Any] = {
        "name": entry.name, "task": entry.task, "file": f"{entry.name}.onnx", "sha256": entry.sha256,
        "licence": entry.licence, "colour_order": entry.colour_order, "mean": entry.mean, "std": entry.std,
        "layout": entry.layout,
    }  # fmt: skip
    if entry.origin:
        fields["origin"] = entry.origin
    if entry.crop is None:
        fields["heads"] = HEADS[0]
        del fields["colour_order"], fields["mean"], fields["std"]
    else:
        fields["input_size"] = [entry.crop.width, entry.crop.height]
        fields["dimension"] = entry.dimension
        fields["template"] = "arcface" if entry.crop == ARCFACE else entry.crop.points
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items())
