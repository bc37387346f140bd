"""`countenance demo`: the main job over real photographs, from a folder to leads, in a home that is thrown away."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from countenance.app.demo.pictures import write_album
from countenance.app.home import Home, open_home
from countenance.app.sources.ingests import Ingested
from countenance.pipeline.pictures.ingest_report import Progress
from countenance.present.page import IngestView, NextStep
from countenance.types import FaceRefusal, RejectReason, SearchResult

EVIDENCE = "docs-demo-photographs.txt"
_EVIDENCE_TEXT = """\
The photographs that come with Countenance show only people who are dead, and are free to use. Who is in each, when they
died, its licence and the package it came from: manifest.toml beside the photographs, and docs/demo-photographs.md.
"""
_STRANGER = "Marie Curie is not in this album. The right answer is no lead. Leads below the threshold are not shown."
_LOOKALIKE = (
    "Aksel Andersson is not in this album, but another man in it resembles him. Each lead shown here is false. This is "
    "why a lead is never an identification."
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """One search of the demo."""

    title: str  # what was searched for, in a few words
    probe: Path
    result: SearchResult
    page: Path
    remark: str


@contextmanager
def throwaway_home() -> Iterator[Home]:
    """A household home in a temporary folder, key file beside it; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="countenance-demo-"))
    before = os.environ.get("COUNTENANCE_KEYFILE")
    os.environ["COUNTENANCE_KEYFILE"] = str(folder / "keys" / "demo.key")
    try:
        with open_home(folder / "home") as home:
            yield home
    finally:
        if before is None:
            del os.environ["COUNTENANCE_KEYFILE"]
        else:
            os.environ["COUNTENANCE_KEYFILE"] = before
        shutil.rmtree(folder)


def shipped_demo(
    home: Home,
    out: Path,
    say: Callable[[str], None],
    progress: Callable[[str, Progress], None] | None,
    tell_ingest: Callable[[Ingested], None],
) -> tuple[DemoResult, ...]:
    """Over the photographs shipped: a search for one who is there, one who is not, one who resembles another."""
    album = write_album(out)
    evidence = out / EVIDENCE
    evidence.write_text(_EVIDENCE_TEXT, encoding="utf-8")
    say("1. Add a source under a grant. These people have died, so its basis is `historical`.")
    home.add_source(
        "album",
        album.root,
        basis="historical",
        jurisdiction="US,FR,SE,NO",
        purposes=["archive-description"],
        evidence=evidence,
    )
    say("2. Ingest: find the faces in the pictures, and make an encrypted template of each face under the grant.")
    done = home.ingest("album", progress=progress)
    tell_ingest(done)
    searches = (
        ("a person in the album", album.probe, "search.html", ""),
        ("a person who is not in the album", album.stranger, "search-stranger.html", _STRANGER),
        ("a person who resembles another", album.lookalike, "search-lookalike.html", _LOOKALIKE),
    )
    return tuple(
        _search(home, f"{title}: {probe.name}", probe, out, page, done, remark)
        for title, probe, page, remark in searches
    )


def folder_demo(
    home: Home,
    pictures: Path,
    probe: Path,
    jurisdiction: str,
    out: Path,
    progress: Callable[[str, Progress], None] | None,
    tell_ingest: Callable[[Ingested], None],
) -> DemoResult:
    """The same over somebody's own folder."""
    home.add_source("album", pictures, basis="household", jurisdiction=jurisdiction)
    done = home.ingest("album", progress=progress)
    tell_ingest(done)
    return _search(home, probe.name, probe, out, "search.html", done, "")


def _search(home: Home, title: str, probe: Path, out: Path, page: str, done: Ingested, remark: str) -> DemoResult:
    result, looked = home.search_and_look(probe, face=None, top=20)
    written = home.exports.write(
        result, looked, out, probe_name=probe.name, page=page, ingest=_ingest_view(done), next_steps=NEXT, remark=remark
    )
    return DemoResult(title, probe, result, written, remark)


def _ingest_view(done: Ingested) -> IngestView:
    [report] = done.reports
    return IngestView(
        pictures=report.taken + report.copies,
        faces=report.indexed,
        rejected=tuple((RejectReason(reason), n) for reason, n in report.rejected.items()),
        refused=tuple((FaceRefusal(reason), n) for reason, n in report.refused.items()),
    )


NEXT = (
    NextStep(
        "countenance source add album ~/Pictures --basis household --jurisdiction CA-ON",
        "adds your own pictures under a grant",
    ),
    NextStep("countenance ingest", "reads them and indexes the faces"),
    NextStep("countenance search face.jpg", "searches for a face"),
    NextStep("countenance status", "shows what the home holds and what is due"),
)
