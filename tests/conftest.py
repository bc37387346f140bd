"""Fixtures that several rooms share."""

import signal
from pathlib import Path

import pytest
from pytest_socket import disable_socket

FACES = Path(__file__).resolve().parents[2] / "shared" / "faces"

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as nohup and a script's & leave it; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_network(request):
    """No test in this process opens a socket but a Unix one; a unit test that would is a bug."""
    disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def faces_dir() -> Path:
    """The development photographs beside the checkout; without them the test is skipped by name."""
    if not (FACES / "people").is_dir():
        pytest.skip("../shared/faces is not here")
    return FACES
