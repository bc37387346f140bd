"""docs/people.md: its commands exist, its Python runs as written, and its constants are the program's."""

import countenance
from countenance.app.home import open_home
from countenance.cli.person import command
from countenance.pipeline.people import suggest
from countenance.pipeline.search import person_leads
from countenance.testing import toy
from support.disk_home import toy_eyes


def test_every_command_of_persons_is_on_the_page(doc):
    text = doc("people.md").text.partition("\n## ")[0]
    for name in command.commands:
        assert name in text, name


def test_the_constants_are_those_of_the_program(doc):
    text = " ".join(doc("people.md").text.split())
    assert f"a single template that scores **{person_leads.FUSED_LIFT}** less" in text
    assert f"the persons of the {person_leads.NEAREST:,} nearest faces" in text
    assert f"of each face the {suggest.NEIGHBOURS} nearest" in text
    assert f"1 in {1 / suggest.PAIR_FMR:,.0f} pairs of strangers" in text


def test_the_lift_is_above_every_interval_of_the_page(doc):
    rows = doc("people.md").table("cosine", section="What a search says of people")
    limits = [float(cell.split(" to ")[1].rstrip(")")) for row in rows.values() for cell in list(row.values())[3:]]
    assert len(limits) == 10
    assert max(limits) < person_leads.FUSED_LIFT


def test_the_python_of_the_page_runs(doc, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "home.key"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "album").mkdir()
    for name in ("alice", "alice~", "alice~~"):
        (tmp_path / "album" / f"{len(name)}.jpg").write_bytes(toy.picture(f"{name}@10,20,60,80"))
    [code] = doc("people.md").blocks("python", section="In Python")
    with toy_eyes():
        with open_home("path/to/home") as home:
            home.add_source("album", "album", basis="household", jurisdiction="CA-ON")
            home.ingest()
            one, other = [lead.face_id for lead in home.search(toy.picture("alice@1,1,50,50"), top=2).leads]
        exec(code, {"countenance": countenance, "face_id": one, "other_face_id": other})
        with open_home("path/to/home") as home:
            [may] = home.people.all()
    assert (may.name, may.faces) == ("May", 1)
    assert capsys.readouterr().out.count("file://") == 3
