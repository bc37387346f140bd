"""An opt-out killed at any point: not acknowledged and to be gone on with, or wholly done; acknowledged, it holds."""

import pytest

from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles
from support.disk_home import held_by, opened

GRANT = {"basis": "household", "jurisdiction": "CA-ON"}
HERS, BESIDE = "opted-out-zenobia", "beside-her-quentin"


@pytest.fixture
def asked(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    (album / "both.jpg").write_bytes(picture(f"{HERS}@10,20,60,80", f"{BESIDE}@100,20,150,80", "#garden"))
    with opened(tmp_path / "home") as home:
        home.add_source("album", album, **GRANT)
        home.ingest()
        opened_request = home.requests.open("opt-out", tier=2, photo=picture(f"{HERS}@1,1,50,50", "#one"))
        home.requests.verify(opened_request["request"], photo=picture(f"{HERS}~~@1,1,50,50", "#two"))
    return tmp_path / "home", album, opened_request["request"]


def shown(home, name):
    return bool(home.search(picture(f"{name}@1,1,50,50")).leads)


def test_an_opt_out_killed_at_every_point(asked, breaker):
    before, album, request = asked
    with opened(before) as home:
        keyfile = home.parts.keyfile
        entries = [entry.id for entry in home.parts.log.entries()]

    def check(copy, ran):
        (album / "new.jpg").unlink(missing_ok=True)
        with opened(copy) as home:
            assert [entry.id for entry in home.parts.log.entries()][: len(entries)] == entries
            found = home.requests.show(request)
            if ran.acknowledged:
                assert found["state"] == "decided"
                assert not shown(home, HERS)
            home.requests.finish()
            found = home.requests.show(request)
            if found["state"] == "verified":
                assert shown(home, HERS)
                home.requests.decide(request, grant=True)
            assert home.requests.show(request)["state"] == "decided"
            assert not shown(home, HERS)
            (album / "new.jpg").write_bytes(picture(f"{HERS}~@10,20,60,80", "#new"))
            home.ingest()
            assert not shown(home, HERS)
            assert shown(home, BESIDE)
            held_by(home)  # no key and no blob that nothing names: neither photograph nor proof
            assert not [name for name in home.parts.blobs.names() if name.startswith("request")]
            home.verify_log()
            assert Thief(keyfile, copy).find(face_needles(f"{HERS}~~")) == {}

    breaker.everywhere(before, "decide", request, at_least=52, then=check, kills=2)
