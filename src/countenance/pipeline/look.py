"""From untrusted bytes to aligned faces, in a child process that can die: decode, detect, align.

The child gets bytes and gives back numbers, crops and thumbnails; it has no key, no permit and no path. Making
templates of its crops is the parent's, under a permit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import numpy as np

from countenance.align.crop import CROP_PX, align_crop, scale_of
from countenance.align.quality import quality_of
from countenance.align.thumbnail import thumbnail, webp
from countenance.decode.formats import decode
from countenance.decode.sandbox import Answer, Bounds, Sandbox
from countenance.detect.scales import FINE_SIDE_PX
from countenance.protocols import Detector
from countenance.types import AlignedFace, Box, DetectedFace, Landmarks, Picture, Quality, Rejected, RejectReason
from countenance.weights.manifest import YUNET
from countenance.weights.store import load, model_path

T = TypeVar("T")
TARGET: Final = "countenance.pipeline.look:look_in_child"
CROP_BYTES: Final = CROP_PX * CROP_PX * 3


@dataclass(frozen=True, slots=True)
class Looked:
    """What is in a picture. Boxes and landmarks are in pixels of the whole picture as displayed."""

    width: int
    height: int
    format: str
    taken_at: str | None  # ISO 8601 without zone
    faces: tuple[AlignedFace, ...]  # best detector score first
    preview: bytes | None  # WebP of the whole picture, upright, if it was asked for


class Looker:
    """Looks at pictures in child processes, started when first needed. A context manager; for one thread at a time."""

    def __init__(self, *, workers: int = 1, bounds: Bounds | None = None) -> None:
        self._workers = workers
        self._bounds = bounds

    @cached_property
    def _sandbox(self) -> Sandbox:
        # A child may write no file, so the weights it reads are folded here, once, before it starts.
        weights = model_path(YUNET)
        return Sandbox(
            TARGET, workers=self._workers, bounds=self._bounds, environment={"COUNTENANCE_CACHE": str(weights.parent)}
        )

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

    def look_one(self, data: bytes, *, preview_px: int = 0) -> Looked | Rejected:
        """What is in one picture. Raises SandboxFailed."""
        return _understood(self._sandbox.run(data, {"preview_px": preview_px}))

    def look_many(self, pictures: Iterable[tuple[T, bytes]]) -> Iterator[tuple[T, Looked | Rejected]]:
        """(token, what is in it) for each (token, data), as they are done; a few in memory at once."""
        for token, answer in self._sandbox.run_many((token, data, {}) for token, data in pictures):
            yield token, _understood(answer)


# --- in the child ----------------------------------------------------------------------------------------------------
def look_in_child(data: bytes, options: Mapping[str, Any]) -> Answer | Rejected:
    """`look` as the sandbox speaks it."""
    looked = look(data, preview_px=int(options.get("preview_px", 0)))
    return looked if isinstance(looked, Rejected) else _told(looked)


def look(data: bytes, *, preview_px: int = 0, detector: Detector | None = None) -> Looked | Rejected:
    """Decode at the size that detection needs, detect, and take each crop from enough pixels."""
    picture = decode(data, long_side=FINE_SIDE_PX)
    if isinstance(picture, Rejected):
        return picture
    faces = (detector or _detector()).detect(picture.rgb)
    preview = webp(picture.rgb, preview_px) if preview_px else None
    finer = _finer(data, picture, faces)
    aligned = tuple(_aligned(finer, _scaled(face, finer.scale / picture.scale)) for face in faces)
    return Looked(picture.width, picture.height, picture.format, picture.taken_at, aligned, preview)


@cache
def _detector() -> Detector:
    from countenance.detect.yunet_detector import YuNetDetector

    return YuNetDetector(load(YUNET).data)


def _finer(data: bytes, picture: Picture, faces: Sequence[DetectedFace]) -> Picture:
    """The picture at a size at which no crop need be enlarged, as far as it has the pixels."""
    wanted = max((scale_of(face.landmarks) for face in faces), default=0.0)
    if wanted <= 1.0 or picture.scale >= 1.0:
        return picture
    long_side = round(max(picture.rgb.shape[:2]) * min(wanted, 1.0 / picture.scale))
    finer = decode(data, long_side=long_side)
    return picture if isinstance(finer, Rejected) else finer


def _scaled(face: DetectedFace, factor: float) -> DetectedFace:
    if factor == 1.0:
        return face
    x1, y1, x2, y2 = (value * factor for value in face.box)
    a, b, c, d, e = ((x * factor, y * factor) for x, y in face.landmarks)
    return DetectedFace((x1, y1, x2, y2), (a, b, c, d, e), face.score)


def _aligned(picture: Picture, face: DetectedFace) -> AlignedFace:
    """`face` in pixels of `picture.rgb`; what comes out is in pixels of the whole picture."""
    crop = align_crop(picture.rgb, face.landmarks)
    whole = _scaled(face, 1.0 / picture.scale)
    return AlignedFace(whole, quality_of(whole, crop), crop, thumbnail(picture.rgb, face.box))


# --- over the pipe ---------------------------------------------------------------------------------------------------
def _told(looked: Looked) -> Answer:
    header = {
        "width": looked.width,
        "height": looked.height,
        "format": looked.format,
        "taken_at": looked.taken_at,
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
    parts = [part for aligned in looked.faces for part in (aligned.crop.tobytes(), aligned.thumbnail)]
    return header, parts if looked.preview is None else [*parts, looked.preview]


def _understood(answer: Answer | Rejected) -> Looked | Rejected:
    """What a child said, checked: it has seen untrusted bytes, and may be in their power."""
    if isinstance(answer, Rejected):
        return answer
    header, parts = answer
    try:
        faces = header["faces"]
        preview = parts[2 * len(faces)] if header["preview"] else None
        if len(parts) != 2 * len(faces) + bool(header["preview"]):
            raise ValueError("parts and faces differ in number")
        return Looked(
            width=_whole(header["width"]),
            height=_whole(header["height"]),
            format=str(header["format"])[:8],
            taken_at=None if header["taken_at"] is None else str(header["taken_at"])[:32],
            faces=tuple(_face(face, parts[2 * i], parts[2 * i + 1]) for i, face in enumerate(faces)),
            preview=preview,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return Rejected(RejectReason.DECODER_DIED, f"it answered with nonsense: {type(error).__name__}")


def _face(told: Mapping[str, Any], crop: bytes, thumb: bytes) -> AlignedFace:
    if len(crop) != CROP_BYTES:
        raise ValueError("a crop of another size")
    box: Box = _numbers(told["box"], 4)  # type: ignore[assignment]  # four of them
    landmarks: Landmarks = tuple(_numbers(point, 2) for point in told["landmarks"])  # type: ignore[assignment]  # checked next
    if len(landmarks) != 5:
        raise ValueError("five landmarks are needed")
    (score,) = _numbers([told["score"]], 1)
    return AlignedFace(
        DetectedFace(box, landmarks, score),
        Quality(*_numbers(told["quality"], len(Quality.__slots__))),
        np.frombuffer(crop, np.uint8).reshape(CROP_PX, CROP_PX, 3),
        thumb,
    )


def _numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if len(found) != count or not all(np.isfinite(found)):
        raise ValueError("finite numbers are needed")
    return found


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 2**31:
        raise ValueError("a number of pixels is needed")
    return value
