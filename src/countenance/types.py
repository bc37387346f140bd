"""The product's terms (docs/glossary.md) as immutable values. No IO, no rules.

Coordinates are pixels of the picture *as displayed* (after its EXIF orientation), x to the right, y down, with (0, 0)
the upper left corner of the upper left pixel. "Left" and "right" of a face are as the viewer sees them. Colour
pictures are (H, W, 3) uint8 RGB. Scores are cosines in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Box: TypeAlias = tuple[float, float, float, float]  # x1, y1, x2, y2; x2 and y2 are just outside
Point: TypeAlias = tuple[float, float]  # x, y
Landmarks: TypeAlias = tuple[Point, Point, Point, Point, Point]  # viewer's left eye, right eye, nose, left, right mouth
Rgb: TypeAlias = NDArray[np.uint8]  # (H, W, 3), colour order R, G, B
Vectors: TypeAlias = NDArray[np.float32]  # (N, D), each row of unit length
FaceId: TypeAlias = int  # of one home, never shown; the public id is a uuid
ClassId: TypeAlias = int
KeyId: TypeAlias = bytes  # 16 bytes


# --- closed lists ----------------------------------------------------------------------------------------------------
class HomeKind(StrEnum):
    """Fixed when a home is made."""

    HOUSEHOLD = "household"
    ORGANISATION = "organisation"


class Basis(StrEnum):
    """The lawful bases (docs/grants.md). *Publicly available* is not among them."""

    HOUSEHOLD = "household"
    CONSENT = "consent"
    LICENCE = "licence"
    STATUTE = "statute"
    HISTORICAL = "historical"


SUBJECT_BASES = frozenset({Basis.CONSENT, Basis.LICENCE})  # only faces tied to a listed subject become templates


class Purpose(StrEnum):
    """Why a gallery may be searched. "Mass identification" can't be expressed."""

    HOUSEHOLD = "household"
    ARCHIVE_DESCRIPTION = "archive-description"
    EDITORIAL_VERIFICATION = "editorial-verification"
    EVENT_DELIVERY = "event-delivery"
    MISSING_PERSON = "missing-person"
    VICTIM_IDENTIFICATION = "victim-identification"
    CRIMINAL_INVESTIGATION = "criminal-investigation"
    RESEARCH = "research"
    OWN_DATA = "own-data"


class ClientClass(StrEnum):
    """The kind of organisation of a client. An order can name a kind."""

    PRIVATE_COMPANY = "private-company"
    STATE_AGENCY = "state-agency"
    LAW_ENFORCEMENT = "law-enforcement"
    NEWSROOM = "newsroom"
    ARCHIVE = "archive"
    RESEARCH = "research"
    NON_PROFIT = "non-profit"


class RejectReason(StrEnum):
    """Why a file did not become a picture."""

    NOT_A_PICTURE = "not_a_picture"  # none of the formats of docs/ingest.md, by content
    NO_READER = "no_reader"  # HEIC or AVIF, and its reader is not installed
    DAMAGED = "damaged"  # truncated or malformed
    TOO_LARGE = "too_large"  # more bytes than the limit
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_SMALL = "too_small"  # fewer pixels than any face needs
    TIMED_OUT = "timed_out"
    DECODER_DIED = "decoder_died"  # the child process crashed or ran out of memory on it
    NOT_A_FILE = "not_a_file"  # FIFO, socket, device
    LINK = "link"  # a symbolic link; what it points to is taken where it stands, if it stands in the source
    UNREADABLE = "unreadable"  # permission, or a read error
    CHANGED_WHILE_READ = "changed_while_read"
    BAD_SIDECAR = "bad_sidecar"  # its sidecar or manifest row is malformed, or outside the grant's jurisdictions
    NOT_PERMITTED = "not_permitted"  # any policy reason, for the whole picture


