"""Templates as the bytes that are sealed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from countenance.types import Vectors


def pack_vector(vector: NDArray[np.float32]) -> bytes:
    """Little-endian float16, as the index holds it, so that a rebuilt index gives the scores of the first one."""
    return vector.astype("<f2").tobytes()


def unpack_vectors(packed: list[bytes], dimension: int) -> Vectors:
    """(N, D) float32 from the inverse of `pack_vector`."""
    return np.frombuffer(b"".join(packed), dtype="<f2").reshape(len(packed), dimension).astype(np.float32)
