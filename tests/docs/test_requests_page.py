"""docs/requests.md: its tables are those of the code, its commands run."""

import contextlib
import io
import re
import shlex

from click.testing import CliRunner

from countenance.cli import request as command
from countenance.pipeline.erasure.suppression_list import FALSE_REFUSALS
from countenance.pipeline.search.group_duplicates import NEAR_BITS
from countenance.rights import requests
from countenance.rights.deadlines import OWN, laws
from countenance.testing.toy import picture
from support.disk_home import opened, toy_eyes


def test_the_kinds_tiers_and_proofs_are_those_of_the_code(doc):
    page = doc("requests.md")
    assert set(page.table("kind")) == set(requests.RequestKind) == set(command.KINDS)
    tiers = page.table("tier")
    assert {int(n): row["as the person reads it"] for n, row in tiers.items()} == requests.TIERS
    assert set(page.table("proof")) == set(requests.Proof)
    assert set(command.DOCUMENTS) == set(requests.Document)


def test_the_deadlines_are_those_of_the_data(doc):
    table = doc("requests.md").table("law", section="Deadlines")
    assert list(table) == list(laws())
    for name, law in laws().items():
        row = table[name]
        assert row["where"] == ("elsewhere" if name == OWN else ", ".join(sorted(law.jurisdictions)))
        for column, term in (("answer", law.answer), ("extended", law.extended)):
            count, word = (term.months, "month") if term.months else (term.days, "day")
            assert row[column].partition(",")[0] == f"{count} {word}{'s' * (count > 1)}"
        assert ("our own" in row["answer"]) == law.own
        days = law.confirm_business_days
        assert row["confirm receipt"] == ("" if days is None else f"{days} business days")


def test_the_numbers_of_the_page_are_those_of_the_code(doc):
    text = " ".join(doc("requests.md").text.split())
    limits = requests.RequestLimits()
    for words in (
        f"at most {limits.a_day} requests a day, {limits.waiting:,} that wait, {limits.a_contact} of these with one",
        f"{limits.proofs} proofs and {limits.codes} codes", f"good for {requests.CODE_TERM.days} days",
        f"at most {NEAR_BITS} bits of 256", f"1 stranger in {1 / requests.SAME_PERSON_FMR:,.0f} would",
        f"1 stranger's in {1 / FALSE_REFUSALS:.0f}", f"has {5 * requests.TRACKING_LETTERS} random bits",
        f"Tier {requests.DEFAULT_TIER} is the default",
    ):  # fmt: skip
        assert words in text, words


def test_every_command_of_the_page_is_taken(doc):
    block = re.search(r"^```\n(.*?)^```$", doc("requests.md").text, re.MULTILINE | re.DOTALL)[1]
    for line in block.splitlines():
        program, group, *arguments = shlex.split(line)
        assert (program, group) == ("countenance", "request")
        name, *options = arguments
        parsed = command.command.commands[name].make_context(name, options)
        assert parsed.params


def test_the_python_of_the_page_runs(doc, tmp_path, monkeypatch):
    [block] = doc("requests.md").blocks("python", section="Requests of pictured people")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    for name, view in (("me.jpg", "#one"), ("me-today.jpg", "#two"), ("album/me.jpg", "#three")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture("alice@10,20,60,80", view))
    with opened("path/to/home") as home:
        home.add_source("album", "album", basis="household", jurisdiction="CA-ON")
        home.ingest()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), toy_eyes():
        exec(block, {})
    told = said.getvalue().splitlines()
    assert (len(told), told[-1]) == (3, "1")


def test_the_words_of_the_tiers_are_in_the_help():
    text = " ".join(CliRunner().invoke(command.command, ["open", "--help"]).output.split())
    for words in ("recognise you or a picture of you is kept", "Nothing of your face is kept", "for nothing else"):
        assert words in text
