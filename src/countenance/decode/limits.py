"""How much of an untrusted picture is looked at, at the most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Limits of one decode: a picture over one is a Rejected before a pixel is allocated.

    `sandbox.SandboxLimits` has time and memory.
    """

    max_bytes: int = 512 * 2**20  # an uncompressed scan of 100 megapixels has 300 MB
    max_pixels: int = 200_000_000  # twice such a scan; RGB of it is 600 MB, so larger needs tiles
    max_side: int = 65_500  # JPEG's own limit; formats that allow more hold no photograph there
    max_frames: int = 1_000  # of an animation, of which only the first is used
    min_side: int = 12  # no face is found in less (docs/detection.md: 0.35 of those of 12 px)


LIMITS = DecodeLimits()
