"""What the command line does, a library user can do: it reaches below the doors only for what the library offers."""

import ast
import re
from pathlib import Path

import pytest

import countenance
from countenance import errors
from countenance.remedies import LIBRARY, Remedy

CLI = Path(countenance.__file__).parent / "cli"
ROOMS = {"app", "auditlog", "calibrate", "cases", "collect", "decode", "detect", "embed", "index", "keys", "pipeline",
         "policy", "records", "rights", "weights", "align", "blobs"}  # fmt: skip
OFFERED = set(countenance._FROM_APP.values())
OWN = {
    "countenance.app.access.access_keys:described": "an object of the library's, as JSON",
    "countenance.app.access.access_keys:described_once": "an object of the library's, as JSON",
    "countenance.app.access.clients:described": "an object of the library's, as JSON",
    "countenance.app.sources.sources:described": "an object of the library's, as JSON",
    "countenance.app.upkeep.reindex_report:table": "an answer of the library's, as a table for a terminal",
    "countenance.app:manifest": "a check with this home's key makes no home",
    "countenance.app.paths:path_of": "a path is looked at before anything is done",
    "countenance.app.settings:Settings": "a check with this home's key makes no home",
    "countenance.rights.grants:check_basis": "asked before a terminal is asked for more; adding a source asks it too",
    "countenance.app.demo:demo": "the demonstration",
}


def reached():
    """Module:name of what a command's module imports from below the doors when it runs."""
    for path in sorted(CLI.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        typing_only = {
            node
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node not in typing_only and node.module:
                parts = node.module.split(".")
                if parts[0] == "countenance" and len(parts) > 1 and parts[1] in ROOMS:
                    yield from (f"{node.module}:{alias.name}" for alias in node.names)


def test_a_command_reaches_only_for_what_the_library_offers():
    found = set(reached())
    assert "countenance.app.home:open_home" in found
    assert found - OFFERED - OWN.keys() == set()
    assert OWN.keys() - found == set(), "named without need"


@pytest.mark.parametrize("name", sorted(countenance._FROM_APP))
def test_what_the_package_offers_is_there_and_hides_no_room(name):
    assert callable(getattr(countenance, name))
    assert not (CLI.parent / name).exists(), f"importing countenance.{name} would put the room in its place"


def test_whoever_looks_around_in_the_package_sees_what_it_offers(doc):
    seen = dir(countenance)
    assert {"open", "restore", "Home", "CountenanceError", "WrongUse", "__version__"} <= set(seen)
    assert {"os", "TYPE_CHECKING", "annotations", "Any", "Remedy"} & set(seen) == set()
    public = [name for name in seen if not name.startswith("_")]
    assert all(issubclass(getattr(countenance, name), Exception) for name in public if hasattr(errors, name))
    text = doc("library.md").text
    answers = {"Home", "Ingested", "Comparison"}  # types of what methods give
    assert [name for name in countenance._FROM_APP if name not in answers and f"countenance.{name}(" not in text] == []


def test_each_function_that_an_error_names_is_the_packages():
    for remedy in Remedy:
        for name in re.findall(r"\bcountenance\.(\w+)\(", LIBRARY.text(remedy)):
            assert name in countenance._FROM_APP, remedy
