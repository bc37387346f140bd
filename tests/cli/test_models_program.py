"""`countenance model`, as a user types it."""

import pytest

from countenance.weights.manifest import SFACE, YUNET
from countenance.weights.store import shipped
from support.networks import tiny, turned_sface, write_entry

POINTS = [[30.0, 40.0], [66.0, 40.0], [48.0, 60.0], [34.0, 76.0], [62.0, 76.0]]


def test_an_embedder_is_added_listed_shown_and_removed(desk):
    desk = desk.quick
    entry = write_entry(desk.root / "new", "tiny-16", tiny(), 16)
    added = desk.does("model", "add", entry)
    assert (added["name"], added["task"], added["calibration"], added["in_use"]) == ("tiny-16", "embed", None, "")
    listed = {about["name"]: about for about in desk.does("model", "list")["models"]}
    assert set(listed) == {YUNET, SFACE, "tiny-16"}
    assert listed[SFACE]["in_use"] == "searches"
    assert listed[YUNET]["in_use"] == "finds faces"
    shown = desk.does("model", "show", "tiny-16")
    assert (shown["input_size"], shown["layout"], shown["licence"]) == ([112, 112], "NCHW", "Apache-2.0")
    assert "undocumented" in desk.run("model", "show", SFACE).ended(0).out
    assert "not calibrated" in desk.run("model", "list").ended(0).out
    desk.fails(2, "wrong_use", "model", "add", entry)
    desk.fails(2, "wrong_use", "model", "use", "tiny-16")
    desk.does("model", "remove", "tiny-16")
    desk.fails(4, "not_found", "model", "show", "tiny-16")
    desk.fails(4, "not_found", "model", "remove", "tiny-16")
    desk.fails(2, "wrong_use", "model", "remove", SFACE)
    kinds = [entry["kind"] for entry in desk.does("log", "show")["entries"]]
    assert kinds[-2:] == ["model.added", "model.removed"]


def test_a_detector_of_ones_own_is_put_to_work(mine):
    mine = mine.quick
    data = shipped(YUNET).read()
    entry = write_entry(mine.root / "new", "my-eyes", data, 0, task="detect", heads="yunet", input_size=None,
                        colour_order=None, mean=None, std=None, dimension=None, template=None)  # fmt: skip
    mine.does("model", "add", entry)
    probe = mine.root / "probe.jpg"
    probe.write_bytes(b"no picture")
    assert mine.does("model", "use", "my-eyes")["in_use"] == "finds faces"
    assert mine.fails(2, "wrong_use", "model", "remove", "my-eyes")["message"].startswith("my-eyes is in use")
    mine.does("model", "use", YUNET)
    mine.does("model", "remove", "my-eyes")


def test_faces_are_found_by_the_detector_that_was_chosen(mine, album):
    data = shipped(YUNET).read()
    entry = write_entry(mine.root / "new", "my-eyes", data, 0, task="detect", heads="yunet", input_size=None,
                        colour_order=None, mean=None, std=None, dimension=None, template=None)  # fmt: skip
    quick = mine.quick
    before = quick.does("detect", album.probe)
    quick.does("model", "add", entry)
    quick.does("model", "use", "my-eyes")
    assert quick.does("detect", album.probe) == before
    file = mine.home / "models" / "my-eyes.onnx"
    file.write_bytes(data[:-1])
    error = quick.fails(1, "sandbox_failed", "detect", album.probe)
    assert "WeightsDamaged" in error["message"]


@pytest.mark.parametrize(
    ("spoil", "code", "kind"),
    [
        (lambda entry: entry.unlink(), 4, "not_found"),
        (lambda entry: entry.with_suffix(".onnx").unlink(), 4, "not_found"),
        (lambda entry: entry.with_suffix(".onnx").write_bytes(b"other"), 2, "wrong_use"),
        (lambda entry: entry.write_bytes(b"\xff\xfe"), 2, "wrong_use"),
        (lambda entry: entry.write_bytes(b"#" * 100_000), 2, "wrong_use"),
        (lambda entry: entry.write_text(entry.read_text() + 'calibration = "none.json"\n'), 4, "not_found"),
    ],
    ids=["no entry", "no file", "another file", "no text", "too long", "no calibration"],
)
def test_bad_entries_change_nothing(desk, spoil, code, kind):
    desk = desk.quick
    entry = write_entry(desk.root / "new", "tiny-16", tiny(), 16)
    spoil(entry)
    desk.fails(code, kind, "model", "add", entry)
    assert [about["name"] for about in desk.does("model", "list")["models"]] == [YUNET, SFACE]


def test_a_calibration_of_another_space_is_refused(desk):
    from importlib import resources

    desk = desk.quick
    entry = write_entry(desk.root / "new", "tiny-16", tiny(), 16, calibration="c.json")
    shipped_one = resources.files("countenance.calibrate") / "data" / "sface-2021dec.json"
    (desk.root / "new" / "c.json").write_bytes(shipped_one.read_bytes())
    desk.fails(1, "space_mismatch", "model", "add", entry)


def test_an_embedder_that_sees_a_crop_of_its_own_gets_it(album):
    """Its crops come from the analyser's child, aligned to its five points, beside the ArcFace crop."""
    from countenance.pipeline.analyse import FaceAnalyser
    from countenance.types import ARCFACE, CropSpec

    spec = CropSpec(96, 112, tuple(map(tuple, POINTS)))
    with FaceAnalyser(crops=(ARCFACE, spec)) as analyser:
        [face] = analyser.analyse(album.probe.read_bytes()).faces
    assert face.crop_for(ARCFACE).shape == (112, 112, 3)
    assert face.crop_for(spec).shape == (112, 96, 3)


@pytest.mark.program
def test_a_turned_sface_passes_its_test_in_the_program(desk):
    entry = write_entry(desk.root / "new", "sface-96", turned_sface(), 96)
    assert desk.does("model", "add", entry)["dimension"] == 96
    assert (desk.home / "models" / "sface-96.onnx").is_file()
