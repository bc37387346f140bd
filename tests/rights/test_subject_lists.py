"""The CSV of a grant's subjects: what it says, or the line and what is wrong with it."""

import os
from pathlib import Path

import pytest

from countenance.errors import GrantInvalid
from countenance.rights import subjects
from countenance.rights.subjects import SubjectLine, read_subjects


@pytest.fixture
def written(tmp_path):
    (tmp_path / "forms").mkdir()
    for name in ("forms/a.pdf", "a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")

    def write(text, encoding="utf-8"):
        path = tmp_path / "people.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def refused(path, words):
    with pytest.raises(GrantInvalid, match=words) as caught:
        read_subjects(path)
    assert caught.value.hint


def test_a_line_a_subject_with_paths_beside_the_list(written, tmp_path):
    path = written("name,evidence,reference\nAda L.,forms/a.pdf,a.jpg\n Grace H. , forms/a.pdf , b.jpg \n")
    assert read_subjects(path) == (
        SubjectLine(2, "Ada L.", tmp_path / "forms" / "a.pdf", tmp_path / "a.jpg", None),
        SubjectLine(3, "Grace H.", tmp_path / "forms" / "a.pdf", tmp_path / "b.jpg", None),
    )


def test_as_a_spreadsheet_writes_it(written):
    text = 'reference,"name",face,evidence\r\na.jpg,"Lovelace, Ada",2,forms/a.pdf\r\n'
    [subject] = read_subjects(written(text, "utf-8-sig"))
    assert (subject.name, subject.face) == ("Lovelace, Ada", 2)


def test_an_absolute_path_is_itself(written, tmp_path):
    [subject] = read_subjects(written(f"name,evidence,reference\nA,{tmp_path}/forms/a.pdf,{tmp_path}/a.jpg\n"))
    assert subject.reference == tmp_path / "a.jpg"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has none of the columns"),
        ("name,evidence\nA,forms/a.pdf\n", "has the columns name, evidence"),
        ("name,evidence,reference,note\nA,forms/a.pdf,a.jpg,x\n", "note"),
        ("name,evidence,reference\n", "lists no one"),
        ("name,evidence,reference\n,forms/a.pdf,a.jpg\n", "line 2: name is empty"),
        ("name,evidence,reference\nA,forms/a.pdf\n", "line 2: reference is empty"),
        ("name,evidence,reference\nA,forms/a.pdf,a.jpg\nB,,a.jpg\n", "line 3: evidence is empty"),
        ("name,evidence,reference\nA,forms,a.jpg\n", "evidence forms does not exist"),
        ("name,evidence,reference\nA,forms/a.pdf,c.jpg\n", "reference c.jpg does not exist"),
        ("name,evidence,reference,face\nA,forms/a.pdf,a.jpg,-1\n", "face '-1' is not a number"),
        ("name,evidence,reference,face\nA,forms/a.pdf,a.jpg,one\n", "face 'one' is not a number"),
        (f"name,evidence,reference,face\nA,forms/a.pdf,a.jpg,{'9' * 5000}\n", "is not a number"),
        ("name,evidence,reference\nA,forms/a.pdf,a.jpg,surplus\n", "line 2 has more cells"),
    ],
)
def test_what_does_not_hold_is_said_with_its_line(written, text, words):
    refused(written(text), words)


def test_a_list_that_can_not_be_read(written, tmp_path):
    refused(tmp_path / "nowhere.csv", "is not a file")
    refused(tmp_path, "is not a file")
    refused(Path("/dev/zero"), "is not a file")
    os.mkfifo(tmp_path / "waits.csv")
    refused(tmp_path / "waits.csv", "is not a file")
    refused(Path("a\0b"), "is not a file")
    refused(written("name,evidence,reference\nÅsa,forms/a.pdf,a.jpg\n", "latin-1"), "can't be read")
    refused(written('name,evidence,reference\n"A\nB",forms/a.pdf,a.jpg\n'), "is not one printable line")
    refused(written(f"name,evidence,reference\n{'A' * 200_000},forms/a.pdf,a.jpg\n"), "after line 1: field larger")
    refused(written("x" * 200_000), "after line 0: field larger")


def test_of_a_file_that_is_no_list_nothing_is_told(written):
    with pytest.raises(GrantInvalid) as caught:
        read_subjects(written("root:x:0:0:root:/root:/bin/bash\n"))
    assert "root" not in str(caught.value)


def test_a_file_too_large_is_not_read(written, monkeypatch):
    monkeypatch.setattr(subjects, "MAX_LIST_BYTES", 40)
    refused(written("name,evidence,reference\nA,forms/a.pdf,a.jpg\n"), "larger than 16 MB")


def test_a_list_without_end(written, monkeypatch):
    monkeypatch.setattr(subjects, "MAX_SUBJECTS", 2)
    row = "A,forms/a.pdf,a.jpg\n"
    assert len(read_subjects(written("name,evidence,reference\n" + row * 2))) == 2
    refused(written("name,evidence,reference\n" + row * 3), "more than 2 subjects")
