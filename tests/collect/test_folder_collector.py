import os
import resource
import socket
import threading
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from countenance.collect.folder import FolderCollector
from countenance.errors import NotFound, PermitRefused, StorageFailed
from countenance.permits import Act
from countenance.protocols import FoundFile
from countenance.testing import forged
from countenance.testing.collector import LIMIT, CollectorContract, found_in, rejected_in, to_collect
from countenance.types import Rejected, RejectReason


def write(root, files):
    for place, content in files.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class TestFolderCollector(CollectorContract):
    def make(self, files, scratch):
        write(scratch, files)
        return FolderCollector(scratch)

    def vanish(self, place, scratch):
        (scratch / place).unlink()


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    write(root, {"a.jpg": b"a", "sub/b.jpg": b"b"})
    return root


@pytest.fixture
def collector(source):
    return FolderCollector(source)


def reason(answer):
    assert isinstance(answer, Rejected)
    assert answer.detail
    return answer.reason


def read(collector, place="a.jpg", max_bytes=LIMIT):
    return collector.read(FoundFile(place, 1, 0), to_collect(), max_bytes=max_bytes)


# --- what stands in the folder ---------------------------------------------------------------------------------------
def test_links_are_named_and_never_followed(collector, source, tmp_path):
    write(tmp_path, {"outside/secret.jpg": b"secret"})
    (source / "file-inside").symlink_to("a.jpg")
    (source / "file-outside").symlink_to(tmp_path / "outside" / "secret.jpg")
    (source / "folder-outside").symlink_to(tmp_path / "outside")
    (source / "loop").symlink_to(".")
    (source / "self").symlink_to("self")
    (source / "dangling").symlink_to("nowhere")
    rejected = rejected_in(collector)
    assert rejected.keys() == {"file-inside", "file-outside", "folder-outside", "loop", "self", "dangling"}
    assert {each.reason for each in rejected.values()} == {RejectReason.LINK}
    assert set(found_in(collector)) == {"a.jpg", "sub/b.jpg"}
    for place in (*rejected, "folder-outside/secret.jpg", "loop/a.jpg"):
        assert reason(read(collector, place)) is RejectReason.LINK


def test_what_is_no_file_is_named_and_does_not_block(collector, source, monkeypatch):
    os.mkfifo(source / "fifo")
    monkeypatch.chdir(source)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    rejected = rejected_in(collector)
    assert {place: each.reason for place, each in rejected.items()} == dict.fromkeys(
        ("fifo", "socket"), RejectReason.NOT_A_FILE
    )
    for place in ("fifo", "socket", "sub"):
        assert reason(read(collector, place)) is RejectReason.NOT_A_FILE


NAMES = [
    b"new\nline.jpg",
    b"broken-\xff\xfe.jpg",
    b"tab\t.jpg",
    b"-rf.jpg",
    b"%2e%2e.jpg",
    b"back\\slash.jpg",
    b" .jpg",
    b"\xf0\x9f\x98\x80.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_that_a_disk_allows_is_found_read_and_addressed(collector, source, name):
    (source / "sub" / os.fsdecode(name)).write_bytes(name)
    place = "sub/" + os.fsdecode(name)
    assert read(collector, place) == name
    assert place in found_in(collector)
    address = urlsplit(collector.uri(place))
    assert address.scheme == "file"
    assert unquote_to_bytes(address.path) == os.fsencode(source) + b"/sub/" + name


def test_folders_deeper_than_a_path_may_be_long(tmp_path):
    depth = 60
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 100, dir_fd=fd)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    with os.fdopen(os.open("deep.jpg", os.O_WRONLY | os.O_CREAT, dir_fd=fd), "wb") as file:
        file.write(b"deep")
    os.close(fd)
    collector = FolderCollector(tmp_path)
    (place,) = found_in(collector)
    assert len(place) > 4_096
    assert read(collector, place) == b"deep"


