"""`home.toml`: what a folder must say of itself to be a home. Written last when a home is made, never changed."""

from __future__ import annotations

import os
import secrets
import tomllib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from countenance.durable import create_file, replace_file, sync_folder
from countenance.errors import HomeTooNew, StorageFailed, WrongUse
from countenance.remedies import Remedy
from countenance.types import HomeKind

FILE: Final = "home.toml"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class HomeManifest:
    """The identity of a home."""

    id: str
    kind: HomeKind
    made_at: str


def read(home: Path) -> HomeManifest | None:
    """The manifest of the home at that path; None where there is no home.

    Raises: HomeTooNew: written by a newer version; StorageFailed: damaged, or it can't be read.
    """
    try:
        fields = tomllib.loads((home / FILE).read_text(encoding="utf-8"))
        if type(fields["format"]) is not int:
            raise ValueError("its format is not a number")
        if fields["format"] > FORMAT:
            raise HomeTooNew(
                f"the home has format {fields['format']}; this version of Countenance knows {FORMAT}",
                Remedy.UPGRADE,
                path=home,
            )
        return HomeManifest(str(uuid.UUID(fields["id"])), HomeKind(fields["kind"]), str(fields["made_at"]))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise _no_folder(home) from error
    except OSError as error:
        raise StorageFailed(
            f"{FILE} can't be read: {error.strerror}", Remedy.CHECK_PERMISSION, path=home / FILE, partly=False
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageFailed(f"{FILE} is damaged", Remedy.RESTORE_FROM_BACKUP, path=home / FILE, partly=False) from error


def new(kind: HomeKind) -> HomeManifest:
    """The manifest of a home that is about to be made."""
    return HomeManifest(str(uuid.uuid4()), kind, datetime.now(UTC).isoformat(timespec="seconds"))


def draft(home: Path, kind: HomeKind) -> HomeManifest:
    """The identity of a home in the making: kept in `home.toml.new`, so that a killed `init` goes on with the same key.

    Raises: WrongUse: the folder holds something else, or a home begun as the other kind; StorageFailed: it can't be
    written.
    """
    begun = home / f"{FILE}.new"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not begun.exists() and any(not item.name.lstrip(".").startswith(begun.name) for item in home.iterdir()):
            raise WrongUse("the folder is not empty and is not a home", Remedy.USE_EMPTY_FOLDER, path=home)
        if not begun.exists():
            mine = home / f"{begun.name}.{secrets.token_hex(4)}"
            create_file(mine, _as_toml(new(kind)))
            try:
                os.link(mine, begun)
            except FileExistsError:
                pass  # of two processes that make one home at once, both take the first draft
            except OSError:  # a disk without hard links
                mine.replace(begun)
            mine.unlink(missing_ok=True)
            sync_folder(home)
        fields = tomllib.loads(begun.read_text(encoding="utf-8"))
        begun_as = HomeKind(fields["kind"])
        if begun_as is not kind:  # its log may say so already
            raise WrongUse(
                f"making this home of kind {begun_as} was started and never finished; start it again with "
                f"that kind, or name another folder for one of kind {kind}",
                field="kind",
                path=home,
            )
        return HomeManifest(str(uuid.UUID(fields["id"])), kind, str(fields["made_at"]))
    except (NotADirectoryError, FileExistsError) as error:
        raise _no_folder(home) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageFailed(
            f"{begun.name} is damaged, and this home was never finished; delete its folder, then try again: {error}",
            path=begun,
            partly=False,
        ) from error
    except OSError as error:
        raise StorageFailed(
            f"a home can't be made here: {error.strerror}", Remedy.USE_WRITABLE_FOLDER, path=home, partly=False
        ) from error


def finish(home: Path, manifest: HomeManifest) -> None:
    """`home.toml` is there, durably: from now on this is a home.

    A crash leaves the draft, from which making it goes on, or both, and then the draft says nothing more.
    """
    replace_file(home / FILE, _as_toml(manifest))
    (home / f"{FILE}.new").unlink(missing_ok=True)
    sync_folder(home)


def _no_folder(home: Path) -> WrongUse:
    return WrongUse("the home's path, or a folder above it, is a file", Remedy.USE_WRITABLE_FOLDER, path=home)


def _as_toml(manifest: HomeManifest) -> bytes:
    return (
        "# This folder is a home of Countenance. Its master key lies elsewhere: `countenance doctor` says where.\n"
        f'format = {FORMAT}\nid = "{manifest.id}"\nkind = "{manifest.kind}"\nmade_at = "{manifest.made_at}"\n'
    ).encode()
