"""A picture's own jurisdiction, from a file beside it or a list at the source's root.

    IMG_1.jpg.countenance.toml       jurisdiction = "CA-ON"            or    jurisdiction = ["CA-ON", "US-NY"]

    countenance-manifest.csv         path,jurisdiction
                                     2019/IMG_1.jpg,CA-ON
                                     2019/IMG_2.jpg,CA-ON;US-NY

It replaces the source's default for that picture. What is malformed costs that picture its place in the gallery, never
the run; only a list that can't be read as a whole is an error. Whether the value lies within the grant is not decided
here. Bytes in, values out: no file is opened.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from countenance.errors import WrongUse
from countenance.jurisdictions import parse_set
from countenance.remedies import Remedy

SIDECAR_SUFFIX: Final = ".countenance.toml"
MANIFEST_NAME: Final = "countenance-manifest.csv"
MAX_SIDECAR_BYTES: Final = 16_384  # one line is enough
MAX_MANIFEST_BYTES: Final = 128 * 1024 * 1024  # over a million rows; it is held in memory
MANIFEST_COLUMNS: Final = ("path", "jurisdiction")


@dataclass(frozen=True, slots=True)
class MalformedValue:
    """A value that can't be used, and why, in a sentence without anything from the file itself."""

    detail: str


Own = frozenset[str] | MalformedValue


@dataclass(frozen=True, slots=True)
class PictureManifest:
    """The rows of a list: a place -> its codes, or why it has none."""

    rows: Mapping[str, Own]
    homeless: tuple[int, ...]  # the lines whose path is no place inside the source


def parse_sidecar(content: bytes) -> Own:
    """The codes that a sidecar names."""
    if len(content) > MAX_SIDECAR_BYTES:
        return MalformedValue(f"its sidecar is larger than {MAX_SIDECAR_BYTES} bytes")
    try:
        values = tomllib.loads(content.decode())
    except ValueError:  # no UTF-8, or no TOML
        return MalformedValue("its sidecar is not TOML in UTF-8")
    except RecursionError:
        return MalformedValue("its sidecar is nested too deeply")
    if values.keys() != {"jurisdiction"}:
        return MalformedValue("its sidecar must hold the key jurisdiction and no other")
    value = values["jurisdiction"]
    codes = [value] if isinstance(value, str) else value
    if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
        return MalformedValue('in its sidecar, jurisdiction must be a code such as "CA-ON", or a list of codes')
    return _codes_of(";".join(codes), "its sidecar")


def parse_manifest(content: bytes) -> PictureManifest:
    """The rows of a countenance-manifest.csv; several codes are separated by semicolons.

    Paths are relative to the source, with "/" between their parts; bytes that are no UTF-8 are kept as in file names.
    Raises: WrongUse: it has no usable header, or is no CSV at all.
    """
    text = content.decode("utf-8-sig", errors="surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: dict[str, Own] = {}
    homeless: list[int] = []
    seen: dict[str, Own] = {}  # a million rows name few jurisdictions: parse and hold each text once
    try:
        header = tuple(column.strip().lower() for column in next(reader, ()))
        if sorted(header) != sorted(MANIFEST_COLUMNS):
            raise WrongUse(
                f"{MANIFEST_NAME} does not begin with the names of its columns: {','.join(MANIFEST_COLUMNS)}",
                Remedy.CORRECT_FILE,
            )
        path_at, codes_at = header.index("path"), header.index("jurisdiction")
        for row in reader:
            if not row:
                continue
            place = row[path_at] if len(row) > path_at else ""
            if not is_place(place):
                homeless.append(reader.line_num)
            elif place in rows:
                rows[place] = MalformedValue(f"{MANIFEST_NAME} names it more than once")
            elif len(row) != len(header):
                rows[place] = MalformedValue(f"its row in {MANIFEST_NAME} has not {len(header)} columns")
            else:
                codes = row[codes_at]
                if codes not in seen:
                    seen[codes] = _codes_of(codes, f"its row in {MANIFEST_NAME}")
                rows[place] = seen[codes]
    except csv.Error as error:
        raise WrongUse(
            f"{MANIFEST_NAME} is not a CSV after line {reader.line_num}: {error}", Remedy.CORRECT_FILE
        ) from error
    return PictureManifest(rows, tuple(homeless))


def is_place(path: str) -> bool:
    """Whether `path` can name a file inside a source: relative, "/" between parts, none of them empty, "." or ".."."""
    return "\0" not in path and all(part not in {"", ".", ".."} for part in path.split("/"))


def _codes_of(codes: str, whose: str) -> Own:
    try:
        return parse_set(codes)
    except WrongUse as error:
        return MalformedValue(f"{whose} names what is not a jurisdiction; use one of these: {', '.join(error.values)}")
