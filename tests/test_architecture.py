"""The drawing of ARCHITECTURE.md, held by reading the source."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import countenance

SRC = Path(countenance.__file__).parent
ROOT = SRC.parent.parent
MODULES = sorted(SRC.rglob("*.py"))
ROOMS = sorted(folder.name for folder in SRC.iterdir() if (folder / "__init__.py").is_file())
HEAVY = ("PIL", "alembic", "cedarpy", "cryptography", "cv2", "faiss", "jinja2", "numpy", "onnx", "onnxruntime",
         "pillow_heif", "platformdirs", "scipy", "sqlalchemy")  # fmt: skip


def test_the_source_is_found():
    assert len(MODULES) > 50
    assert {"cli", "app", "pipeline", "policy"} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_init_is_empty(room):
    assert (SRC / room / "__init__.py").read_bytes() == b""


# --- permits ---------------------------------------------------------------------------------------------------------
def _reaches_mint(tree: ast.AST) -> bool:
    """True: the module could call `permits.mint`, under whatever name, or reach what it remembers."""
    secret = {"mint", "_minted"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and secret & {alias.name for alias in node.names}:
            return True
        if isinstance(node, ast.Attribute) and node.attr in secret:
            return True
        if isinstance(node, ast.Constant) and node.value in secret:  # getattr(permits, "mint")
            return True
    return False


def test_only_policy_mints_permits():
    minting = {
        module.relative_to(SRC).parts[0]
        for module in MODULES
        if module != SRC / "permits.py" and _reaches_mint(ast.parse(module.read_text("utf-8")))
    }
    assert minting - {"testing"} == {"policy"}


@pytest.mark.parametrize(
    "code",
    [
        "from countenance.permits import mint as m",
        "from countenance import permits\npermits.mint()",
        "import countenance.permits as p\np._minted",
        "from countenance import permits\ngetattr(permits, 'mint')",
    ],
)
def test_every_way_to_mint_is_noticed(code):
    assert _reaches_mint(ast.parse(code))


# --- layers and start time -------------------------------------------------------------------------------------------
def test_the_layers_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed beside this Python")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def _imported_at_the_top(tree: ast.Module) -> set[str]:
    """First parts of the names of what importing the module imports, `if TYPE_CHECKING:` left out."""
    found: set[str] = set()
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


@pytest.mark.parametrize("module", sorted((SRC / "cli").glob("*.py")), ids=lambda path: path.stem)
def test_a_command_imports_nothing_heavy_at_the_top(module):
    top = _imported_at_the_top(ast.parse(module.read_text("utf-8")))
    assert not top & set(HEAVY)
    assert top <= set(sys.stdlib_module_names) | {"click", "countenance"}


LOOK = """
import json, sys
import click
from countenance.cli.main import cli
context = click.Context(cli, info_name="countenance")
{build}
print(json.dumps(sorted(name for name in sys.modules if name.split(".")[0] in {heavy})))
"""
ONE_HELP = "cli.get_help(context)"
EVERY_HELP = """
def helped(command, context):
    command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            helped(below, click.Context(below, info_name=name, parent=context))
helped(cli, context)
"""


@pytest.mark.program
@pytest.mark.parametrize("build", [ONE_HELP, EVERY_HELP], ids=["the help", "every help"])
def test_help_waits_for_no_heavy_library(build):
    code = LOOK.format(build=build, heavy=set(HEAVY))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == []


@pytest.mark.program
def test_help_is_what_the_program_says_too():
    run = subprocess.run([sys.executable, "-m", "countenance.cli.main", "--help"], capture_output=True, text=True)
    assert run.returncode == 0
    assert "Usage: countenance" in run.stdout
