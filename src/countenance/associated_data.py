"""The table of associated data: for every kind of sealed bytes, the text that the seal is bound to.

It is the associated data of the AEAD (RFC 5116), `aad` for short: what it is about, the id of that, the kind. Sealed
bytes that are moved to another row, or passed off as another kind, do not open. No text names a tenant: every id is
unique over all tenants of a home, and a data key belongs to one row. These bytes are a file format: another text, and
no home that was made before opens.
"""

from __future__ import annotations

from typing import Final

REDO_DETAIL: Final = "log|act|detail"  # what a restore needs to do an act again, beside its entry of the log


# --- pictures, faces and persons -------------------------------------------------------------------------------------
def template_aad(face_uid: str) -> str:
    """Bind a face's template."""
    return f"face|{face_uid}|template"


def crop_aad(face_uid: str) -> str:
    """Bind a face's thumbnail in the blob store."""
    return f"face|{face_uid}|crop"


def crop_hash_aad(face_uid: str) -> str:
    """Bind the perceptual hash of a face's aligned crop."""
    return f"face|{face_uid}|crop hash"


def person_name_aad(person_uid: str) -> str:
    """Bind the name that somebody gave a person."""
    return f"person|{person_uid}|name"


def upload_aad(upload_uid: str) -> str:
    """Bind an uploaded picture."""
    return f"upload|{upload_uid}|picture"


def segment_aad(segment_id: str) -> str:
    """Bind a segment of the index."""
    return f"index|{segment_id}|segment"


# --- sources ---------------------------------------------------------------------------------------------------------
def evidence_aad(owner_uid: str) -> str:
    """Bind the evidence of a grant or a subject."""
    return f"grant|{owner_uid}|evidence"


def subject_name_aad(subject_uid: str) -> str:
    """Bind a subject's name."""
    return f"subject|{subject_uid}|name"


def subject_template_aad(subject_uid: str) -> str:
    """Bind a subject's reference template."""
    return f"subject|{subject_uid}|template"


def collection_user_aad(source_id: int) -> str:
    """Bind the name that a program gave a user of its collection."""
    return f"collection|{source_id}|user"


# --- searches, requests and orders -----------------------------------------------------------------------------------
def probe_aad(log_entry: str) -> str:
    """Bind the probe picture that an organisation keeps with its case."""
    return f"case|{log_entry}|probe"


def details_aad(request_uid: str) -> str:
    """Bind what a request says."""
    return f"request|{request_uid}|details"


def photograph_aad(request_uid: str) -> str:
    """Bind the photograph that came with a request."""
    return f"request|{request_uid}|photograph"


def suppressed_person_aad(request_uid: str) -> str:
    """Bind the template of a person who is kept out of new pictures. `request_uid`: 32 hex digits."""
    return f"request|{request_uid}|suppressed person"


def suppressed_hash_aad(digest: bytes) -> str:
    """Bind a perceptual hash that keeps pictures out."""
    return f"suppression|{digest.hex()}|hash"


def paper_aad(order_uid: str, blob: str) -> str:
    """Bind a paper of an order, by the name of its blob."""
    return f"order|{order_uid}|{blob}"


# --- access ----------------------------------------------------------------------------------------------------------
def totp_aad(account_uid: str) -> str:
    """Bind the shared secret of an account's one-time codes."""
    return f"account|{account_uid}|totp"


def access_key_aad(key_uid: str) -> str:
    """Bind the secret half of an access key."""
    return f"access key|{key_uid}|secret"


def answer_aad(digest: bytes) -> str:
    """Bind what was answered to a write under its idempotency key."""
    return f"answer|{digest.hex()}"


# --- keys and backups ------------------------------------------------------------------------------------------------
def data_key_aad(key: bytes) -> bytes:
    """Bind a wrapped data key."""
    return b"data key|" + key


def secret_aad(name: str) -> bytes:
    """Bind a wrapped secret of the home."""
    return b"secret|" + name.encode()


def backup_part_aad(header_sha256: str, number: int, *, last: bool) -> str:
    """Bind a part of a backup to the backup's header, to its number and to whether it is the last."""
    return f"backup|{header_sha256}|{number}|{'last' if last else 'more'}"
