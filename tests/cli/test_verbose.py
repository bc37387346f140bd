"""`-v` shows on standard error what happens and what is waited for: ids and counts, no name, no path, no picture."""

from filelock import FileLock

ONE = "somebodys-photograph.jpg"


def test_a_wait_for_a_lock_is_seen(mine, album):
    lead = mine.does("search", album.probe)["leads"][0]
    lock = FileLock(mine.home / "erasing.lock", thread_local=False)
    lock.acquire()
    erasing = mine.start("-v", "erase", "--face", lead["face_id"], "--yes")
    assert any("waiting for another process: erasure lock" in line for line in erasing.stderr)
    lock.release()
    out, err = erasing.communicate(timeout=120)
    assert erasing.returncode == 0, err
    assert "s for the erasure lock" in err
    assert "lock" not in out


def test_an_ingest_logs_its_steps_and_no_personal_word(mine, album):
    folder = mine.root / "Auntie"
    folder.mkdir()
    (folder / ONE).write_bytes(album.probe.read_bytes())
    mine.run("source", "add", "Aunties", folder, "--basis", "household", "--jurisdiction", "CA-ON").ended(0)
    silent = mine.run("ingest", "Aunties").ended(0)
    assert "countenance." not in silent.err
    (folder / f"more-{ONE}").write_bytes(album.probe.read_bytes() + b"\0")
    said = mine.run("-vv", "ingest", "Aunties", "--json").ended(0)
    lines = [line for line in said.err.splitlines() if " countenance." in line]
    assert any("ingest: run " in line and "begins" in line for line in lines)
    assert any("recorded 1 pictures" in line for line in lines)
    assert said.doc["sources"][0]["taken"] == 1
    for word in ("Auntie", ONE, "photograph", "album", str(mine.root)):
        assert word not in "\n".join(lines), word
