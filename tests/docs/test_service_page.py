"""docs/service.md: each command is done at the service too, or it is said why not; and what it names is there."""

import re

import click

from countenance.api.app import rest
from countenance.cli.main import cli
from countenance.web.app import PAGES

SECTION = "What the command line does, and where it is done here"
NAMED = re.compile(r"`([^`]+)`")


def commands(group=cli, names=()):
    """The name of every command, with those of its groups before it."""
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        if isinstance(found, click.Group):
            yield from commands(found, (*names, name))
        else:
            yield " ".join((*names, name))


def rows(doc):
    return doc("service.md").table("command", section=SECTION)


def test_every_command_has_its_row_and_every_row_its_command(doc):
    assert list(rows(doc)) == list(commands())


def test_each_is_done_by_programs_or_it_is_said_why_not(doc):
    assert [name for name, row in rows(doc).items() if not row["at `/v1`"] and not row[list(row)[-1]]] == []


def test_the_operations_that_the_table_names_are_described(doc):
    there = {f"{method.upper()} {path}" for path, ways in rest().openapi()["paths"].items() for method in ways}
    named = {each for row in rows(doc).values() for each in NAMED.findall(row["at `/v1`"])}
    assert named
    assert named - there == set()


def test_the_pages_that_the_table_names_are_routes(doc):
    there = {route.path for page in PAGES for route in page.routes}
    named = {each for row in rows(doc).values() for each in NAMED.findall(row["page"])}
    assert named
    assert named - there == set()
