"""From untrusted bytes to aligned faces, in a child process that can die: decode, detect, align.

The child gets bytes and gives back numbers, crops and thumbnails; it has no key, no permit and no path. Making
templates of its crops is the parent's, under a permit.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import numpy as np

from countenance.align.blur import veiled
from countenance.align.crop import align_crop
from countenance.align.quality import quality_of
from countenance.align.thumbnail import jpeg, thumbnail
from countenance.decode.formats import FORMATS, decode, import_readers
from countenance.decode.pdq import ENOUGH_QUALITY, HASH_BYTES, pdq
from countenance.decode.sandbox import Sandbox, SandboxLimits
from countenance.decode.wire import Answer
from countenance.detect.boxes import iou_with
from countenance.protocols import Detector
from countenance.types import (
    ARCFACE,
    AlignedFace,
    Box,
    CropSpec,
    DetectedFace,
    Landmarks,
    Picture,
    Quality,
    Rejected,
    RejectReason,
    Rgb,
)
from countenance.weights.manifest import YUNET
from countenance.weights.model import Model
from countenance.weights.store import read_verified, shipped

T = TypeVar("T")
TARGET: Final = "countenance.pipeline.analyse:load_analysis"
MAX_JPEG: Final = 8 * 2**20  # bytes; a thumbnail has some 20 kB, a preview of 1,024 px some 200 kB
KEPT_IOU: Final = 0.4  # a found face that overlaps the kept one by that much is it
SETTINGS: Final = "ANALYSIS"  # the child's: which detector, which crops, as JSON


@dataclass(frozen=True, slots=True)
class FaceAnalysis:
    """What is in a picture. Boxes and landmarks are in pixels of the whole picture as displayed."""

    width: int
    height: int
    format: str
    taken_at: str | None  # ISO 8601 without zone
    faces: tuple[AlignedFace, ...]  # best detector score first
    preview: bytes | None  # JPEG of the whole picture, upright, if it was asked for
    pdq: bytes = b""  # perceptual hash of 32 bytes (decode/pdq.py); empty: too little to see

    def as_dict(self) -> dict[str, Any]:
        """For --json: size, format and every face, as `countenance detect` numbers them; no pixel."""
        return {
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "faces": [
                {
                    "index": number,
                    "box": [round(v, 1) for v in aligned.face.box],
                    "landmarks": [[round(x, 1), round(y, 1)] for x, y in aligned.face.landmarks],
                    "score": round(aligned.face.score, 3),
                    "quality": {name: round(getattr(aligned.quality, name), 3) for name in Quality.__slots__},
                }
                for number, aligned in enumerate(self.faces)
            ],
        }


@dataclass(frozen=True, slots=True)
class FaceBlur:
    """Whose face may be seen in a preview: every other face is made unrecognisable. Boxes in pixels of the picture."""

    keep: tuple[Box, ...]
    also: tuple[Box, ...] = ()  # faces of others, whether or not the detector finds them this time

    def over(self, found: Sequence[Box]) -> tuple[Box, ...]:
        """The boxes to veil, of `found` and of those known."""
        return (*(box for box in found if all(iou(box, each) < KEPT_IOU for each in self.keep)), *self.also)


class FaceAnalyser:
    """Looks at pictures in child processes, started when first needed. A context manager, for any number of threads."""

    def __init__(
        self,
        *,
        workers: int = 1,
        bounds: SandboxLimits | None = None,
        detector: Model | None = None,
        crops: Iterable[CropSpec] = (),
    ) -> None:
        """`detector`: by default the one shipped; `crops`: what embedders want to see beside the ArcFace crop."""
        self._workers = workers
        self._bounds = bounds
        self._detector = shipped(YUNET) if detector is None else detector
        self._crops = tuple(dict.fromkeys(spec for spec in crops if spec != ARCFACE))

    @cached_property
    def _sandbox(self) -> Sandbox:
        settings = {"detector": os.fspath(self._detector.path()), "sha256": self._detector.sha256,
                "crops": [[spec.width, spec.height, spec.points] for spec in self._crops]}  # fmt: skip
        return Sandbox(TARGET, workers=self._workers, bounds=self._bounds, environment={SETTINGS: json.dumps(settings)})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No child is left."""
        if "_sandbox" in self.__dict__:
            self._sandbox.close()

    def analyse(self, data: bytes, *, preview_px: int = 0, veil: FaceBlur | None = None) -> FaceAnalysis | Rejected:
        """What is in one picture; the preview as `veil` says. Raises SandboxFailed."""
        options = {"preview_px": preview_px, "veil": None if veil is None else [veil.keep, veil.also]}
        return _understood(self._sandbox.run(data, options), self._crops)

    def analyse_many(self, pictures: Iterable[tuple[T, bytes]]) -> Iterator[tuple[T, FaceAnalysis | Rejected]]:
        """(token, what is in it) for each (token, data), as they are done; a few in memory at once."""
        for token, answer in self._sandbox.run_many((token, data, {}) for token, data in pictures):
            yield token, _understood(answer, self._crops)


