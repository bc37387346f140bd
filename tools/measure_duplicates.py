"""How many copies and crops are linked, and how many other pictures are: the figures of docs/duplicates.md.

python tools/measure_duplicates.py ../shared/faces/people [--sample 120] [--hashes 100000]

Over a folder with a folder a person: variants of a sample of its pictures are made, and each is compared with its
original by the rules of `pipeline/search/group_duplicates.py`; then every picture with every other. Last, the time
that a listing takes over made-up hashes, one in ten with a near copy. Prints Markdown.
"""

from __future__ import annotations

import argparse
import io
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from countenance.decode.pdq import ENOUGH_QUALITY, pdq
from countenance.index.near import Groups, distance, near_pairs
from countenance.pipeline.analyse import FaceAnalysis, analyse_picture
from countenance.pipeline.search.group_duplicates import CROP_BITS, NEAR_BITS
from countenance.types import Box

Variant = tuple[Image.Image, int]  # and its JPEG quality


@dataclass(frozen=True, slots=True)
class Seen:
    """The hashes of a picture and of its faces' crops, with their boxes."""

    picture: bytes
    crops: tuple[bytes, ...]
    boxes: tuple[Box, ...]

    @classmethod
    def of(cls, data: bytes) -> Seen:
        """Raises SystemExit: it is no picture."""
        looked = analyse_picture(data)
        if not isinstance(looked, FaceAnalysis):
            raise SystemExit(f"a file can't be looked at: {looked.reason}")
        hashed = [(pdq(face.crop), face.face.box) for face in looked.faces]
        enough = [(found, box) for (found, quality), box in hashed if quality >= ENOUGH_QUALITY]
        return cls(looked.pdq, tuple(found for found, _ in enough), tuple(box for _, box in enough))

    def near(self, other: Seen) -> bool:
        """The whole pictures are linked."""
        return bool(self.picture and other.picture) and distance(self.picture, other.picture) <= NEAR_BITS

    def cropped(self, other: Seen) -> bool:
        """A face of one and a face of the other are linked."""
        return any(distance(a, b) <= CROP_BITS for a in self.crops for b in other.crops)