class FaceRefusal(StrEnum):
    """Why a detected face has no template. Of such a face only the box and this reason are kept."""

    NOT_PERMITTED = "not_permitted"  # any policy reason: opt-out, order, unknown jurisdiction, grant
    NOT_A_SUBJECT = "not_a_subject"  # consent or licence, and the face is tied to no subject of the grant
    TOO_SMALL = "too_small"
    LOW_QUALITY = "low_quality"  # too blurred, turned or dark to compare
    ERASED = "erased"  # somebody had it erased; said to whoever enrols as not_permitted, like every policy reason
    OPTED_OUT = "opted_out"  # a pictured person's opt-out keeps it out; said as not_permitted
    RESTRICTED = "restricted"  # it has a template and is hidden, on a pictured person's request; said as not_permitted

    @property
    def public(self) -> FaceRefusal:
        """The reason as whoever enrols may know it: one word for every policy reason."""
        return FaceRefusal.NOT_PERMITTED if self in _POLICY_REFUSALS else self


_POLICY_REFUSALS = frozenset(
    {FaceRefusal.NOT_PERMITTED, FaceRefusal.ERASED, FaceRefusal.OPTED_OUT, FaceRefusal.RESTRICTED}
)


class GrantState(StrEnum):
    """The state of a grant. `expired` follows from the clock, the others from a decision."""

    IN_FORCE = "in_force"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Band(StrEnum):
    """How much evidence a lead carries; never how sure an identity is."""

    STRONG = "strong"
    LEAD = "lead"
    WEAK = "weak"


class DuplicateLink(StrEnum):
    """Why two places are said to show one photograph."""

    EXACT = "exact"  # the same bytes
    NEAR = "near"  # nearly the same picture: recompressed, resized, brightened, marked
    CROP = "crop"  # another cut: the same face in it, pixel for pixel or nearly so


# --- pictures and faces, in the order in which they come to be --------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rejected:
    """What did not go through, and why. Returned, never raised: one bad picture never stops a run."""

    reason: RejectReason
    detail: str = ""  # one plain sentence for a person; never bytes or names from the file itself


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, upright."""

    rgb: Rgb
    width: int  # of the whole picture as displayed, pixels
    height: int
    format: str  # "JPEG", "PNG", ... as Pillow names it
    taken_at: str | None = None  # EXIF DateTimeOriginal as ISO 8601 without zone, where it parses
    frames: int = 1


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face and its five landmarks, in pixels of the picture it was found in."""

    box: Box
    landmarks: Landmarks
    score: float  # detector confidence in [0, 1]; not a match probability


@dataclass(frozen=True, slots=True)
class Quality:
    """What a comparison of this face can rest on; each in [0, 1] but `width_px`, 1 is best. See `align/quality.py`."""

    width_px: float  # width of the box in the whole picture
    sharpness: float
    pose: float  # 1 frontal, 0 profile
    exposure: float
    detector: float
    overall: float  # the one number shown


@dataclass(frozen=True, slots=True)
class CropSpec:
    """What an embedder wants to see: a crop of that size with the five landmarks at these points."""

    width: int  # pixels
    height: int
    points: Landmarks  # in pixels of the crop


