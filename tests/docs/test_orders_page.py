"""docs/orders.md: its four cases run as written, one after the other, each doing what the page says."""

import io
import os
import shlex
from contextlib import redirect_stderr, redirect_stdout

import pytest

from countenance.cli.main import main
from countenance.errors import PolicyDenied
from countenance.testing.toy import picture
from support.disk_home import opened, toy_eyes

CASES = "The cases to serve, one command each"
ASKED = {"purpose": "archive-description", "case": "2026-1"}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the papers that the page names, and a home with what its orders are about."""
    (tmp_path / "keys").mkdir()
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "keys" / "key"))
    monkeypatch.setenv("COUNTENANCE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("findings", "settlement", "cease-and-desist"):
        (tmp_path / f"{name}.pdf").write_bytes(b"%PDF-1.4 " + name.encode())
    with opened(tmp_path / "home", "organisation") as home:
        for name, place in (("toronto", "CA-ON"), ("chicago", "US-IL"), ("platform", "FR"), ("paris", "FR")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "a.jpg").write_bytes(picture(f"of-{name}@10,20,60,80"))
            home.add_source(
                name, tmp_path / name, basis="historical", jurisdiction=place, purposes=["archive-description"],
                evidence="findings.pdf",
            )  # fmt: skip
        home.ingest()
        for name, kind, place in (("Sureté", "law-enforcement", "CA-QC"), ("Tribune", "newsroom", "US-IL"),
                                  ("Acme", "private-company", "DE"), ("Gazette", "newsroom", "FR")):  # fmt: skip
            home.clients.add(name, client_class=kind, jurisdiction=place)
    return tmp_path


def run(block):
    out = io.StringIO()
    with toy_eyes(), redirect_stdout(out), redirect_stderr(out), pytest.raises(SystemExit) as left:
        main(shlex.split(block.replace("\\\n", " "))[1:])
    assert left.value.code == 0, out.getvalue()
    return out.getvalue()


def found():
    """Whose faces are found, and which clients may search."""
    with opened(os.environ["COUNTENANCE_HOME"]) as home:

        def leads(name, client=None):
            try:
                return len(home.search(picture(f"of-{name}@1,1,50,50"), client=client, **ASKED).leads)
            except PolicyDenied:
                return 0

        faces = {name for name in ("toronto", "chicago", "platform", "paris") if leads(name)}
        return faces, {client.name for client in home.clients.all() if leads("paris", client.name)}


def test_the_four_cases_do_what_the_page_says(doc, desk):
    canada, illinois, companies, platform = doc("orders.md").blocks("shell", section=CASES)
    clients = {"Sureté", "Tribune", "Acme", "Gazette"}
    assert found() == ({"toronto", "chicago", "platform", "paris"}, clients)
    assert "Deleted 1 picture and 1 face" in run(canada)
    assert found() == ({"chicago", "platform", "paris"}, clients - {"Sureté"})
    assert "1 contract ended" in run(illinois)
    assert found() == ({"platform", "paris"}, {"Acme", "Gazette"})
    assert "1 contract ended" in run(companies)
    assert found() == ({"platform", "paris"}, {"Gazette"})
    assert "Deleted 1 picture and 1 face" in run(platform)
    assert found() == ({"paris"}, {"Gazette"})
    with opened(desk / "home") as home:
        assert [source.name for source in home.sources()] == ["chicago", "paris", "toronto"]
        with pytest.raises(PolicyDenied):
            home.ingest("toronto")
        done = home.ingest()  # of those that are not named the others go on
        assert ([report.source for report in done.reports], [name for name, _ in done.skipped]) == (
            ["paris"], ["chicago", "toronto"],
        )  # fmt: skip
        home.verify_log()


def test_every_option_of_an_order_is_on_the_page(doc):
    from countenance.cli.order import draft

    text = doc("orders.md").text
    for option in ("stop_collecting", "stop_offering", "delete", "end_contracts", "jurisdictions", "sources", "clients",
                   "client_classes", "until", "delete_unknown"):  # fmt: skip
        [named] = [parameter for parameter in draft.params if parameter.name == option]
        assert f"`{named.opts[0]}" in text
