"""The embedded Detector: YuNet at the sizes of `scales.plan`, merged, and the doubtful finds looked at again."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.detect.boxes import suppress_overlaps
from countenance.detect.landmarks import steadied
from countenance.detect.resize import reduced, resized
from countenance.detect.scales import MIN_FACE_PX, DetectorPass, plan
from countenance.detect.second_pass import confirmed
from countenance.detect.tiles import is_flat, tiles
from countenance.detect.yunet import MAX_IOU, RawFaces, YuNet
from countenance.types import DetectedFace, Rgb

MIN_SCORE: Final = 0.5  # of a first look; what is not sure gets a second one (second_pass.py)
SUSPECT: Final = 0.05  # of a find too narrow for its pass: enough to look there in a finer one


class YuNetDetector:
    """A `Detector`. Loaded when made."""

    name = "yunet-2023mar"

    def __init__(self, onnx: bytes) -> None:
        self._network = YuNet(onnx)

    def detect(self, rgb: Rgb, *, min_face_px: float | None = None) -> tuple[DetectedFace, ...]:
        """Faces of one picture, best score first, boxes and landmarks in pixels of `rgb`.

        Args: rgb: (H, W, 3) uint8 RGB, any size from 1 x 1; min_face_px: narrower faces are not looked for.
        Raises: ValueError: not (H, W, 3) uint8.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise ValueError(f"a picture is (H, W, 3) uint8 RGB, not {rgb.shape} {rgb.dtype}")
        looks = plan(rgb.shape[1], rgb.shape[0], MIN_FACE_PX if min_face_px is None else min_face_px)
        finest = max((look for look in looks if not look.suspected), key=lambda look: look.scale)
        half = reduced(rgb, 1 / 2)[0] if looks[-1].tiled else rgb[:0]  # several looks need it
        passes, suspects = [], _middles(_NOTHING)
        for look in looks:
            bar = SUSPECT if look is finest and looks[-1].suspected else MIN_SCORE
            step = 2 if look.scale <= 1 / 2 and half.size else 1
            seen = half if step == 2 else rgb
            if look.tiled:
                found = self._tiled(seen, step, look, bar, suspects)
            else:
                found = self._seen(seen, look.scale * step, bar)
            found = _back(found, np.full(2, 1 / step, np.float32))
            wide = found.boxes[:, 2] - found.boxes[:, 0]
            if look is finest:
                suspects = _middles(_those(found, wide < looks[-1].max_px))
            mine = (wide >= look.min_px) & (wide < look.max_px) & (found.scores >= MIN_SCORE)
            passes.append(confirmed(self._network, rgb, _those(found, mine), look.scale))
        faces = _joined(passes)
        faces = _those(faces, np.array(suppress_overlaps(faces.boxes, faces.scores, MAX_IOU), np.intp))
        steady = steadied(self._network, rgb, faces)
        return tuple(_face(steady, i) for i in range(len(steady.scores)))

    def _seen(self, rgb: Rgb, scale: float, bar: float) -> RawFaces:
        """What one look at (H, W, 3) `rgb`, scaled, finds; in its pixels."""
        scaled, ratio = resized(rgb, scale)
        return _back(self._network.find(scaled, bar, voting=True), ratio)

    def _tiled(self, rgb: Rgb, step: int, look: DetectorPass, bar: float, suspects: NDArray[np.float32]) -> RawFaces:
        """What looks at the tiles of (H, W, 3) `rgb` find, each face in the tile that answers for it; in its pixels.

        `step`: pixels of the picture for which one of `rgb` stands; `suspects`: (N, 2) x, y, in pixels of the picture,
        of where the looks before suspect a face.
        """
        found = [_NOTHING]
        for tile in tiles(rgb.shape[1], rgb.shape[0], look, step):
            if look.suspected and not tile.answers_for(*(suspects / step).T).any():
                continue
            left, top, right, bottom = tile.shown
            shown, scale = rgb[top:bottom, left:right], look.scale * step
            scaled, ratio = resized(shown, scale) if look.suspected else reduced(shown, scale)
            if is_flat(scaled):
                continue
            seen = _back(self._network.find(scaled, bar, voting=True), ratio)
            corner = np.array([left, top], np.float32)
            here = seen._replace(boxes=seen.boxes + np.tile(corner, 2), landmarks=seen.landmarks + corner)
            found.append(_those(here, tile.answers_for(*_middles(here).T)))
        return _joined(found)


_NOTHING: Final = RawFaces(np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))


def _those(found: RawFaces, which: NDArray[np.bool_] | NDArray[np.intp]) -> RawFaces:
    return RawFaces(*(column[which] for column in found))


def _joined(several: list[RawFaces]) -> RawFaces:
    return RawFaces(*(np.concatenate(columns) for columns in zip(*several, strict=True)))


def _back(found: RawFaces, ratio: NDArray[np.float32]) -> RawFaces:
    """In pixels of the picture that was scaled by `ratio` (2,)."""
    return found._replace(boxes=found.boxes / ratio[[0, 1, 0, 1]], landmarks=found.landmarks / ratio)


def _middles(found: RawFaces) -> NDArray[np.float32]:
    """(N, 2) x, y of the middles of the boxes."""
    return (found.boxes[:, :2] + found.boxes[:, 2:]) / np.float32(2)


def _face(found: RawFaces, i: int) -> DetectedFace:
    box: NDArray[np.float32] = found.boxes[i]
    x1, y1, x2, y2 = map(float, box)
    left_eye, right_eye, nose, left_mouth, right_mouth = ((float(x), float(y)) for x, y in found.landmarks[i])
    landmarks = (left_eye, right_eye, nose, left_mouth, right_mouth)
    return DetectedFace(box=(x1, y1, x2, y2), landmarks=landmarks, score=float(found.scores[i]))
