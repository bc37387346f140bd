"""Whatever exists is documented, and whatever is documented exists."""

import re
import tomllib

import pytest

from countenance import errors, permits, types
from countenance.app.access import identity
from countenance.auditlog.kinds import KINDS
from countenance.cli.access.client import CLASSES
from countenance.cli.sources.source import BASES, PURPOSES
from countenance.collect import sidecar
from countenance.decode.limits import DecodeLimits
from countenance.decode.sandbox import SandboxLimits
from countenance.http.problems import OTHERS
from countenance.pipeline import documents
from countenance.pipeline.pictures import enrol, ingest
from countenance.policy import facts, rules
from countenance.present import labels
from countenance.rights import grants, subjects
from countenance.weights import manifest


# --- errors and reasons ----------------------------------------------------------------------------------------------
def kinds(base=errors.CountenanceError):
    """Every error kind with its exit code; the base itself is never raised."""
    found = {}
    for error in base.__subclasses__():
        found[error.kind] = error.exit_code
        found |= kinds(error)
    return found


def test_every_error_kind_is_documented_with_its_exit_code(doc):
    table = doc("errors.md").table("kind")
    assert {kind: int(row["exit code"]) for kind, row in table.items()} == kinds()


def test_every_kind_of_http_is_documented_with_its_status(doc):
    table = doc("errors.md").table("kind", section="Kinds of HTTP")
    assert {kind: int(row["status"]) for kind, row in table.items()} == {
        each.kind: int(status) for status, each in OTHERS.items()
    }
    assert all(cell for row in table.values() for cell in row.values())


def test_every_error_row_says_what_to_do(doc):
    for kind, row in doc("errors.md").table("kind").items():
        assert all(row.values()), kind


def test_every_exit_code_is_in_the_readme(doc):
    assert {int(code) for code in doc("README.md").table("code")} == {0, 130, *kinds().values()}


def test_every_reject_reason_is_documented_and_says_whether_it_is_tried_again(doc):
    table = doc("ingest.md").table("reason", section="Why a file is rejected")
    again = {reason: row["tried again when the file has not changed"] == "yes" for reason, row in table.items()}
    assert again == {str(reason): reason in ingest.TRANSIENT for reason in types.RejectReason}


def test_every_face_refusal_is_documented(doc):
    table = doc("ingest.md").table("reason", section="Why a face has no template")
    assert set(table) == set(types.FaceRefusal)
    assert f"narrower than {enrol.MIN_FACE_PX:.0f} px" in table["too_small"]["means"]
    assert f"below {enrol.MIN_QUALITY}" in table["low_quality"]["means"]


def test_every_reason_and_band_has_words_for_people():
    assert set(labels.REJECTIONS) == set(types.RejectReason)
    assert set(labels.REFUSALS) == set(types.FaceRefusal)
    assert set(labels.LINKS) == set(types.DuplicateLink)
    assert set(labels.BANDS) == set(types.Band)
    assert set(labels.BASES) == set(types.Basis)


def test_every_decoding_limit_is_documented_with_its_value(doc):
    table = doc("ingest.md").table("limit")
    limits = {name: getattr(DecodeLimits(), name) for name in DecodeLimits.__slots__}
    bounds = {name: getattr(SandboxLimits(), name) for name in ("time_s", "memory_bytes")}
    assert set(table) == {*limits, *bounds}
    for name, value in (limits | bounds).items():
        assert table[name]["value"].startswith(f"{value:,.0f} "), name


