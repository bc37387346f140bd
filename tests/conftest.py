"""Fixtures that several rooms share."""

import contextlib
import gc
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket

HERE = Path(__file__).resolve().parent
FACES = HERE.parents[1] / "shared" / "faces"

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as nohup and a script's & leave it; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What a test starts finds tests/support too.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])

# Else each child of a test would compile all that it imports: half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.pop("PYTHONUNBUFFERED", None)  # users have buffers, and what is left in one may fail at the end
sys.dont_write_bytecode = False

SEED = os.environ.setdefault("TEST_SEED", f"{datetime.now(UTC):%Y-%m-%dT%H}")  # the workers of a run inherit it


@dataclass(frozen=True)
class Sample:
    """What a run tries of many cases: all of them (`make test-all`), or some, others each hour (`make test`)."""

    everything: bool
    seed: str
    fuzz: int  # times as many made-up cases as usual (`make soak`)

    def random(self, of: str) -> random.Random:
        """Picks some of these; the same ones again with the same seed."""
        return random.Random(f"{self.seed} {of}")


SAMPLE = Sample(os.environ.get("TEST_ALL") == "1", SEED, int(os.environ.get("TEST_FUZZ", "1")))

settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100 * SAMPLE.fuzz
)
settings.load_profile("suite")


# Every home syncs its files a hundred times, and a disk takes milliseconds for each. In memory it takes none.
IN_MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30  # bytes; a run needs a fifth
if not SAMPLE.everything and IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))

# An engine compiles each statement once, and each home has an engine; here all engines share what is compiled.
_create_engine, _dialects, _compiled = sa.create_engine, {}, {}


def _sharing_engine(url, **options):
    engine = _create_engine(url, **{"query_cache_size": 5_000, **options})
    if not SAMPLE.everything:
        name = engine.dialect.name
        engine.dialect = engine.pool._dialect = _dialects.setdefault(
            name, engine.dialect
        )  # what is compiled is kept by it
        engine._compiled_cache = _compiled.setdefault(name, engine._compiled_cache)
    return engine


sa.create_engine = _sharing_engine

LONGEST = ("crash", "cli", "web", "service", "api", "app")
SLOW_SHARE = 5  # `make test` runs the slow tests of one file in so many, others each hour


def pytest_xdist_auto_num_workers(config):
    """One more than there are processors: a test waits for what it has started a third of its time."""
    return min((os.cpu_count() or 1) + 1, 4)


def pytest_configure(config):
    """The whole suite is sampled; whoever names files gets all of them. The workers of a run inherit the answer."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and not SAMPLE.everything:
        os.environ["TEST_SAMPLED"] = "1"


def pytest_collection_modifyitems(config, items):
    """Long folders come first, so that no process is left with one at the end; slow tests are sampled."""

    def rank(item):
        folder = item.path.relative_to(HERE).parts[0]
        return [*LONGEST, folder].index(folder)

    items.sort(key=rank)
    if os.environ.get("TEST_SAMPLED") == "1":
        left_out = _left_out([item for item in items if item.get_closest_marker("slow")])
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish():
    """What was imported and collected stays to the end; the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def _left_out(slow):
    """Of slow tests, those that this run leaves to others: whole files, as tests of a file may build on each other."""
    files = sorted({item.path for item in slow})  # so that each large folder has its share
    run = files[SAMPLE.random("slow files").randrange(SLOW_SHARE) :: SLOW_SHARE]
    return {item for item in slow if item.path not in run}


def pytest_report_header():
    """Says how to try the same again."""
    return "kills: at every point" if SAMPLE.everything else f"kills: at some of the points, by TEST_SEED={SEED}"


@pytest.fixture(scope="session")
def sample():
    """What this run tries of many cases."""
    return SAMPLE


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


@pytest.fixture(scope="session")
def unnoticed_bits():
    """Lists the bits of `data` that can be changed without `opened(changed)` raising `error`: every bit is tried."""

    def find(data, opened, error):
        found = []
        for bit in range(len(data) * 8):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            with contextlib.suppress(error):
                opened(bytes(changed))
                found.append(bit)
        return found

    return find


@pytest.fixture(scope="session")
def own_mounts():
    """What starts a shell with mounts of its own, gone when it ends."""
    before = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-euc")
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody have mounts of their own (unshare)")
    return before
