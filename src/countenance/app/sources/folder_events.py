"""Which folders have changed, and for how long they have rested: file-system events, and nothing but their times.

An event is only a reason to walk that folder again: what has changed is found by the walk. So an event that comes
twice, late or under an old name costs a walk and spoils nothing; one that is lost waits for the next full round.
Why `watchdog`, and what is made up for here: docs/adr/0019-events-are-only-a-reason-to-walk.md.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver, ObservedWatch

Identity = tuple[int, int]  # device and inode: another disk mounted there is another folder
EVENTS_LOST: Final = "watchdog"  # the logger that says so; there is no other way to be told
OUT_OF_WATCHES: Final = frozenset({errno.ENOSPC, errno.EMFILE})  # inotify(7): watches of a user, instances of a user


@dataclass(slots=True)
class _Folder:
    """One watched folder. Times are those of `time.monotonic`; None: nothing has changed since it was taken."""

    path: Path
    identity: Identity
    watch: ObservedWatch | None  # None: the system can watch no more; full rounds remain
    first_s: float | None = None
    last_s: float = 0.0
    ended: bool = False  # it was removed; another that has its place, and maybe its inode, is not watched
    stirred: bool = False  # folders were made, moved or removed in it: some may be watched by no one


class FolderEvents:
    """Follows folders by name. A context manager; its methods are called by one thread."""

    def __init__(self, *, ignore: Path, notice: Callable[[str], None]) -> None:
        """Args: ignore: what happens below is no change: a home that lies in a source is written by its ingest."""
        self._ignored = os.path.realpath(ignore)
        self._notice = notice
        self._lock = threading.Lock()
        self._folders: dict[str, _Folder] = {}
        self._limit_told = False
        self._observer: BaseObserver | None = None  # None: the system allows no more
        self._lost = _Lost(self.all_changed)

    def __enter__(self) -> Self:
        logging.getLogger(EVENTS_LOST).addHandler(self._lost)
        # A folder made with one below it is at times registered twice, which is harmless and told on standard error.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, r"watchdog\.observers\.inotify")
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        logging.getLogger(EVENTS_LOST).removeHandler(self._lost)

    def follow(self, folders: Mapping[str, Path]) -> None:
        """These are followed from now on, and no others. One that is new, or is another folder than it was, is due.

        Each must be there; one that goes away in this moment is followed when it is asked for again.
        """
        if self._has_died():
            self.renew()
        found = {name: identity(path) for name, path in folders.items()}
        for name, known in list(self._folders.items()):
            if known.ended or folders.get(name) != known.path or found[name] != known.identity:
                self._leave(name)  # all of them first: two sources over one folder share a watch
        new = {name: there for name, there in found.items() if there is not None and name not in self._folders}
        for name, there in new.items():
            self._begin(name, folders[name], there)
        if new:
            self._check_limit()

    def renew(self) -> None:
        """Every folder is due and watched anew when it is asked for again: a watch, or all, can end in silence."""
        self._stop()
        with self._lock:
            self._folders.clear()
        self._start()

    def due(self, *, quiet_s: float, most_s: float) -> tuple[str, ...]:
        """Those that have changed and then rested for `quiet_s`, or have changed for `most_s` without a rest."""
        now = time.monotonic()
        with self._lock:
            return tuple(
                name
                for name, folder in self._folders.items()
                if folder.first_s is not None and (now - folder.last_s >= quiet_s or now - folder.first_s >= most_s)
            )

    def taken(self, name: str) -> None:
        """Whatever changed so far is about to be walked; what changes from here on is a new change.

        The library loses folders that are moved out and in again, or while they are being registered. So where folders
        came or went all of them are registered anew, before the walk that finds what changed in between.
        """
        with self._lock:
            stirred = name in self._folders and self._folders[name].stirred
        if stirred:
            self._watch_anew(name)
        with self._lock:
            if name in self._folders:
                self._folders[name].first_s = None

    def changed(self, names: Iterable[str], *, at_s: float | None = None) -> None:
        """As if something had happened there, now or at `at_s`."""
        now = time.monotonic() if at_s is None else at_s
        with self._lock:
            for name in names:
                folder = self._folders.get(name)
                if folder is not None:
                    folder.last_s = now
                    folder.first_s = now if folder.first_s is None else folder.first_s

    def all_changed(self) -> None:
        """Every folder is due now."""
        self.changed(list(self._folders), at_s=float("-inf"))

    # --- watches -------------------------------------------------------------------------------------------------
    def _start(self) -> None:
        from watchdog.observers import Observer

        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            if error.errno not in OUT_OF_WATCHES:
                raise
            self._observer = None
            self._tell_limit()

    def _stop(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            for emitter in list(observer.emitters):
                _unschedule(observer, emitter.watch)
            observer.stop()
            observer.join()

    def _has_died(self) -> bool:
        """Whether a thread of the library has met an error of its own: it tells nobody, and no more events come."""
        if self._observer is None:
            return False
        reader = getattr(self._observer, "_inotify_fd", None)  # of inotify alone, and its only name
        return not all(thread.is_alive() for thread in (self._observer, *self._observer.emitters, reader) if thread)

    def _begin(self, name: str, path: Path, found: Identity) -> None:
        """It is due at once, since nobody knows what changed before."""
        try:
            watch = None if self._observer is None else self._schedule(self._observer, name, os.path.realpath(path))
        except OSError as error:
            if error.errno not in OUT_OF_WATCHES:
                return  # it went away in this moment: the next look at it says what
            watch = None
            self._tell_limit()
        with self._lock:
            self._folders[name] = _Folder(path, found, watch, first_s=float("-inf"), last_s=float("-inf"))

    def _schedule(self, observer: BaseObserver, name: str, folder: str) -> ObservedWatch:
        from watchdog import events

        def on_event(event: FileSystemEvent) -> None:
            if isinstance(event, events.DirDeletedEvent) and os.fsdecode(event.src_path) == folder:
                self._ended(name)
            elif not self._is_own(event):
                self._changed(name, stirred=event.is_directory)

        class Changed(events.FileSystemEventHandler):
            """Of this source."""

            def on_any_event(self, event: FileSystemEvent) -> None:
                on_event(event)

        # Not those of files that are opened and read: an ingest does that.
        return observer.schedule(
            Changed(), folder, recursive=True,
            event_filter=[
                events.FileCreatedEvent, events.FileModifiedEvent, events.FileClosedEvent, events.FileDeletedEvent,
                events.FileMovedEvent, events.DirCreatedEvent, events.DirDeletedEvent, events.DirMovedEvent,
            ],
        )  # fmt: skip

    def _changed(self, name: str, *, stirred: bool) -> None:
        with self._lock:
            if stirred and name in self._folders:
                self._folders[name].stirred = True
        self.changed([name])

    def _watch_anew(self, name: str) -> None:
        """It, and each source that shares its watch, is registered from the start, and due."""
        with self._lock:
            watch = self._folders[name].watch
            sharing = [(each, folder) for each, folder in self._folders.items() if folder.watch == watch]
        for each, _ in sharing:
            self._leave(each)
        for each, folder in sharing:
            self._begin(each, folder.path, folder.identity)
        self._check_limit()

    def _ended(self, name: str) -> None:
        with self._lock:
            if name in self._folders:
                self._folders[name].ended = True

    def _leave(self, name: str) -> None:
        with self._lock:
            gone = self._folders.pop(name)
            shared = any(folder.watch == gone.watch for folder in self._folders.values())
        if self._observer is not None and gone.watch is not None and not shared:
            _unschedule(self._observer, gone.watch)

    def _is_own(self, event: FileSystemEvent) -> bool:
        return all(_below(os.fsdecode(path), self._ignored) for path in (event.src_path, event.dest_path) if path)

    def _check_limit(self) -> None:
        """Says so if the system can watch no more folders: those deep in a source are left out without an error."""
        from watchdog import events

        if self._observer is None:
            return
        try:
            one_more = self._observer.schedule(events.FileSystemEventHandler(), os.sep)
        except OSError:
            self._tell_limit()
        else:
            self._observer.unschedule(one_more)

    def _tell_limit(self) -> None:
        if not self._limit_told:
            self._limit_told = True
            self._notice(
                "the system can watch no more folders, so some changes are seen by the full rounds alone; "
                "raise fs.inotify.max_user_watches (or max_user_instances)"
            )


def _unschedule(observer: BaseObserver, watch: ObservedWatch) -> None:
    """No more of its events come. The library's books err once a folder left and another took its name and went."""
    with suppress(KeyError):  # one idle thread is left behind, which ends with the process
        observer.unschedule(watch)


class _Lost(logging.Handler):
    """Whatever the library warns of (the kernel's queue overflowed) may have lost events."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._then = then

    def emit(self, record: logging.LogRecord) -> None:
        """Nothing is printed: it would stand in the answer of a program."""
        del record
        self._then()


def identity(folder: Path) -> Identity | None:
    """None: there is no such folder now."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if folder.is_dir() else None


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)
