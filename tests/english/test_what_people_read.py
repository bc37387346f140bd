"""Every text of the program that people read is plain English (`conftest.py` says what that is)."""

from __future__ import annotations

import ast
import html
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from countenance import errors
from countenance.api.app import rest
from countenance.cli.main import cli

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "countenance"
KINDS = {
    name for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.CountenanceError)
}  # fmt: skip


def of_help(command: click.Command = cli, path: str = "countenance") -> Iterator[tuple[str, str]]:
    """Summaries, descriptions without their examples, and options of every command."""
    for text in (command.short_help, command.help):
        for paragraph in (text or "").split("\n\n"):
            if not paragraph.lstrip().startswith("\b"):
                yield path, " ".join(paragraph.split())
    yield from ((path, param.help) for param in command.params if isinstance(param, click.Option) and param.help)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from of_help(found, f"{path} {name}")


def of_output() -> Iterator[tuple[str, str]]:
    """What commands print and ask, each value in it as X."""
    for path in sorted((SRC / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and _name(node.func) in {"echo", "secho", "note", "prompt"}:
                yield from ((path.name, text) for text in _literal(node.args[0]))
            if isinstance(node, ast.keyword) and node.arg == "none":  # of `Session.answer_list`
                yield from ((path.name, text) for text in _literal(node.value))


def of_pages() -> Iterator[tuple[str, str]]:
    """The catalogue: what pages, labels, log kinds and states say."""
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "tools" / "catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for text in re.findall(r'^msgid(?:_plural)? "(.+)"$', module.catalogue(), re.MULTILINE):
        yield "catalogue", text.replace('\\"', '"')


def of_written_pages() -> Iterator[tuple[str, str]]:
    """What stands between the tags of pages that are written to files."""
    for path in sorted((SRC / "present" / "templates").glob("*.jinja")):
        bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|<(style|code|svg).*?</\1>", "|", path.read_text("utf-8"), flags=re.DOTALL)
        for text in re.split(r"<[^>]*>|\|", re.sub(r"\{\{.*?\}\}", "X", bare)):
            if len(said := " ".join(html.unescape(text).split())) > 3:
                yield path.name, said


def of_the_api() -> Iterator[tuple[str, str]]:
    """Descriptions of operations, shapes and fields of /v1."""

    def under(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            for name, value in part.items():
                if name in {"description", "summary"} and isinstance(value, str):
                    yield from value.split("\n\n")
                else:
                    yield from under(value)
        elif isinstance(part, list):
            for each in part:
                yield from under(each)

    yield from (("/v1", " ".join(text.split())) for text in dict.fromkeys(under(rest().openapi())))


def of_errors() -> Iterator[tuple[str, str]]:
    """The literal messages of every error that is made, each value in them as X; not those of toys for tests."""
    for path in sorted(set(SRC.rglob("*.py")) - set((SRC / "testing").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and _name(node.func) in KINDS:
                yield from ((str(path.relative_to(SRC)), text) for text in _literal(node.args[0]))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _literal(message: ast.expr) -> Iterator[str]:
    match message:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from _literal(one)
            yield from _literal(other)


@pytest.mark.parametrize(
    ("gather", "at_least"),
    [(of_help, 350), (of_output, 200), (of_pages, 1000), (of_written_pages, 100), (of_the_api, 400), (of_errors, 400)],
)
def test_what_people_read_is_plain(faults, gather, at_least):
    found = list(dict.fromkeys(gather()))
    assert len(found) >= at_least
    bad = {(where, text): why for where, text in found if (why := faults(text))}
    assert not bad, "\n".join(f"{where}: {text}\n    {why}" for (where, text), why in bad.items())
