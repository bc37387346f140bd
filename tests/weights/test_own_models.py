import hashlib

import pytest

from countenance.errors import NotFound, StorageFailed, WeightsDamaged, WrongUse
from countenance.types import ARCFACE
from countenance.weights import own
from countenance.weights.own import OwnModels, parse_entry, read_onnx
from support.networks import entry_text

DATA = b"as if it were a network"
POINTS = [[30.0, 40.0], [66.0, 40.0], [48.0, 60.0], [34.0, 76.0], [62.0, 76.0]]
ORIGIN = 'a "quoted" ünïcode\\name'
DETECTOR = f'name = "eyes"\ntask = "detect"\nfile = "e.onnx"\nsha256 = "{"a" * 64}"\nlicence = "MIT"\nheads = "yunet"\n'


@pytest.fixture
def models(tmp_path):
    return OwnModels(tmp_path / "models")


def entry(**changed):
    return parse_entry(entry_text("net", DATA, 96, **changed))


def test_an_entry_says_all_that_the_network_wants():
    found = entry(colour_order="BGR", mean=[127.5, 127.5, 127.5], std=[128, 128, 128], layout="NHWC", origin="here")
    assert (found.colour_order, found.layout, found.origin) == ("BGR", "NHWC", "here")
    assert (found.mean, found.std) == ((127.5,) * 3, (128.0,) * 3)
    assert found.crop == ARCFACE
    assert parse_entry(DETECTOR).crop is None


def test_five_points_of_its_own_make_another_crop():
    crop = entry(input_size=[96, 112], template=POINTS).crop
    assert (crop.width, crop.height) == (96, 112)
    assert crop.points == tuple(map(tuple, POINTS))


@pytest.mark.parametrize("key", ["name", "task", "file", "sha256", "licence", "input_size", "colour_order", "mean",
                                 "std", "dimension", "template"])  # fmt: skip
def test_nothing_may_be_left_out(key):
    with pytest.raises(WrongUse, match=key) as refused:
        entry(**{key: None})
    assert refused.value.hint


def test_a_model_without_a_licence_is_refused_with_the_reason():
    for licence in (None, "", "  "):
        with pytest.raises(WrongUse, match="licence") as refused:
            entry(licence=licence)
        assert "no model of unknown licence" in refused.value.message


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "../up"}, "at most 63 of"),
        ({"name": "sface-2021dec"}, "comes? with|ships with"),
        ({"task": "guess"}, "task"),
        ({"sha256": "abc"}, "64 hex digits"),
        ({"colour_order": "GRAY"}, "colour_order"),
        ({"layout": "CHWN"}, "layout"),
        ({"mean": [1, 2]}, "mean"),
        ({"mean": [float("nan")] * 3}, "TOML|mean"),
        ({"std": [1, 0, 1]}, "std"),
        ({"std": ["1", "1", "1"]}, "std"),
        ({"dimension": 1}, "dimension"),
        ({"dimension": 10**9}, "dimension"),
        ({"dimension": True}, "dimension"),
        ({"input_size": [112]}, "input_size"),
        ({"input_size": [10**6, 10**6]}, "input_size"),
        ({"input_size": [96, 96]}, r"\[112, 112\]"),
        ({"template": "round"}, "template"),
        ({"template": POINTS[:4]}, "template"),
        ({"template": [[0, 0]] * 5}, "upright"),
        ({"template": [[300, 0], *POINTS[1:]]}, "upright"),
        ({"epochs": 3}, "epochs"),
        ({"origin": 3}, "a text"),
        ({"heads": "yunet"}, "heads"),
    ],
)
def test_what_makes_no_sense_is_named(changed, words):
    with pytest.raises(WrongUse, match=words) as refused:
        entry(**changed)
    assert refused.value.hint


def test_what_is_no_toml_is_said():
    with pytest.raises(WrongUse, match="not TOML"):
        parse_entry("name = ")