# Source: Deng et al. 2019, ArcFace, doi:10.1109/CVPR.2019.00482; the same as OpenCV's FaceRecognizerSF::alignCrop.
ARCFACE: Final = CropSpec(
    112, 112, ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
)


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFace:
    """A detected face with what the embedder and a person need to see of it."""

    face: DetectedFace  # in pixels of the whole picture
    quality: Quality
    crop: Rgb  # (112, 112, 3) aligned to the ArcFace template
    thumbnail: bytes  # JPEG of the square around the face, upright, at most 256 px a side
    others: Mapping[CropSpec, Rgb] = field(default_factory=dict)  # for embedders that want to see something else

    def crop_for(self, spec: CropSpec) -> Rgb:
        """(height, width, 3) uint8, aligned as `spec` says. Raises KeyError: the analyser was not asked for it."""
        return self.crop if spec == ARCFACE else self.others[spec]


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Where a template lives. Scores across two spaces mean nothing."""

    model: str  # "sface-2021dec"
    weights_sha256: str  # of the weights actually run (the folded float32 file)
    dimension: int


# --- rights ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Grant:
    """A recorded right to use the pictures of one source."""

    id: int
    source_id: int
    basis: Basis
    jurisdictions: frozenset[str]  # codes; may hold "unknown"
    purposes: frozenset[Purpose]
    evidence_sha256: str | None
    starts_at: datetime  # aware, UTC
    expires_at: datetime | None  # aware, UTC
    erase_within_days: int  # after withdrawal or expiry; 30 unless the grant says less
    suspended_at: datetime | None = None
    withdrawn_at: datetime | None = None
    terms: tuple[tuple[str, str], ...] = ()  # e.g. law, article, authority for a statute; sorted

    def state(self, now: datetime) -> GrantState:
        """Where the grant stands at `now` (aware). Withdrawn beats expired beats suspended."""
        if self.withdrawn_at is not None:
            return GrantState.WITHDRAWN
        if self.expires_at is not None and now >= self.expires_at:
            return GrantState.EXPIRED
        if self.suspended_at is not None or now < self.starts_at:
            return GrantState.SUSPENDED
        return GrantState.IN_FORCE


@dataclass(frozen=True, slots=True)
class PolicyClass:
    """The faces for which every policy answer is the same: (grant, jurisdictions, purposes, flags)."""

    id: ClassId
    grant: Grant
    tenant: str
    source: str  # its name
    jurisdictions: frozenset[str]
    purposes: frozenset[Purpose]
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Client:
    """An organisation that may search while its contract lasts."""

    id: int
    uid: str  # uuid; the name by which the log and orders know it
    name: str
    client_class: ClientClass
    jurisdiction: str  # a code, or "unknown"
    added_at: datetime  # aware, UTC
    ended_at: datetime | None = None  # over for good, whatever the clock says
    ended_by: str | None = None  # uuid of the order that ended it; None: the operator


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What an order demands, all of it checked (`rights/orders.py`)."""

    stops: frozenset[str]  # of "collect", "embed", "offer"
    targets: tuple[tuple[str, str], ...]  # as in `Order`, sorted
    deletes: bool  # what is surely there
    deletes_unknown: bool  # and what may be: of an unknown place, or of one that is only partly in the jurisdiction
    ends_contracts: bool
    authority: str
    dated: str  # the day on the document, ISO 8601; kept, and never the day from which it binds
    ends_at: datetime | None  # aware, UTC: its own term, where it has one

    def aimed(self, *scopes: str) -> tuple[tuple[str, str], ...]:
        """Its targets of these scopes."""
        return tuple(target for target in self.targets if target[0] in scopes)


@dataclass(frozen=True, slots=True)
class Order:
    """A demand of a regulator, court or platform, as far as the gates need it. In force since it was recorded."""

    id: int
    stops: frozenset[str]  # "collect", "embed", "offer"
    # (scope, value): "jurisdiction" and a code, "source" and its name, "client" and its uuid, "client_class"
    targets: frozenset[tuple[str, str]]
    starts_at: datetime
    ends_at: datetime | None = None  # its own term, where it has one
    ends_contracts: bool = False  # while it is in force, no client that it covers has one


# --- what leaves -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Odds:
    """A rate or count, and whether it is only known to be at most that (`bound`)."""

    value: float
    bound: bool


@dataclass(frozen=True, slots=True)
class Recall:
    """What part of the exact best ten an approximate index finds, all classes permitted, measured on its own rows."""

    value: float  # in [0, 1]
    sample: int  # rows of the gallery that were searched for, themselves left out of their answers
    rows: int  # in the gallery then


@dataclass(frozen=True, slots=True)
class Hit:
    """One row that the index returned. Not a lead until the records confirm that its face is visible."""

    face: FaceId
    class_id: ClassId
    score: float


