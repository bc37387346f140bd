"""Measure the calibration that is shipped with the embedder, by the protocol of docs/calibration.md.

    python tools/calibrate.py PEOPLE_DIR      where PEOPLE_DIR/person/picture.jpg, one folder a person

Writes src/countenance/calibrate/data/MODEL.json and the table between the marks in docs/calibration.md; nothing of a
person but counts of scores. A home's own is measured by `countenance evaluate --use`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from countenance.app.home import open_home
from countenance.calibrate.calibration import Calibration
from countenance.calibrate.table import figures

ROOT = Path(__file__).resolve().parents[1]
DATA = "a part of Labeled Faces in the Wild (Huang, Ramesh, Berg, Learned-Miller 2007)"


def main(people_dir: Path) -> None:
    """The shipped calibration is that of these people, measured in a home that is thrown away."""
    with TemporaryDirectory() as folder:
        os.environ["COUNTENANCE_KEYFILE"] = f"{folder}/key"
        with open_home(f"{folder}/home") as home:
            measured = home.evaluate(people=people_dir, use=True).calibration
    assert measured is not None
    written = ROOT / "src" / "countenance" / "calibrate" / "data" / f"{measured.space.model}.json"
    written.write_bytes(replace(measured, about={**measured.about, "data": DATA}).to_json())
    calibration = Calibration.from_json(written.read_bytes())

    page = ROOT / "docs" / "calibration.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- figures -->\n")
    _, end, after = rest.partition("<!-- end of figures -->")
    page.write_text(f"{before}<!-- figures -->\n{figures(calibration)}{end}{after}", encoding="utf-8")
    print(figures(calibration))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
