"""Photographs of two people at one event, with the shipped models: one consents, nothing is made of the other."""

import shutil

import numpy as np
import pytest

from countenance.app.home import open_home
from countenance.embed.onnx import OnnxEmbedder
from countenance.permits import Act
from countenance.pipeline.vectors import pack_vector
from countenance.rights.guests import VERSION
from support.bytescan import Thief

pytestmark = pytest.mark.faces


def test_one_of_two_people_finds_their_own_pictures_and_nothing_is_made_of_the_other(faces_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    made = {act: [] for act in Act}  # every template of the run, by what it was made under
    embed = OnnxEmbedder.embed

    def spied(self, crops, permit):
        vectors = embed(self, crops, permit)
        made[permit.act].extend(np.asarray(vectors))
        return vectors

    monkeypatch.setattr(OnnxEmbedder, "embed", spied)
    people = [folder for folder in sorted((faces_dir / "people").iterdir()) if len(list(folder.glob("*.jpg"))) >= 5][:2]
    (tmp_path / "party").mkdir()
    for who, folder in enumerate(people):
        for number, file in enumerate(sorted(folder.glob("*.jpg"))[1:5]):
            shutil.copy(file, tmp_path / "party" / f"{who}-{number}.jpg")
    (tmp_path / "form.pdf").write_bytes(b"a form")
    with open_home(tmp_path / "home", kind="organisation") as home:
        home.add_source(
            "party", tmp_path / "party", basis="consent", jurisdiction="CA-ON", purposes=["event-delivery"],
            evidence=tmp_path / "form.pdf",
        )  # fmt: skip
        assert home.ingest("party").reports[0].indexed == 0
        assert not any(made.values())  # nobody asked yet
        link = home.guests.open_link("party", organiser="Ada")["token"]
        token = home.guests.consent(link, min(people[0].glob("*.jpg")), agreed=VERSION)[1]
        home.search_for_guests("party")
        assert [each.name for each in home.guests.pictures(token)] == [f"0-{number}.jpg" for number in range(4)]
        assert len(made[Act.EMBED]) == 4
        assert len(made[Act.SUBJECT_CHECK]) > 8  # the reference, and every face once, in memory
        kept = [pack_vector(vector) for vector in made[Act.EMBED]]
        dropped = [pack_vector(vector) for vector in made[Act.SUBJECT_CHECK][1:]]
        others = {str(number): packed for number, packed in enumerate(dropped) if packed not in kept}
        assert len(others) >= 4
        mine = {str(number): packed for number, packed in enumerate(kept)}
        assert Thief(home.parts.keyfile, home.path).find(others) == {}
        assert Thief(home.parts.keyfile, home.path).find(mine).keys() == mine.keys()
        home.guests.withdraw(token)
        assert Thief(home.parts.keyfile, home.path).find(mine) == {}
