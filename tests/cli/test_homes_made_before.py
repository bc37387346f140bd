"""A home that an earlier version made: it opens, answers as it did, and everything in it can still be acted on.

`tests/data/home-of-november-2026.tar.xz` was made with the program of commit ff1516c, over photographs that come with
the demo: an organisation's home with a historical grant, a search with its kept probe, a person, a client, an access
key, a granted opt-out of tier 2 (Marie Curie), an applied order (stop offering, Canada) and an erased face (Aksel
Andersson). Its index was left out: it is a cache. The master key in it opens nothing else.
"""

import tarfile
from pathlib import Path

import pytest

from countenance.app.demo.pictures import picture_bytes

MADE = Path(__file__).parents[1] / "data" / "home-of-november-2026.tar.xz"
WHY = ("--purpose", "archive-description", "--case", "2026-0117")
FACE, PERSON = "f279bf93-c9c6-473c-ae95-c367c9135a1f", "9b741e75-fd1a-441a-89cd-28601a78dbde"
ORDER = "66d5bbe2-facf-489b-af6d-e2ca88885f67"
GRANTED = "5e7b9731-ea70-49ef-9245-1c4fc9958fce"


@pytest.fixture
def old(desk):
    with tarfile.open(MADE) as packed:
        packed.extractall(desk.root / "made", filter="data")
    (desk.root / "made" / "home").rename(desk.home)
    desk.keyfile.parent.mkdir(parents=True, exist_ok=True)
    (desk.root / "made" / "master.key").rename(desk.keyfile)
    desk.keyfile.chmod(0o600)
    for name in ("erik-wilhelm-dahlgren.jpg", "aksel-andersson.jpg", "marie-curie.png", "grace-hopper.jpg"):
        (desk.root / name).write_bytes(picture_bytes(name))
    return desk.quick


def test_it_answers_as_it_did(old):
    found = old.run("--json", "search", old.root / "erik-wilhelm-dahlgren.jpg", *WHY).ended(0).doc
    [lead] = found["leads"]
    assert (lead["face_id"], lead["score"], lead["source"]) == (FACE, 1.0, "plates")
    assert lead["fmr"] == {"value": pytest.approx(3.825754612245646e-06), "bound": True}
    assert found["threshold"] == 0.363
    [person] = found["people"]
    assert (person["person_id"], person["name"]) == (PERSON, "Erik Dahlgren")


def test_what_was_erased_or_opted_out_stays_out(old):
    erased = old.run("--json", "search", old.root / "aksel-andersson.jpg", *WHY).ended(0).doc
    assert all(lead["score"] < 0.9 for lead in erased["leads"])
    opted_out = old.run("--json", "search", old.root / "marie-curie.png", *WHY).ended(0).doc
    assert opted_out["leads"] == []
    # the same photograph, taken in again under the same grant: it is refused
    (old.root / "again").mkdir()
    (old.root / "again" / "marie.png").write_bytes(picture_bytes("marie-curie.png"))
    (old.root / "deed.txt").write_text("Another deed.\n")
    old.run(
        "source", "add", "again", old.root / "again", "--basis", "historical", "--jurisdiction", "SE",
        "--evidence", old.root / "deed.txt", "--purpose", "archive-description",
    ).ended(0)  # fmt: skip
    old.run("ingest", "again").ended(0)
    assert old.run("--json", "search", old.root / "marie-curie.png", *WHY).ended(0).doc["leads"] == []


def test_its_log_holds_and_its_acts_go_on(old):
    old.run("log", "verify").ended(0)
    looked = {each["what"]: each["state"] for each in old.run("--json", "doctor").doc["findings"]}
    for what in ("records.db", "keys.db", "log.db", "log", "crops and evidence", "data keys", "weights", "calibration"):
        assert looked[what] == "ok", looked
    assert old.run("--json", "order", "show", ORDER).ended(0).doc["state"] == "in_force"
    assert old.run("--json", "request", "show", GRANTED).ended(0).doc["outcome"] == "granted"
    receipt = old.run("--json", "erase", "--face", FACE, "--yes").ended(0).doc["receipt"]
    old.run("receipt", "export", receipt, old.root / "receipt.json").ended(0)
    key = old.run("log", "key").ended(0).out.strip()
    old.run("receipt", "verify", old.root / "receipt.json", "--key", key).ended(0)
    assert old.run("--json", "search", old.root / "erik-wilhelm-dahlgren.jpg", *WHY).ended(0).doc["leads"] == []
    old.run("log", "verify").ended(0)
