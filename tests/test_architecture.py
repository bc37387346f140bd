"""The drawing of ARCHITECTURE.md, held by reading the source."""

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import countenance

SRC = Path(countenance.__file__).parent
ROOT = SRC.parent.parent
MODULES = sorted(SRC.rglob("*.py"))
ROOMS = sorted(folder.name for folder in SRC.iterdir() if (folder / "__init__.py").is_file())
HEAVY = ("PIL", "alembic", "cedarpy", "cryptography", "cv2", "faiss", "jinja2", "numpy", "onnx", "onnxruntime",
         "pillow_heif", "platformdirs", "sqlalchemy")  # fmt: skip


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


# --- imports ---------------------------------------------------------------------------------------------------------
def _imports(trees):
    """Module name -> the modules that it imports anywhere: at the top, in functions, and for typing alone."""
    graph = {}
    for name, tree in trees.items():
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found.add(inner if inner in trees else node.module)
        graph[name] = (found & trees.keys()) - {name}
    return graph


def _circles(graph):
    """The strongly connected components of more than one node (Tarjan 1972, doi:10.1137/0201010)."""
    order, low, stack, circles = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            circle = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(circle) > 1:
                circles.append(sorted(circle))

    for node in graph:
        if node not in order:
            visit(node)
    return circles


def _name(module):
    return ".".join(module.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def _ours():
    """Every module of ours with what it imports."""
    return _imports({_name(module): ast.parse(module.read_text("utf-8")) for module in MODULES})


def test_no_import_runs_in_a_circle_not_even_a_lazy_one():
    assert _circles(_ours()) == []


def test_a_circle_is_found_however_it_is_imported():
    code = {
        "a": "import b",
        "b": "def late():\n    from c import d",
        "c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import x",
        "d": "import a",
    }
    assert _circles(_imports({name: ast.parse(text) for name, text in code.items()})) == [["a", "b", "c"]]


LAYERS = ("app", "pipeline", "records", "api", "web", "cli")


def _domain(name):
    """(layer, domain) of a module in a domain's folder; None: it is beside the folders, and free."""
    parts = name.split(".")
    return (parts[1], parts[2]) if len(parts) > 3 and parts[1] in LAYERS else None


def _arrows():
    """(layer, domain) -> the other domains of the layer that it imports."""
    found = {}
    for name, imported in _ours().items():
        layer, domain = _domain(name) or ("", "")
        for its, other in filter(None, map(_domain, imported)):
            if its == layer and other != domain:
                found.setdefault((layer, domain), set()).add(other)
    return found


def test_a_domain_imports_another_of_its_layer_only_where_the_drawing_says_so():
    drawn = {}
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for line in text.partition("## Arrows between domains")[2].partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0] in LAYERS:
            drawn[cells[0], cells[1]] = set(cells[2].split(", "))
    assert _arrows() == drawn


def test_the_arrows_between_domains_make_no_circle():
    for layer in LAYERS:
        graph = {domain: others for (its, domain), others in _arrows().items() if its == layer}
        graph |= {other: set() for others in list(graph.values()) for other in others - graph.keys()}
        assert _circles(graph) == []


def test_only_app_reaches_into_the_parts_of_a_home():
    """Doors, and whoever uses the library, call the home's services."""
    reaching = [
        f"{module.relative_to(SRC)}:{node.lineno}"
        for module in MODULES
        if module.relative_to(SRC).parts[0] not in {"app", "testing"}
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "parts" and _is_home(node.value)
    ]
    assert reaching == []


def _is_home(value):
    """`home` and `x.home`, by name: `path.parts` is another thing."""
    return (value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")) in {"home", "_home"}


def test_a_services_module_names_no_home():
    """They take parts and siblings: else none could be made without a whole home."""
    users = {name for name, imported in _ours().items() if "countenance.app.home" in imported}
    assert {name for name in users if name.startswith("countenance.app.")} == {"countenance.app.demo.demo"}


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
