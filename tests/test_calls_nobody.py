"""Nothing that Countenance loads calls home: ONNX Runtime's telemetry is off in every process that imports us."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

# What ONNX Runtime reads: our switch, and the marks of a build server, where it is silent by itself (and these tests
# would pass whatever we did). Names as in the strings of its library.
SWITCHES = {
    "ORT_DISABLE_TELEMETRY",
    *("CI", "CIRCLECI", "CODEBUILD_BUILD_ID", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL"),
    *("TEAMCITY_VERSION", "TF_BUILD", "TRAVIS"),
}
SESSION_FILE = ".ses"  # what ONNX Runtime's telemetry writes into the temporary folder as soon as it is loaded

LOAD = """
import countenance, sys
import onnxruntime
sys.exit(onnxruntime.get_available_providers() == [])
"""


def loaded_in(folder, script, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    done = subprocess.run(
        [sys.executable, "-c", script], env=kept | {"TMPDIR": str(folder)} | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return SESSION_FILE in {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("environment", [{}, {"ORT_DISABLE_TELEMETRY": "0"}])
def test_telemetry_is_off_wherever_countenance_is_imported(tmp_path, environment):
    assert not loaded_in(tmp_path, LOAD, **environment)


def test_this_test_would_notice(tmp_path):
    """Without Countenance it is on; if this fails, ONNX Runtime has changed, and the tests here show nothing."""
    assert loaded_in(tmp_path, LOAD.replace("countenance, ", ""))


OPENVINO = """
import sys
called = []
calling = ("socket.", "subprocess.", "os.exec")
sys.addaudithook(lambda event, _: called.append(event) if event.startswith(calling) else None)
import numpy as np
from countenance.embed.onnx import OnnxEmbedder
from countenance.permits import Act
from countenance.testing.forged import live
OnnxEmbedder(runtime="openvino").embed(np.zeros((2, 112, 112, 3), np.uint8), live(Act.EMBED))
assert "openvino_telemetry" in sys.modules, "it is not even loaded any more: this test can go"
assert called == [], called
"""


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed: `make test-all` does that")
def test_openvino_brings_a_reporter_that_is_not_used():
    done = subprocess.run([sys.executable, "-c", OPENVINO], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
