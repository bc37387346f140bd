"""The answer to an access request: a ZIP that opens with a passphrase shown once, with an index page.

A ZIP with AES-256, since the person must open it without us and without a key of their own: 7-Zip, Keka, WinZip and
the Unarchiver do. Its own derivation of the key is weak (1,000 rounds of PBKDF2 with SHA-1), which matters for a
passphrase that somebody thinks up; this one is random, 125 bits. Names of files in it are numbers and can be read
without it. Source: WinZip AE-2, https://www.winzip.com/en/support/aes-encryption/.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from countenance.durable import create_file, sync_folder
from countenance.errors import StorageFailed, WrongUse
from countenance.pipeline.requests.access import HeldPicture
from countenance.remedies import Remedy
from countenance.rights.requests import LETTERS
from countenance.types import Basis

RIGHTS: Final[Mapping[Basis, str]] = {  # as the person pictured is told, and not whoever enrols (labels.py)
    Basis.HOUSEHOLD: "a household's own pictures (household)",
    Basis.CONSENT: "that you agreed (consent)",
    Basis.LICENCE: "a contract with a release of yours (licence)",
    Basis.STATUTE: "a law that covers this source (statute)",
    Basis.HISTORICAL: "a historical collection (historical)",
}
PASSPHRASE_LETTERS: Final = 25  # of 5 bits
INDEX: Final = "index.html"


def new_passphrase() -> str:
    """125 random bits: "7KQM2-F9XAB-..."."""
    made = "".join(secrets.choice(LETTERS) for _ in range(PASSPHRASE_LETTERS))
    return "-".join(made[start : start + 5] for start in range(0, PASSPHRASE_LETTERS, 5))


def bundle(pictures: Sequence[HeldPicture], *, made_at: datetime, passphrase: str) -> bytes:
    """The sealed ZIP: the index page, the same as JSON, and the pictures."""
    import pyzipper

    names = {picture.id: f"pictures/{number:04}.jpg" for number, picture in enumerate(pictures, 1) if picture.jpeg}
    out = io.BytesIO()
    with pyzipper.AESZipFile(out, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(passphrase.encode())
        archive.writestr(INDEX, _page(pictures, names, made_at))
        archive.writestr("data.json", json.dumps(document(pictures, names, made_at), ensure_ascii=False, indent=2))
        for picture in pictures:
            if picture.jpeg is not None:
                archive.writestr(names[picture.id], picture.jpeg)
    return out.getvalue()


def document(pictures: Sequence[HeldPicture], names: dict[str, str], made_at: datetime) -> dict[str, Any]:
    """All that the page says, for programs."""
    return {
        "made_at": made_at.isoformat(timespec="seconds"),
        "pictures": [
            {
                "picture": picture.id,
                "file": names.get(picture.id),
                "whole": picture.whole,
                "boxes": [[round(v, 1) for v in box] for box in picture.boxes],
                "width": picture.width,
                "height": picture.height,
                "taken_at": picture.taken_at,
                "places": [
                    {
                        "address": place.address,
                        "source": place.source,
                        "basis": place.basis,
                        "purposes": list(place.purposes),
                        "jurisdictions": list(place.jurisdictions),
                        "searchable": place.searchable,
                    }
                    for place in picture.places
                ],
                "shown": [
                    {"at": at.isoformat(timespec="seconds"), "purpose": purpose, "searched_by": who}
                    for at, purpose, who in picture.shown
                ],
            }
            for picture in pictures
        ],
    }


def write_new(path: Path, data: bytes) -> None:
    """A file that only its owner may read, synced. Raises: WrongUse: it is there already; StorageFailed."""
    try:
        create_file(path, data)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise WrongUse("the file exists already", Remedy.USE_NEW_FILE, path=path) from error
    except OSError as error:
        raise StorageFailed(f"the answer can't be written: {error.strerror}", Remedy.FREE_SPACE, path=path) from error


def _page(pictures: Sequence[HeldPicture], names: dict[str, str], made_at: datetime) -> str:
    from countenance.present.page import environment, style

    css, css_hash = style("page.css", "access.css")
    template = environment().get_template("access.html.jinja")
    page: str = template.render(
        pictures=pictures,
        names=names,
        rights=RIGHTS,
        made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
        whole=sum(picture.whole for picture in pictures),
        css=css,
        css_hash=css_hash,
    )
    return page
