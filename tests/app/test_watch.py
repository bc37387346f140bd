"""Watching a folder: what starts a round, what waits, and what comes back. Toy pictures, real file-system events."""

import errno
import logging
import os
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from countenance.app.sources import folder_events, watch
from countenance.app.sources.folder_events import FolderEvents
from countenance.app.sources.ingests import IngestService
from countenance.app.sources.source_acts import SourceService
from countenance.errors import LogUnwritable, NotFound, StorageFailed
from countenance.testing import toy
from support.patience import PATIENCE_S, until


class Watching:
    """A watcher in a thread of its own, and what it has said so far."""

    def __init__(self, home, *names, **options):
        self.home = home
        self.stop = threading.Event()
        self.notices = []
        self.rounds = []
        self.error = None
        self._names, self._options = names, {"settle_s": 0.2, **options}
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            for done in self.home.watch(*self._names, stop=self.stop, notice=self.notices.append, **self._options):
                self.rounds.append(done)
        except Exception as error:  # noqa: BLE001  the test looks at it
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def reports(self, name="album"):
        return [report for done in list(self.rounds) for report in done.reports if report.source == name]

    def taken(self, name="album"):
        return sum(report.taken for report in self.reports(name))

    def skipped(self):
        return [skip for done in list(self.rounds) for skip in done.skipped]


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Folders, grants and locks are looked at as often as a test is patient."""
    monkeypatch.setattr(watch, "TICK_S", 0.02)
    monkeypatch.setattr(watch, "LOOK_S", 0.05)
    monkeypatch.setattr(watch, "BUSY_S", 0.05)


@pytest.fixture
def home(toy_home, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        yield home


def write(path, *faces):
    path.write_bytes(toy.picture(*faces))


def runs(home):
    return sum(entry.kind == "ingest.ended" for entry in home.parts.stores.log.entries())


# --- rounds ----------------------------------------------------------------------------------------------------------
def test_the_first_round_is_an_ingest_and_a_change_is_another(home, pictures):
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        [report] = seen.rounds[0].reports
        assert (report.files, report.taken, report.rejected) == (4, 3, {"not_a_picture": 1})
        assert [place for _, place, _, _ in seen.rounds[0].rejected] == ["notes.jpg"]
        (pictures / "deep" / "down").mkdir(parents=True)
        write(pictures / "deep" / "down" / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)
        assert home.search(toy.picture("dora@10,20,60,80")).leads
        write(pictures / "deep" / "down" / "eve.jpg", "eve@10,20,60,80")  # a folder that was not there at the beginning
        until(lambda: seen.taken() == 5)
        assert seen.notices == []
    assert seen.error is None


def test_a_changed_a_renamed_and_a_removed_file_each_make_a_round(home, pictures):
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        write(pictures / "alice.jpg", "zoe@10,20,60,80")
        until(lambda: sum(report.erased for report in seen.reports()) == 1)
        (pictures / "alice.jpg").rename(pictures / "zoe.jpg")
        until(lambda: sum(report.copies for report in seen.reports()) == 1)
        (pictures / "carol.jpg").unlink()
        until(lambda: seen.reports()[-1].vanished == 2)
        assert home.search(toy.picture("carol@10,20,60,80")).leads, "without --prune it stays"


def test_prune_erases_what_vanishes_while_it_watches(home, pictures):
    with Watching(home, prune=True) as seen:
        until(lambda: seen.rounds)
        (pictures / "carol.jpg").unlink()
        until(lambda: sum(report.erased for report in seen.reports()) == 1)
        assert not home.search(toy.picture("carol@10,20,60,80")).leads


def test_a_name_that_is_no_utf8_is_a_name(home, pictures):
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        with open(os.fsencode(pictures) + b"/\xff.jpg", "wb") as file:  # noqa: PTH123  a Path holds no bytes
            file.write(toy.picture("dora@10,20,60,80"))
        until(lambda: seen.taken() == 4)


def test_what_happens_behind_a_link_and_in_the_home_itself_starts_no_round(toy_home, pictures, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (tmp_path / "link").symlink_to(outside)
    with toy_home() as home:
        home.add_source("all", tmp_path, basis="household", jurisdiction="FR")  # the home and its key lie in it
        with Watching(home) as seen:
            until(lambda: seen.rounds)
            for number in range(3):
                write(outside / f"{number}.jpg", "dora@10,20,60,80")
                write(pictures / f"{number}.jpg", f"dora{number}@10,20,60,80")
                until(lambda: seen.taken("all") == 4 + number)  # noqa: B023  it ends in this turn
            before = runs(home)
            time.sleep(5 * 0.2)  # a round that starts the next one would have started some by now
            assert runs(home) - before <= 1, "at most one for an event that came late"
        assert len(seen.rounds) == 4


def test_two_sources_over_one_folder_are_both_taken(home, pictures):
    home.add_source("again", pictures, basis="household", jurisdiction="CA-ON")
    with Watching(home) as seen:
        until(lambda: seen.reports() and seen.reports("again"))
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(lambda: len(seen.reports()) == len(seen.reports("again")) == 2)
        home.suspend("again")
        until(seen.skipped)
        write(pictures / "eve.jpg", "eve@10,20,60,80")
        until(lambda: len(seen.reports()) == 3)


def test_a_source_that_is_added_later_is_watched_if_none_is_named(home, tmp_path):
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "dora.jpg", "dora@10,20,60,80")
    with Watching(home) as every, Watching(home, "album") as one:
        until(lambda: every.reports() or one.reports())
        home.add_source("more", tmp_path / "more", basis="household", jurisdiction="CA-ON")
        until(lambda: every.taken("more") == 1)
    assert one.reports("more") == []


def test_a_folder_that_never_rests_is_walked_all_the_same(home, pictures, monkeypatch):
    monkeypatch.setattr(watch, "MOST_WAIT_S", 1.0)
    with Watching(home, settle_s=0.9) as seen:
        until(lambda: seen.rounds)

        def taken_while_written():
            (pictures / "restless.txt").write_text(str(time.monotonic()))
            return seen.taken() == 4

        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(taken_while_written)


def test_it_ends_when_it_is_told_to_and_leaves_no_thread(home):
    before = set(threading.enumerate())
    with Watching(home) as seen:
        until(lambda: seen.rounds)
    assert seen.error is None
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("names", [(), ("nobody",)])
def test_no_source_to_watch_is_an_error_at_once(toy_home, names):
    with toy_home() as home, pytest.raises(NotFound):
        home.watch(*names)


# --- other ingests, grants, folders ----------------------------------------------------------------------------------
def test_between_rounds_another_ingest_runs_and_during_one_it_is_waited_for(home, pictures, toy_home):
    with Watching(home) as seen, toy_home() as other:
        until(lambda: seen.rounds)
        assert other.ingest("album").reports[0].unchanged == 3
        with other.parts.ingest_lock():
            write(pictures / "dora.jpg", "dora@10,20,60,80")
            until(lambda: seen.notices)
            assert seen.taken() == 3
        until(lambda: seen.taken() == 4)
    [said] = seen.notices
    assert said == "another ingest of this home is running; waiting for it"


def test_a_suspended_source_is_named_once_and_taken_when_it_is_resumed(home, pictures, tmp_path):
    (tmp_path / "more").mkdir()
    home.add_source("more", tmp_path / "more", basis="household", jurisdiction="CA-ON")
    with Watching(home) as seen:
        until(lambda: seen.taken() == 3)
        home.suspend("album")
        until(lambda: seen.skipped() == [("album", "its grant is suspended")])
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        write(tmp_path / "more" / "eve.jpg", "eve@10,20,60,80")
        until(lambda: seen.taken("more") == 1)
        assert seen.taken() == 3
        assert seen.notices == []
        home.resume("album")
        until(lambda: seen.taken() == 4)
        home.withdraw("album")
        until(lambda: ("album", "its grant is withdrawn") in seen.skipped())
    assert len(seen.skipped()) == 2


def test_a_grant_that_runs_out_while_it_is_watched_ends_its_collecting(home, pictures, tmp_path):
    (tmp_path / "more").mkdir()
    more = home.add_source("more", tmp_path / "more", basis="household", jurisdiction="CA-ON")
    write(tmp_path / "more" / "dora.jpg", "dora@10,20,60,80")
    with Watching(home) as seen:
        until(lambda: seen.taken("more") == 1)
        soon = home.parts.stores.clock() + timedelta(seconds=0.5)
        home.parts.stores.records.sources.set_grant_state(more, expires_at=soon)  # a date, when users set it
        until(lambda: seen.skipped() == [("more", "its grant is expired")])
        write(tmp_path / "more" / "eve.jpg", "eve@10,20,60,80")
        write(pictures / "frank.jpg", "frank@10,20,60,80")
        until(lambda: seen.taken() == 4)
    assert seen.taken("more") == 1


def test_two_watchers_of_one_home_take_everything_once(home, pictures, toy_home):
    with toy_home() as other, Watching(home) as one, Watching(other) as two:
        until(lambda: one.rounds and two.rounds)
        for number in range(3):
            write(pictures / f"{number}.jpg", f"dora{number}@10,20,60,80")
            until(lambda: one.taken() + two.taken() == 4 + number)  # noqa: B023  it ends in this turn
        time.sleep(2 * 0.2)
    assert one.taken() + two.taken() == 6
    assert one.error is two.error is None


def test_if_no_source_can_be_collected_it_says_so_and_waits(home):
    home.suspend("album")
    with Watching(home, "album") as seen:
        until(lambda: seen.notices)
        assert seen.notices == [watch.NONE_LEFT]
        home.resume("album")
        until(lambda: seen.taken() == 3)
    assert seen.error is None


def test_a_refusal_in_the_middle_skips_that_source_and_no_other(home, tmp_path, monkeypatch):
    """The grant is suspended between the look at it and the gate."""
    (tmp_path / "more").mkdir()
    home.add_source("more", tmp_path / "more", basis="household", jurisdiction="CA-ON")
    in_force = home.sources()
    home.suspend("album")
    with monkeypatch.context() as stale:
        stale.setattr(SourceService, "all", lambda _: in_force)
        with Watching(home) as seen:
            until(lambda: seen.reports("more"))
            [(name, why)] = until(seen.skipped)
    assert name == "album"
    assert "suspended" in why


def test_a_manifest_that_can_not_be_read_is_told_and_waited_for(home, pictures):
    manifest = pictures / "countenance-manifest.csv"
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        manifest.write_text("no header\n")
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        [(name, why)] = until(seen.skipped)
        assert (name, "countenance-manifest.csv" in why) == ("album", True)
        manifest.unlink()
        until(lambda: seen.taken() == 4)
    assert seen.error is None


def test_a_source_that_is_erased_is_watched_no_more(home, pictures, tmp_path):
    (tmp_path / "more").mkdir()
    home.add_source("more", tmp_path / "more", basis="household", jurisdiction="CA-ON")
    with Watching(home) as seen:
        until(lambda: seen.taken() == 3)
        home.erase(source="album")
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        write(tmp_path / "more" / "eve.jpg", "eve@10,20,60,80")
        until(lambda: seen.taken("more") == 1)
        time.sleep(2 * 0.2)
    assert (seen.taken(), seen.error) == (3, None)


@pytest.mark.parametrize("prune", [False, True])
def test_a_folder_that_goes_away_loses_nothing_and_is_watched_again_when_it_is_back(home, pictures, prune):
    away = pictures.with_name("unmounted")
    with Watching(home, prune=prune) as seen:
        until(lambda: seen.rounds)
        pictures.rename(away)
        until(lambda: seen.skipped() == [("album", "its folder is not there; what was taken stays")])
        assert home.search(toy.picture("carol@10,20,60,80")).leads
        away.rename(pictures)
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)
        write(pictures / "eve.jpg", "eve@10,20,60,80")
        until(lambda: seen.taken() == 5)
        assert sum(report.erased + report.vanished for report in seen.reports()) == 0


def test_a_folder_made_anew_under_its_name_is_watched(home, pictures):
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        for path in pictures.iterdir():
            path.unlink()
        pictures.rmdir()
        pictures.mkdir()  # it may well have the inode of the one before
        until(lambda: seen.reports()[-1].vanished == 3)
        for number in range(2):
            write(pictures / f"{number}.jpg", f"dora{number}@10,20,60,80")
            until(lambda: seen.taken() == 4 + number)  # noqa: B023  it ends in this turn


def test_prune_spares_an_emptied_folder_and_goes_on(home, pictures):
    with Watching(home, prune=True) as seen:
        until(lambda: seen.rounds)
        kept = {path.name: path.read_bytes() for path in pictures.iterdir()}
        for path in pictures.iterdir():
            path.unlink()
        [(name, why)] = until(seen.skipped)
        assert name == "album"
        assert why.startswith("the folder of 'album' is empty")
        assert home.search(toy.picture("carol@10,20,60,80")).leads
        for place, data in kept.items():
            (pictures / place).write_bytes(data)
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)


@pytest.mark.parametrize(("error", "emptied"), [(LogUnwritable, True), (StorageFailed, False)])
def test_trouble_with_the_home_itself_ends_it(home, pictures, monkeypatch, error, emptied):
    def full(*_args, **_options):
        raise error("the disk is full")

    monkeypatch.setattr(IngestService, "ingest", full)
    for path in pictures.iterdir() if emptied else ():
        path.unlink()
    with Watching(home) as seen:
        until(lambda: seen.error)
    assert isinstance(seen.error, error)


# --- events that do not come -----------------------------------------------------------------------------------------
def test_where_the_system_watches_no_more_the_full_rounds_remain(home, pictures, monkeypatch):
    def none_left(*_):
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(FolderEvents, "_schedule", none_left)
    monkeypatch.setattr(watch, "FULL_ROUND_S", 0.5)
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)
    [said] = seen.notices
    assert "fs.inotify.max_user_watches" in said


def test_without_any_inotify_the_full_rounds_remain(home, pictures, monkeypatch):
    from watchdog.observers.inotify_c import InotifyFD

    def none_left():
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(InotifyFD, "_create_inotify_fd", staticmethod(none_left))
    monkeypatch.setattr(watch, "FULL_ROUND_S", 0.5)
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)
    assert len(seen.notices) == 1


def test_events_that_ended_in_silence_begin_again(home, pictures, monkeypatch):
    begun = []
    start = FolderEvents._start
    monkeypatch.setattr(FolderEvents, "_start", lambda self: (start(self), begun.append(self._observer)))
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        begun[0]._inotify_fd.stop()  # as if it had met an error
        until(lambda: len(begun) == 2)
        time.sleep(2 * 0.2)  # the walk that comes with it
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)
        assert len(begun) == 2


def test_a_full_round_begins_everything_again(home, pictures, monkeypatch):
    monkeypatch.setattr(watch, "FULL_ROUND_S", 0.5)
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        monkeypatch.setattr(FolderEvents, "changed", lambda *_, **__: None)  # no event is heard of
        write(pictures / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)


def test_a_new_folder_that_the_library_failed_to_watch_is_watched_all_the_same(home, pictures, monkeypatch):
    from watchdog.observers.inotify import InotifyWatchGroup
    from watchdog.observers.inotify_c import InotifyFD

    add = InotifyWatchGroup._add_callback
    missed = []

    def not_while_events_are_read(self, path):
        if isinstance(threading.current_thread(), InotifyFD):
            missed.append(path)
        else:
            add(self, path)

    monkeypatch.setattr(InotifyWatchGroup, "_add_callback", not_while_events_are_read)
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        (pictures / "new" / "deep").mkdir(parents=True)
        write(pictures / "new" / "dora.jpg", "dora@10,20,60,80")
        until(lambda: seen.taken() == 4)
        assert missed
        time.sleep(2 * 0.2)  # no other change is under way
        write(pictures / "new" / "deep" / "eve.jpg", "eve@10,20,60,80")
        until(lambda: seen.taken() == 5)


def test_a_folder_that_is_moved_in_out_and_in_again_is_taken_and_watched(home, pictures, tmp_path):
    outside = tmp_path / "trip"
    (outside / "day").mkdir(parents=True)
    write(outside / "day" / "dora.jpg", "dora@10,20,60,80")
    inside = pictures / "trip"
    with Watching(home) as seen:
        until(lambda: seen.rounds)
        outside.rename(inside)
        until(lambda: seen.taken() == 4)
        inside.rename(outside)
        until(lambda: seen.reports()[-1].vanished == 1)
        write(outside / "day" / "eve.jpg", "eve@10,20,60,80")
        outside.rename(pictures / "journey")
        until(lambda: seen.taken() == 5)
        write(pictures / "journey" / "day" / "frank.jpg", "frank@10,20,60,80")
        until(lambda: seen.taken() == 6)


@pytest.mark.parametrize("ends", [False, True])
def test_a_folder_that_leaves_while_another_takes_its_name_and_goes_breaks_nothing(home, pictures, tmp_path, ends):
    """The library's books are wrong from then on, and it says so with an error to whoever ends that watch."""
    sub = pictures / "sub"
    sub.mkdir()
    with Watching(home, settle_s=600.0 if ends else 0.5) as seen:
        until(lambda: seen.rounds)
        sub.rename(tmp_path / "out")
        sub.mkdir()
        time.sleep(0.1)  # until it is watched
        sub.rmdir()
        time.sleep(0.1)  # until that is known
        if not ends:
            time.sleep(2 * 0.5)
            write(pictures / "dora.jpg", "dora@10,20,60,80")
            until(lambda: seen.taken() == 4)
    assert seen.error is None


