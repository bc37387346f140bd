"""The page of a picture's faces: each with the number that --face takes, safe against any name."""

import hashlib
import io
import json
import re
from base64 import b64encode

import numpy as np
import pytest
from PIL import Image

from countenance.errors import StorageFailed
from countenance.pipeline.analyse import FaceAnalysis
from countenance.present.faces_page import PAGE, export_faces, render_faces_page
from countenance.types import AlignedFace, DetectedFace, Quality

HOSTILE = '"><script>alert(1)</script>&\n\u202egpj{{ 7*7 }}.jpg'


def jpeg(size=(32, 24)):
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 110)).save(out, "JPEG")
    return out.getvalue()


def looked(count, width=6000, height=4000):
    """`count` faces of 60 px in rows, the last of them beyond the right border."""
    corners = [(80 * (n % 70), 90 * (n // 70)) for n in range(count - 1)] + [(width - 30.0, height - 40.0)]
    quality = Quality(60.0, 0.5, 0.75, 1.0, 0.5, 0.25)
    faces = tuple(
        AlignedFace(
            DetectedFace((x, y, x + 60.0, y + 75.0), ((x, y),) * 5, 0.9),
            quality, np.zeros((112, 112, 3), np.uint8), jpeg((40, 40)), {},
        )
        for x, y in corners[:count]
    )  # fmt: skip
    return FaceAnalysis(width, height, "JPEG", None, faces, jpeg())


@pytest.mark.parametrize("count", [0, 1, 204])
def test_every_face_is_there_once_with_its_number(count):
    page = render_faces_page(looked(count), "group.jpg")
    told = re.findall(r'<li id="face-(\d+)">.*?<b>Face (\d+)</b>', page)
    assert told == [(str(n), str(n)) for n in range(count)]
    assert re.findall(r'<a href="#face-(\d+)"', page) == [str(n) for n in range(count)]
    assert re.findall(r"<text[^>]*>(\d+)</text>", page) == [str(n) for n in range(count)]
    title = f"{count} face{'' if count == 1 else 's'} in group.jpg"
    assert page.count(title) == 2  # in the title and the heading
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert page.count("<h1") == page.count("<main") == 1


def test_a_box_beyond_the_border_is_cut_and_its_number_stays_inside():
    page = render_faces_page(looked(2), "group.jpg")
    assert 'x="5970.0" y="3960.0" width="30.0" height="40.0"' in page
    assert re.search(r'<text x="6000.0" text-anchor="end" y="[\d.]+"[^>]*>1</text>', page)


def test_no_name_breaks_out_of_the_page_and_it_fetches_nothing():
    page = render_faces_page(looked(2), HOSTILE)
    assert "<script" not in page
    assert "&lt;script" in page
    assert "\u202e" not in page
    assert "{{ 7*7 }}" in page
    assert all(uri.startswith(("data:image/jpeg;base64,", "#")) for uri in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert not re.search(r"<[^>]*\s(?:on[a-z]+|style|srcset)=", page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert f"style-src 'sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in page


def test_the_folder_holds_the_page_its_json_and_the_faces(tmp_path):
    found = looked(3)
    for _ in "ab":  # again over what is there
        page = export_faces(found, tmp_path / "a" / "faces", picture_name="group.jpg")
    assert page.name == PAGE
    assert json.loads((page.parent / "faces.json").read_text()) == found.as_dict()
    assert [face["index"] for face in found.as_dict()["faces"]] == [0, 1, 2]
    assert sorted(file.name for file in (page.parent / "faces").iterdir()) == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_folder_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file"):
        export_faces(looked(1), tmp_path / "file", picture_name="x")


def test_a_picture_looked_at_without_preview_has_no_page():
    with pytest.raises(ValueError, match="preview"):
        render_faces_page(FaceAnalysis(9, 9, "JPEG", None, (), None), "x")
