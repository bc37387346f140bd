import dataclasses
import hashlib
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from countenance.errors import WeightsDamaged
from countenance.weights import store
from countenance.weights.manifest import PACKAGE, YUNET, entries, entry


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The weights' package in a folder of its own, as if it were installed there."""
    for name in entries():
        (tmp_path / f"{name}.onnx").write_bytes(store.load(name).data)
    spec = ModuleSpec(PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(store, "find_spec", lambda _: spec)
    return tmp_path


@pytest.mark.parametrize("name", sorted(entries()))
def test_what_is_loaded_is_the_file_of_the_manifest(package, name):
    path = store.model_path(name)
    assert path.parent == package
    weights = store.load(name)
    assert weights.data == path.read_bytes()
    assert weights.sha256 == entry(name).sha256 == hashlib.sha256(weights.data).hexdigest()


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", lambda d: d[:99] + bytes([d[99] ^ 1]) + d[100:]])
def test_a_damaged_file_is_refused_and_the_way_out_is_named(package, damage):
    path = package / f"{YUNET}.onnx"
    path.write_bytes(damage(path.read_bytes()))
    for read in (store.load, store.model_path):
        with pytest.raises(WeightsDamaged, match=r"are damaged, or another file") as refused:
            read(YUNET)
        assert "install the Python package countenance-weights 1.0.0" in refused.value.hint


def test_a_package_of_other_weights_is_refused(package, monkeypatch):
    monkeypatch.setattr(store, "entry", lambda _: dataclasses.replace(entry(YUNET), sha256="0" * 64))
    with pytest.raises(WeightsDamaged, match="not 000000000000"):
        store.load(YUNET)


def test_a_package_without_the_file_is_refused_with_what_to_install(package):
    (package / f"{YUNET}.onnx").unlink()
    with pytest.raises(WeightsDamaged, match="can't be read") as refused:
        store.load(YUNET)
    assert "countenance-weights" in refused.value.hint


def test_without_the_package_it_is_said_what_to_install():
    code = (
        "import sys; from countenance.errors import WeightsDamaged; from countenance.weights.store import load\n"
        "sys.path = [folder for folder in sys.path if 'site-packages' not in folder]\n"
        f"try: load({YUNET!r})\n"
        "except WeightsDamaged as missing: print(missing.message, missing.hint, sep='|')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    message, hint = run.stdout.strip().split("|")
    assert message == f"the weights of {YUNET} are not installed"
    assert "install the Python package countenance-weights" in hint


def test_locating_the_weights_never_imports_their_package():
    code = f"""
import sys
from countenance.weights.store import load
load({YUNET!r})
sys.exit({PACKAGE!r} in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
