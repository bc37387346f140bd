"""How well and how fast faces are found in large pictures: figures of docs/detection.md.

python tools/measure_detection.py ../shared/faces/people

Portraits of people, a folder a person, are pasted into three of the demo's photographs without people, enlarged to 12
megapixels with some noise; always the same. Times are of the processor, so that a busy machine
changes little; OpenCV's are of one thread, in the same run. Prints Markdown.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from PIL import Image

from countenance.detect import scales
from countenance.detect.tiles import tiles
from countenance.detect.yunet_detector import YuNetDetector
from countenance.pipeline.analyse import FaceAnalyser, analyse_picture
from countenance.testing.detector import demo_picture, overlap, scaled
from countenance.types import Box, DetectedFace, Rgb
from countenance.weights.store import load, model_path

WIDTHS = (16, 18, 20, 24, 28, 34, 50, 70)
PORTRAITS = 93
EMPTY = ("coffee.jpg", "rocket.jpg", "cat.jpg")  # of the demo
ALONE = ("grace-hopper.jpg", "marie-curie.png", "antoine-claudet.png", "erik-wilhelm-dahlgren.jpg",
         "aksel-andersson.jpg")  # fmt: skip
WIDE, HIGH = 4000, 3000
CELL = 200  # px a side, for a face each
SAME_IOU = 0.4
ROUNDS = 5
Head: TypeAlias = tuple[Rgb, Box]  # a head and its face's box in it


def head(picture: Rgb, found: Sequence[DetectedFace]) -> Head:
    """The head whose face is nearest to the middle, without shoulders."""
    middle = np.array(picture.shape[1::-1])
    face = min(found, key=lambda face: np.abs(np.add(face.box[:2], face.box[2:]) - middle).sum())
    x1, y1, x2, y2 = face.box
    wide, high = x2 - x1, y2 - y1
    left, top = max(0, int(x1 - wide * 0.4)), max(0, int(y1 - high * 0.4))
    part = picture[top : int(y2 + high * 0.3), left : int(x2 + wide * 0.4)]
    return part, (x1 - left, y1 - top, x2 - left, y2 - top)


def pasted(scene: Rgb, whose: Head, width: float, x: int, y: int) -> Box:
    """The head stands in the scene with a face of that width, its corner at x, y. Returns the face's box."""
    picture, box = whose
    factor = width / (box[2] - box[0])
    small = scaled(picture, round(picture.shape[1] * factor))
    scene[y : y + small.shape[0], x : x + small.shape[1]] = small
    return tuple(v * factor + o for v, o in zip(box, (x, y, x, y), strict=True))  # type: ignore[return-value]  # four


def empty(name: str, seed: int) -> Rgb:
    """12 megapixels without a face."""
    chance = np.random.default_rng(seed)
    large = np.asarray(Image.fromarray(demo_picture(name)).resize((WIDE, HIGH), Image.Resampling.BICUBIC))
    return np.clip(large + chance.normal(0, 4, large.shape), 0, 255).astype(np.uint8)


