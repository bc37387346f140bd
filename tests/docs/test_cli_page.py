"""docs/cli.md is what the commands say of themselves."""

import re
import subprocess
import sys

import click
import pytest

from countenance.cli.main import cli


def everything(command=cli, path="countenance"):
    """(path, command) of every command and group."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from everything(command.get_command(click.Context(command), name), f"{path} {name}")


ALL = dict(everything())


@pytest.mark.program
def test_the_page_is_made_from_the_help_texts(root):
    run = subprocess.run([sys.executable, root / "tools" / "docs_cli.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("path", ALL)
def test_every_command_and_option_is_on_the_page_and_explained(doc, path):
    text = doc("cli.md").section(path)
    command = ALL[path]
    assert command.help, path
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.name}"
            assert all(option in text for option in parameter.opts)


@pytest.mark.parametrize("path", ALL)
def test_no_help_shows_its_markup(doc, path):
    assert "\\b" not in doc("cli.md").section(path)


NAMED = re.compile(r"(?:^|`)countenance(?: --[a-z]+ \S+)* ([a-z]+)(?: ([a-z][a-z-]*))?", re.MULTILINE)


def test_every_command_that_the_documents_name_exists(root):
    unknown = set()
    for page in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]:
        for name, below in NAMED.findall(page.read_text("utf-8")):
            command = ALL.get(f"countenance {name}")
            if command is None or (below and isinstance(command, click.Group) and below not in command.commands):
                unknown.add((page.name, name, below))
    assert unknown == set()
