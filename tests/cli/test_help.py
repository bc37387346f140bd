"""Help: quick, as wide as a terminal, and teaching."""

import os
import subprocess
import sys

import click
import pytest

from countenance import __version__
from countenance.cli.main import COMMANDS, cli

EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused by policy, 4 not found, 130 interrupted."


def below(command=cli, path=()):
    """(words, command) of every command and group."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from below(command.get_command(context, name), (*path, name))


EVERY = dict(below())


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(desk, path):
    said = desk.quick.run(*path, "--help").ended(0)
    assert said.err == ""
    assert max(map(len, said.out.splitlines())) <= 80
    assert not any(line.endswith("...") for line in said.out.splitlines() if not line.startswith("Usage")), (
        "a summary was cut short"
    )
    for option in ("--home", "--json", "--help"):
        assert option in said.out


def test_help_teaches_the_way(desk):
    out = desk.quick.run("--help").ended(0).out
    way = [out.index(f"countenance {step}") for step in ("source add album", "ingest", "search face.jpg")]
    assert way == sorted(way)
    assert EXIT_CODES in " ".join(out.split())
    for name in COMMANDS:
        assert f"\n  {name} " in out
    assert desk.quick.run("-h").out == out


def test_help_of_source_add_names_every_basis_and_says_that_public_is_none(desk):
    out = " ".join(desk.quick.run("source", "add", "--help").out.split())
    for word in (
        "household, consent, licence, statute, historical",
        '"Publicly available" is not accepted',
        "name,evidence,reference",
    ):
        assert word in out


def test_a_bare_command_shows_its_help_on_standard_error(desk):
    for path in ((), ("source",), ("log",)):
        said = desk.quick.run(*path).ended(2)
        assert said.out == ""
        assert said.err == desk.quick.run(*path, "--help").out


def test_the_version(desk):
    assert desk.quick.run("--version").ended(0).out == f"countenance, version {__version__}\n"


@pytest.mark.program
def test_help_takes_a_third_of_a_second_of_a_processor_at_most(desk):
    """What a person waits for on a machine of its own. `make bench` measures that; a busy machine adds waiting."""
    taken = []
    for _ in range(8):
        before = os.times()
        desk.run("--help").ended(0)
        after = os.times()
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
        if taken[-1] < 0.3:
            break
    assert min(taken) < 0.3, taken


@pytest.mark.program
def test_help_loads_nothing_heavy():
    script = (
        "import sys; from countenance.cli.main import main\n"
        "try: main(['source', 'add', '--help'])\n"
        "except SystemExit: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"numpy", "sqlalchemy", "PIL", "cv2", "onnx", "onnxruntime", "faiss", "alembic", "cedarpy"}
