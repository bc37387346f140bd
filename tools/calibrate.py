"""Measure the calibration that is shipped with the embedder, by the protocol of docs/calibration.md.

    python tools/calibrate.py PEOPLE_DIR      where PEOPLE_DIR/person/picture.jpg, one folder a person

Writes src/countenance/calibrate/data/MODEL.json and the table between the marks in docs/calibration.md; nothing of a
person but counts of scores. A home's own is measured by `countenance evaluate --use`.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

from countenance.calibrate.measure import measured
from countenance.calibrate.table import figures
from countenance.calibrate.tally import distributions
from countenance.embed.onnx import OnnxEmbedder
from countenance.pipeline.evaluate import about_these
from countenance.pipeline.look import Looker
from countenance.testing.people import every_pair, known_faces
from countenance.weights.manifest import YUNET
from countenance.weights.store import shipped

ROOT = Path(__file__).resolve().parents[1]
DATA = "a part of Labeled Faces in the Wild (Huang, Ramesh, Berg, Learned-Miller 2007)"


def main(people_dir: Path) -> None:
    """The shipped calibration is that of these people."""
    embedder = OnnxEmbedder(threads=os.cpu_count() or 1)
    with Looker(workers=os.cpu_count() or 1) as looker:
        labelled, faces = known_faces(people_dir, looker, embedder)
    pairs = every_pair(labelled, faces)
    about = about_these(labelled, faces, shipped(YUNET), DATA, dt.datetime.now(dt.UTC).date())
    calibration = measured(pairs, distributions(pairs), embedder.space, about)
    written = ROOT / "src" / "countenance" / "calibrate" / "data" / f"{embedder.space.model}.json"
    written.write_bytes(calibration.to_json())

    page = ROOT / "docs" / "calibration.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- figures -->\n")
    _, end, after = rest.partition("<!-- end of figures -->")
    page.write_text(f"{before}<!-- figures -->\n{figures(calibration)}{end}{after}", encoding="utf-8")
    print(figures(calibration))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
