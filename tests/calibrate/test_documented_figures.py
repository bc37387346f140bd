from pathlib import Path

from countenance.calibrate.calibration import load
from countenance.calibrate.table import figures
from countenance.embed.onnx import OnnxEmbedder

PAGE = Path(__file__).parents[2] / "docs" / "calibration.md"


def test_the_documented_figures_are_those_of_the_shipped_calibration():
    assert figures(load(OnnxEmbedder().space)) in PAGE.read_text(encoding="utf-8")