def variants(image: Image.Image, box: Box, chance: random.Random) -> Mapping[str, Variant]:
    """By name: what people and programs do to a picture."""
    width, height = image.size

    def cut(part: float) -> Image.Image:
        """So much of each side, anywhere as long as the face's box stays whole."""
        w, h = int(width * part), int(height * part)
        x = chance.randint(max(0, int(np.ceil(box[2])) - w), max(0, min(width - w, int(box[0])), int(box[2]) - w + 1))
        y = chance.randint(max(0, int(np.ceil(box[3])) - h), max(0, min(height - h, int(box[1])), int(box[3]) - h + 1))
        return image.crop((x, y, x + w, y + h))

    def around() -> Image.Image:
        half = 0.8 * max(box[2] - box[0], box[3] - box[1])
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        sides = max(0, x - half), max(0, y - half), min(width, x + half), min(height, y + half)
        return image.crop(tuple(map(int, sides)))  # type: ignore[arg-type]  # four of them

    def gamma(power: float) -> Image.Image:
        return image.point([round(255 * (v / 255) ** power) for v in range(256)] * 3)

    def marked() -> Image.Image:
        copy = image.copy()
        ImageDraw.Draw(copy).text((width * 0.6, height * 0.9), "(c) archive", fill="white")
        return copy

    scaled: Callable[[float], Image.Image] = lambda f: image.resize((round(width * f), round(height * f)), 1)  # noqa: E731  # beside the others
    return {
        **{f"JPEG quality {q}": (image, q) for q in (30, 50, 70, 95)},
        **{f"resized to {f:g}": (scaled(f), 88) for f in (0.25, 0.5, 2.0)},
        **{f"gamma {g:g}": (gamma(g), 90) for g in (0.7, 1.4)},
        "brightness 1.3": (ImageEnhance.Brightness(image).enhance(1.3), 90),
        "grey": (image.convert("L").convert("RGB"), 90),
        "small mark": (marked(), 90),
        "border of 4 %": (ImageOps.expand(image, width // 25, "white"), 90),
        "border of 10 %": (ImageOps.expand(image, width // 10, "black"), 90),
        **{f"cut to {p:.0%} of each side": (cut(p), 88) for p in (0.9, 0.8, 0.7, 0.6)},
        "cut around the face": (around(), 88),
        "mirrored": (ImageOps.mirror(image), 90),
    }


def encoded(variant: Variant) -> bytes:
    """As JPEG."""
    out = io.BytesIO()
    variant[0].save(out, "JPEG", quality=variant[1])
    return out.getvalue()


def true_links(originals: Mapping[Path, Seen], sample: int) -> None:
    """A row a variant: how many of its pictures are linked to their originals, and by what."""
    chance = random.Random(7)  # noqa: S311  # the same pictures each time
    chosen = chance.sample([path for path, seen in originals.items() if seen.boxes], sample)
    linked: dict[str, list[tuple[bool, bool]]] = {}
    for path in chosen:
        image = Image.open(path).convert("RGB")
        original = originals[path]
        middle = np.array(image.size) / 2
        box = min(original.boxes, key=lambda b: np.abs(np.array([b[0] + b[2], b[1] + b[3]]) / 2 - middle).sum())
        for name, variant in variants(image, box, chance).items():
            seen = Seen.of(encoded(variant))
            linked.setdefault(name, []).append((original.near(seen), original.cropped(seen)))
    print("| made of a picture | whole picture | face | either |\n|---|---|---|---|")
    for name, found in linked.items():
        rates = [
            np.mean([near for near, _ in found]),
            np.mean([crop for _, crop in found]),
            np.mean([any(f) for f in found]),
        ]
        print(f"| {name} | " + " | ".join(f"{rate:.2f}" for rate in rates) + " |")


def false_links(originals: Mapping[Path, Seen]) -> None:
    """The pairs of different files that are linked, and how near the nearest others come."""
    people = [path.parent.name for path in originals]
    for what, owners, hashes, bound in (
        ("whole pictures", range(len(originals)), [seen.picture for seen in originals.values()], NEAR_BITS),
        (
            "faces",
            [row for row, seen in enumerate(originals.values()) for _ in seen.crops],
            [crop for seen in originals.values() for crop in seen.crops],
            CROP_BITS,
        ),
    ):
        rows = np.array(owners)
        words: NDArray[np.uint64] = np.frombuffer(b"".join(hashes), "<u8").reshape(-1, 4)
        bits = np.stack([np.bitwise_count(words ^ row).sum(axis=1) for row in words])
        left, right = np.triu_indices(len(rows), 1)
        other = rows[left] != rows[right]
        same = np.array([people[i] == people[j] for i, j in zip(rows[left], rows[right], strict=True)])
        for who, among in (("of one person", other & same), ("of different people", other & ~same)):
            found = bits[left, right][among]
            nearest = ", ".join(map(str, np.sort(found)[:5]))
            print(f"| {what} {who} | {among.sum():,} | {(found <= bound).sum()} | {nearest} |")


def listing(count: int) -> None:
    """Seconds of CPU for the near pairs of so many hashes."""
    chance = np.random.default_rng(0)
    hashes = chance.integers(0, 256, (count, 32), np.uint8)
    copies = count // 20
    for row in range(copies):
        bits = np.unpackbits(hashes[row])
        bits[chance.choice(256, chance.integers(1, NEAR_BITS + 1), replace=False)] ^= 1
        hashes[count - 1 - row] = np.packbits(bits)
    started = time.process_time()
    groups = Groups(count)
    for left, right, _ in near_pairs(hashes, NEAR_BITS):
        groups.join(left, right)
    found = len(groups.several())
    print(f"{count:,} hashes: {time.process_time() - started:.1f} s of CPU, {found:,} of {copies:,} pairs found")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("--sample", type=int, default=120)
    parser.add_argument("--hashes", type=int, nargs="*", default=[100_000])
    asked = parser.parse_args()
    originals = {path: Seen.of(path.read_bytes()) for path in sorted(asked.people.glob("*/*.jpg"))}
    true_links(originals, asked.sample)
    print("\n| pairs of | pairs | linked | nearest, in bits |\n|---|---|---|---|")
    false_links(originals)
    print()
    for count in asked.hashes:
        listing(count)


if __name__ == "__main__":
    main()
