"""One face, for whoever asks about it apart from a search: only if some search of theirs could show it now."""

from __future__ import annotations

from typing import Any

from countenance.app.access.identity import Binding
from countenance.errors import NotFound
from countenance.permits import Act
from countenance.pipeline.address import uri_of
from countenance.pipeline.ids import checked_uuid
from countenance.pipeline.stores import Stores
from countenance.policy.facts import UNKNOWN
from countenance.remedies import Remedy
from countenance.types import HomeKind, Purpose


def shown_face(stores: Stores, face_id: str, binding: Binding) -> dict[str, Any]:
    """The face as JSON. Raises: NotFound: there is none, or none that a search in these bounds could show."""
    known = stores.records.gallery.face(checked_uuid(face_id, "face"))
    wanted = [] if known is None else [known.id]
    organisation = stores.kind is HomeKind.ORGANISATION
    client = None if binding.client is None else stores.records.clients.find(binding.client)
    purposes: tuple[Purpose | None, ...] = tuple(Purpose) if organisation else (None,)
    if binding.purpose is not None:
        purposes = (Purpose(binding.purpose),)
    while True:
        permitted: set[int] = set()
        version = -1
        for purpose in purposes:
            ask = stores.ask(
                Act.SEARCH, purpose=purpose, has_case=organisation,
                client=None if binding.client is None else UNKNOWN if client is None else client.uid,
            )  # fmt: skip
            decision = stores.policy.consider(ask)
            permitted.update(decision.allowed)
            version = decision.version
        visible = stores.records.gallery.visible(wanted, permitted, version)
        if visible is not None:  # else the policy moved meanwhile
            break
    for face in visible.values():
        return {
            "face_id": face.uid,
            "picture_id": face.picture_uid,
            "uri": uri_of(face),
            "box": [round(v, 1) for v in face.box],
            "quality": None if face.quality is None else round(face.quality, 2),
            "width": face.width,
            "height": face.height,
            "taken_at": face.taken_at,
            "source": face.source,
            "basis": str(face.basis),
            "jurisdictions": list(face.jurisdictions),
        }
    raise NotFound(f"there is no face {face_id}", Remedy.FIND_ID)