def test_a_limit_that_is_reached_deep_in_a_source_is_told(home, monkeypatch):
    from watchdog.observers.inotify_c import InotifyFD

    made = InotifyFD._get_or_create_watch
    left = iter(range(1))

    def one(self, path, mask):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        return made(self, path, mask)

    monkeypatch.setattr(InotifyFD, "_get_or_create_watch", one)
    with Watching(home) as seen:
        until(lambda: seen.notices)
        until(lambda: seen.rounds)
    assert len(seen.notices) == 1


@contextmanager
def following(tmp_path, monkeypatch):
    """(events, clock): one followed folder, taken, at a time that the test sets."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(folder_events, "time", SimpleNamespace(monotonic=lambda: clock.now))
    (tmp_path / "folder").mkdir()
    with FolderEvents(ignore=tmp_path / "home", notice=pytest.fail) as events:
        events.follow({"album": tmp_path / "folder"})
        assert events.due(quiet_s=1, most_s=5) == ("album",), "a new one is due at once"
        events.taken("album")
        assert events.due(quiet_s=1, most_s=5) == ()
        yield events, clock


def test_due_is_what_rested_or_never_rests(tmp_path, monkeypatch):
    with following(tmp_path, monkeypatch) as (events, clock):
        for _ in range(5):
            events.changed(["album"])
            clock.now += 0.9
            assert events.due(quiet_s=1, most_s=5) == ()
        events.changed(["album", "nobody"])
        clock.now += 0.5
        assert events.due(quiet_s=1, most_s=5) == ("album",), "five seconds without a rest"
        events.taken("album")
        events.changed(["album"])
        clock.now += 1
        assert events.due(quiet_s=1, most_s=5) == ("album",), "a rest"


def test_lost_events_make_everything_due_and_print_nothing(tmp_path, monkeypatch, capfd):
    with following(tmp_path, monkeypatch) as (events, _):
        logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed")
        assert events.due(quiet_s=1, most_s=5) == ("album",)
    assert capfd.readouterr() == ("", "")
