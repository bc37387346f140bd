"""A worker process that is killed at its work: who asked hears of it, others go on, nothing is lost or half done."""

import os
import signal
import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest
import pytest_socket

from countenance.app import jobs
from countenance.app.demo.pictures import write_album
from countenance.app.home import open_home
from countenance.client import Client, Refused
from support.patience import until
from support.served import serving, worker_ids

pytestmark = [pytest.mark.program, pytest.mark.slow]
RIGHTS = ("search", "collect", "oversee")


@pytest.fixture
def served(tmp_path, monkeypatch, no_network):
    """An organisation's home with an album, served by two workers; a key; what to search for."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost"])
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    album = write_album(tmp_path / "album")
    grant = {"basis": "historical", "jurisdiction": "FR", "purposes": ["archive-description"], "evidence": b"a deed"}
    with open_home(tmp_path / "home", kind="organisation") as home:
        home.add_source("album", album.root, **grant)
        home.add_source("handed", None, **grant)
        token = home.access_keys.make("tests", rights=RIGHTS, purpose="archive-description", case="C-1").token
    with serving(tmp_path / "home", tmp_path / "key", "--workers", "2") as found:
        yield found, token, album, tmp_path / "home"


def kill_when_busy(served, begun):
    """Each worker is killed, one after the other, while requests come in; a new one is awaited each time."""
    begun.wait(300)
    for _ in range(2):
        before = worker_ids(served.process)
        time.sleep(0.3)
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(now := worker_ids(served.process)) == 2 and now - before)  # noqa: B023  it ends in this turn


def test_under_kills_what_was_acknowledged_stands_and_nothing_is_half_done(served):
    service, token, album, path = served
    begun, over = threading.Event(), threading.Event()
    searches, places, faults, cut = [], [], [], []
    probe = album.probe.read_bytes()

    def ask(number):
        turn = 0
        while not over.is_set():
            turn += 1
            try:
                with Client(service.url, token) as client:
                    if number % 2:
                        searches.append(client.search(probe)["log_entry"])
                    else:
                        place = f"{number}/{turn}.jpg"
                        assert client.upload("handed", place, probe)["picture_id"]
                        places.append(place)
                begun.set()
            except OSError:  # its process was killed, three times at the same request: the connection tells
                cut.append(number)
            except Refused as refused:
                if refused.kind == "under_way":  # the client sent it again, and nobody knows whether it was done
                    cut.append(number)
                elif refused.kind != "home_busy":
                    faults.append((refused.status, refused.kind, str(refused)))

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for each in askers:
        each.start()
    try:
        kill_when_busy(service, begun)
        time.sleep(1)
    finally:
        over.set()
        for each in askers:
            each.join()
    assert faults == []
    assert searches
    assert places
    with open_home(path) as home:
        assert set(searches) <= {entry.id for entry in home.parts.log.entries()}
        stand = home.grants.counted(home.source("handed"))["counts"]["places"]
        assert len(places) <= stand <= len(places) + len(cut)
        assert_whole(home)


def test_a_job_whose_worker_is_killed_is_told_as_stopped_and_taken_up_again(served, monkeypatch):
    service, token, album, path = served
    monkeypatch.setattr(jobs, "LOST", timedelta(seconds=5))
    with Client(service.url, token) as client:
        job = client.ingest("album")["id"]
    for pid in worker_ids(service.process):
        os.kill(pid, signal.SIGKILL)
    with open_home(path) as home:
        until(lambda: not home.jobs.get(job).open)
        assert home.jobs.get(job).state in {"stopped", "done"}

    def done():  # once a new worker is there, and knows that the first job is lost: after 30 s
        with suppress(OSError), Client(service.url, token) as client:
            return list(client.follow(client.ingest("album")["id"]))[-1]["state"] == "done"

    until(done)
    with open_home(path) as home:
        counts = home.grants.counted(home.source("album"))["counts"]
        assert counts["places"] == len(album.pictures) + len(album.without_face)
        assert_whole(home)


def test_an_erasure_that_was_killed_is_finished_by_whoever_serves_next(tmp_path, monkeypatch, no_network):
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost"])
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    album = write_album(tmp_path / "album")
    with open_home(tmp_path / "home") as home:
        home.add_source("album", album.root, basis="household", jurisdiction="CA-ON")
        home.ingest("album")
        token = home.access_keys.make("tests", rights=RIGHTS).token
        with monkeypatch.context() as broken:
            broken.setattr(home.parts.blobs, "delete_many", _killed)
            with pytest.raises(KeyboardInterrupt):
                home.erase(source="album")
        assert len(home.parts.stores.records.erasures.unfinished()) == 1
    with serving(tmp_path / "home", tmp_path / "key") as found, Client(found.url, token) as client:
        until(lambda: not client.call("GET", "/status")["unfinished_erasures"])
    with open_home(tmp_path / "home") as home:
        assert len(home.receipts.all()) == 1
        assert_whole(home)


def _killed(*_):
    raise KeyboardInterrupt


def assert_whole(home):
    assert [finding.said for finding in home.health.examine() if finding.state == "problem"] == []
    assert home.audit.verify()["entries"] == len(home.parts.log)
    assert home.parts.stores.keys.unconfirmed() == ([], [])
