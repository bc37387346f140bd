"""Measure the calibration that is shipped with the embedder, by the protocol of docs/calibration.md.

    python tools/calibrate.py PEOPLE_DIR      where PEOPLE_DIR/person/picture.jpg, one folder a person

Writes src/countenance/calibrate/data/MODEL.json and the table between the marks in docs/calibration.md; nothing of a
person but counts of scores.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import numpy as np

from countenance.calibrate.calibration import Calibration
from countenance.calibrate.histogram import Histogram
from countenance.calibrate.measure import SEED, score_pairs, tails
from countenance.calibrate.table import figures
from countenance.calibrate.tail import shape
from countenance.embed.onnx import OnnxEmbedder
from countenance.pipeline.look import Looker
from countenance.testing.people import known_faces
from countenance.weights.manifest import YUNET, entry

ROOT = Path(__file__).resolve().parents[1]
PROTOCOL = (
    "Every picture by the production road (countenance.pipeline.look at its defaults, then the embedder); of several "
    "faces the most central; all pairs once; genuine: one person, impostor: two people; tail: censored exponential "
    f"between FMR 1e-3 and 1e-5, 500 draws of the people with replacement (seed {SEED}). docs/calibration.md."
)
PACKAGES = ("countenance", "numpy", "onnx", "onnxruntime", "pillow")


def main(people_dir: Path) -> None:
    """The shipped calibration is that of these people."""
    embedder = OnnxEmbedder(threads=os.cpu_count() or 1)
    with Looker(workers=os.cpu_count() or 1) as looker:
        faces = known_faces(people_dir, looker, embedder)
    scores = score_pairs(faces.vectors, faces.people)
    tail, replicates = tails(scores, faces.people)
    genuine, impostor = Histogram.of(scores.genuine), Histogram.of(scores.impostor)
    about = {
        "protocol": PROTOCOL,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "detector": {"model": YUNET, "weights_sha256": entry(YUNET).folded_sha256},
        "data": "a part of Labeled Faces in the Wild (Huang, Ramesh, Berg, Learned-Miller 2007)",
        "people": len(np.unique(faces.people)),
        "pictures": faces.pictures,
        "pictures_without_face": faces.pictures - len(faces.people),
        "pictures_with_several_faces": faces.several,
        "genuine_pairs": genuine.total,
        "impostor_pairs": impostor.total,
        "tail_shape": round(shape(scores.impostor, tail.start), 4),
    }
    calibration = Calibration("", embedder.space, impostor, genuine, tail, replicates, about)
    shipped = ROOT / "src" / "countenance" / "calibrate" / "data" / f"{embedder.space.model}.json"
    shipped.write_bytes(calibration.to_json())
    calibration = Calibration.from_json(shipped.read_bytes())

    page = ROOT / "docs" / "calibration.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- figures -->\n")
    _, end, after = rest.partition("<!-- end of figures -->")
    page.write_text(f"{before}<!-- figures -->\n{figures(calibration)}{end}{after}", encoding="utf-8")
    print(figures(calibration))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
