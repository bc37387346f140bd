"""What is in one picture, written out: a page with every face and its number, the same as JSON, and the faces alone.

For whoever must say which of two hundred faces is meant: the numbers are those of --face.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from countenance.errors import StorageFailed
from countenance.pipeline.analyse import FaceAnalysis
from countenance.present.page import environment, style
from countenance.remedies import Remedy

PAGE: Final = "faces.html"


def export_faces(looked: FaceAnalysis, folder: str | os.PathLike[str], *, picture_name: str) -> Path:
    """`folder` holds the page, `faces.json` and `faces/`; returns the page's path. `looked` has a preview.

    A crash leaves some of the files; running it again replaces them. Raises StorageFailed.
    """
    folder = Path(folder)
    document = json.dumps(looked.as_dict(), indent=2)
    try:
        (folder / "faces").mkdir(parents=True, exist_ok=True)
        (folder / PAGE).write_text(render_faces_page(looked, picture_name), encoding="utf-8")
        (folder / "faces.json").write_text(document + "\n", encoding="ascii")
        for number, aligned in enumerate(looked.faces):
            (folder / "faces" / f"{number}.jpg").write_bytes(aligned.thumbnail)
    except OSError as error:
        raise StorageFailed(
            f"the folder can't be written to: {error.strerror}", Remedy.USE_WRITABLE_FOLDER, path=folder
        ) from error
    return folder / PAGE


def render_faces_page(looked: FaceAnalysis, picture_name: str) -> str:
    """The page as text: whole in one file, no script, no request. Raises ValueError: `looked` has no preview."""
    if looked.preview is None:
        raise ValueError("the page shows the picture: render it with preview_px")
    css, css_hash = style("page.css", "faces.css")
    template = environment().get_template("faces.html.jinja")
    page: str = template.render(looked=looked, picture_name=picture_name, css=css, css_hash=css_hash)
    return page
