"""The rotation, uniform scale and shift between two sets of points."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_COMPLEX: Final = np.array([1, 1j])


def similarity_transform(src: NDArray[np.floating], dst: NDArray[np.floating]) -> NDArray[np.float64]:
    """Least-squares rotation, uniform scale and shift that takes src to dst.

    Args:    src, dst: (K, 2) float pixels, x then y, K >= 2, same order.
    Returns: (2, 3) float64 M with dst ~ src @ M[:, :2].T + M[:, 2]; never mirrors.
    Raises:  ValueError: shapes differ, or all src points coincide.
    Source:  Umeyama 1991, IEEE TPAMI 13(4), doi:10.1109/34.88573.
    """
    src, dst = np.asarray(src, np.float64), np.asarray(dst, np.float64)
    if src.shape != dst.shape or src.ndim != 2 or src.shape[1] != 2 or len(src) < 2:
        raise ValueError(f"two sets of at least two points are needed, not {src.shape} and {dst.shape}")
    # In the plane Umeyama's solution is one complex number: it turns and scales, and can't mirror.
    here, there = src @ _COMPLEX, dst @ _COMPLEX
    here_mean, there_mean = here.mean(), there.mean()
    centred = here - here_mean
    spread = np.vdot(centred, centred).real
    # No farther apart than float32 may round one point where it lies. A small face at the far end of a scan is.
    rounding = float(np.finfo(np.float32).eps) * max(1.0, float(np.abs(src).max()))
    if spread <= len(src) * rounding**2:
        raise ValueError("all points coincide; there is no scale in one point")
    turn = np.vdot(centred, there - there_mean) / spread
    shift = there_mean - turn * here_mean
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
