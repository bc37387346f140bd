import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support import crash
from support.disk_home import toy_eyes

KILLS = 6  # of each scenario, besides the first and the last point; a child is a second, most of it imports
SAMPLED = 4  # of the points that a scenario has at least, so more of what has more
SCENARIOS = "support.disk_home:"


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
    """Breaks one scenario at its points, each time from what was there before it."""

    folder: Path
    sample: Any
    test: str

    def everywhere(self, before, scenario, *args, at_least, then, kills=KILLS):
        """`before` is a folder that may not be there; the scenario gets the path of a copy of it, then `args`.

        `then(copy, ran)` checks what a death at a point leaves: of one child stopped at each, and of children killed
        at the first, the last and `kills` more. A run that tries a sample looks after each acknowledgement, at the end
        and at some points more, and kills once. Fails if fewer points are met than `at_least` or by the unharmed run.
        """
        scenario = SCENARIOS + scenario
        chance = self.sample.random(self.test)
        share = 1 if self.sample.everything else SAMPLED / at_least
        told, points = 0, []
        whole = self._copy(before, "stopped")
        for ran in crash.stop_at_each(scenario, whole, *args):
            points = ran.points
            if chance.random() < share or len(ran.told) > told or points[-1] == "end":
                self._check(Path(whole), f"seen-{len(points)}", ran, then)
            told = len(ran.told)
        assert len(points) >= at_least, f"only {len(points)} points were traced: {points}"
        if not self.sample.everything:
            self._kill(before, chance.randrange(at_least), scenario, args, then)
            return
        unharmed = crash.rehearse(scenario, self._copy(before, "unharmed"), *args).points
        assert len(points) >= len(unharmed), f"{len(points)} of {len(unharmed)} points were met"
        picks = chance.sample(range(len(unharmed)), min(kills, len(unharmed)))
        for number in sorted({0, len(unharmed) - 1, *picks}):
            self._kill(before, number, scenario, args, then)

    def _kill(self, before, number, scenario, args, then):
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
def breaker(tmp_path, sample, request):
    (tmp_path / "broken").mkdir()
    return Breaker(tmp_path / "broken", sample, request.node.nodeid)
