"""The README's commands and its Python run as written, over the demo's album."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from countenance.app.demo.pictures import write_album
from support.forked import program_folder

# A lead's id, which a reader copies from the search above.
FACE_ID = (
    "$(countenance search face.jpg --json"
    ' | python -c \'import json, sys; print(json.load(sys.stdin)["leads"][0]["face_id"])\')'
)
ORDER_ID = (
    '$(countenance order list --json | python -c \'import json, sys; print(json.load(sys.stdin)["orders"][0]["id"])\')'
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Where a shell finds `countenance`."""
    with program_folder(tmp_path_factory.mktemp("programs") / "bin", "countenance", "countenance.cli.entry") as folder:
        yield folder


@pytest.fixture
def desk(tmp_path, programs):
    """A user's folder, as the README supposes it: face.jpg, deed.pdf, ~/Pictures, ~/Plates. (home, work, programs)."""
    album = write_album(tmp_path)
    home = tmp_path / "me"
    home.mkdir()
    shutil.copytree(album.root, home / "Pictures")
    shutil.copytree(album.root, home / "Plates")
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(album.probe, work / "face.jpg")
    (work / "deed.pdf").write_bytes(b"%PDF-1.4\n% a deed of gift, for a test\n")
    return home, work, programs


def environment(home: Path, programs: Path) -> dict[str, str]:
    """A new user's: this Python's programs first, and nothing of Countenance, not even folded weights."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTENANCE_", "XDG_"))}
    return kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join(map(str, (programs, Path(sys.executable).parent, os.environ["PATH"]))),
    }


def run(desk, arguments, **options):
    home, work, programs = desk
    done = subprocess.run(
        arguments, cwd=work, env=environment(home, programs), capture_output=True, text=True, **options
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def sample_answer(doc) -> str:
    [block] = doc("README.md").blocks("", section="Ten minutes, for a family")
    return block


@pytest.mark.program
@pytest.mark.slow
def test_the_familys_ten_minutes(doc, desk):
    [block] = doc("README.md").blocks("shell", section="Ten minutes, for a family")
    done = run(desk, ["bash", "-eux", "-o", "pipefail"], input=block.replace("FACE_ID", FACE_ID))
    home, work, _ = desk
    sample, said = (re.sub(r"[\d.,]+", "#", text) for text in (sample_answer(doc), done.stdout))
    assert sample in said
    assert "The log is intact" in done.stdout
    assert "problem" not in done.stdout.split("The log is intact")[1]
    assert (work / "leads" / "search.html").is_file()
    assert list((home / ".config" / "countenance" / "keys").glob("*.key"))  # where the README says that the key is
    assert (home / ".local" / "share" / "countenance" / "home.toml").is_file()


@pytest.mark.program
@pytest.mark.slow
def test_the_organisations_ten_minutes(doc, desk):
    [block] = doc("README.md").blocks("shell", section="Ten minutes, for an organisation")
    done = run(desk, ["bash", "-eux", "-o", "pipefail"], input=block)
    home, work, _ = desk
    assert "lead" in done.stdout
    assert (home / "archive-home" / "home.toml").is_file()
    assert (work / "checkpoint.txt").read_text().count("\n") >= 4  # C2SP: origin, size, root, blank line, signature


@pytest.mark.program
@pytest.mark.slow
def test_what_pictured_people_and_regulators_may_do(doc, desk):
    [first] = doc("README.md").blocks("shell", section="Ten minutes, for an organisation")
    [block] = doc("README.md").blocks("shell", section="For the people pictured, regulators and courts")
    home, work, _ = desk
    shutil.copy(work / "face.jpg", work / "me.jpg")
    (work / "order.pdf").write_bytes(b"%PDF-1.4\n% an order, for a test\n")
    block = block.replace("ORDER_ID", ORDER_ID).replace("--key KEY", '--key "$(countenance log key)"')
    done = run(desk, ["bash", "-eux", "-o", "pipefail"], input=first + block)
    assert "The receipt is valid: order" in done.stdout
    assert "It continues the checkpoint" in done.stdout
    assert not list((home / "archive-home" / "blobs").glob("*/????????-????-*"))  # every crop was French


@pytest.mark.program
@pytest.mark.slow
def test_the_python_of_the_readme(doc, desk):
    [block] = doc("README.md").blocks("python", section="From Python")
    done = run(desk, [sys.executable, "-"], input=block)
    lines = done.stdout.splitlines()
    assert any("not_a_picture" in line for line in lines)
    assert any(" strong file://" in line for line in lines)


def test_both_commands_of_the_readme_are_in_the_makefile(root, doc):
    makefile = (root / "Makefile").read_text("utf-8")
    readme = doc("README.md").text + doc("CONTRIBUTING.md").text
    for target in ("demo", "test", "format", "docs"):
        assert f"make {target}" in readme
        assert f"\n{target}:" in makefile, f"make {target}"
