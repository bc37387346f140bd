"""A search written out: one page for people, the answer as JSON, and the crops of its leads."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from countenance.app.inputs import read_picture
from countenance.app.paths import path_of
from countenance.app.pictures.pictures import PictureService
from countenance.app.wiring import Parts
from countenance.errors import CountenanceError, StorageFailed
from countenance.pipeline.analyse import FaceAnalysis
from countenance.present.page import CardView, CopyView, IngestView, NextStep, SearchView, render_search_page
from countenance.remedies import Remedy
from countenance.types import Lead, Rejected, SearchResult

PREVIEW_PX = 640
PAGE = "search.html"


@dataclass(frozen=True, slots=True)
class ExportService:
    """Searches of one home, written out."""

    parts: Parts
    pictures: PictureService

    def write(
        self,
        result: SearchResult,
        looked: FaceAnalysis,
        folder: str | os.PathLike[str],
        *,
        probe_name: str,
        page: str = PAGE,
        ingest: IngestView | None = None,
        next_steps: Sequence[NextStep] = (),
        remark: str = "",
    ) -> Path:
        """`folder` holds the page, `search.json` and `crops/`; returns the page's path.

        A crash leaves some of the files; running it again replaces them. Raises StorageFailed.
        """
        folder = path_of(folder)
        view, crops = self.view(
            result, looked, probe_name=probe_name, ingest=ingest, next_steps=next_steps, remark=remark
        )
        try:
            (folder / "crops").mkdir(parents=True, exist_ok=True)
            (folder / page).write_text(render_search_page(view), encoding="utf-8")
            document = json.dumps(result.as_dict(), ensure_ascii=False, indent=2)
            (folder / f"{Path(page).stem}.json").write_text(document + "\n", encoding="utf-8")
            for face_id, crop in crops.items():
                (folder / "crops" / f"{face_id}.jpg").write_bytes(crop)
        except OSError as error:
            raise StorageFailed(
                f"the folder can't be written to: {error.strerror}", Remedy.USE_WRITABLE_FOLDER, path=folder
            ) from error
        return folder / page

    def view(
        self,
        result: SearchResult,
        looked: FaceAnalysis,
        *,
        probe_name: str,
        ingest: IngestView | None = None,
        next_steps: Sequence[NextStep] = (),
        remark: str = "",
    ) -> tuple[SearchView, dict[str, bytes]]:
        """The page of a search, and the crop of each face on it. Raises NotFound: a face is gone."""
        faces = (shown for lead in result.leads for shown in (lead.face_id, *(d.face_id for d in lead.duplicates)))
        crops = {face_id: self.pictures.crop(face_id) for face_id in faces}
        cards = tuple(
            CardView(
                lead,
                crops[lead.face_id],
                self._preview_of(lead),
                tuple(CopyView(copy, crops[copy.face_id]) for copy in lead.duplicates),
            )
            for lead in result.leads
        )
        return SearchView(
            result=result,
            probe_name=probe_name,
            probe=looked.preview or b"",
            probe_width=looked.width,
            probe_height=looked.height,
            probe_face=looked.faces[result.face.index].thumbnail,
            cards=cards,
            made_at=self.parts.stores.clock(),
            ingest=ingest,
            next_steps=tuple(next_steps),
            remark=remark,
        ), crops

    def _preview_of(self, lead: Lead) -> bytes | None:
        """The lead's picture from where it stands, scaled down; None if it has gone, or is another picture by now."""
        path = Path(unquote_to_bytes(lead.picture.uri.removeprefix("file://")).decode("utf-8", "surrogateescape"))
        try:
            data = read_picture(path)
        except CountenanceError:  # the file has moved: the crop is still here, and the page says what it shows
            return None
        looked = self.parts.engine().analyser.analyse(data, preview_px=PREVIEW_PX)
        if isinstance(looked, Rejected) or (looked.width, looked.height) != (lead.picture.width, lead.picture.height):
            return None
        return looked.preview
