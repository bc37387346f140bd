"""A search's answer as one self-contained HTML page: no script, no request to anywhere, nothing left to fetch.

What holds: every text passes `labels.visible` and Jinja's autoescape, so that no name can hide or start anything; the
page's own policy (CSP) forbids every source but `data:` pictures and the one style sheet, by its hash; pictures are
inlined by their content, never by a name; a lead that the answer holds is on the page, once, and so is each duplicate.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from countenance.present import labels
from countenance.types import Box, Duplicate, FaceRefusal, Lead, RejectReason, SearchResult

_TEMPLATES = resources.files("countenance.present") / "templates"


@dataclass(frozen=True, slots=True, eq=False)
class CopyView:
    """A duplicate of the lead on whose card it stands."""

    duplicate: Duplicate
    crop: bytes  # the face, upright: WebP, JPEG or PNG


@dataclass(frozen=True, slots=True, eq=False)
class CardView:
    """A lead with what a person needs to see of it."""

    lead: Lead
    crop: bytes  # the face, upright: WebP, JPEG or PNG
    preview: bytes | None  # the whole picture, upright, scaled down; None where it may not or can't be shown
    copies: tuple[CopyView, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestView:
    """What the run that filled the gallery took in, and what it did not."""

    pictures: int
    faces: int  # searchable
    rejected: tuple[tuple[RejectReason, int], ...] = ()  # files
    refused: tuple[tuple[FaceRefusal, int], ...] = ()  # faces

    @property
    def refused_as_said(self) -> tuple[tuple[FaceRefusal, int], ...]:
        """As whoever enrols may see them: an erased face counts as not permitted, like any policy reason."""
        counts: dict[FaceRefusal, int] = {}
        for reason, count in self.refused:
            counts[reason.public] = counts.get(reason.public, 0) + count
        return tuple(counts.items())


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something to type, and what it does."""

    command: str
    does: str


@dataclass(frozen=True, slots=True, eq=False)
class SearchView:
    """Everything that the page shows. Cards in the order in which they are to stand.

    Raises: ValueError: the cards and their copies are not exactly the leads of the result.
    """

    result: SearchResult
    probe_name: str  # its file's, as the user gave it
    probe: bytes  # the whole probe, upright, perhaps scaled down: WebP, JPEG or PNG
    probe_width: int  # of the whole probe, in the pixels in which the result's box counts
    probe_height: int
    probe_face: bytes  # the face that was looked for, alone, upright: WebP, JPEG or PNG
    cards: tuple[CardView, ...]
    made_at: datetime  # aware
    fpir: float | None = None  # the rate of strangers' searches with a false lead that the threshold aims at
    ingest: IngestView | None = None
    next_steps: tuple[NextStep, ...] = ()
    remark: str = ""  # a sentence or two about this search, for instance by the demo

    def __post_init__(self) -> None:
        shown = [(card.lead, tuple(copy.duplicate for copy in card.copies)) for card in self.cards]
        if shown != [(lead, lead.duplicates) for lead in self.result.leads]:
            raise ValueError("the cards of a page are the leads of its result, each once, with all their duplicates")


def render_search_page(view: SearchView) -> str:
    """The page as text; encodes as UTF-8. Deterministic.

    Raises: ValueError: a picture is neither WebP, JPEG nor PNG, or odds are not above 0.
    """
    css, css_hash = style("page.css")
    template = environment().get_template("search.html.jinja")
    page: str = template.render(view=view, result=view.result, css=css, css_hash=css_hash)
    return page


def _data_uri(picture: bytes) -> str:
    """The picture, inlined, with the media type that its first bytes say."""
    if picture.startswith(b"\xff\xd8\xff"):
        kind = "jpeg"
    elif picture.startswith(b"\x89PNG\r\n\x1a\n"):
        kind = "png"
    elif picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        kind = "webp"
    else:
        raise ValueError("a page shows WebP, JPEG and PNG; these bytes are none of them")
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def frame(box: Box, width: int, height: int) -> dict[str, float]:
    """The box as an SVG rectangle, cut to the picture, in the picture's pixels."""
    x1, x2 = (min(max(x, 0.0), float(width)) for x in (box[0], box[2]))
    y1, y2 = (min(max(y, 0.0), float(height)) for y in (box[1], box[3]))
    return {"x": round(x1, 1), "y": round(y1, 1), "width": round(x2 - x1, 1), "height": round(y2 - y1, 1)}


@cache
def style(*files: str) -> tuple[str, str]:
    """The style sheets of these names as one, and its hash as a source expression of CSP level 3."""
    css = "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in files)
    return css, "sha256-" + base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")


@cache
def environment() -> Any:
    """Templates in which every text is escaped, and nothing hidden in it stays hidden."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: object) -> object:
        """Every text that is shown is visible; what is markup by our own hand stays as it is."""
        return labels.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    made = Environment(
        loader=PackageLoader("countenance.present", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["data_uri"] = _data_uri
    made.globals.update(labels=labels, frame=frame)
    return made
