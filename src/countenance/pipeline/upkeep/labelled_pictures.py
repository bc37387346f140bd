"""A user's labelled pictures, read and checked before one of them is opened: who is who, which pairs, which groups.

What holds: every picture's file is there; a person is a number from 0 in the order of names; pictures stand in order of
their people; no label contradicts another. Groups are the user's own words: nothing here guesses one from a face.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.pairs import Labels
from countenance.errors import NotFound, WrongUse
from countenance.remedies import Remedy

NAMED: Final = 10  # faults of one kind in one message
MAX_GROUPS: Final = 12  # of one attribute: each couple of them has its own numbers
MAX_TEXT_BYTES: Final = 256 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class ListedPairs:
    """The pairs of a list, (K,) places in the pictures."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    repeated: tuple[str, ...]  # lines that repeat an earlier one, left out


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Pictures of known people."""

    root: Path
    pictures: tuple[Path, ...]
    names: tuple[str, ...]  # of the pictures, as their labels name them
    people: NDArray[np.int64]  # (N,) the number of each picture's person, rising
    persons: tuple[str, ...]  # their names; of listed pairs "" where nobody named them
    pairs: ListedPairs | None  # None: every pair
    ignored: tuple[tuple[str, str], ...] = ()  # (name, why) of what lies there and is no labelled picture


# --- a folder a person -----------------------------------------------------------------------------------------------
def read_people(root: Path) -> Labelled:
    """The pictures of `root`/person/picture. Links are followed: their owner put them there.

    Raises: NotFound: no such folder; WrongUse: fewer than two pictures, or it can't be read.
    """
    if not root.is_dir():
        raise NotFound(
            "there is no folder of labelled pictures, which holds a folder for each person",
            Remedy.USE_EXISTING_FOLDER,
            path=root,
        )
    pictures: list[Path] = []
    people: list[int] = []
    persons: list[str] = []
    ignored: list[tuple[str, str]] = []
    try:
        for folder in sorted(root.iterdir()):
            if not folder.is_dir():
                ignored.append((folder.name, "a file outside the folders of people"))
                continue
            held = []
            for item in sorted(folder.iterdir()):
                if item.is_file() and not item.name.startswith("."):
                    held.append(item)
                else:
                    ignored.append((f"{folder.name}/{item.name}", _why_not(item)))
            if held:
                pictures += held
                people += [len(persons)] * len(held)
                persons.append(folder.name)
            else:
                ignored.append((folder.name, "a folder without a picture"))
    except OSError as error:
        raise WrongUse(
            f"a labelled picture or its folder can't be read: {error.strerror}",
            Remedy.CHECK_PERMISSION,
            path=error.filename,
        ) from error
    if len(pictures) < 2:
        raise WrongUse(
            f"the folder holds {len(pictures) or 'no'} labelled pictures; they are at person/picture.jpg in it",
            Remedy.USE_EXISTING_FOLDER,
            path=root,
        )
    return Labelled(
        root=root,
        pictures=tuple(pictures),
        names=tuple(f"{item.parent.name}/{item.name}" for item in pictures),
        people=np.array(people, np.int64),
        persons=tuple(persons),
        pairs=None,
        ignored=tuple(ignored),
    )


def _why_not(item: Path) -> str:
    if item.is_dir():
        return "a folder in a person's folder, which is not looked into"
    return "a hidden file" if item.name.startswith(".") else "no file"


# --- a list of pairs -------------------------------------------------------------------------------------------------
def read_pairs(path: Path) -> Labelled:
    """The pictures and pairs of a list: a CSV with the columns a, b, same, or the pairs file of LFW.

    In the CSV a and b are paths relative to it, and same is 1 or 0; whoever is the same as the same one is one person.
    Raises: NotFound: no such file; WrongUse: a line is no pair, files are missing, or labels contradict each other.
    """
    text = _text(path)
    first_line = text.split("\n", 1)[0].strip()
    if first_line.replace(" ", "").lower().startswith("a,b,same"):
        triples = _csv_pairs(path, text)
    elif first_line and all(word.isdigit() for word in first_line.split()):
        triples = _lfw_pairs(path, text)
    else:
        raise WrongUse(
            f"{path.name} is not a list of pairs: its first line is {first_line[:60]!r}, but should be a,b,same "
            "or that of LFW's pairs file",
            Remedy.USE_FORMAT,
            values=("a,b,same",),
        )
    if not triples:
        raise WrongUse(f"{path.name} holds no pair")
    names = sorted({name for _, a, b, _ in triples for name in (a, b)})
    missing = [name for name in names if not _is_file(path.parent / name)]
    if missing:
        raise WrongUse(
            f"{len(missing):,} of the pictures that {path.name} names are not there, seen from its folder: "
            f"{_some(missing)}",
            Remedy.CORRECT_FILE,
        )
    return _paired(path, names, triples)


def _csv_pairs(path: Path, text: str) -> list[tuple[int, str, str, bool]]:
    """(line, a, b, same)."""
    found = []
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        next(reader)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            cells = [cell.strip() for cell in row]
            if len(cells) != 3 or not cells[0] or not cells[1] or cells[2] not in {"0", "1"}:
                raise WrongUse(
                    f"{path.name}, line {reader.line_num}: not a pair",
                    Remedy.USE_FORMAT,
                    values=("ada/1.jpg,ada/2.jpg,1",),
                )
            found.append((reader.line_num, cells[0], cells[1], cells[2] == "1"))
    except csv.Error as error:
        raise WrongUse(f"{path.name}, after line {reader.line_num}: {error}", Remedy.CORRECT_FILE) from error
    return found


def _lfw_pairs(path: Path, text: str) -> list[tuple[int, str, str, bool]]:
    """(line, a, b, same) of `Name n m` and `Name n Other m`: Name/Name_0001.jpg beside the list."""
    found = []
    for number, line in enumerate(text.splitlines()[1:], start=2):
        words = line.split()
        if not words:
            continue
        if len(words) == 3:
            words = [words[0], words[1], words[0], words[2]]
        if len(words) != 4 or not (words[1].isdigit() and words[3].isdigit()):
            raise WrongUse(f"{path.name}, line {number}: not a pair", Remedy.USE_FORMAT, values=("Name 1 2",))
        a, b = (f"{name}/{name}_{int(place):04d}.jpg" for name, place in (words[:2], words[2:]))
        found.append((number, a, b, words[0] == words[2]))
    return found


def _paired(path: Path, names: Sequence[str], triples: Sequence[tuple[int, str, str, bool]]) -> Labelled:
    """People are what `same` joins; a pair labelled different within one person, or two ways, is a contradiction."""
    place = {name: number for number, name in enumerate(names)}
    leader = list(range(len(names)))

    def person(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    for _, a, b, same in triples:
        if same:
            leader[person(place[a])] = person(place[b])
    wrong = [line for line, a, b, same in triples if not same and person(place[a]) == person(place[b])]
    if wrong:
        raise WrongUse(
            f"{path.name} contradicts itself: what {len(wrong):,} pairs call different people, others join into one "
            f"(lines {_some(map(str, wrong))})",
            Remedy.CORRECT_FILE,
        )
    # In order of people, so that the rows of one person stand together.
    roots = [person(number) for number in range(len(names))]
    order = sorted(range(len(names)), key=lambda number: (roots[number], number))
    numbers = {root: number for number, root in enumerate(sorted(set(roots)))}
    moved = {old: new for new, old in enumerate(order)}
    seen: set[tuple[int, int]] = set()
    repeated = []
    for line, a, b, _ in triples:
        x, y = moved[place[a]], moved[place[b]]
        pair = (min(x, y), max(x, y))
        if pair in seen:
            repeated.append(f"line {line}")
        seen.add(pair)
    first, second = np.array(sorted(seen), np.int64).T
    return Labelled(
        root=path.parent,
        pictures=tuple(path.parent / names[old] for old in order),
        names=tuple(names[old] for old in order),
        people=np.array([numbers[roots[old]] for old in order], np.int64),
        persons=("",) * len(numbers),
        pairs=ListedPairs(first, second, tuple(repeated)),
    )


# --- groups ----------------------------------------------------------------------------------------------------------
def read_groups(path: Path, labelled: Labelled) -> tuple[Labels, ...]:
    """The groupings of a CSV: a column `person` (folder) or `picture` (as its labels name it), a column an attribute.

    An empty cell, or a picture without a line, is no label. Raises: NotFound; WrongUse: a line names what is not among
    the labelled pictures, or twice, or an attribute has more than MAX_GROUPS labels.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        rows = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        raise WrongUse(f"{path.name}, after line {reader.line_num}: {error}", Remedy.CORRECT_FILE) from error
    header = rows[0] if rows else []
    if len(header) < 2 or header[0] not in {"person", "picture"} or len(set(header)) < len(header) or "" in header:
        raise WrongUse(
            f"{path.name} is not a list of groups: its first line is {','.join(header)[:60]!r} and names no column "
            "person or picture",
            Remedy.USE_FORMAT,
            values=("person,age,camera",),
        )
    if header[0] == "person" and labelled.pairs is not None:
        raise WrongUse(
            f"{path.name} groups people, and a list of pairs names none: its first column must be picture",
            Remedy.CORRECT_FILE,
        )
    lines = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(row)]
    uneven = [str(number) for number, row in lines if len(row) != len(header)]
    if uneven:
        raise WrongUse(
            f"{path.name}: {len(uneven)} lines do not have {len(header)} cells (empty ones count), lines "
            f"{_some(uneven)}",
            Remedy.CORRECT_FILE,
        )
    return _grouped(path, header, [row for _, row in lines], labelled)


