"""Every file and module of the project that a docstring, a comment or a page names is there."""

import ast
import io
import re
import subprocess
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
OURS = re.compile(r"(?<![\w/.<>{}*~-])((?:[\w.-]+/)*[\w-]+\.(?:py|md|js|css|jinja|cedar|pot))\b")
PATHS = re.compile(r"(?<![\w/.<>{}*~-])((?:src|tests|tools|docs|requirements)/[\w./-]*\w)")
DOTTED = re.compile(r"(?<![\w/.-])countenance((?:\.[a-z_0-9]+)+)\b(?!@)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MADE = {"src/countenance/calibrate/data/MODEL.json"}  # a pattern


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


FILES = tracked()


def prose(path: Path) -> str:
    """What is said in a file: a page without its fenced blocks; of a module its docstrings and comments."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return FENCED.sub("", text)
    said = [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docs = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return "\n".join([*said, *docs])


@cache
def all_prose() -> dict[str, str]:
    return {name: prose(ROOT / name) for name in FILES if name.endswith((".py", ".md"))}


def module(parts: list[str]) -> bool:
    """Whether the name, without `countenance`, is that of a module, or of something in one."""
    place = ROOT / "src" / "countenance"
    for part in parts:
        if not (place / part).is_dir():
            return (place / f"{part}.py").is_file() or len(parts) == 1  # `countenance.open`
        place /= part
    return True


def unknown(text: str) -> set[str]:
    named = {name.lstrip("./") for name in [*OURS.findall(text), *PATHS.findall(text)]}
    there = {
        name
        for name in named
        if (ROOT / name).exists()
        or any(f"/{file}".endswith(f"/{name}") for file in FILES)
        or (name.startswith("docs/adr/") and any(file.startswith(f"{name}-") for file in FILES))
    }
    dotted = {"countenance" + name for name in DOTTED.findall(text) if not module(name[1:].split("."))}
    return (named - there - MADE) | dotted


def test_every_file_that_is_named_is_there():
    missing = {name: unknown(said) for name, said in all_prose().items()}
    assert {name: names for name, names in missing.items() if names} == {}


@pytest.mark.parametrize(
    "text", ["as in gone.py", "see `pipeline/gone/erase.py`", "docs/gone.md", "tests/gone/", "`countenance.gone.file`"]
)
def test_a_name_of_nothing_is_noticed(text):
    assert unknown(text)


def test_the_names_are_found():
    assert len([said for said in all_prose().values() if OURS.search(said)]) > 40