def crowds(heads: Sequence[Head]) -> list[tuple[Rgb, list[tuple[int, Box]]]]:
    """Three scenes with every head once at each width, at random places; and the (width, box) of each face."""
    chance = np.random.default_rng(1)
    made = [(empty(name, seed), list[tuple[int, Box]]()) for seed, name in enumerate(EMPTY)]
    across = WIDE // CELL
    cells = [(n, *divmod(c, across)) for n in range(len(made)) for c in range(across * (HIGH // CELL))]
    chance.shuffle(cells)
    wanted = [(width, whose) for width in WIDTHS for whose in heads]
    for (width, whose), (n, row, column) in zip(wanted, cells, strict=False):
        scene, truths = made[n]
        x, y = (int(at * CELL + chance.integers(0, 20)) for at in (column, row))
        truths.append((width, pasted(scene, whose, width, x, y)))
    return made


@contextmanager
def all_seen_at(scale: float) -> Iterator[None]:
    """The finest look at all of a large picture is at that scale."""
    usual, scales.TILED = scales.TILED, (*scales.TILED[:-1], scale)
    try:
        yield
    finally:
        scales.TILED = usual


def recall(detector: YuNetDetector, heads: Sequence[Head]) -> list[str]:
    """The share found of each width, and how many finds are nothing."""
    found: Counter[int] = Counter()
    false = 0
    for scene, truths in crowds(heads):
        seen = detector.detect(scene)
        false += sum(all(overlap(face.box, box) <= SAME_IOU for _, box in truths) for face in seen)
        found.update(width for width, box in truths if any(overlap(face.box, box) > SAME_IOU for face in seen))
    return [f"{found[width] / len(heads):.2f}" for width in WIDTHS] + [str(false)]


def on_seams(detector: YuNetDetector, width: int) -> str:
    """Heads of the demo's photographs on the seams of the tiles, on waves: 'found of so many'."""
    wave = 110 + 25 * np.sin(np.arange(30_000) / 9)
    scene = np.repeat(np.repeat(wave[None, :, None], 1000, 0), 3, 2).astype(np.uint8)
    heads = [head(picture, detector.detect(picture)) for picture in map(demo_picture, ALONE)]
    finest = next(seen for seen in scales.plan(30_000, 1000) if seen.scale == scales.TILED[-1])
    seam = tiles(30_000, 1000, finest)[0].core[2]
    places = [int(seam * k) - width // 2 for k in range(1, int(30_000 / seam)) if seam * k < 29_800]
    truths = [pasted(scene, heads[n % 5], width, left, y) for y in (200, 500, 800) for n, left in enumerate(places)]
    seen = detector.detect(scene)
    return f"{sum(any(overlap(face.box, box) > SAME_IOU for face in seen) for box in truths) / len(truths):.2f}"


def of_opencv(jpeg: bytes) -> float:
    """CPU time of `look` as a part of OpenCV's, which finds faces in all pixels with the same weights; medians."""
    detector = cv2.FaceDetectorYN.create(str(model_path("yunet-2023mar")), "", (WIDE, HIGH), 0.6)

    def theirs() -> None:
        detector.detect(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))

    spent = [(cpu_s(lambda: analyse_picture(jpeg)), cpu_s(theirs)) for _ in range(ROUNDS)]
    return statistics.median(mine for mine, _ in spent) / statistics.median(other for _, other in spent)


def cpu_s(act: Callable[[], object]) -> float:
    """Processor seconds of this process."""
    began = time.process_time()
    act()
    return time.process_time() - began


def as_jpeg(picture: Rgb) -> bytes:
    """At a quality as cameras have it."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=90)
    return out.getvalue()


def in_child(data: bytes, times: int) -> tuple[float, float]:
    """(CPU seconds in the child for one picture, the most MB that it ever held). Linux."""
    with FaceAnalyser() as analyser:
        analyser.analyse(as_jpeg(demo_picture(ALONE[0])))
        [child] = analyser._sandbox._children  # noqa: SLF001  # whose process is to be measured
        before = _spent_s(child._process.pid)  # noqa: SLF001  # likewise
        for _ in range(times):
            analyser.analyse(data)
        after = _spent_s(child._process.pid)  # noqa: SLF001  # likewise
        peak = next(line for line in _proc(child._process.pid, "status").splitlines() if line.startswith("VmHWM"))  # noqa: SLF001  # likewise
        return (after - before) / times, int(peak.split()[1]) / 1024


def _spent_s(pid: int) -> float:
    user, system = _proc(pid, "stat").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _proc(pid: int, what: str) -> str:
    return Path(f"/proc/{pid}/{what}").read_text()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("people", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    detector = YuNetDetector(load(YuNetDetector.name).data)
    portraits = sorted(asked.people.glob("*/*_0001.jpg"))
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in portraits[:: len(portraits) // PORTRAITS]]
    heads = [head(picture, detector.detect(picture)) for picture in pictures[:PORTRAITS]]

    print("| all seen at | " + " | ".join(f"{w} px" for w in WIDTHS) + " | false | part of OpenCV's time |")
    print("|---" * (len(WIDTHS) + 3) + "|")
    two = []
    for seed, name in enumerate(EMPTY):
        scene = empty(name, seed)
        for n in range(2):
            pasted(scene, heads[2 * seed + n], 90, 1000 + 1500 * n, 1200)
        two.append(as_jpeg(scene))
    for name, scale in (("a half", 1 / 2), ("**two thirds**", 2 / 3)):
        with all_seen_at(scale):
            parts = sorted(map(of_opencv, two))
            cells = [*recall(detector, heads), f"{parts[0]:.2f} to {parts[-1]:.2f}"]
            seams = ", ".join(f"{on_seams(detector, width)} of those of {width} px" for width in (20, 24, 30))
        print(f"| {name} | " + " | ".join(cells) + f" |\n(on seams: {seams})", flush=True)
    print("\n| in the child | CPU s | most MB held |\n|---|---|---|")
    crowd, truths = crowds(heads)[0]
    told = [("250 x 250", portraits[0].read_bytes(), 100), ("12 megapixels, 2 faces", two[0], 5),
            (f"12 megapixels, {len(truths)} faces", as_jpeg(crowd), 1)]  # fmt: skip
    for megapixels, side in ((100, 10_000), (200, 14_142)):
        scene = np.array(Image.fromarray(empty(EMPTY[0], 0)).resize((side, side), Image.Resampling.BICUBIC))
        pasted(scene, heads[0], 60, side - 400, side - 400)
        pasted(scene, heads[1], 600, side // 2, side // 2)
        told.append((f"{megapixels} megapixels, 2 faces", as_jpeg(scene), 1))
    for what, data, times in told:
        spent, held = in_child(data, times)
        print(f"| {what} | {spent:.3f} | {held:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