def _grouped(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], labelled: Labelled
) -> tuple[Labels, ...]:
    by_person = header[0] == "person"
    known = set(labelled.persons if by_person else labelled.names)
    keys = [row[0] for row in rows]
    unknown = sorted({key for key in keys if key not in known})
    if unknown:
        raise WrongUse(
            f"{len(unknown):,} of the {'people' if by_person else 'pictures'} in {path.name} are not among the "
            f"labelled: {_some(unknown)}",
            Remedy.CORRECT_FILE,
        )
    twice = sorted(key for key, count in Counter(keys).items() if count > 1)
    if twice:
        raise WrongUse(f"{path.name} names {len(twice):,} more than once: {_some(twice)}", Remedy.CORRECT_FILE)
    found = []
    for column, attribute in enumerate(header[1:], start=1):
        words = {row[0]: row[column] for row in rows if row[column]}
        names = sorted(set(words.values()))
        if not names or len(names) > MAX_GROUPS:
            raise WrongUse(
                f"the column {attribute!r} of {path.name} has {len(names) or 'no'} labels; with more than "
                f"{MAX_GROUPS} each would hold too few people",
                Remedy.CORRECT_FILE,
            )
        code = {name: number for number, name in enumerate(names)}
        named = [labelled.persons[p] for p in labelled.people] if by_person else labelled.names
        codes = [code[words[name]] if name in words else -1 for name in named]
        found.append(Labels(attribute, tuple(names), np.array(codes, np.int64)))
    return tuple(found)


# --- reading ---------------------------------------------------------------------------------------------------------
def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise NotFound("there is no file of that name", Remedy.USE_EXISTING_FILE, path=path)
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise WrongUse(
                f"the list has more than {MAX_TEXT_BYTES // 2**20} MB",
                Remedy.USE_SMALLER_FILE,
                values=(f"{MAX_TEXT_BYTES // 2**20} MB",),
                path=path,
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise WrongUse(f"the list can't be read: {error.strerror}", Remedy.CHECK_PERMISSION, path=path) from error
    except UnicodeDecodeError as error:
        raise WrongUse("the list is not text in UTF-8", Remedy.SAVE_AS_UTF8, path=path) from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file, a folder that this user may not enter
        return False


def _some(names: Iterable[str]) -> str:
    """The first NAMED of them."""
    every = list(names)
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED:,} more" if len(every) > NAMED else "")
