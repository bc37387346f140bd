"""An evaluation written out: a page for people, the same as JSON, and its two plots."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from countenance.errors import StorageFailed
from countenance.pipeline.upkeep.evaluate import Evaluation
from countenance.present import evaluation_tables
from countenance.present.page import environment, style
from countenance.present.plots import det_png, scores_png

PAGE = "report.html"


def write_report(found: Evaluation, folder: Path) -> Path:
    """`folder` holds report.html, report.json, det.png and scores.png; returns the page's path.

    A crash leaves some of the files; running it again replaces them. Raises StorageFailed.
    """
    title = evaluation_tables.title(found)
    det, scores = det_png(found.measures, title), scores_png(found.measures, title)
    document = json.dumps(found.as_dict(), indent=1)  # in ASCII: a name need be no text
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "det.png").write_bytes(det)
        (folder / "scores.png").write_bytes(scores)
        (folder / "report.json").write_text(document + "\n", encoding="ascii")
        (folder / PAGE).write_text(render_report(found, det, scores), encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"{folder} can't be written: {error.strerror}", "name another folder") from error
    return folder / PAGE


def render_report(found: Evaluation, det: bytes, scores: bytes) -> str:
    """The page as text: whole in one file, no script, no request. `det` and `scores` are its plots, PNG."""
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
            det=det,
            scores=scores,
            made_at=datetime.fromisoformat(found.made_at).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
            css=css,
            css_hash=css_hash,
        )
    )
    return page
