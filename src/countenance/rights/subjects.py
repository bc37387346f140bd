"""The list of a grant's subjects: the people whose consent or release it records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from countenance.errors import GrantInvalid
from countenance.remedies import Remedy

COLUMNS: Final = ("name", "evidence", "reference")
MAX_SUBJECTS: Final = 10_000
MAX_LIST_BYTES: Final = 16 * 2**20
MAX_DIGITS: Final = 6  # no picture holds a million faces


@dataclass(frozen=True, slots=True)
class SubjectLine:
    """One row of the list. Paths are absolute; bytes are the document or picture itself."""

    line: int
    name: str
    evidence: Path | bytes
    reference: Path | bytes  # a picture of the subject
    face: int | None  # which face of it, where it holds several; as `countenance detect` counts


def read_subjects(path: Path) -> tuple[SubjectLine, ...]:
    """The subjects in a CSV with the columns name, evidence, reference and, where a picture holds several faces, face.

    Paths in it are relative to the CSV. Raises GrantInvalid: with the line and what is wrong with it.
    """
    text = _text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return _listed(path, reader)
    except csv.Error as error:
        raise GrantInvalid(
            f"{path.name}, after line {reader.line_num}: {error}; the list is a CSV in UTF-8, one line a subject",
            Remedy.CORRECT_FILE,
            field="subjects",
        ) from error


def listed(people: Iterable[tuple[str, bytes, bytes, int | None]]) -> tuple[SubjectLine, ...]:
    """The subjects that a program hands in: name, evidence, reference, face. Raises: GrantInvalid."""
    found = tuple(
        SubjectLine(number, _name("subjects", number, name.strip()), evidence, reference, face)
        for number, (name, evidence, reference, face) in enumerate(people, 1)
    )
    if not found or len(found) > MAX_SUBJECTS:
        raise GrantInvalid(
            f"the list has {len(found):,} subjects, and 1 to {MAX_SUBJECTS:,} are possible", Remedy.SPLIT_FILE,
            field="subjects",
        )  # fmt: skip
    return found


def _text(path: Path) -> str:
    """The list, which somebody names by a path: a device or FIFO is not waited for, nor a large file read."""
    try:
        if not path.is_file():
            raise GrantInvalid(
                "the list of subjects is not a file", Remedy.USE_EXISTING_FILE, field="subjects", path=path
            )
        with path.open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
        if len(data) > MAX_LIST_BYTES:
            raise GrantInvalid(
                "the list of subjects is larger than 16 MB", Remedy.SPLIT_FILE, field="subjects", path=path
            )
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        remedy = Remedy.CHECK_PERMISSION if isinstance(error, OSError) else Remedy.SAVE_AS_UTF8
        raise GrantInvalid(f"the list of subjects can't be read: {why}", remedy, field="subjects", path=path) from error


def _listed(path: Path, reader: csv.DictReader[str]) -> tuple[SubjectLine, ...]:
    columns = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    missing = [name for name in COLUMNS if name not in columns]
    unknown = [name for name in columns if name not in (*COLUMNS, "face")]
    if missing or unknown:
        # Of a file that is no list of subjects nothing is told: it may be anything that the service can read.
        ours = any(name in COLUMNS for name in columns)
        raise GrantInvalid(
            (f"{path.name} has the columns {', '.join(columns)}" if ours else f"{path.name} has none of the columns")
            + "; its first line must be name,evidence,reference (and face, where a reference shows several)",
            Remedy.CORRECT_FILE,
            field="subjects",
        )
    found: list[SubjectLine] = []
    for row in reader:
        found.append(_subject(path, reader.line_num, row))
        if len(found) > MAX_SUBJECTS:
            raise GrantInvalid(
                f"{path.name} lists more than {MAX_SUBJECTS:,} subjects", Remedy.SPLIT_FILE, field="subjects"
            )
    if not found:
        raise GrantInvalid(
            f"{path.name} lists no one; it has one line for each subject", Remedy.CORRECT_FILE, field="subjects"
        )
    return tuple(found)


def _subject(path: Path, line: int, row: dict[str, str | None]) -> SubjectLine:
    if None in row:
        raise GrantInvalid(
            f'{path.name}, line {line} has more cells than the first; a cell with a comma needs "quotes"',
            Remedy.CORRECT_FILE,
            field="subjects",
        )
    values = {key: (value or "").strip() for key, value in row.items()}
    for name in COLUMNS:
        if not values.get(name):
            raise GrantInvalid(f"{path.name}, line {line}: {name} is empty", Remedy.CORRECT_FILE, field="subjects")
    _name(path.name, line, values["name"])
    files = {name: (path.parent / values[name]).absolute() for name in ("evidence", "reference")}
    for name, file in files.items():
        if not file.is_file():
            raise GrantInvalid(
                f"{path.name}, line {line}: {name} {values[name]} does not exist; paths are relative to the list",
                Remedy.CORRECT_FILE,
                field="subjects",
            )
    face = values.get("face", "")
    if face and not (face.isdecimal() and len(face) < MAX_DIGITS):
        raise GrantInvalid(
            f"{path.name}, line {line}: face {face!r} is not a number", Remedy.NUMBER_FACES, field="subjects"
        )
    return SubjectLine(line, values["name"], files["evidence"], files["reference"], int(face) if face else None)


def _name(where: str, line: int, name: str) -> str:
    if not name or not name.isprintable():
        raise GrantInvalid(
            f"{where}, line {line}: the name is not one printable line", Remedy.CORRECT_FILE, field="subjects"
        )
    return name
