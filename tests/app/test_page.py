"""The result page: whole in one file, safe against any name, plain in its words, readable by all."""

import base64
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from countenance.present import page
from countenance.present.page import CardView, CopyView, IngestView, NextStep, SearchView, render_search_page
from countenance.types import (
    Band,
    Basis,
    Duplicate,
    DuplicateLink,
    FaceRefusal,
    Lead,
    Odds,
    PictureRef,
    ProbeFace,
    Recall,
    RejectReason,
    SearchResult,
)

HOSTILE = '"><script>alert(1)</script>&\n\u202egpj\udcff{{ 7*7 }}.jpg'
VOID = {"meta", "img", "br", "link", "input", "hr"}


def picture(kind: str = "WEBP", size: tuple[int, int] = (32, 24)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 110)).save(out, kind)
    return out.getvalue()


def lead(
    rank: int = 1, *, uri: str = "file:///album/scans/scan%200006.jpg", band: Band = Band.LEAD, **kw: object
) -> Lead:
    values = {
        "rank": rank,
        "face_id": f"face-{rank}",
        "picture": PictureRef(f"picture-{rank}", uri, 640, 480, "1984-01-20T10:00:00"),
        "box": (100.0, 80.0, 200.0, 210.0),
        "score": 0.712,
        "band": band,
        "fmr": Odds(3.8e-6, bound=True),
        "expected_false": Odds(1 / 600, bound=True),
        "source": "album",
        "jurisdictions": ("CA-ON", "unknown"),
        "basis": Basis.HISTORICAL,
    }
    return Lead(**{**values, **kw})


def duplicate(number: int, **kw: object) -> Duplicate:
    values = {
        "face_id": f"copy-{number}",
        "picture": PictureRef(f"picture-{number}", f"file:///album/copy%20{number}.jpg", 320, 240),
        "box": (1.0, 2.0, 30.0, 40.0),
        "score": 0.7,
        "band": Band.STRONG,
        "source": "album",
        "jurisdictions": ("CA-ON",),
        "basis": Basis.HISTORICAL,
        "link": DuplicateLink.NEAR,
        "distance": 4,
    }
    return Duplicate(**{**values, **kw})


def result(*leads: Lead, **kw: object) -> SearchResult:
    values = {
        "probe_sha256": "ab" * 32,
        "face": ProbeFace(0, (10.0, 12.0, 60.0, 80.0), 0.91),
        "faces": 1,
        "searched": 13_000,
        "exact": True,
        "threshold": 0.561,
        "extrapolated": True,
        "model": "sface-2021dec",
        "calibration": "sface-2021dec/1",
        "log_entry": "k7Qm2vXe9RtB4pWz",
        "leads": leads,
    }
    return SearchResult(**{**values, **kw})


def view(answer: SearchResult, cards: tuple[CardView, ...] | None = None, **kw: object) -> SearchView:
    values = {
        "result": answer,
        "probe_name": "probe.jpg",
        "probe": picture("JPEG", (100, 90)),
        "probe_width": 100,
        "probe_height": 90,
        "probe_face": picture("JPEG"),
        "cards": tuple(CardView(x, picture(), picture("PNG")) for x in answer.leads) if cards is None else cards,
        "made_at": datetime(2026, 11, 2, 9, 5, tzinfo=UTC),
        "fpir": 0.01,
        "ingest": IngestView(26, 33, ((RejectReason.DAMAGED, 2),), ((FaceRefusal.TOO_SMALL, 1),)),
        "next_steps": (NextStep("countenance log verify", "Prove the log."),),
    }
    return SearchView(**{**values, **kw})


