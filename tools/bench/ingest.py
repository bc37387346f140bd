"""Ingest end to end, against the plain loop that one would write with OpenCV and the same weights, and bare models.

The loop: FaceDetectorYN at full size, alignCrop, FaceRecognizerSF. It keeps nothing, asks nobody, and uses both cores.
Ours is the whole command: a new home, decoding in child processes, policy, seals, records, log, index.

Sides take turns, after a warm-up of each, and medians are compared. The bare models are the passes of YuNet that ours
made and SFace over exactly the crops that it made, on one thread, in CPU seconds; ours in CPU seconds of all its
processes: so "over the bare models" holds on a busy machine too.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import countenance
from bench.pictures import album, large_album

ROUNDS = 3
BARE_PICTURES = 2_000  # of a few only, starting the children would count


def measure(scratch: Path, **_: object) -> dict[str, Any]:
    """Faces a second of both, ratios, and the share of the models."""
    small, large = album(scratch), large_album(scratch)
    return {
        "small": {**_compare(scratch, small), **_over_the_models(scratch, small)},
        "twelve_megapixels": _compare(scratch, large),
    }


def _compare(scratch: Path, pictures: Path) -> dict[str, Any]:
    files = sorted(pictures.rglob("*.jp*g"))
    loop = _plain_loop()
    loop(files[:10])
    ingested(scratch, pictures)
    ours, theirs, faces = [], [], (0, 0)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        found = loop(files)
        theirs.append(time.perf_counter() - started)
        report, spent, _ = ingested(scratch, pictures)
        ours.append(spent)
        faces = (report.faces, found)
    mine, other = faces[0] / statistics.median(ours), faces[1] / statistics.median(theirs)
    return {
        "pictures": len(files), "faces": faces[0], "loop_faces": faces[1],
        "faces_a_second": round(mine, 1), "loop_faces_a_second": round(other, 1), "ratio": round(mine / other, 2),
        "picture_ratio": round(statistics.median(theirs) / statistics.median(ours), 2),
    }  # fmt: skip


def ingested(scratch: Path, pictures: Path) -> tuple[Any, float, float]:
    """(report, wall seconds, CPU seconds with children) of `ingest` into a new home."""
    path = scratch / "ingest-home"
    shutil.rmtree(path, ignore_errors=True)
    with countenance.open(path) as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        cpu, started = _cpu(), time.perf_counter()
        [report] = home.ingest("album").reports
        return report, time.perf_counter() - started, _cpu() - cpu


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _plain_loop() -> Callable[[list[Path]], int]:
    import cv2

    from countenance.weights.store import model_path

    detector = cv2.FaceDetectorYN.create(str(model_path("yunet-2023mar")), "", (320, 320), 0.6)
    recogniser = cv2.FaceRecognizerSF.create(str(model_path("sface-2021dec")), "")

    def run(files: list[Path]) -> int:
        faces = 0
        for path in files:
            image = cv2.imread(str(path))
            if image is None:
                continue
            detector.setInputSize((image.shape[1], image.shape[0]))
            _, rows = detector.detect(image)
            for row in rows if rows is not None else ():
                recogniser.feature(recogniser.alignCrop(image, row))
                faces += 1
        return faces

    return run


def _over_the_models(scratch: Path, pictures: Path) -> dict[str, Any]:
    """CPU seconds of an ingest of some pictures, and of nothing but the models' own runs in it."""
    some = scratch / "some-pictures"
    shutil.rmtree(some, ignore_errors=True)
    some.mkdir(parents=True)
    for number, path in enumerate(sorted(pictures.rglob("*.jp*g"))[:BARE_PICTURES]):
        shutil.copy(path, some / f"{number:04d}.jpg")
    ours = statistics.median(ingested(scratch, some)[2] for _ in range(ROUNDS))
    yunet, sface, faces = _bare(sorted(some.iterdir()))
    return {
        "bare_yunet_cpu_ms_a_face": round(yunet / faces * 1e3, 2),
        "bare_sface_cpu_ms_a_face": round(sface / faces * 1e3, 2),
        "ingest_cpu_ms_a_face": round(ours / faces * 1e3, 2), "over_the_models": round(ours / (yunet + sface) - 1, 3),
    }  # fmt: skip


def _bare(files: list[Path]) -> tuple[float, float, int]:
    """(CPU s inside YuNet's runs, CPU s of templates, faces) for these pictures, in this process on one thread."""
    import onnxruntime

    from countenance.embed.onnx import OnnxEmbedder
    from countenance.permits import Act
    from countenance.pipeline.analyse import FaceAnalysis, analyse_picture
    from countenance.testing import forged

    spent = 0.0
    real = onnxruntime.InferenceSession.run

    def timed(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal spent
        started = time.thread_time()  # of this thread: OpenCV's, which enlarge, spin for a while after their work
        try:
            return real(self, *args, **more)
        finally:
            spent += time.thread_time() - started

    onnxruntime.InferenceSession.run = timed
    try:
        analyse_picture(files[0].read_bytes())  # warm
        spent = 0.0
        looked = [analyse_picture(path.read_bytes()) for path in files]
    finally:
        onnxruntime.InferenceSession.run = real
    crops = np.stack([face.crop for one in looked if isinstance(one, FaceAnalysis) for face in one.faces])
    embedder, permit = OnnxEmbedder(threads=1), forged.live(Act.EMBED)
    embedder.embed(crops[:8], permit)
    started = time.process_time()
    embedder.embed(crops, permit)
    return spent, time.process_time() - started, len(crops)
