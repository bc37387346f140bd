"""docs/guests.md: its commands exist, its Python runs as written, and its numbers are the program's."""

from countenance.app.home import open_home
from countenance.cli.guest import command
from countenance.rights import guests
from countenance.rights.requests import SAME_PERSON_FMR
from countenance.testing import toy
from support.disk_home import toy_eyes


def test_every_command_of_guests_is_on_the_page(doc):
    text = doc("guests.md").section("For the organiser")
    for name in command.commands:
        assert f"countenance guest {name}" in text, name


def test_the_numbers_are_those_of_the_program(doc):
    text = " ".join(doc("guests.md").text.split())
    assert f"{guests.PHOTOGRAPHS_AN_HOUR} by one link within an hour" in text
    assert f"It lasts {guests.DEFAULT_TERM.days} days" in text
    assert guests.MAX_TERM.days == 366
    assert f"1 stranger in {1 / SAME_PERSON_FMR:,.0f}" in text


def test_the_python_of_the_page_runs(doc, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "home.key"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "party").mkdir()
    (tmp_path / "party" / "us.jpg").write_bytes(toy.picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (tmp_path / "form.pdf").write_bytes(b"a form")
    (tmp_path / "me.jpg").write_bytes(toy.picture("alice~@10,20,60,80"))
    [code] = doc("guests.md").blocks("python", section="In Python")
    with toy_eyes(), open_home("home", kind="organisation") as home:
        exec(compile(code, "docs/guests.md", "exec"), {"home": home})
    assert capsys.readouterr().out == "us.jpg (10.0, 20.0, 60.0, 80.0)\n"
    assert (tmp_path / "mine.zip").read_bytes()[:2] == b"PK"