class Elements(HTMLParser):
    """Every start tag with its attributes, all text outside <style>, and whether the tags close as they open."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def shown(self) -> str:
        alts = [a.get("alt") or "" for a in self.all("img")] + [a.get("aria-label") or "" for _, a in self.tags]
        return re.sub(r"\s+", " ", " ".join([*self.text, *alts]))


def full() -> SearchView:
    """A page with one of everything."""
    copies = (duplicate(1), duplicate(2, link=DuplicateLink.CROP))
    leads = (lead(1, band=Band.STRONG, duplicates=copies), lead(2, band=Band.WEAK))
    cards = (
        CardView(leads[0], picture(), picture(), tuple(CopyView(copy, picture()) for copy in copies)),
        CardView(leads[1], picture(), None),
    )
    return view(result(*leads), cards, remark="A remark.")


PAGES: dict[str, Callable[[], SearchView]] = {
    "full": full,
    "empty": lambda: view(result()),
    "one": lambda: view(result(lead()), ingest=None, next_steps=(), fpir=None),
    "several faces": lambda: view(result(lead(), faces=3, face=ProbeFace(1, (0, 0, 9, 9), 0.5), exact=False)),
}


@pytest.fixture(params=PAGES)
def html(request: pytest.FixtureRequest) -> str:
    return render_search_page(PAGES[request.param]())


def test_every_page_is_whole_and_its_tags_close(html: str):
    elements = Elements(html)
    assert elements.open == []
    assert html.startswith("<!doctype html>")
    assert elements.all("html")[0]["lang"] == "en"


def test_a_page_fetches_nothing_and_runs_nothing(html: str):
    elements = Elements(html)
    assert {tag for tag, _ in elements.tags} & {"script", "link", "iframe", "form", "object", "embed", "base"} == set()
    for tag, attributes in elements.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "srcset"}], tag
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_of_a_page_allows_its_own_style_and_inlined_pictures_only(html: str):
    policy = next(m["content"] for m in Elements(html).all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    wanted = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy == wanted


def test_a_page_speaks_of_leads_and_never_of_certainty(html: str):
    shown = Elements(html).shown.lower()
    for word in ("match", "confidence", "identified", "%", "percent"):
        assert word not in shown
    assert "investigative lead, not an identification. the person may not be in this gallery." in shown


def test_every_picture_has_a_text_and_every_drawing_is_named_or_hidden(html: str):
    elements = Elements(html)
    assert all(image.get("alt") for image in elements.all("img"))
    assert all(svg.get("aria-hidden") == "true" or svg.get("aria-label") for svg in elements.all("svg"))


def test_landmarks_and_headings_are_there_for_a_screen_reader(html: str):
    elements = Elements(html)
    assert [len(elements.all(tag)) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag, _ in elements.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [a["id"] for _, a in elements.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in elements.tags if "aria-labelledby" in a} <= set(ids)
    assert elements.all("a")[0] == {"class": "skip", "href": "#answer"}


def test_a_card_says_what_a_person_must_know():
    shown = Elements(render_search_page(full())).shown
    for said in (
        "Strong lead", "Weak lead", "0.712", "At most 1 false lead expected in 600 searches of this size.",
        "At most 1 stranger in 260,000 scores as high.", "album", "CA-ON, unknown", "Historical",
        "the people have died", "scan 0006.jpg", "in scans", "taken 1984-01-20 10:00:00",
        "The same photograph, 2 more times", "nearly the same picture", "a different crop", "copy 2.jpg",
        "2 more faces of the same photographs are grouped under them.", "The whole picture is not shown here",
        "A remark.",
    ):  # fmt: skip
        assert said in shown


def test_the_page_says_what_was_searched_and_what_was_left_out():
    shown = Elements(render_search_page(full())).shown
    for said in (
        "Up to 13,000", "exact", "0.561", "Extrapolated.", "1 false lead in 100 searches", "sface-2021dec",
        "sface-2021dec/1", "k7Qm2vXe9RtB4pWz", "ab" * 32, "26 ", "33 ", "cut short or damaged", "too small to compare",
        "Next steps", "countenance log verify", "2 November 2026, 09:05 UTC",
    ):  # fmt: skip
        assert said in shown


def test_an_approximate_search_and_a_chosen_face_are_said():
    shown = Elements(render_search_page(PAGES["several faces"]())).shown
    assert "approximate: a face may be missed" in shown
    assert "Number 1 of its 3 faces, counted from 0" in shown  # as --face counts


@pytest.mark.parametrize(("width", "alone"), [(100, False), (6000, True)])
def test_a_face_of_a_crowd_is_shown_alone_too(width: int, alone: bool):
    page = render_search_page(view(result(lead()), probe_width=width, probe_height=width))
    assert ("The face that was searched for" in Elements(page).shown) == alone


def test_an_empty_answer_has_a_state_of_its_own():
    elements = Elements(render_search_page(view(result())))
    assert "No lead" in elements.shown
    assert "The person may not be in this gallery." in elements.shown
    assert elements.all("article") == []


def test_a_run_without_rejections_says_so():
    shown = Elements(render_search_page(view(result(), ingest=IngestView(1, 1)))).shown
    assert "No file was rejected and no face refused." in shown


def test_an_erased_face_is_not_told_from_one_that_is_not_permitted():
    refused = ((FaceRefusal.NOT_PERMITTED, 2), (FaceRefusal.ERASED, 3))
    html = render_search_page(view(result(), ingest=IngestView(9, 4, refused=refused)))
    assert html == render_search_page(
        view(result(), ingest=IngestView(9, 4, refused=((FaceRefusal.NOT_PERMITTED, 5),)))
    )
    assert "erased" not in Elements(html).shown


@pytest.mark.parametrize("uri", [f"file:///a/{HOSTILE}", f"javascript:{HOSTILE}"])
def test_no_name_can_break_out_of_the_page(uri: str):
    bad = lead(uri=uri, source=HOSTILE, jurisdictions=(HOSTILE,))
    answer = result(bad, model=HOSTILE, calibration=HOSTILE, log_entry=HOSTILE, probe_sha256=HOSTILE, notice=HOSTILE)
    steps = (NextStep(HOSTILE, HOSTILE),)
    html = render_search_page(view(answer, probe_name=HOSTILE, next_steps=steps, remark=HOSTILE))
    html.encode("utf-8")
    elements = Elements(html)
    assert elements.open == []
    assert "script" not in {tag for tag, _ in elements.tags}
    assert "<script>alert(1)</script>" in elements.shown  # as text
    assert "\\u202egpj\\xff{{ 7*7 }}.jpg" in elements.shown  # what could hide is written out; nothing is evaluated
    assert "\u202e" not in html
    assert not [a["href"] for a in elements.all("a") if not a["href"].startswith(("#", "file:///"))]


def test_a_box_lies_within_its_picture():
    html = render_search_page(view(result(lead(box=(-20.0, 400.0, 700.0, 900.0)))))
    boxes = [a for a in Elements(html).all("rect") if a.get("class") == "box"]
    assert boxes[0] == {"class": "box", "x": "10.0", "y": "12.0", "width": "50.0", "height": "68.0"}
    assert boxes[1] == {"class": "box", "x": "0.0", "y": "400.0", "width": "640.0", "height": "80.0"}


def test_a_page_never_leaves_out_a_lead_nor_adds_one():
    one, two = lead(1), lead(2)
    with pytest.raises(ValueError, match="all their duplicates"):
        view(result(lead(1, duplicates=(duplicate(1),))))
    with pytest.raises(ValueError, match="each once"):
        view(result(one, two), (CardView(one, picture(), None),))
    with pytest.raises(ValueError, match="each once"):
        view(result(one), (CardView(one, picture(), None), CardView(two, picture(), None)))


def test_a_picture_is_inlined_by_its_content_or_not_at_all():
    with pytest.raises(ValueError, match="WebP, JPEG and PNG"):
        render_search_page(replace(full(), probe=b"<svg onload='alert(1)'/>"))


def test_the_same_answer_makes_the_same_page():
    shown = full()
    assert render_search_page(shown) == render_search_page(shown)


# --- colours: WCAG 2.2, success criteria 1.4.3 (text, 4.5 to 1) and 1.4.11 (drawings, 3 to 1) -------------------------
CSS = (Path(page.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
TEXT_ON = {
    "ink": ("paper", "surface", "sunk"),
    "soft": ("paper", "surface", "sunk"),
    "accent": ("paper", "surface", "sunk", "accent-wash"),
    "note": ("note-wash", "surface"),
    "middle": ("middle-wash",),
    "weak": ("weak-wash",),
}


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_colour_can_be_read_on_its_ground(scheme: str):
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))
    for text, grounds in TEXT_ON.items():
        for ground in grounds:
            assert contrast(colours[text], colours[ground]) >= 4.5, (scheme, text, ground)


def test_an_approximate_answer_says_what_it_may_lack_on_the_page_in_the_terminal_and_as_json(capsys):
    from countenance.cli.search.search import tell

    answer = result(lead(1), exact=False, recall=Recall(0.983, 64, 1_000_000))
    said = "Approximate search: it finds about 98 of 100 faces that an exact search finds (64 tried)."
    assert said in " ".join(Elements(render_search_page(view(answer))).text)
    tell(answer)
    assert said in capsys.readouterr().out
    assert answer.as_dict()["recall"] == {"value": 0.98, "sample": 64}
    assert "pproximate" not in render_search_page(view(result(lead(1))))
