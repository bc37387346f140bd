"""A calibration that is measured and taken into use, killed at any point: the shipped one or the new one, whole."""

import pytest

from countenance.testing.toy import picture
from support.disk_home import opened


@pytest.fixture
def people(tmp_path):
    """450 people, one in three with two pictures: enough to calibrate with."""
    for number in range(450):
        folder = tmp_path / "people" / f"p{number:03}"
        folder.mkdir(parents=True)
        for name in (f"p{number:03}", f"p{number:03}~")[: 2 if number % 3 == 0 else 1]:
            (folder / f"{name}.jpg").write_bytes(picture(f"{name}@300,200,360,280"))
    return tmp_path / "people"


def test_a_calibration_killed_at_every_point(tmp_path, people, breaker):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").write_bytes(picture("alice@10,20,60,80"))
    with opened(tmp_path / "home") as home:
        home.add_source("album", tmp_path / "album", basis="household", jurisdiction="CA-ON")
        home.ingest()
        shipped = home.search(picture("alice@1,1,50,50")).calibration

    def check(copy, ran):
        with opened(copy) as home:
            used = home.search(picture("alice@1,1,50,50")).calibration
            if ran.acknowledged:
                assert used == ran.told[0] != shipped
            if used != shipped:
                assert [e for e in home.parts.log.entries() if e.kind == "calibration.used"]
            home.verify_log()

    breaker.everywhere(tmp_path / "home", "evaluate_and_use", str(people), at_least=16, then=check, kills=1)