def test_a_detector_of_unknown_heads_is_refused():
    with pytest.raises(WrongUse, match="heads"):
        parse_entry(DETECTOR.replace("yunet", "retina"))


def test_the_file_must_be_the_one_of_the_entry(tmp_path, monkeypatch):
    with pytest.raises(NotFound, match="was not found"):
        read_onnx(entry(), tmp_path)
    (tmp_path / "net.onnx").write_bytes(DATA)
    assert read_onnx(entry(), tmp_path) == DATA
    (tmp_path / "net.onnx").write_bytes(DATA + b"!")
    with pytest.raises(WrongUse, match=hashlib.sha256(DATA + b"!").hexdigest()):
        read_onnx(entry(), tmp_path)
    monkeypatch.setattr(own, "MAX_BYTES", 3)
    with pytest.raises(WrongUse, match="larger than"):
        read_onnx(entry(), tmp_path)


def test_a_model_that_was_added_is_there_as_it_was_said_to_be(models):
    said = entry(mean=[1.5, 2, 3], input_size=[96, 112], template=POINTS, origin=ORIGIN, layout="NHWC")
    made = models.add(said, DATA, b"{}")
    assert models.all() == (made,)
    assert made == models.get("net")
    assert (made.mean, made.crop, made.layout, made.own) == (said.mean, said.crop, "NHWC", True)
    assert models.entry("net").origin == said.origin
    assert made.read() == DATA
    assert made.space.weights_sha256 == said.sha256
    assert models.calibration("net") == b"{}"
    with pytest.raises(WrongUse, match="there already"):
        models.add(said, DATA)
    models.remove("net")
    assert list(models._folder.iterdir()) == []
    for gone in (models.get, models.remove):
        with pytest.raises(NotFound):
            gone("net")


def test_a_file_that_was_changed_afterwards_is_not_run(models):
    made = models.add(entry(), DATA)
    made.path().write_bytes(DATA + b"!")
    with pytest.raises(WeightsDamaged, match="damaged, or another file") as refused:
        made.read()
    assert "remove the model net" in refused.value.hint


def test_a_name_from_outside_reaches_no_other_file(models, tmp_path):
    (tmp_path / "other.toml").write_text(entry_text("other", DATA, 96))
    for name in ("../other", "/etc/passwd", ""):
        with pytest.raises(NotFound):
            models.get(name)
        with pytest.raises(NotFound):
            models.remove(name)


def test_a_damaged_entry_is_said(models):
    models.add(entry(), DATA)
    (models._folder / "net.toml").write_text("name =")
    with pytest.raises(StorageFailed, match="damaged"):
        models.all()


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_a_full_disk_leaves_nothing_half(models, monkeypatch, fails_at):
    models.add(parse_entry(entry_text("before", DATA, 96)), DATA)
    models.choose_detector("eyes")
    there = sorted(models._folder.iterdir())
    real, written = own.replace_file, []

    def full(path, data):
        if len(written) == fails_at:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, data)

    monkeypatch.setattr(own, "replace_file", full)
    with pytest.raises(StorageFailed, match="No space"):
        models.add(entry(), DATA, b"{}")
    assert sorted(models._folder.iterdir()) == there


def test_what_a_crash_left_is_swept_by_the_next_add(models):
    models._folder.mkdir()
    for name in ("gone.onnx", "net.onnx.x1y2.tmp", "gone.calibration.json"):
        (models._folder / name).write_bytes(b"half")
    assert models.all() == ()
    models.add(entry(), DATA)
    assert sorted(path.name for path in models._folder.iterdir()) == ["net.onnx", "net.toml"]


def test_the_choice_of_a_detector_is_kept(models):
    assert models.detector() is None
    models.choose_detector("eyes")
    models.add(entry(), DATA)
    assert models.detector() == "eyes"
    models.choose_detector(None)
    assert models.detector() is None