@dataclass(frozen=True, slots=True)
class PictureRef:
    """Where a lead's picture is."""

    id: str  # uuid
    uri: str
    width: int
    height: int
    taken_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFace:
    """A face of the gallery that a search shows, and where its picture is."""

    face_id: str
    picture: PictureRef
    box: Box
    score: float  # cosine, three decimals
    band: Band
    source: str
    jurisdictions: tuple[str, ...]
    basis: Basis

    def as_dict(self) -> dict[str, Any]:
        """Return what the JSON of every door says of it; the box with one decimal."""
        return {
            "face_id": self.face_id,
            "picture_id": self.picture.id,
            "uri": self.picture.uri,
            "box": [round(v, 1) for v in self.box],
            "score": self.score,
            "band": self.band,
            "source": self.source,
            "jurisdictions": list(self.jurisdictions),
            "basis": self.basis,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(ShownFace):
    """A face stacked under a lead: its picture shows the same photograph."""

    link: DuplicateLink
    distance: int  # bits of 256 in which the perceptual hashes differ

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**ShownFace.as_dict(self), "link": self.link, "distance": self.distance}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead(ShownFace):
    """A candidate with its source, score and odds. Never a match, never an identification."""

    rank: int
    fmr: Odds
    expected_false: Odds
    quality: float | None = None
    duplicates: tuple[Duplicate, ...] = ()  # the same photograph again, best first; each may be shown too

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, with its duplicates."""
        return {
            "rank": self.rank,
            **ShownFace.as_dict(self),
            "fmr": asdict(self.fmr),
            "expected_false": asdict(self.expected_false),
            "duplicates": [copy.as_dict() for copy in self.duplicates],
        }


@dataclass(frozen=True, slots=True)
class PersonLead:
    """A person of this home whose faces, taken together, are like the probe. No more an identification than a lead."""

    rank: int
    person_id: str
    name: str | None
    faces: int  # that this search may see, of which the template is fused
    face_id: str  # the one of them that is most like the probe
    score: float  # cosine of the fused template, three decimals
    band: Band
    fmr: Odds
    expected_false: Odds


@dataclass(frozen=True, slots=True)
class ProbeFace:
    """One face of a probe, as shown to who must choose."""

    index: int
    box: Box
    quality: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to a search; `as_dict` is the JSON of every door."""

    probe_sha256: str | None  # of the file; None: the probe is a face of the gallery
    face: ProbeFace
    faces: int
    searched: int  # rounded up to two significant figures
    exact: bool
    threshold: float
    extrapolated: bool
    model: str
    calibration: str
    log_entry: str
    leads: tuple[Lead, ...]
    recall: Recall | None = None  # where it is not exact
    people: tuple[PersonLead, ...] = ()  # best first
    notice: str = "Investigative lead, not an identification. The person may not be in this gallery."
    probe_face: str | None = None  # id of the face of the gallery that was searched for

    def as_dict(self) -> dict[str, Any]:
        """The JSON answer; boxes as lists of numbers with one decimal."""
        return {
            "probe": {
                **({"sha256": self.probe_sha256} if self.probe_face is None else {"face_id": self.probe_face}),
                "face": {
                    "index": self.face.index,
                    "box": [round(v, 1) for v in self.face.box],
                    "quality": round(self.face.quality, 2),
                },
                "faces": self.faces,
            },
            "searched": self.searched,
            "exact": self.exact,
            **({"recall": {"value": round(self.recall.value, 2), "sample": self.recall.sample}} if self.recall else {}),
            "threshold": self.threshold,
            "extrapolated": self.extrapolated,
            "model": self.model,
            "calibration": self.calibration,
            "log_entry": self.log_entry,
            "leads": [lead.as_dict() for lead in self.leads],
            **({"people": [asdict(person) for person in self.people]} if self.people else {}),
            "notice": self.notice,
        }
