import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from countenance.testing import crash
from countenance.testing.disk_home import toy_eyes

KILLS = 6  # of each scenario, besides the first and the last point; a child is a second, most of it imports
SCENARIOS = "countenance.testing.disk_home:"


@pytest.fixture(autouse=True)
def eyes_and_keys(tmp_path, monkeypatch):
    """Homes see with toy eyes; master keys and temporary files lie in this test's folder, for children too."""
    for name, folder in {"XDG_CONFIG_HOME": "config", "HOME": "user", "TMPDIR": "temporary"}.items():
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.delenv("COUNTENANCE_KEYFILE", raising=False)
    with toy_eyes():
        yield


@dataclass(frozen=True)
class Breaker:
    """Breaks one scenario at every point, each time from what was there before it."""

    folder: Path

    def everywhere(self, before, scenario, *args, at_least, then, kills=KILLS):
        """`before` is a folder that may not be there; the scenario gets the path of a copy of it, then `args`.

        `then(copy, ran)` checks what a death at each point leaves: of one child stopped at each, and of children
        killed at the first, the last and `kills` more. Fails if any meets fewer points than the unharmed run.
        """
        scenario = SCENARIOS + scenario
        points = crash.rehearse(scenario, self._copy(before, "unharmed"), *args).points
        assert len(points) >= at_least, f"only {len(points)} points were traced: {points}"
        stopped = 0
        whole = self._copy(before, "stopped")
        for ran in crash.stop_at_each(scenario, whole, *args):
            self._check(Path(whole), f"seen-{stopped}", ran, then)
            stopped += 1
        assert stopped >= len(points), f"{stopped} of {len(points)} points were met"
        picks = random.Random(len(points)).sample(range(len(points)), min(kills, len(points)))
        for number in sorted({0, len(points) - 1, *picks}):
            killed = self._copy(before, "killed")
            ran = crash.kill_at(number, scenario, killed, *args)
            self._check(Path(killed), f"killed-{number}", ran, then)
            shutil.rmtree(killed, ignore_errors=True)

    def _check(self, left, name, ran, then):
        try:
            copy = self._copy(left, name)
            then(Path(copy), ran)
        except BaseException as error:
            error.add_note(f"{name}, before {ran.points[-1]!r}, after {ran.points[-4:-1]}")
            raise
        shutil.rmtree(copy, ignore_errors=True)

    def _copy(self, before, name):
        copy = self.folder / name
        if before.exists():
            shutil.copytree(before, copy)
        return str(copy)


@pytest.fixture
def breaker(tmp_path):
    (tmp_path / "broken").mkdir()
    return Breaker(tmp_path / "broken")
