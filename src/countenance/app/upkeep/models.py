"""The models of a home: those shipped, those that somebody brought, and which of them is at work."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from countenance.app.paths import path_of
from countenance.app.settings import Settings
from countenance.app.wiring import Parts
from countenance.calibrate.calibration import Calibration
from countenance.errors import HomeBusy, NotFound, SpaceMismatch, WrongUse
from countenance.records.upkeep.reindexes import State
from countenance.remedies import Remedy
from countenance.weights.manifest import YUNET, entries, entry
from countenance.weights.model import DETECT, EMBED, Model
from countenance.weights.own import OwnEntry, OwnModels, parse_entry, read_onnx
from countenance.weights.store import shipped

MAX_ENTRY_BYTES = 64 * 2**10
MAX_CALIBRATION_BYTES = 16 * 2**20


def detector_of(home: str | os.PathLike[str] | None) -> Model:
    """The detector that the home at this path uses; the one shipped where there is no home. Opens and makes none.

    Raises: NotFound, StorageFailed: its files are missing or damaged.
    """
    own = OwnModels(Settings.read(home).home / "models")
    name = own.detector()
    return shipped(YUNET) if name is None else own.get(name)


def _calibration(found: OwnEntry, beside: Path) -> bytes | None:
    """The calibration that the entry names, if it is of this model."""
    if not found.calibration:
        return None
    path = beside / Path(found.calibration).expanduser()
    if not path.is_file() or path.stat().st_size > MAX_CALIBRATION_BYTES:
        raise NotFound("the calibration file does not exist; add the model without it, and measure it later", path=path)
    data = path.read_bytes()
    space = Calibration.from_json(data).space
    if found.task != EMBED or (space.model, space.weights_sha256, space.dimension) != (
        found.name, found.sha256, found.dimension
    ):  # fmt: skip
        raise SpaceMismatch(
            f"the calibration is of {space.model} ({space.weights_sha256[:12]}), not of {found.name}; its "
            "odds would mean nothing here",
            path=path,
        )
    return data


@dataclass(frozen=True, slots=True)
class ModelService:
    """The models of one home."""

    parts: Parts

    def add(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """The model that the entry at `path` describes passed its self-test and is kept in the home.

        A crash leaves the home without it, or with it; the log may name one that never came to be.
        Raises: NotFound: no such entry or file; WrongUse: what is wrong with either; StorageFailed; LogUnwritable.
        """
        from countenance.pipeline.upkeep.try_model import try_model

        where = path_of(path)
        if not where.is_file():
            raise NotFound(
                "the entry of the model does not exist; docs/models.md shows one", Remedy.USE_EXISTING_FILE, path=where
            )
        if where.stat().st_size > MAX_ENTRY_BYTES:
            raise WrongUse(
                "the file is too large: name the TOML file that describes the model, not the model", path=where
            )
        try:
            found = parse_entry(where.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise WrongUse(
                "the file is not text: name the TOML file that describes the model, not the model", path=where
            ) from error
        with _changing(self.parts.path):
            if any(model.name == found.name for model in self.parts.models.all()):
                raise WrongUse(f"a model called {found.name} exists", Remedy.REMOVE_MODEL, values=(found.name,))
            onnx = read_onnx(found, where.parent)
            calibration = _calibration(found, where.parent)
            tried = try_model(found, onnx)
            self.parts.log.append(
                "model.added",
                {"model": found.name, "task": found.task, "sha256": found.sha256, "licence": found.licence},
            )
            model = self.parts.models.add(found, onnx, calibration)
        return {**self.describe(model), "seconds_a_run": round(tried.seconds_a_run, 4)}

    def remove(self, name: str) -> None:
        """No such model is in the home. Raises: NotFound; WrongUse: it is shipped, or at work."""
        if name in entries():
            raise WrongUse(f"{name} comes with Countenance; only models that you added can be removed")
        with _changing(self.parts.path):
            model = self.parts.models.get(name)
            use = self.in_use(model)
            if use:
                remedy = Remedy.USE_ANOTHER_DETECTOR if model.task == DETECT else Remedy.BEGIN_REINDEX
                raise WrongUse(f"{name} is in use: {use}", remedy)
            self.parts.log.append("model.removed", {"model": name, "sha256": model.sha256})
            self.parts.models.remove(name)

    def use(self, name: str) -> dict[str, Any]:
        """From now on pictures and probes are looked at with this detector. Raises: NotFound; WrongUse: an embedder."""
        model = self.parts.model(name)
        if model.task != DETECT:
            raise WrongUse(
                f"{name} makes templates, and templates of two models can't be compared", Remedy.BEGIN_REINDEX
            )
        with _changing(self.parts.path):
            self.parts.log.append("model.chosen", {"model": name, "sha256": model.sha256})
            self.parts.models.choose_detector(None if name == YUNET else name)
        return self.describe(model)

    def all(self) -> list[dict[str, Any]]:
        """Every model, those shipped first."""
        return [self.describe(model) for model in (*map(shipped, entries()), *self.parts.models.all())]

    def get(self, name: str) -> dict[str, Any]:
        """All that is known of one model. Raises: NotFound."""
        model = self.parts.model(name)
        about: dict[str, Any] = {**self.describe(model), "mean": list(model.mean), "std": list(model.std),
                                 "colour_order": model.colour_order, "layout": model.layout}  # fmt: skip
        if model.crop is not None:
            about["input_size"] = [model.crop.width, model.crop.height]
            about["template"] = [list(point) for point in model.crop.points]
        if model.own:
            about["origin"] = self.parts.models.entry(name).origin
        else:
            found = entry(name)
            about |= {"origin": found.origin, "paper": found.paper, "training_data": found.training_data}
        return about

    def describe(self, model: Model) -> dict[str, Any]:
        """A model as JSON."""
        return {
            "name": model.name,
            "task": model.task,
            "licence": model.licence,
            "sha256": model.sha256,
            "dimension": model.dimension or None,
            "own": model.own,
            "calibration": self._calibrated(model),
            "in_use": self.in_use(model),
        }

    def _calibrated(self, model: Model) -> str | None:
        """The id of its calibration; None: it has none, or needs none."""
        if model.task != EMBED:
            return None
        with suppress(NotFound):
            return self.parts.calibration_of(model.space).id
        return None

    def in_use(self, model: Model) -> str:
        """For what the home uses it now; empty: for nothing."""
        if model.task == DETECT:
            return "finds faces" if self.parts.detector().name == model.name else ""
        if self.parts.engine().embedder.space == model.space:
            return "searches"
        newest = self.parts.stores.records.reindexes.newest()
        if newest is None or newest.state is State.DONE:
            return ""
        spaces = self.parts.stores.records.sources.spaces()
        both = {spaces[newest.from_space][:2], spaces[newest.to_space][:2]}
        return "a reindex" if (model.name, model.sha256) in both else ""


class _changing:  # noqa: N801  a with statement reads it
    """One process changes the models of a home at a time."""

    def __init__(self, folder: Path) -> None:
        self._lock = FileLock(folder / "models.lock", timeout=0, mode=0o600)

    def __enter__(self) -> None:
        try:
            self._lock.acquire()
        except Timeout as error:
            raise HomeBusy("another process is changing the models of this home", Remedy.TRY_AGAIN_LATER) from error

    def __exit__(self, *error: object) -> None:
        self._lock.release()