# --- in the child ----------------------------------------------------------------------------------------------------
def load_analysis() -> Callable[[bytes, Mapping[str, Any]], Answer | Rejected]:
    """`analyse_picture` as the sandbox speaks it, with everything loaded: the child opens no file afterwards."""
    import_readers()
    settings = json.loads(os.environ[SETTINGS])
    detector = _detector(settings["detector"], settings["sha256"])
    crops = tuple(CropSpec(w, h, tuple(map(tuple, points))) for w, h, points in settings["crops"])  # type: ignore[arg-type]  # as the parent wrote them

    def analyse_in_child(data: bytes, options: Mapping[str, Any]) -> Answer | Rejected:
        veil = options.get("veil")
        looked = analyse_picture(
            data, preview_px=int(options.get("preview_px", 0)), detector=detector, crops=crops,
            veil=None if veil is None else FaceBlur(*(tuple(map(tuple, boxes)) for boxes in veil)),
        )  # fmt: skip
        return looked if isinstance(looked, Rejected) else _answer(looked, crops)

    return analyse_in_child


def analyse_picture(
    data: bytes,
    *,
    preview_px: int = 0,
    detector: Detector | None = None,
    crops: Sequence[CropSpec] = (),
    veil: FaceBlur | None = None,
) -> FaceAnalysis | Rejected:
    """Decode, detect, align; cropped also as `crops` say, and the preview veiled as `veil` does."""
    picture = decode(data)
    if isinstance(picture, Rejected):
        return picture
    detector = detector or _shipped_detector()
    faces = detector.detect(picture.rgb)
    shown = picture.rgb if veil is None else veiled(picture.rgb, veil.over([face.box for face in faces]))
    preview = jpeg(shown, preview_px) if preview_px else None
    aligned = tuple(_aligned(picture, face, crops) for face in faces)
    likeness, quality = pdq(picture.rgb)
    if quality < ENOUGH_QUALITY:
        likeness = b""
    return FaceAnalysis(picture.width, picture.height, picture.format, picture.taken_at, aligned, preview, likeness)


@cache
def _shipped_detector() -> Detector:
    model = shipped(YUNET)
    return _detector(os.fspath(model.path()), model.sha256)


def _detector(path: str, sha256: str) -> Detector:
    """The detector whose weights lie there. Raises WeightsDamaged: they are others by now."""
    from countenance.detect.yunet_detector import YuNetDetector

    return YuNetDetector(read_verified(Path(path), sha256))


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    return float(iou_with(np.array(a, np.float32), np.array([b], np.float32))[0])


def _aligned(picture: Picture, face: DetectedFace, crops: Sequence[CropSpec]) -> AlignedFace:
    crop = align_crop(picture.rgb, face.landmarks)
    others = {spec: align_crop(picture.rgb, face.landmarks, spec) for spec in crops}
    return AlignedFace(face, quality_of(face, crop), crop, thumbnail(picture.rgb, face.box), others)


