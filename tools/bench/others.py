"""What people use instead, on the same pictures in the same run: `face_recognition`, where a Python has it.

COUNTENANCE_BENCH_FACE_RECOGNITION names that Python, in an environment of its own: this project's has no use for dlib.
It is given a process a core, as its users would. Ours is the whole command, which also keeps, seals and logs. Compared
are CPU seconds, so that a busy machine changes little; ours is measured before and after the other and the mean taken.

Rank 1: of each person the first picture is the gallery, every other is a probe; of several faces the one nearest to the
middle counts, on both sides. A probe without a face has found nobody.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import countenance
from bench.ingest import ingested
from bench.machine import FACE_RECOGNITION
from bench.pictures import album

SCRIPT = Path(__file__).with_name("with_face_recognition.py")


def measure(scratch: Path, **_: object) -> dict[str, Any]:
    """CPU ms a picture and a face, pictures a second and rank 1 of each; or why there is no figure."""
    pictures = album(scratch)
    files = sorted(pictures.rglob("*.jp*g"))
    python = os.environ.get(FACE_RECOGNITION)
    ingested(scratch, pictures)  # warm
    ours = [ingested(scratch, pictures)]
    theirs = _face_recognition(python, files) if python else f"not measured: {FACE_RECOGNITION} names no Python"
    ours.append(ingested(scratch, pictures))
    return {
        "pictures": len(files),
        "people": len({file.parent for file in files}),
        "probes": len(files) - len({file.parent for file in files}),
        "countenance": {
            "version": countenance.__version__,
            **_costs(len(files), ours[0][0].faces, statistics.mean(o[2] for o in ours),
                     statistics.mean(o[1] for o in ours)),
            "rank_1": _rank_1(files, _templates(files)),
        },
        "face_recognition": theirs,
        "deepface": "not measured: it downloads its weights when first used",
    }  # fmt: skip


def _costs(pictures: int, faces: int, cpu_s: float, wall_s: float) -> dict[str, Any]:
    return {
        "faces": faces,
        "cpu_ms_a_picture": round(cpu_s / pictures * 1e3, 1),
        "cpu_ms_a_face": round(cpu_s / faces * 1e3, 1),
        "pictures_a_second": round(pictures / wall_s, 1),
    }


def _face_recognition(python: str, files: list[Path]) -> dict[str, Any]:
    shares = [files[core :: os.cpu_count() or 1] for core in range(os.cpu_count() or 1)]

    def run(share: list[Path]) -> list[dict[str, Any]]:
        asked = "\n".join(map(str, share))
        done = subprocess.run([python, SCRIPT], input=asked, check=True, stdout=subprocess.PIPE, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    with ThreadPoolExecutor(len(shares)) as threads:
        told = list(threads.map(run, shares))
    found = {file: one for share, (_, *each, _) in zip(shares, told, strict=True)
             for file, one in zip(share, each, strict=True)}  # fmt: skip
    ends = [one[-1] for one in told]
    encodings = {file: np.array(one["encoding"]) for file, one in found.items() if one["encoding"]}
    faces = sum(one["faces"] for one in found.values())
    return {
        "version": told[0][0]["version"],
        **_costs(len(files), faces, sum(end["cpu_s"] for end in ends), max(end["wall_s"] for end in ends)),
        "without_a_face": len(files) - len(encodings),
        "rank_1": _rank_1(files, encodings),
    }


def _templates(files: list[Path]) -> dict[Path, NDArray[np.float32]]:
    """Unit templates, by the road of an ingest: a child looks, the parent embeds."""
    from countenance.embed.onnx import OnnxEmbedder
    from countenance.permits import Act
    from countenance.pipeline.analyse import FaceAnalyser, FaceAnalysis
    from countenance.testing import forged

    embedder, found = OnnxEmbedder(), {}
    with FaceAnalyser(workers=os.cpu_count() or 1) as analyser:
        for file, looked in analyser.analyse_many((file, file.read_bytes()) for file in files):
            if not isinstance(looked, FaceAnalysis) or not looked.faces:
                continue
            middle = np.array([looked.width, looked.height])
            off = [np.abs(np.add(face.face.box[:2], face.face.box[2:]) - middle).sum() for face in looked.faces]
            crop = looked.faces[int(np.argmin(off))].crop
            found[file] = embedder.embed(crop[None], forged.live(Act.EMBED))[0]
    return found


def _rank_1(files: list[Path], templates: dict[Path, NDArray[Any]]) -> float:
    """The share of probes whose nearest in the gallery, by Euclidean distance, is of the same person."""
    first: dict[Path, Path] = {}
    for file in files:
        first.setdefault(file.parent, file)
    gallery = [file for file in first.values() if file in templates]
    rows = np.stack([templates[file] for file in gallery])
    probes = [file for file in files if file != first[file.parent]]
    right = 0
    for probe in probes:
        if probe in templates:
            nearest = np.linalg.norm(rows - templates[probe], axis=1).argmin()
            right += gallery[int(nearest)].parent == probe.parent
    return round(right / len(probes), 4)
