"""What is sealed under which key, and what its seal is bound to.

A binding is the associated data of the AEAD: tenant, id and kind. Sealed bytes that are moved to another row, or passed
off as another kind, do not open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from countenance.types import Vectors


def template_binding(face_uid: str) -> str:
    """Of a face's template; a face's uid is unique over all tenants."""
    return f"face|{face_uid}|template"


def crop_binding(face_uid: str) -> str:
    """Of a face's thumbnail in the blob store."""
    return f"face|{face_uid}|crop"


def crop_hash_binding(face_uid: str) -> str:
    """Of the perceptual hash of a face's aligned crop."""
    return f"face|{face_uid}|crop hash"


def answer_binding(digest: bytes) -> str:
    """Of what was answered to a write under its idempotency key."""
    return f"answer|{digest.hex()}"


def person_name_binding(person_uid: str) -> str:
    """Of the name that somebody gave a person."""
    return f"person|{person_uid}|name"


def evidence_binding(owner_uid: str) -> str:
    """Of the evidence of a grant or a subject."""
    return f"grant|{owner_uid}|evidence"


def subject_name_binding(subject_uid: str) -> str:
    """Of a subject's name."""
    return f"subject|{subject_uid}|name"


def subject_template_binding(subject_uid: str) -> str:
    """Of a subject's reference template."""
    return f"subject|{subject_uid}|template"


def probe_binding(log_entry: str) -> str:
    """Of the probe picture that an organisation keeps with its case."""
    return f"case|{log_entry}|probe"


def upload_binding(upload_uid: str) -> str:
    """Of a picture that was handed in."""
    return f"upload|{upload_uid}|picture"


def paper_binding(order_uid: str, blob: str) -> str:
    """Of a paper of an order, by the name of its blob."""
    return f"order|{order_uid}|{blob}"


def access_key_binding(key_uid: str) -> str:
    """Of the secret half of an access key."""
    return f"access key|{key_uid}|secret"


def collection_user_binding(source_id: int) -> str:
    """Of the name that a program gave a user of its collection."""
    return f"collection|{source_id}|user"


def pack_vector(vector: NDArray[np.float32]) -> bytes:
    """Little-endian float16, as the index holds it, so that a rebuilt index gives the scores of the first one."""
    return vector.astype("<f2").tobytes()


def unpack_vectors(packed: list[bytes], dimension: int) -> Vectors:
    """(N, D) float32 from the inverse of `pack_vector`."""
    return np.frombuffer(b"".join(packed), dtype="<f2").reshape(len(packed), dimension).astype(np.float32)