# --- over the pipe ---------------------------------------------------------------------------------------------------
def _answer(looked: FaceAnalysis, crops: Sequence[CropSpec] = ()) -> Answer:
    header = {
        "width": looked.width,
        "height": looked.height,
        "format": looked.format,
        "taken_at": looked.taken_at,
        "pdq": looked.pdq.hex(),
        "faces": [
            {
                "box": aligned.face.box,
                "landmarks": aligned.face.landmarks,
                "score": aligned.face.score,
                "quality": [getattr(aligned.quality, name) for name in Quality.__slots__],
            }
            for aligned in looked.faces
        ],
        "preview": looked.preview is not None,
    }
    parts = []
    for aligned in looked.faces:
        parts += [aligned.crop.tobytes(), *(aligned.others[spec].tobytes() for spec in crops), aligned.thumbnail]
    return header, parts if looked.preview is None else [*parts, looked.preview]


def _understood(answer: Answer | Rejected, crops: Sequence[CropSpec] = ()) -> FaceAnalysis | Rejected:
    """What a child said, checked: it has seen untrusted bytes, and may be in their power."""
    if isinstance(answer, Rejected):
        return answer
    header, parts = answer
    try:
        faces, each = header["faces"], 2 + len(crops)
        preview = parts[each * len(faces)] if header["preview"] else None
        if len(parts) != each * len(faces) + bool(header["preview"]):
            raise ValueError("parts and faces differ in number")
        return FaceAnalysis(
            width=_whole(header["width"]),
            height=_whole(header["height"]),
            format=FORMATS[FORMATS.index(header["format"])],
            taken_at=None if header["taken_at"] is None else datetime.fromisoformat(header["taken_at"]).isoformat(),
            faces=tuple(_face(face, parts[each * i : each * (i + 1)], crops) for i, face in enumerate(faces)),
            preview=None if preview is None else _jpeg(preview),
            pdq=_hash(header["pdq"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        return Rejected(RejectReason.DECODER_DIED, f"it answered with nonsense: {type(error).__name__}")


def _face(header: Mapping[str, Any], parts: Sequence[bytes], crops: Sequence[CropSpec]) -> AlignedFace:
    crop, *others, thumb = parts
    x1, y1, x2, y2 = _numbers(header["box"], 4)
    landmarks: Landmarks = tuple(_numbers(point, 2) for point in header["landmarks"])  # type: ignore[assignment]  # checked next
    (score,) = _numbers([header["score"]], 1)
    width_px, *measures = _numbers(header["quality"], len(Quality.__slots__))
    if len(landmarks) != 5 or x1 > x2 or y1 > y2:
        raise ValueError("that is no face")
    if not all(0 <= value <= 1 for value in (score, *measures)):
        raise ValueError("a measure is from 0 to 1")
    return AlignedFace(
        DetectedFace((x1, y1, x2, y2), landmarks, score),
        Quality(width_px, *measures),
        _pixels(crop, ARCFACE),
        _jpeg(thumb),
        {spec: _pixels(other, spec) for spec, other in zip(crops, others, strict=True)},
    )


def _pixels(crop: bytes, spec: CropSpec) -> Rgb:
    return np.frombuffer(crop, np.uint8).reshape(spec.height, spec.width, 3)  # ValueError: of another size


def _hash(text: Any) -> bytes:
    found = bytes.fromhex(text)  # TypeError, ValueError: no text, no hexadecimal
    if len(found) not in {0, HASH_BYTES}:
        raise ValueError("that is no hash")
    return found


def _jpeg(picture: bytes) -> bytes:
    """It is at least no page, script or archive that somebody's browser would open as such."""
    if len(picture) > MAX_JPEG or picture[:3] != b"\xff\xd8\xff":
        raise ValueError("no JPEG")
    return picture


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or not {int, float}.issuperset(map(type, values)):
        raise ValueError("numbers are needed")
    found = tuple(map(float, values))
    if len(found) != count or not all(map(math.isfinite, found)):
        raise ValueError("finite numbers are needed")
    return found


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 < value < 2**31:
        raise ValueError("a number of pixels is needed")
    return value