def test_many_nested_folders_need_few_open_files(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        assert list(FolderCollector(tmp_path).walk(to_collect())) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_home_inside_the_source_is_skipped_and_said(collector, source):
    write(source, {"sub/home/home.toml": b"", "sub/home/keys.db": b"", "sub/home/blobs/x": b"sealed"})
    assert set(found_in(collector)) == {"a.jpg", "sub/b.jpg"}
    assert reason(rejected_in(collector)["sub/home"]) is RejectReason.NOT_A_FILE
    write(source, {"home.toml": b"", "keys.db": b""})
    assert set(rejected_in(collector)) == {"."}
    assert not found_in(collector)


def test_a_link_may_be_the_root_because_its_owner_named_it(source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    collector = FolderCollector(tmp_path / "link")
    assert set(found_in(collector)) == {"a.jpg", "sub/b.jpg"}
    assert read(collector) == b"a"


@pytest.mark.parametrize("place", ["", "/etc/passwd", "../x", "sub/../a.jpg", "./a.jpg", "sub//b.jpg", "sub/", "a\0b"])
def test_a_place_outside_the_source_is_a_callers_mistake(collector, place):
    with pytest.raises(ValueError, match="is not in a source"):
        read(collector, place)


# --- what changes meanwhile ------------------------------------------------------------------------------------------
def test_a_folder_swapped_for_a_link_after_the_walk_leads_nowhere(collector, source, tmp_path):
    found = found_in(collector)["sub/b.jpg"]
    write(tmp_path, {"outside/b.jpg": b"secret"})
    (source / "sub").rename(tmp_path / "moved")
    (source / "sub").symlink_to(tmp_path / "outside")
    assert reason(collector.read(found, to_collect(), max_bytes=LIMIT)) is RejectReason.LINK


def test_a_folder_swapped_for_a_link_during_the_walk_leads_nowhere(collector, source, tmp_path):
    write(tmp_path, {"outside/b.jpg": b"secret"})
    walk = collector.walk(to_collect())
    assert next(walk).place == "a.jpg"
    (source / "sub").rename(tmp_path / "moved")
    (source / "sub").symlink_to(tmp_path / "outside")
    place, rejected = next(walk)
    assert (place, rejected.reason) == ("sub", RejectReason.LINK)
    assert list(walk) == []


def test_a_file_swapped_for_a_fifo_after_the_walk_does_not_block(collector, source):
    found = found_in(collector)["a.jpg"]
    (source / "a.jpg").unlink()
    os.mkfifo(source / "a.jpg")
    assert reason(collector.read(found, to_collect(), max_bytes=LIMIT)) is RejectReason.NOT_A_FILE


@pytest.mark.parametrize("change", ["grows", "shrinks", "is rewritten"])
def test_a_file_that_changes_while_it_is_read_is_rejected(collector, source, monkeypatch, change):
    original, looks = os.fstat, []

    def meddled(fd):
        status = original(fd)
        if not looks:
            path = source / "a.jpg"
            path.write_bytes({"grows": b"aa", "shrinks": b"", "is rewritten": b"b"}[change])
            os.utime(path, ns=(0, status.st_mtime_ns + 1))
        looks.append(fd)
        return status

    monkeypatch.setattr(os, "fstat", meddled)
    answer = read(collector)
    monkeypatch.undo()
    assert looks
    assert reason(answer) is RejectReason.CHANGED_WHILE_READ
    assert isinstance(read(collector), bytes)


def test_a_folder_that_vanishes_during_the_walk_is_reported(collector, source):
    walk = collector.walk(to_collect())
    next(walk)
    (source / "sub" / "b.jpg").unlink()
    (source / "sub").rmdir()
    assert [(place, each.reason) for place, each in walk] == [("sub", RejectReason.UNREADABLE)]


# --- what may not be read --------------------------------------------------------------------------------------------
def denied(monkeypatch, name, number=13):
    """Opening `name` fails as for a user without the right, whoever runs the test."""
    original = os.open

    def refuse(path, *args, **kwargs):
        if path == name:
            raise OSError(number, os.strerror(number))
        return original(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)


def test_an_unreadable_folder_is_reported_and_the_walk_goes_on(collector, source, monkeypatch):
    write(source, {"tail/c.jpg": b"c"})
    denied(monkeypatch, "sub")
    assert set(found_in(collector)) == {"a.jpg", "tail/c.jpg"}
    rejected = rejected_in(collector)
    assert list(rejected) == ["sub"]
    assert rejected["sub"] == Rejected(RejectReason.UNREADABLE, "permission denied")


def test_an_unreadable_file_is_rejected(collector, monkeypatch):
    denied(monkeypatch, "a.jpg")
    assert reason(read(collector)) is RejectReason.UNREADABLE


def test_running_out_of_open_files_is_not_blamed_on_the_picture(collector, monkeypatch):
    denied(monkeypatch, "a.jpg", number=24)
    with pytest.raises(StorageFailed):
        read(collector)


def test_a_root_that_is_not_there_is_said_at_once(tmp_path, source):
    for root in (tmp_path / "nowhere", source / "a.jpg"):
        with pytest.raises(NotFound, match=root.name):
            FolderCollector(root).walk(to_collect())


def test_a_root_that_may_not_be_read_is_said_at_once(collector, source, monkeypatch):
    denied(monkeypatch, source)
    with pytest.raises(StorageFailed, match="ermission denied"):
        collector.walk(to_collect())


def test_a_walk_outlives_its_permit_and_a_read_does_not(collector, monkeypatch):
    permit = to_collect()
    walk = collector.walk(permit)
    monkeypatch.setattr("countenance.permits.time.monotonic", lambda: permit.expires_s)
    assert len(list(walk)) == 2
    with pytest.raises(PermitRefused, match="expired"):
        collector.read(FoundFile("a.jpg", 1, 0), permit, max_bytes=LIMIT)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc, which is not here")
def test_no_descriptor_is_left_open(collector, source):
    write(source, {f"{number}/x.jpg": b"x" for number in range(20)})
    (source / "link").symlink_to("a.jpg")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for found in found_in(collector).values():
        collector.read(found, to_collect(), max_bytes=LIMIT)
    read(collector, "link")
    read(collector, "sub")
    read(collector, max_bytes=0)
    read(collector, "sub/nothing")
    next(collector.walk(to_collect()))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_reading_from_several_threads_mixes_nothing_up(collector, source):
    files = {f"{number % 7}/{number}.jpg": str(number).encode() for number in range(200)}
    write(source, files)
    permit, wrong = forged.live(Act.COLLECT), []

    def check(places):
        answers = {place: collector.read(FoundFile(place, 1, 0), permit, max_bytes=LIMIT) for place in places}
        wrong.extend(place for place in places if answers[place] != files[place])

    threads = [threading.Thread(target=check, args=(list(files)[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
