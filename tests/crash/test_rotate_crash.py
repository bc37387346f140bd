"""A rotation of the master key killed at any point: the home opens with what lies in the key file's folder."""

from countenance.testing.toy import picture
from support.disk_home import held_after, held_by, opened


def test_a_rotation_killed_at_every_point(tmp_path, breaker, monkeypatch):
    album = tmp_path / "album"
    album.mkdir()
    (album / "a.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    both = tmp_path / "both"
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(both / "home.key"))
    with opened(both / "home") as home:
        home.add_source("album", album, basis="household", jurisdiction="CA-ON")
        home.ingest()
        before = home.parts.keys.master_id
        entries = [entry.id for entry in home.parts.log.entries()]

    def check(copy, ran):
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(copy / "home.key"))
        with opened(copy / "home") as home:
            assert held_by(home) == held_after({"album": album})
            assert [entry.id for entry in home.parts.log.entries()][: len(entries)] == entries
            home.verify_log()
            if ran.acknowledged:
                assert home.parts.keys.master_id == ran.told[0] != before
                assert not (copy / ".home.key.next").exists()
            home.ingest()  # new keys are wrapped too
            assert len(home.search(picture("alice@1,1,50,50")).leads) == 1

    breaker.everywhere(both, "rotate", at_least=17, then=check)
