"""`Similarity`: a cosine as the Rekognition protocol wants it, from 0 to 100, and back.

It is no probability and no percentage of anything. Two straight lines meet where it counts: 80, the protocol's default
threshold, is the gallery's default threshold, the cosine at which 1 search in 100 for a stranger shows a false lead;
100 is a cosine of 1, and 0 is FLOOR, below which this door shows nothing. So a program that keeps the default asks for
exactly what any other door shows by default, whatever the gallery's size. Monotone, and invertible from FLOOR to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEFAULT: Final = 80.0
FLOOR: Final = 0.0  # strangers' cosines lie around it: whoever asks for less asks for everybody
_LAST: Final = 0.999  # a threshold leaves room above it, and a score is told in thousandths


@dataclass(frozen=True, slots=True)
class Similarity:
    """The mapping of one gallery."""

    threshold: float  # the gallery's default, a cosine

    def of(self, score: float) -> float:
        """Similarity in [0, 100] of a cosine in [-1, 1]; a higher score never has a lower one."""
        at, clipped = self._at, min(max(score, FLOOR), 1.0)
        if clipped >= at:
            return DEFAULT + (100.0 - DEFAULT) * (clipped - at) / (1.0 - at)
        return DEFAULT * (clipped - FLOOR) / (at - FLOOR)

    def score(self, similarity: float) -> float:
        """The cosine in [FLOOR, 1] of a similarity in [0, 100]: the inverse."""
        at = self._at
        if similarity >= DEFAULT:
            return min(at + (1.0 - at) * (similarity - DEFAULT) / (100.0 - DEFAULT), 1.0)
        return FLOOR + (at - FLOOR) * similarity / DEFAULT

    @property
    def _at(self) -> float:
        return min(max(self.threshold, FLOOR + 1 - _LAST), _LAST)
