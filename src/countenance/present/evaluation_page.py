"""An evaluation written out: a page for people, the same as JSON, and its two plots."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path

from countenance.errors import StorageFailed
from countenance.pipeline.upkeep.evaluate import Evaluation
from countenance.present import evaluation_tables
from countenance.present.page import environment, style
from countenance.present.plots import det_svg, scores_svg
from countenance.remedies import Remedy

PAGE = "report.html"


def write_report(found: Evaluation, folder: Path) -> Path:
    """`folder` holds report.html, report.json, det.svg and scores.svg; returns the page's path.

    A crash leaves some of the files; running it again replaces them. Raises StorageFailed.
    """
    title = evaluation_tables.title(found)
    det, scores = det_svg(found.measures, title), scores_svg(found.measures, title)
    document = json.dumps(found.as_dict(), indent=1)  # in ASCII: a name need be no text
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "det.svg").write_text(det, encoding="utf-8")
        (folder / "scores.svg").write_text(scores, encoding="utf-8")
        (folder / "report.json").write_text(document + "\n", encoding="ascii")
        (folder / PAGE).write_text(render_report(found, det, scores), encoding="utf-8")
    except OSError as error:
        raise StorageFailed(
            f"the folder can't be written to: {error.strerror}", Remedy.USE_WRITABLE_FOLDER, path=folder
        ) from error
    return folder / PAGE


def render_report(found: Evaluation, det: str, scores: str) -> str:
    """The page as text: whole in one file, no script, no request. `det` and `scores` are its plots, SVG."""
    css, css_hash = style("page.css", "evaluation.css")
    page: str = (
        environment()
        .get_template("evaluation.html.jinja")
        .render(
            found=found,
            title=evaluation_tables.title(found),
            summary=evaluation_tables.summary(found),
            tables=evaluation_tables.tables(found),
            excluded=list(evaluation_tables.excluded(found)),
            det=_data_uri(det),
            scores=_data_uri(scores),
            made_at=datetime.fromisoformat(found.made_at).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
            css=css,
            css_hash=css_hash,
        )
    )
    return page


def _data_uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"
