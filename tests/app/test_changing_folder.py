"""A folder that somebody works in while it is ingested: the run ends, and the next one settles everything."""

import random
import threading

import pytest

from countenance.testing import toy
from support.disk_home import held_after, held_by

FILES = 200
SEED = 3


class Busy(threading.Thread):
    """Adds, removes, replaces and cuts files, and renames folders, until it is stopped; nothing rests for long."""

    def __init__(self, root):
        super().__init__()
        self.root = root
        self.done = {}
        self._stop_it = threading.Event()
        self._random = random.Random(SEED)
        self._number = 0

    def new(self):
        self._number += 1
        return toy.picture(f"p{self._number}@10,20,60,80")

    def run(self):
        acts = (self.add, self.remove, self.replace, self.cut, self.rename_folder, self.copy)
        while not self._stop_it.wait(0.0005):
            act = self._random.choice(acts)
            act()
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def stop(self):
        self._stop_it.set()
        self.join()

    def _any(self):
        return self._random.choice(sorted(path for path in self.root.rglob("*.jpg")))

    def _folder(self):
        return self._random.choice(sorted(path for path in self.root.iterdir() if path.is_dir()))

    def add(self):
        data = self.new()
        (self._folder() / f"new{self._number}.jpg").write_bytes(data)

    def remove(self):
        if self._random.random() < 0.5:  # so that some are left
            self._any().unlink()

    def replace(self):
        self._any().write_bytes(self.new())

    def cut(self):
        path = self._any()
        path.write_bytes(path.read_bytes()[:2])  # a picture no more

    def copy(self):
        self._number += 1
        (self._folder() / f"copy{self._number}.jpg").write_bytes(self._any().read_bytes())

    def rename_folder(self):
        self._number += 1
        self._folder().rename(self.root / f"{self._random.choice('amz')}{self._number}")


@pytest.mark.slow
@pytest.mark.parametrize("prune", [False, True])
def test_a_folder_that_changes_while_it_is_ingested(toy_home, tmp_path, prune):
    root = tmp_path / "busy"
    for number in range(FILES):
        folder = root / f"{number % 8}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(toy.picture(f"first{number}@10,20,60,80"))
    with toy_home() as home:
        home.add_source("album", root, basis="household", jurisdiction="CA-ON")
        busy = Busy(root)
        busy.start()
        try:
            for _ in range(3):
                before = sum(busy.done.values())
                [report] = home.ingest("album", prune=prune).reports
                assert sum(busy.done.values()) > before, "nothing changed meanwhile"
                known = report.unchanged + report.taken + report.copies + report.again + sum(report.rejected.values())
                assert report.files == known
                assert report.taken
        finally:
            busy.stop()
        assert len(busy.done) == 6, busy.done
        [settled] = home.ingest("album", prune=True).reports
        assert settled.files == sum(1 for path in root.rglob("*") if path.is_file())
        assert set(settled.rejected) <= {"not_a_picture"}
        assert held_by(home) == held_after({"album": root})
        [again] = home.ingest("album").reports
        assert (again.taken, again.copies, again.again, again.vanished, again.erased) == (0, 0, 0, 0, 0)
