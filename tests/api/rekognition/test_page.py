"""docs/rekognition.md is what the door does, and its example runs."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from countenance.api.rekognition import shapes
from countenance.api.rekognition.operations import OPERATIONS
from countenance.api.rekognition.wire import QUALITY
from countenance.testing import toy

PAGE = Path(__file__).parents[3] / "docs" / "rekognition.md"


@pytest.fixture
def page():
    return PAGE.read_text("utf-8")


def test_every_operation_is_documented_with_its_right(page):
    rows = dict(re.findall(r"^\| `([A-Z][a-z]\w+)` \| ([a-z ]+) \|", page, re.MULTILINE))
    assert rows == {name: " or ".join(each.rights) for name, each in OPERATIONS.items()}


def test_every_reason_and_filter_is_documented(page):
    for word in (shapes.POLICY, "SMALL_BOUNDING_BOX", "LOW_FACE_QUALITY", "EXCEEDS_MAX_FACES"):
        assert f"| `{word}` |" in page
    for name, least in QUALITY.items():
        assert name == "NONE" or re.search(rf"`{name}`\s+{least:g}\b", page), name


def test_the_operations_are_those_of_botocore(aws):
    program = (
        "import botocore.session, json; model = botocore.session.get_session().get_service_model('rekognition'); "
        f"print(json.dumps({{o: [*model.operation_model(o).input_shape.members] for o in {list(OPERATIONS)}}}))"
    )
    told = subprocess.run([aws / "python", "-c", program], capture_output=True, text=True, check=True)
    known = json.loads(told.stdout)
    for name, operation in OPERATIONS.items():
        assert set(known[name]) - set(operation.params) <= {"Tags"}, name
        assert set(operation.params) <= set(known[name]), name


def test_the_example_runs(page, aws, place, tmp_path):
    [example] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    client = place.client()
    (tmp_path / "may-1984.jpg").write_bytes(toy.picture("aunt@10,20,60,80"))
    (tmp_path / "may-2020.jpg").write_bytes(toy.picture("aunt~@100,20,160,90"))
    env = {**os.environ, "AWS_ACCESS_KEY_ID": client.key, "AWS_SECRET_ACCESS_KEY": client.secret}
    done = subprocess.run(
        [aws / "python", "-c", example.replace("http://127.0.0.1:8470", place.url)], cwd=tmp_path, env=env,
        capture_output=True, text=True,
    )  # fmt: skip
    assert re.fullmatch(r"may-1984 (8|9)\d\n|may-1984 100\n", done.stdout), done.stderr
