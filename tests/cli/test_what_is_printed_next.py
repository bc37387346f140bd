"""What a command prints to do next can be typed as it stands: receipts by a beginning of an id, persons by name."""

import re
import shlex

import pytest

from countenance.testing import toy
from support.disk_home import toy_eyes

TERMS = ("--authority", "A court", "--dated", "2021-02-02", "--document", "order.pdf")


@pytest.fixture
def filled(desk):
    """A household's home with toy pictures."""
    (desk.root / "album").mkdir()
    for name in ("alice", "alice~", "bob"):
        (desk.root / "album" / f"{name}.jpg").write_bytes(toy.picture(f"{name}@10,20,60,80"))
    (desk.root / "order.pdf").write_text("an order\nof a court\n")
    with toy_eyes():
        quick = desk.quick
        quick.does("source", "add", "album", "album", "--basis", "household", "--jurisdiction", "CA-ON")
        quick.does("ingest")
        yield quick


def printed(said):
    """The arguments of each command that was printed."""
    return [shlex.split(line) for line in re.findall(r"countenance ((?:receipt|log) .*)", said.out)]


def test_after_an_erasure_each_printed_command_works_as_it_stands(filled):
    face = filled.does("search", "album/bob.jpg")["leads"][0]["face_id"]
    page, signed = printed(filled.run("erase", "--face", face).ended(0))
    assert (page[-1], signed[-1]) == ("receipt.html", "receipt.json")
    [for_checking] = printed(filled.run(*page).ended(0, "a page for reading"))
    assert for_checking == signed
    [check] = printed(filled.run(*for_checking).ended(0))
    filled.run(*check).ended(0, "The receipt is valid")
    filled.run("receipt", "verify", "receipt.html", *check[-2:]).ended(
        1, "this is a page for reading", ".json", "receipt.html", "countenance receipt export ID receipt.json"
    )
    [check] = printed(filled.run("receipt", "export", signed[2], "my receipt.json").ended(0))
    filled.run(*check).ended(0, "The receipt is valid")


def test_the_short_id_of_an_order_is_enough_for_its_receipt(filled):
    said = filled.run("order", "draft", "--delete", "--jurisdiction", "FR", *TERMS).ended(0)
    which = re.search(r"order simulate (\w+)", said.out)[1]
    assert len(which) == 8
    filled.run("receipt", "show", which).ended(4, f"there is no receipt {which}", "countenance receipt list")
    filled.run("order", "apply", which).ended(0)
    filled.run("receipt", "export", which, "order.json").ended(0)
    filled.run("receipt", "verify", "order.json").ended(0, "The receipt is valid")
    assert filled.run("receipt", "show", which).ended(0).out == (filled.root / "order.json").read_text()
    filled.run("receipt", "recipients", which).ended(0, "No client saw it.")


def test_a_person_is_named_at_each_command(filled):
    [group] = filled.does("person", "suggest")["groups"]
    filled.run("person", "accept", group["group"][:4]).ended(2, "not the id of a suggested group", "person suggest")
    filled.run("person", "accept", "0" * 12).ended(4, "is suggested now", "countenance person suggest")
    may = filled.does("person", "accept", group["group"], "--name", "Keanu")
    for said in ("Keanu", "keanu", may["person_id"]):
        assert filled.does("person", "show", said)["person_id"] == may["person_id"]
        assert filled.does("search", "--person", said)["leads"] == []
    assert filled.does("erase", "--person", "keanu", "--dry-run")["about"] == may["person_id"]
    for command in (("search", "--person", "May"), ("erase", "--person", "May"), ("person", "show", "May")):
        filled.run(*command).ended(4, "there is no person 'May'", "countenance person list")
    assert filled.does("erase", "--person", "Keanu")["persons"] == 1


def test_a_file_that_is_no_checkpoint_is_named_with_the_way_out(filled):
    filled.run("log", "verify", "--from", "order.pdf").ended(
        1, "this is not a checkpoint of a log (order.pdf)", "countenance log checkpoint"
    )
    (filled.root / "checkpoint.txt").write_text(filled.run("log", "checkpoint").ended(0).out)
    filled.run("log", "verify", "--from", "checkpoint.txt").ended(0, "It continues the checkpoint in checkpoint.txt")
    key = filled.does("log", "key")["key"]
    filled.run("log", "verify", "--key", key, "--from", "order.pdf").ended(1, "order.pdf", "log checkpoint")
    filled.run("log", "verify", "--from", "nothing.txt").ended(4, "nothing.txt")
    [check] = printed(filled.run("log", "export", "my log.jsonl").ended(0))
    filled.run(*check).ended(0, "The export is intact")


def test_a_receipt_of_another_home_says_where_its_key_is(filled, tmp_path):
    filled.run("erase", "--source", "album").ended(0)
    [receipt] = filled.does("receipt", "list")["receipts"]
    filled.run("receipt", "export", receipt["receipt"], "receipt.json").ended(0)
    elsewhere = {"COUNTENANCE_HOME": tmp_path / "other", "COUNTENANCE_KEYFILE": tmp_path / "other.key"}
    filled.run("receipt", "verify", "receipt.json", **elsewhere).ended(
        2, "there is no home here", "countenance log key"
    )
    filled.run("log", "verify", "--proof", "receipt.json", **elsewhere).ended(2, "there is no home here")
    assert not (tmp_path / "other").exists()
    filled.run("init", **elsewhere).ended(0)
    filled.run("receipt", "verify", "receipt.json", **elsewhere).ended(1, "of another home", "countenance log key")