# --- policy ----------------------------------------------------------------------------------------------------------
def fact_names():
    """The Cedar context's attributes, those of records within it as `outer.inner`, with their types."""
    context = facts.brought_facts().context(facts.PolicyQuery(permits.Act.SEARCH, types.HomeKind.HOUSEHOLD))
    flat = {}
    for name, value in context.items():
        flat |= {f"{name}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {name: value}
    kind = {bool: "bool", str: "string", list: "set of strings"}
    return {name: kind[type(value)] for name, value in flat.items()}


def test_every_fact_is_documented_with_its_type(doc):
    assert {name: row["type"] for name, row in doc("policy.md").table("fact").items()} == fact_names()


def test_every_act_is_documented(doc):
    assert set(doc("policy.md").table("act")) == set(permits.Act)


def test_every_shipped_rule_is_documented_with_its_effect(doc):
    shipped = dict(re.findall(r'@id\("([^"]+)"\)\s*(permit|forbid)', rules.shipped_rules()))
    assert {name: row["effect"] for name, row in doc("policy.md").table("rule").items()} == shipped


def test_the_example_of_a_homes_own_rules_is_taken(doc, tmp_path):
    [text] = doc("policy.md").blocks("cedar", section="A home's own rules")
    (tmp_path / "mine.cedar").write_text(text)
    own = rules.RuleFiles(tmp_path).current()
    ask = facts.PolicyQuery(permits.Act.SEARCH, types.HomeKind.HOUSEHOLD, brought=True)
    [verdict] = own.judge(ask, [facts.brought_facts()])
    assert verdict == rules.RuleVerdict(allowed=True, rules=("compare.own-pictures",))


def test_every_class_of_client_is_documented_and_offered(doc):
    assert set(doc("clients.md").table("class")) == set(types.ClientClass) == set(CLASSES)


# --- the log ---------------------------------------------------------------------------------------------------------
def test_every_event_kind_is_documented(doc):
    text = doc("audit-log.md").text
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []


def test_every_act_has_its_event_kinds():
    assert {f"{act}.{outcome}" for act in permits.Act for outcome in ("decided", "denied")} <= set(KINDS)


# --- grants ----------------------------------------------------------------------------------------------------------
def test_every_basis_and_purpose_is_documented_and_offered(doc):
    assert set(doc("grants.md").table("basis")) == set(types.Basis) == set(BASES)
    assert set(doc("grants.md").table("purpose")) == set(types.Purpose) == {*PURPOSES, "household"}


def test_the_words_that_are_no_basis_are_documented(doc):
    text = doc("grants.md").section("Bases")
    assert {word for word in grants._PUBLIC if f"`{word.replace('_', '-')}`" not in text} == set()


def test_the_formats_of_sidecar_manifest_and_subjects_are_documented(doc):
    page = doc("grants.md")
    places = page.section("Jurisdictions")
    assert f"IMG_1.jpg{sidecar.SIDECAR_SUFFIX}" in places
    assert f"{sidecar.MAX_SIDECAR_BYTES:,} bytes" in places
    assert sidecar.MANIFEST_NAME in places
    [example] = page.blocks("", section="Jurisdictions")
    assert sidecar.parse_manifest(example.encode()).rows == {
        "2019/IMG_1.jpg": frozenset({"CA-ON"}),
        "2019/IMG_2.jpg": frozenset({"CA-ON", "US-NY"}),
    }
    people = page.section("Subjects")
    assert ",".join(subjects.COLUMNS) + ",face" in people
    assert f"{subjects.MAX_SUBJECTS:,} subjects" in people


def test_the_sidecar_of_the_grants_page_is_read(doc):
    for line in re.findall(r"`(jurisdiction = [^`]+)`", doc("grants.md").section("Jurisdictions")):
        assert "CA-ON" in sidecar.parse_sidecar(line.encode())


def test_the_subjects_of_the_grants_page_are_read(doc, tmp_path):
    [example] = doc("grants.md").blocks("", section="Subjects")
    (tmp_path / "subjects.csv").write_text(example)
    for name in ("forms/ada.pdf", "forms/charles.pdf", "faces/ada.jpg", "faces/both.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [(s.name, s.face) for s in subjects.read_subjects(tmp_path / "subjects.csv")] == [
        ("Ada Byron", None),
        ("Charles Babbage", 1),
    ]


def test_the_numbers_of_grants_are_those_of_the_code(doc):
    page = doc("grants.md").text
    assert f"at most {grants.HOUSEHOLD_LIMIT:,} pictures" in page
    assert f"so many days: {grants.ERASE_WITHIN_DAYS}, or less" in page
    assert f"at most {documents.MAX_DOCUMENT_BYTES // 2**20} MB" in page


# --- settings, models, dependencies ----------------------------------------------------------------------------------
def test_every_environment_variable_is_documented(doc, root):
    source = "\n".join(path.read_text("utf-8") for path in (root / "src").rglob("*.py"))
    used = set(re.findall(r"\bCOUNTENANCE_[A-Z]+(?:_[A-Z]+)*\b", source))
    assert set(doc("settings.md").table("variable")) == used


@pytest.mark.parametrize("name", [manifest.YUNET, manifest.SFACE])
def test_the_model_card_is_that_of_the_manifest(doc, name):
    entry = manifest.entry(name)
    card = doc("model-card.md").text
    assert name in card
    assert entry.sha256 in card
    assert entry.source_sha256 in card
    assert entry.source in card
    assert f"| {entry.licence} |" in card


@pytest.mark.parametrize(("section", "tables"), [
    ("To run", [("project", "dependencies"),
                *(("project", "optional-dependencies", extra) for extra in ("heic", "openvino", "weights"))]),
    ("To build", [("dependency-groups", "build"), ("dependency-groups", "weights")]),
    ("To test", [("dependency-groups", "dev")]),
    ("To test everything", [("dependency-groups", "engines")]),
])  # fmt: skip
def test_every_dependency_is_documented(doc, root, section, tables):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    wanted = set()
    for table in tables:
        entries = project
        for key in table:
            entries = entries[key]
        wanted |= {re.match(r"[A-Za-z0-9_.-]+", line)[0] for line in entries}
    rows = doc("dependencies.md").table("package", section=section)
    assert set(rows) == wanted
    assert all(all(row.values()) for row in rows.values())


def test_what_lies_in_a_home_is_on_both_pages(doc):
    names = {"home.toml", "records.db", "keys.db", "log.db", "blobs/", "index/", "calibrations/", "rules/"}
    for page in ("ARCHITECTURE.md", "settings.md"):
        assert {name for name in names if f"`{name}`" not in doc(page).text} == set()


def test_every_room_is_in_the_architecture(doc, root):
    rooms = {folder.name for folder in (root / "src" / "countenance").iterdir() if (folder / "__init__.py").is_file()}
    assert set(doc("ARCHITECTURE.md").table("room")) == rooms


# --- the service -----------------------------------------------------------------------------------------------------
def test_every_right_is_documented(doc):
    assert set(doc("access-keys.md").table("right")) == set(identity.Right)
