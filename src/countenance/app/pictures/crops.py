"""Thumbnails of faces."""

from __future__ import annotations

from dataclasses import dataclass

from countenance.associated_data import crop_aad
from countenance.errors import KeyDestroyed, NotFound, SealBroken
from countenance.pipeline.ids import checked_uuid
from countenance.pipeline.stores import Stores
from countenance.records.search.gallery import FacePlace
from countenance.remedies import Remedy
from countenance.types import KeyId


@dataclass(frozen=True, slots=True)
class Crops:
    """Thumbnails of faces that may be shown now."""

    stores: Stores

    def crop(self, face_id: str) -> bytes:
        """JPEG. Raises NotFound: no such face, or it may not be shown, when it is asked for or when it is opened."""
        face_id = checked_uuid(face_id, "face")
        found, key_id = self._shown(face_id)
        try:
            crop = self._opened(face_id, key_id, found.second_key)
        except KeyDestroyed as error:  # it was erased since
            raise _no_face(face_id) from error
        self._shown(face_id)  # gate 4 once more: what came into force meanwhile wins
        return crop

    def _opened(self, face_id: str, key_id: KeyId, second_key: KeyId | None) -> bytes:
        sealed = self.stores.blobs.get(face_id)
        try:
            return self.stores.keys.open(key_id, crop_aad(face_id), sealed)
        except SealBroken:
            if second_key is None:
                raise
            return self.stores.keys.open(second_key, crop_aad(face_id), sealed)

    def _shown(self, face_id: str) -> tuple[FacePlace, KeyId]:
        found = self.stores.records.gallery.face(face_id)
        if found is None or found.key_id is None or self.stores.records.gallery.is_restricted(found.id):
            raise _no_face(face_id)
        return found, found.key_id


def _no_face(face_id: str) -> NotFound:
    return NotFound(f"there is no face {face_id}", Remedy.FIND_ID)
