"""Decisions on people killed at any point: each stands wholly or not at all, and is in the log before it stands."""

from countenance.testing.toy import picture
from support.disk_home import held_by, opened

NAMES = ("alice", "bob", "carol", "dora")


def test_decisions_on_people_killed_at_every_point(tmp_path, breaker):
    album = tmp_path / "album"
    album.mkdir()
    for name in NAMES:
        (album / f"{name}.jpg").write_bytes(picture(f"{name}@10,20,60,80"))
    with opened(tmp_path / "home") as home:
        home.add_source("album", album, basis="household", jurisdiction="CA-ON")
        home.ingest()
        faces = [home.search(picture(f"{name}@1,1,50,50")).leads[0].face_id for name in NAMES]
        entries = [entry.id for entry in home.parts.log.entries()]
    a, b, c, d = faces
    after = [
        set(), {frozenset({a})}, {frozenset({a}), frozenset({b, c})}, {frozenset({a, d}), frozenset({b, c})},
        {frozenset(faces)}, {frozenset({a, c, d}), frozenset({b})}, {frozenset(faces)},
    ]  # fmt: skip
    undone = {6: 3}  # undo takes back the newest decision that stands: after an undo the one before it

    def check(copy, ran):
        with opened(copy) as home:
            kinds = [entry.kind for entry in home.parts.log.entries()]
            assert [entry.id for entry in home.parts.log.entries()][: len(entries)] == entries
            home.verify_log()
            told, stand = len(ran.told), grouped(home)
            assert stand in after[told : told + 2]
            steps = told if stand == after[told] else told + 1
            assert kinds.count("person.changed") in {steps, steps + 1}
            assert {person.name for person in home.people.all()} <= {"May", None}
            if steps:
                home.people.undo()
                assert grouped(home) == after[undone.get(steps, steps - 1)]
            home.ingest()  # keys of what never stood are swept
            held_by(home)

    breaker.everywhere(tmp_path / "home", "decide_people", faces, at_least=24, then=check, kills=2)


def grouped(home):
    """The faces of each person, as sets."""
    return {frozenset(face for face, _ in home.faces_of(person.id)) for person in home.people.all()}
