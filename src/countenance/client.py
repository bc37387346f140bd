"""A client of /v1 for Python programs. Uses the standard library alone, and imports nothing else of Countenance.

    from countenance.client import Client
    home = Client("http://127.0.0.1:8470", "CKEY...secret")
    for lead in home.search(Path("probe.jpg").read_bytes())["leads"]:
        print(lead["score"], lead["band"], lead["uri"])

Answers are the JSON of /v1. Those of searches, sources, jobs and erasures have types here; /v1/openapi.json describes
all. An error is a `Refused` with its kind. A write is sent under an idempotency key, and again where the connection
failed, so that it is done once.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final, Literal, NotRequired, Self, TypeAlias, TypedDict, cast
from urllib.parse import quote, urlencode, urlsplit

TRIES: Final = 3
Document: TypeAlias = dict[str, Any]  # a JSON object, as /v1/openapi.json describes it


class Odds(TypedDict):
    """A rate or count, and whether it is only known to be at most that."""

    value: float
    bound: bool


class Lead(TypedDict):
    """A candidate with its source, score and odds. Never an identification."""

    rank: int
    face_id: str
    picture_id: str
    uri: str
    box: list[float]
    score: float
    band: Literal["strong", "lead", "weak"]
    fmr: Odds
    expected_false: Odds
    source: str
    jurisdictions: list[str]
    basis: str
    duplicates: list[Document]


class Leads(TypedDict):
    """The answer to a search."""

    probe: Document
    searched: int
    exact: bool
    recall: NotRequired[Document]
    threshold: float
    extrapolated: bool
    model: str
    calibration: str
    log_entry: str
    leads: list[Lead]
    people: NotRequired[list[Document]]
    notice: str


class Detected(TypedDict):
    """The faces in a picture, the surest first."""

    width: int
    height: int
    format: str
    faces: list[Document]


class Comparison(TypedDict):
    """How alike two faces are."""

    score: float
    fmr: Odds
    log_entry: str
    notice: str


class Source(TypedDict):
    """A source with its grant."""

    name: str
    id: str
    location: str
    jurisdictions: list[str]
    within: list[str]
    basis: str
    purposes: list[str]
    state: Literal["in_force", "suspended", "withdrawn", "expired"]
    expires_at: str | None
    days_left: int | None
    erase_within_days: int
    evidence_sha256: str | None
    terms: dict[str, str]


class Job(TypedDict):
    """Where a job stands."""

    id: str
    kind: str
    source: str | None
    state: Literal["queued", "running", "done", "failed", "stopped"]
    progress: Document
    error: Document | None
    made_at: str
    done_at: str | None


class Erasure(TypedDict):
    """What an erasure removed, or would."""

    erasure: str | None
    scope: str
    about: str | None
    pictures: int
    faces: int
    placements: int
    persons: int
    probes: int
    dry_run: bool
    pending: list[str]
    log_entry: str | None
    receipt: str | None
    already: bool


class Refused(Exception):
    """The service answered with a problem: its `kind` (docs/errors.md), HTTP status, hint and whatever else it says."""

    def __init__(self, status: int, problem: Document) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or f"status {status}")
        self.status = status
        self.kind = str(problem.get("type", "")).rpartition(":")[2]
        self.hint = str(problem.get("hint") or "")
        self.problem = problem


class Client:
    """A service, and the access key that it is asked with. For one thread at a time; a context manager."""

    def __init__(self, address: str, key: str, *, timeout_s: float = 120.0) -> None:
        """address: http://127.0.0.1:8470, or https; key: the access key's token."""
        parts = urlsplit(address)
        kind: type[HTTPConnection] = {"http": HTTPConnection, "https": HTTPSConnection}[parts.scheme]
        self._connection: HTTPConnection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        self._key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The connection is closed; the next call opens it again."""
        self._connection.close()

    # --- looking at pictures -------------------------------------------------------------------------------------
    def search(self, picture: bytes, **question: Any) -> Leads:
        """Leads for one face of a picture. question: face, top, threshold, fpir, purpose, case, client."""
        return cast("Leads", self._send("POST", "/search", {"picture": _text(picture), **question}))

    def search_face(self, face_id: str, **question: Any) -> Leads:
        """Leads for a face of the gallery, by a lead's face_id."""
        return cast("Leads", self._send("POST", "/search", {"face_id": face_id, **question}))

    def detect(self, picture: bytes) -> Detected:
        """Every face of a picture. Nothing is kept."""
        return cast("Detected", self._send("POST", "/detect", {"picture": _text(picture)}))

    def compare(self, a: bytes, b: bytes, **question: Any) -> Comparison:
        """How alike one face of each is. question: face_a, face_b, purpose, case, client."""
        return cast("Comparison", self._send("POST", "/compare", {"a": _text(a), "b": _text(b), **question}))

    def crop(self, face_id: str) -> bytes:
        """A face of the gallery, a JPEG."""
        return self._raw("GET", _path("faces", face_id, "crop"))

    # --- pictures in ---------------------------------------------------------------------------------------------
    def sources(self) -> Iterator[Source]:
        """Every source, by name."""
        return cast("Iterator[Source]", self.listed("/sources"))

    def source(self, name: str) -> Source:
        """One source, with `counts` of what was taken from it."""
        return cast("Source", self._send("GET", _path("sources", name)))

    def add_source(self, name: str, *, path: str | None, basis: str, jurisdiction: str, **grant: Any) -> Source:
        """A folder of the service's machine, or None for pictures that are handed in; grant: as in /v1."""
        evidence = grant.pop("evidence", None)
        if people := grant.pop("subjects", None):  # each with name, evidence and reference, and perhaps face
            grant["subjects"] = [_subject(each) for each in people]
        sent = {"name": name, "path": path, "basis": basis, "jurisdiction": jurisdiction, **grant}
        return cast(
            "Source", self._send("POST", "/sources", sent | ({"evidence": _text(evidence)} if evidence else {}))
        )

    def enrol_references(self, source: str, people: Iterable[Document] = ()) -> Document:
        """Reference pictures of its subjects once more, for another model; each with name, evidence and reference."""
        sent = {"subjects": [_subject(each) for each in people]}
        return self._send("POST", _path("sources", source, "references"), sent)

    def upload(self, source: str, place: str, picture: bytes) -> Document:
        """A picture, for a source that takes them; what became of it."""
        sent = {"place": place, "picture": _text(picture)}
        return self._send("POST", _path("sources", source, "pictures"), sent)

    def ingest(self, source: str) -> Job:
        """Begins to take what stands in a source; `follow` it."""
        return cast("Job", self._send("POST", "/jobs", {"source": source}))

    def job(self, job_id: str) -> Job:
        """Where a job stands."""
        return cast("Job", self._send("GET", _path("jobs", job_id)))

    def follow(self, job_id: str) -> Iterator[Job]:
        """Where a job stands, each time that it has moved, until it has ended."""
        answer = self._answer("GET", _path("jobs", job_id, "events"), None)
        for line in answer:
            if line.startswith(b"data:"):
                yield json.loads(line.removeprefix(b"data:"))
        self.close()

    # --- guests of an event --------------------------------------------------------------------------------------
    def guest_links(self, source: str) -> Iterator[Document]:
        """The links of a source, oldest first. Never a token."""
        return self.listed(_path("sources", source, "guest-links"))

    def make_guest_link(self, source: str, *, organiser: str, expires: str | None = None) -> Document:
        """A link, with its token. organiser: who is responsible and how to reach them; expires: its last day."""
        sent = {"organiser": organiser, "expires": expires}
        return self._send("POST", _path("sources", source, "guest-links"), sent)

    def close_guest_link(self, source: str, link: str) -> Document:
        """Nobody comes in by it any more."""
        return self._send("POST", _path("sources", source, "guest-links", link, "close"))

    def search_for_guests(self, source: str) -> Job:
        """Begins to look at a source's pictures for guests who wait; `follow` it."""
        return cast("Job", self._send("POST", "/jobs", {"source": source, "kind": "guests"}))

    # --- out, and accounted for ----------------------------------------------------------------------------------
    def erase(self, *, dry_run: bool = False, authority: str | None = None, **what: str) -> Erasure:
        """One of face, picture, source, person, jurisdiction is gone for good; a signed receipt says so."""
        sent = {"dry_run": dry_run, "authority": authority, **what}
        return cast("Erasure", self._send("POST", "/erasures", sent))

    def receipts(self) -> Iterator[Document]:
        """Every receipt in a line, oldest first."""
        return self.listed("/receipts")

    def receipt(self, receipt_id: str) -> Document:
        """A receipt as it was signed."""
        return self._send("GET", _path("receipts", receipt_id))

    def recipients(self, receipt_id: str) -> list[Document]:
        """Clients who were shown what an erasure took, and whether they were told."""
        return cast("list[Document]", self._send("GET", _path("receipts", receipt_id, "recipients"))["recipients"])

    def tell_recipient(self, receipt_id: str, client: str) -> Document:
        """What to send to a client who was shown it. That it was told is recorded."""
        return self._send("POST", _path("receipts", receipt_id, "tell"), {"client": client})

    def keep_answer(self, receipt_id: str, client: str, answer: bytes) -> Document:
        """The client's own receipt, JSON or plain text, is kept as it came."""
        sent = {"client": client, "answer": _text(answer)}
        return self._send("POST", _path("receipts", receipt_id, "answer"), sent)

    # --- what it runs on -----------------------------------------------------------------------------------------
    def models(self) -> Iterator[Document]:
        """Every model that the home can use, by name."""
        return self.listed("/models")

    def model(self, name: str) -> Document:
        """One model, with how it is fed and where it is from."""
        return self._send("GET", _path("models", name))

    def reindex(self, model: str | None = None) -> Job:
        """Begins to make templates of that model beside the others, or goes on where it was stopped; `follow` it."""
        return cast("Job", self._send("POST", "/jobs", {"kind": "reindex", "model": model}))

    def backups(self) -> Iterator[Document]:
        """The home's backups, the oldest first."""
        return self.listed("/backups")

    def back_up(self, *, verify: bool = False, log_alone: bool = False) -> Job:
        """Begins to write the home, or its log alone, to one sealed file on the service's side; `follow` it."""
        return cast("Job", self._send("POST", "/backups", {"verify": verify, "log_alone": log_alone}))

    def doctor(self) -> list[Document]:
        """Looks the home over, and finishes what was interrupted."""
        return cast("list[Document]", self._send("POST", "/doctor")["findings"])

    # --- who comes in --------------------------------------------------------------------------------------------
    def access_keys(self) -> Iterator[Document]:
        """Every access key, oldest first."""
        return self.listed("/keys")

    def access_key(self, key_id: str) -> Document:
        """One access key, also if it counts no more."""
        return self._send("GET", _path("keys", key_id))

    def users(self) -> Iterator[Document]:
        """Who can sign in to an organisation's pages, by name."""
        return self.listed("/users")

    def remove_user(self, user_id: str) -> Document:
        """The account can't sign in any more, and its sessions are over."""
        return self._send("DELETE", _path("users", user_id))

    # --- witnesses of the log ------------------------------------------------------------------------------------
    def witnesses(self) -> Iterator[Document]:
        """Those whose cosignatures count, by name."""
        return self.listed("/log/witnesses")

    def trust_witness(self, key: str) -> Document:
        """Its cosignatures count from now on. key: its verifier key, as it printed it."""
        return self._send("POST", "/log/witnesses", {"key": key})

    def distrust_witness(self, hash: str) -> Document:  # noqa: A002 - as the witness has it
        """Its cosignatures count no more; `hash`: that of its key."""
        return self._send("DELETE", _path("log", "witnesses", hash))

    def request_cosignature(self, old: int | None = None) -> str:
        """What to give to a witness. old: how many entries it has cosigned, if it says so."""
        query = "" if old is None else f"?{urlencode({'old': old})}"
        return cast("str", self._send("GET", f"/log/cosign-request{query}")["request"])

    def accept_cosignature(self, request: str, cosignature: str) -> Document:
        """What a witness gave for a request is kept; by name, what each has cosigned."""
        sent = {"request": request, "cosignature": cosignature}
        return cast("Document", self._send("POST", "/log/cosignatures", sent)["cosigned"])

    # --- anything else -------------------------------------------------------------------------------------------
    def listed(self, path: str, **query: Any) -> Iterator[Document]:
        """Every item of a list, page by page."""
        while True:
            found = self._send("GET", f"{path}?{urlencode(query)}")
            yield from found["items"]
            if found.get("next") is None:
                return
            query["after"] = found["next"]

    def call(self, method: str, path: str, document: Document | None = None) -> Any:
        """Any operation of /v1, by its path there. Raises: Refused; OSError: the service can't be reached."""
        return self._send(method, path, document)

    # --- inside --------------------------------------------------------------------------------------------------
    def _send(self, method: str, path: str, document: Document | None = None) -> Document:
        found: Document = json.loads(self._raw(method, path, document))
        return found

    def _raw(self, method: str, path: str, document: Document | None = None) -> bytes:
        return self._answer(method, path, document).read()

    def _answer(self, method: str, path: str, document: Document | None) -> HTTPResponse:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())  # the same for each try
        body = None
        if document is not None:
            body = json.dumps({name: value for name, value in document.items() if value is not None}).encode()
            headers["Content-Type"] = "application/json"
        answer = self._asked(method, f"/v1{path}", body, headers)
        if answer.status >= 400:
            raise _refused(answer.status, answer.read())
        return answer

    def _asked(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> HTTPResponse:
        tries_left = TRIES
        while True:
            tries_left -= 1
            try:
                self._connection.request(method, path, body, headers)
                return self._connection.getresponse()
            except (HTTPException, ConnectionError):
                self._connection.close()  # perhaps it was only idle for too long
                if not tries_left:
                    raise


def _refused(status: int, data: bytes) -> Refused:
    try:
        problem = json.loads(data)
    except ValueError:  # a proxy in between answered
        problem = {}
    return Refused(status, problem if isinstance(problem, dict) else {})


def _path(*parts: str) -> str:
    """Of /v1; what a part says never reads as another part."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _subject(said: Document) -> Document:
    return said | {name: _text(said[name]) for name in ("evidence", "reference")}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
