"""A home's own calibrations: kept whole or not at all, and never silently another."""

import dataclasses
import hashlib

import pytest

from countenance.calibrate.calibration import load
from countenance.calibrate.home_calibrations import HomeCalibrations
from countenance.embed.onnx import OnnxEmbedder
from countenance.errors import StorageFailed
from countenance.remedies import Remedy

SHIPPED = load(OnnxEmbedder().space)
SPACE = SHIPPED.space


def seal(data):
    return hashlib.sha256(b"a home's key" + data).hexdigest()


@pytest.fixture
def kept(tmp_path):
    return HomeCalibrations(tmp_path / "calibrations", seal)


def test_what_is_kept_is_read_and_can_be_removed(kept):
    assert kept.read(SPACE) is None
    assert not kept.has(SPACE)
    kept.keep(SHIPPED)
    assert kept.read(SPACE) == SHIPPED
    assert kept.read(SPACE).id == SHIPPED.id
    kept.remove(SPACE)
    assert kept.read(SPACE) is None
    assert list(kept.folder.iterdir()) == []


def test_each_space_has_its_own_whatever_its_model_is_called(kept):
    other = dataclasses.replace(SPACE, model="../../of/hostile", weights_sha256="b" * 64)
    kept.keep(SHIPPED)
    kept.keep(dataclasses.replace(SHIPPED, space=other))
    assert kept.read(SPACE) == SHIPPED
    assert kept.read(other).space == other
    assert len(list(kept.folder.iterdir())) == 2


@pytest.mark.parametrize("change", [
    lambda data: data[:-20],
    lambda data: data.replace(b"1", b"2", 1),
    lambda data: b"",
    lambda data: data.partition(b"\n")[2],
    lambda data: seal(b"[]").encode() + b"\n[]",
])  # fmt: skip
def test_a_changed_file_is_refused_with_the_way_out(kept, change):
    kept.keep(SHIPPED)
    [path] = kept.folder.iterdir()
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(StorageFailed) as said:
        kept.read(SPACE)
    assert said.value.remedy is Remedy.REMOVE_CALIBRATION
    assert kept.has(SPACE)
    kept.remove(SPACE)


def test_the_calibration_of_another_space_is_refused(kept):
    kept.keep(SHIPPED)
    other = dataclasses.replace(SPACE, weights_sha256="b" * 64)
    [path] = kept.folder.iterdir()
    path.rename(path.with_name(f"{'b' * 64}.calibration"))
    with pytest.raises(StorageFailed, match="of another model"):
        kept.read(other)


def test_another_homes_file_is_refused(kept):
    kept.keep(SHIPPED)
    with pytest.raises(StorageFailed, match="another program"):
        HomeCalibrations(kept.folder, lambda data: hashlib.sha256(data).hexdigest()).read(SPACE)


def test_a_disk_that_fails_is_no_missing_calibration(kept, monkeypatch):
    kept.keep(SHIPPED)

    def fails(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(type(kept.folder), "read_bytes", fails)
    with pytest.raises(StorageFailed, match="can't be read: Input/output error"):
        kept.read(SPACE)
    monkeypatch.setattr(type(kept.folder), "unlink", fails)
    with pytest.raises(StorageFailed, match="can't be removed"):
        kept.remove(SPACE)


def test_a_write_that_fails_leaves_the_one_before(kept, monkeypatch):
    kept.keep(SHIPPED)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        kept.keep(dataclasses.replace(SHIPPED, about={}))
    monkeypatch.undo()
    assert kept.read(SPACE) == SHIPPED
    assert len(list(kept.folder.iterdir())) == 1
