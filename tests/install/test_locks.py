"""The locks install what they pin on a day when a newer release of every pinned package is out."""

import email
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = [pytest.mark.program, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^(?P<requirement>[\w.-]+(?:\[[\w,.-]+\])?==[^ \\]+(?: ; [^\\]+)?) \\$", re.MULTILINE)
NEWER = "9999.0"
LOCKS = ["run", "dev"]


def pins(lock):
    """The requirements of a lock, each as written, without its hashes; those of other Pythons and systems left out."""
    found = [Requirement(pin) for pin in PIN.findall((ROOT / "requirements" / f"{lock}.txt").read_text("utf-8"))]
    assert len(found) > 50
    return [pin for pin in found if pin.marker is None or pin.marker.evaluate()]


def write_wheel(folder, name, version):
    """A wheel of metadata alone: what the installed release says of itself, under `version`."""
    said = importlib.metadata.metadata(name)
    told = email.message.Message()
    told["Metadata-Version"], told["Name"], told["Version"] = "2.1", name, version
    for field in ("Requires-Dist", "Provides-Extra"):
        for value in said.get_all(field) or []:
            told[field] = value
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", told.as_string())
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def tomorrow(tmp_path_factory):
    """A checkout's Makefile and locks, and an index that holds each pinned release and a newer one.

    The wheels of the index hold metadata alone, so these locks name their hashes. They name no extras either: that is
    what broke once, for pip takes `coverage` and `coverage[toml]` for two packages and only the first was pinned.
    """
    folder = tmp_path_factory.mktemp("tomorrow")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements").mkdir()
    for lock in LOCKS:
        lines = []
        for pin in pins(lock):
            [version] = (spec.version for spec in pin.specifier)
            project = folder / "simple" / canonicalize_name(pin.name)
            if not project.exists():
                project.mkdir(parents=True)
                for release in (version, NEWER):
                    write_wheel(project, pin.name, release)
                links = "".join(f'<a href="{path.name}">{path.name}</a>\n' for path in sorted(project.glob("*.whl")))
                (project / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>", "utf-8")
            [pinned] = project.glob(f"*-{version}-py3-none-any.whl")
            lines.append(f"{pin.name}=={version} --hash=sha256:{hashlib.sha256(pinned.read_bytes()).hexdigest()}")
        (folder / "requirements" / f"{lock}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def run(*arguments, folder):
    """`arguments` run in `folder`, where pip knows the index of that folder and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "COV", "MAKE"))}
    index = {"PIP_INDEX_URL": (folder / "simple").as_uri(), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    return subprocess.run([*map(str, arguments)], cwd=folder, env=kept | index, capture_output=True, text=True)


def test_the_locks_install_as_pinned_after_newer_releases(tomorrow, tmp_path):
    venv = tmp_path / "env"
    for lock in LOCKS:
        made = run("make", f"PYTHON={sys.executable}", f"VENV={venv}", f"{venv}/locked-{lock}", folder=tomorrow)
        assert made.returncode == 0, made.stdout + made.stderr
        listed = run(venv / "bin" / "python", "-m", "pip", "list", "--format", "json", folder=tomorrow).stdout
        held = {canonicalize_name(found["name"]): found["version"] for found in json.loads(listed)}
        for pin in pins(lock):
            assert pin.specifier.contains(held[canonicalize_name(pin.name)]), pin
    checked = run(venv / "bin" / "python", "-m", "pip", "check", folder=tomorrow)
    assert checked.returncode == 0, checked.stdout


def test_resolving_the_same_locks_stops_at_the_newer_releases(tomorrow):
    """What the test above guards against, shown on the same files."""
    resolved = run(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--require-hashes",
                   "-r", tomorrow / "requirements" / "dev.txt", folder=tomorrow)  # fmt: skip
    assert resolved.returncode != 0
    assert "must have their versions pinned with ==" in resolved.stderr


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_the_extras_that_its_packages_ask_for(lock):
    pinned = {canonicalize_name(pin.name): pin.extras for pin in pins(lock)}
    for name in pinned:
        for text in importlib.metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.extras and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
                assert wanted.extras <= pinned[canonicalize_name(wanted.name)], f"{name} asks for {text}"
