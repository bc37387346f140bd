"""What one commit of an ingest records, as values, and why a commit writes nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from countenance.types import Box, ClassId, FaceRefusal, Landmarks, Quality, RejectReason


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Whether a face is searchable in a policy class; `refusal` None: it is."""

    class_id: ClassId
    refusal: FaceRefusal | None = None
    subject_id: int | None = None


@dataclass(frozen=True, slots=True)
class FaceRow:
    """A face to record. Without a template only uid, box and enrolments are kept (docs/design.md)."""

    uid: uuid.UUID
    box: Box
    enrolments: tuple[Enrolment, ...]
    landmarks: Landmarks | None = None
    quality: Quality | None = None
    key_id: bytes | None = None
    template: bytes | None = None  # sealed float16
    space_id: int | None = None
    crop_hash: bytes | None = None  # sealed


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A decoded picture to record, with all its faces."""

    uid: uuid.UUID
    sha256: bytes
    salt: bytes
    width: int
    height: int
    format: str
    taken_at: str | None
    faces: tuple[FaceRow, ...]
    pdq: bytes = b""  # perceptual hash of 32 bytes; empty: too little to see
    known_id: int | None = None  # the picture is there already; its faces are replaced by these


@dataclass(frozen=True, slots=True)
class PlacementRow:
    """One path where a picture is. `sha256`: that of the picture."""

    place: bytes
    size: int
    mtime_ns: int
    class_id: ClassId
    sha256: bytes


@dataclass(frozen=True, slots=True)
class RejectionRow:
    """One path whose file did not become a picture. `sha256`: of what was read there; None: it could not be read."""

    place: bytes
    size: int
    mtime_ns: int
    reason: RejectReason
    detail: str
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit of an ingest records."""

    tenant_id: int
    source_id: int
    run_id: int
    policy_version: int  # under which its faces were permitted
    pictures: tuple[PictureRow, ...] = ()
    placements: tuple[PlacementRow, ...] = ()
    rejections: tuple[RejectionRow, ...] = ()


class PolicyMoved(Exception):
    """The policy changed since the batch was permitted. Nothing was written; decide again."""


class PictureLeaving(Exception):
    """A picture of the batch is being erased, was erased since it was recognised, or was recorded meanwhile.

    Nothing was written; look again.
    """
