"""docs/cli.md from the real --help texts of every command: `make docs`, or `--check` to compare.

python tools/docs_cli.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from countenance.cli.main import cli

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
WIDTH = 100  # as wide as the help is at the most, so that it does not depend on a terminal
OPENING = """\
# The command line

Made from the real `--help` texts by `make docs`; a test compares. `--home`, `--json` and `-v` may stand before or
after a command's name. Exit codes are in [the README](../README.md#exit-codes), environment variables in
[settings.md](settings.md).
"""


def page() -> str:
    """The whole of docs/cli.md."""
    parts = [OPENING]
    for context in _contexts(_context(cli, "countenance")):
        help_text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        parts.append(f"## {context.command_path}\n\n```\n{help_text}\n```\n")
    return "\n".join(parts)


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """The command and everything below it, in the order in which help lists them."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from _contexts(_context(command, name, context))


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, **command.context_settings)


def main() -> None:
    """Write the page, or with --check end with 1 if it is not as it should be."""
    if "--check" in sys.argv[1:]:
        sys.exit(PAGE.read_text(encoding="utf-8") != page() and f"{PAGE} is out of date: run `make docs`")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
