"""pyproject.toml declares what the source imports, with bounds on both sides."""

import ast
import importlib.metadata
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "countenance"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DECLARED = [*map(Requirement, chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()))]


def imported():
    """The packages that the source imports, by their modules' names; those of its helpers for tests left out."""
    found = set()
    for path in SRC.rglob("*.py"):
        if (SRC / "testing") not in path.parents:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add((node.module or "").split(".")[0])
    return found - sys.stdlib_module_names - {"countenance"}


def test_whatever_is_imported_is_declared_by_its_own_name():
    packages = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(requirement.name) for requirement in DECLARED}
    assert len(imported()) > 20
    for module in imported():
        assert {canonicalize_name(name) for name in packages.get(module, [module])} & declared, module


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda requirement: requirement.name)
def test_a_dependency_has_a_lower_and_an_upper_bound(requirement):
    operators = {spec.operator for spec in requirement.specifier}
    assert operators in ({">=", "<"}, {"=="})


@pytest.mark.parametrize("lock", ["run", "lowest"])
def test_a_lock_is_within_the_bounds(lock):
    pinned = {
        canonicalize_name(pin.name): pin
        for line in (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8").splitlines()
        if "==" in line
        and (pin := Requirement(line.removesuffix(" \\")))
        and (pin.marker is None or pin.marker.evaluate())
    }
    for requirement in DECLARED:
        if pin := pinned.get(canonicalize_name(requirement.name)):
            [version] = (spec.version for spec in pin.specifier)
            assert requirement.specifier.contains(version), pin
            if lock == "lowest":
                [lower] = (spec.version for spec in requirement.specifier if spec.operator in {">=", "=="})
                assert Version(lower) == Version(version), pin
