"""A group photograph of 200 people, by the commands that a user types."""

import json

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.faces, pytest.mark.program, pytest.mark.slow]

PEOPLE = 200
CHOSEN = 137
SIDE = 110  # px of a head, whose face has some 60


@pytest.fixture(scope="module")
def crowd(faces_dir, tmp_path_factory):
    """(the photograph, portraits in the order in which they stand in it, left to right and down, 20 in a row)."""
    portraits = sorted((faces_dir / "people").glob("*/*_0001.jpg"))[: 3 * PEOPLE : 3]
    chance = np.random.default_rng(4)
    coarse = Image.fromarray(chance.integers(80, 180, (20, 30, 3), np.uint8))
    picture = coarse.resize((20 * 150, 10 * 150), Image.Resampling.BICUBIC)
    for n, portrait in enumerate(portraits):
        with Image.open(portrait) as image:
            head = image.convert("RGB").crop((50, 40, 200, 190)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture.paste(head, (n % 20 * 150 + int(chance.integers(0, 40)), n // 20 * 150 + int(chance.integers(0, 40))))
    file = tmp_path_factory.mktemp("crowd") / "group.jpg"
    picture.save(file, quality=92)
    return file, portraits


def test_a_group_of_200_is_taken_searched_and_one_of_it_erased(desk, crowd):
    group, portraits = crowd
    desk = desk.quick
    desk.run("source", "add", "group", group.parent, "--basis", "household", "--jurisdiction", "CA-ON").ended(0)
    faces = desk.does("ingest")["sources"][0]["faces"]
    assert PEOPLE <= faces <= PEOPLE + 4  # a bystander may stand behind somebody

    asked = desk.run("search", group).ended(2, f"holds {faces} faces", "--face 15 ", f"and {faces - 16} more")
    assert "--face 16 " not in asked.err
    assert max(map(len, asked.err.splitlines()[:-1])) <= 80  # the last is the hint

    page = desk.root / "page"
    found = desk.does("search", group, "--face", CHOSEN, "--export", page)
    assert found["probe"]["face"]["index"] == CHOSEN
    best = found["leads"][0]
    assert (best["score"], best["box"]) == (1.0, found["probe"]["face"]["box"])
    assert "counted from 0" in (page / "search.html").read_text()

    x, y = (best["box"][0] + best["box"][2]) / 2, (best["box"][1] + best["box"][3]) / 2
    person, other = int(y // 150) * 20 + int(x // 150), 8
    one, two = (desk.does("search", portraits[n], "--face", 0)["leads"] for n in (person, other))
    assert one[0]["face_id"] == best["face_id"]
    desk.run("erase", "--face", best["face_id"]).ended(0, "Erased 1 face")
    assert best["face_id"] not in json.dumps(desk.does("search", portraits[person], "--face", 0))
    again = desk.does("search", portraits[other], "--face", 0)
    assert [lead["face_id"] for lead in again["leads"]] == [lead["face_id"] for lead in two]
    assert desk.does("status")["indexed"] == faces - 1


def test_every_face_of_a_group_is_listed_and_drawn(desk, crowd):
    group, _ = crowd
    said = desk.quick.run("detect", group, "--export", desk.root / "faces").ended(0)
    assert max(map(len, said.out.splitlines())) <= 80
    told = json.loads((desk.root / "faces" / "faces.json").read_text())
    assert len(said.out.splitlines()) == len(told["faces"]) + 2
    assert len(list((desk.root / "faces" / "faces").iterdir())) == len(told["faces"]) >= PEOPLE
    assert "<b>Face 199</b>" in (desk.root / "faces" / "faces.html").read_text()
