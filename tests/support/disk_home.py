"""A home with its real stores on a real disk, seen through toy eyes: `app`'s own wiring, and no model to load.

The scenarios at the end are what `testing.crash` runs in a child and kills: each does one command's work through
`Home`, tells its result, and closes the home, as the command line does.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from countenance.app.home import Home, open_home
from countenance.app.upkeep.restore import restore as restore_backup
from countenance.associated_data import template_aad
from countenance.calibrate.calibration import Calibration
from countenance.keys.master import KEYFILE_VARIABLE
from countenance.permits import Act
from countenance.pipeline.vectors import pack_vector
from countenance.rights.guests import VERSION
from countenance.testing import forged
from countenance.testing.toy import SPACE, TURNED, ToyEmbedder, ToyLooker, TurnedEmbedder, turned, vector
from countenance.types import EmbeddingSpace
from countenance.weights.manifest import SFACE, entries
from countenance.weights.model import Model
from countenance.weights.store import shipped

Tell = Callable[[Any], None]
BATCH_FACES: Final = 2  # so that a handful of pictures is several batches
SEGMENT_ROWS: Final = 4  # and a handful of faces several segments
THUMBNAIL: Final = b"thumbnail of "  # as the toy analyser begins one


class Eyes(ToyLooker):
    """A `FaceAnalyser` that has no child processes."""

    def __init__(self, *, workers: int = 1, **looking: Any) -> None:
        super().__init__()
        del workers, looking

    def close(self) -> None:
        """There is nothing to close."""


EMBEDDERS: Final = {SPACE.model: ToyEmbedder, TURNED.model: TurnedEmbedder}  # as if they came with Countenance


def _embedder(model: Any = None, *, threads: int, runtime: str) -> ToyEmbedder:
    del threads, runtime
    return EMBEDDERS[SPACE.model if model is None else model.name]()


def _shipped(name: str) -> Model:
    return replace(shipped(SFACE), name=name) if name in EMBEDDERS else shipped(name)


def _calibration(space: EmbeddingSpace) -> Calibration:
    """The shipped one, for the toy spaces: odds are odds."""
    data = (resources.files("countenance.calibrate") / "data" / "sface-2021dec.json").read_bytes()
    return replace(Calibration.from_json(data), space=space)


def _one_folder(name: str) -> str:
    """All blobs in one folder: how many folders are made and synced must not hang on random names."""
    del name
    return "00"


@contextmanager
def toy_eyes() -> Iterator[None]:
    """Homes opened inside look with `Eyes` and embed with `ToyEmbedder`; batches are cut by count, never by time."""
    with ExitStack() as stack:
        for name, new in {
            "countenance.embed.onnx.OnnxEmbedder": _embedder,
            "countenance.app.sources.ingests.FaceAnalyser": Eyes,
            "countenance.app.engine.FaceAnalyser": Eyes,
            "countenance.app.looking.FaceAnalyser": Eyes,
            "countenance.app.upkeep.evaluation.FaceAnalyser": Eyes,
            "countenance.app.upkeep.reindex.FaceAnalyser": Eyes,
            "countenance.app.upkeep.reindex_report.FaceAnalyser": Eyes,
            "countenance.app.upkeep.references.FaceAnalyser": Eyes,
            "countenance.app.wiring.entries": lambda: {*entries(), *EMBEDDERS},
            "countenance.app.wiring.shipped": _shipped,
            "countenance.calibrate.calibration.load": _calibration,
            "countenance.pipeline.pictures.ingest.BATCH_FACES": BATCH_FACES,
            # none grows while another is slow to be recorded
            "countenance.pipeline.pictures.ingest.MOST_FACES": BATCH_FACES,
            "countenance.pipeline.pictures.ingest.BATCH_S": 3600.0,
            "countenance.pipeline.upkeep.reindex.PICTURES": BATCH_FACES,
            "countenance.records.upkeep.reindexes.FACES_A_STEP": BATCH_FACES,
            "countenance.index.segments.SEGMENT_ROWS": SEGMENT_ROWS,
            "countenance.blobs.files._folder_of": _one_folder,
        }.items():
            stack.enter_context(patch(name, new))
        yield


@contextmanager
def opened(path: str | Path, kind: str | None = None) -> Iterator[Home]:
    """The home at `path`, made if it is not there, with toy eyes."""
    with toy_eyes(), open_home(path, kind=kind) as home:
        yield home


# --- what a home holds -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Held:
    """What a home holds, in the words of the toy: what was enrolled is known by its name and box."""

    places: frozenset[tuple[str, bytes, str]]  # source, place, sha256 of what stands there
    faces: Counter[tuple[str, str]]  # sha256 of the picture, the face as the picture says it: "alice@10,20,60,80"
    rows: Counter[tuple[str, str]]  # as `faces`, of the index: one a class


def held_by(home: Home, *, ignore_left_over: bool = False) -> Held:
    """All of it, opened with the home's own keys.

    Args: ignore_left_over: keys and blobs that nothing names are no fault, as a kill leaves them until the next ingest.
    Raises AssertionError: the stores do not fit: something is there twice, is missing, or belongs to nothing.
    """
    stores = home.parts.stores
    assert stores.records.erasures.unfinished() == ()
    with stores.records.database.read() as connection:
        places = connection.exec_driver_sql(
            "SELECT s.name, l.place, hex(p.sha256) FROM placements l JOIN pictures p ON p.id = l.picture_id "
            "JOIN sources s ON s.id = l.source_id"
        ).all()
        faces = connection.exec_driver_sql(
            "SELECT f.id, f.uid, f.key_id, f.template, f.x1, f.y1, f.x2, f.y2, hex(p.sha256) AS sha256, s.model, "
            "t.key_id AS second_key, t.template AS second, z.model AS second_model "
            "FROM faces f JOIN pictures p ON p.id = f.picture_id JOIN spaces s ON s.id = f.space_id "
            "LEFT JOIN face_templates t ON t.face_id = f.id LEFT JOIN spaces z ON z.id = t.space_id "
            "WHERE f.key_id IS NOT NULL"
        ).all()
    active = home.parts.engine().embedder.space
    changing = {SPACE.model, TURNED.model} if home.reindexing.status() else {active.model}
    named: dict[int, tuple[str, str]] = {}
    for face in faces:
        uid = str(uuid.UUID(bytes=face.uid))
        name = home.crop(uid).removeprefix(THUMBNAIL).decode()
        templates = {face.model: (face.key_id, face.template), face.second_model: (face.second_key, face.second)}
        for model in filter(None, templates):
            key, sealed = templates[model]
            template = stores.keys.open(key, template_aad(uid), sealed)
            assert template == pack_vector(vector_of(name, model)), f"{uid} has another's template of {model}"
            assert model in changing, f"{uid} has a template of {model}, and the home uses {changing}"
        named[face.id] = face.sha256.lower(), f"{name}@{face.x1:g},{face.y1:g},{face.x2:g},{face.y2:g}"
    with stores.segments.resting() as segment_keys:
        needed = {*stores.records.gallery.key_ids(), *segment_keys}
        living = set(stores.keys.ids())
        assert needed <= living
        named_blobs, blobs = list(stores.records.gallery.blob_names()), set(stores.blobs.names())
        assert blobs.issuperset(named_blobs)
        assert len(named_blobs) == len(set(named_blobs))
        if not ignore_left_over:
            assert living == needed, f"{len(living - needed)} keys that nothing names"
            assert blobs == set(named_blobs), blobs - set(named_blobs)
    index = home.parts.engine().live.refresh()
    classes = [known.id for known in stores.records.policy.facts()[1]]
    permit = forged.live(Act.SEARCH, classes)
    hits = index.search(vector_of("anybody", active.model)[None], max(1, len(index)), permit)[0]
    return Held(
        frozenset((source, bytes(place), sha256.lower()) for source, place, sha256 in places),
        Counter(named.values()),
        Counter(named[hit.face] for hit in hits),
    )


def vector_of(name: str, model: str) -> NDArray[np.float32]:
    """A toy face's template of that toy model."""
    return vector(name) if model == SPACE.model else turned(vector(name)[None])[0]


def held_after(folders: Mapping[str, Path]) -> Held:
    """What a home holds after an ingest of these sources, one class each, where every picture there is a toy's."""
    pictures = {
        (source, os.fsencode(path.relative_to(folder))): path.read_bytes()
        for source, folder in folders.items()
        for path in folder.rglob("*")
        if path.is_file() and path.read_bytes().startswith(b"toy")
    }
    shown = {
        (source, hashlib.sha256(data).hexdigest()): data.decode().split()[1:] for (source, _), data in pictures.items()
    }
    return Held(
        frozenset((source, place, hashlib.sha256(data).hexdigest()) for (source, place), data in pictures.items()),
        Counter((sha256, face) for sha256, words in {k[1]: v for k, v in shown.items()}.items() for face in words),
        Counter((sha256, face) for (_, sha256), words in shown.items() for face in words),
    )


# --- scenarios -------------------------------------------------------------------------------------------------------
def init(tell: Tell, folder: str, kind: str) -> None:
    """`countenance init` of `folder`/home, with its master key in `folder`/home.key."""
    os.environ[KEYFILE_VARIABLE] = f"{folder}/home.key"
    with opened(f"{folder}/home", kind) as home:
        tell(home.id)


def add_source(tell: Tell, path: str, name: str, folder: str, grant: dict[str, Any]) -> None:
    """`countenance source add`."""
    with opened(path) as home:
        tell(home.add_source(name, folder, **grant).uid)


def ingest(tell: Tell, path: str, names: Sequence[str], prune: bool) -> None:
    """`countenance ingest`."""
    with opened(path) as home:
        tell([report.as_dict() for report in home.ingest(*names, prune=prune).reports])


def erase(tell: Tell, path: str, what: str, which: str) -> None:
    """`countenance erase`."""
    with opened(path) as home:
        named: dict[str, Any] = {what: which}
        tell(home.erase(**named).as_dict())


def compact(tell: Tell, path: str) -> None:
    """`countenance doctor --compact`, without the rest of doctor."""
    with opened(path) as home:
        tell(home.retention.compact().as_dict())


def decide(tell: Tell, path: str, request: str) -> None:
    """`countenance request decide --grant`."""
    with opened(path) as home:
        tell(home.requests.decide(request, grant=True))


def decide_people(tell: Tell, path: str, faces: Sequence[str]) -> None:
    """`countenance person`: new, new, add, merge, split, undo, over four faces; each is told when it stands."""
    with opened(path) as home:
        may = home.people.new(faces[:1], "May").id
        tell("new")
        other = home.people.new(faces[1:3]).id
        tell("new")
        home.people.add(may, faces[3:])
        tell("add")
        home.people.merge(may, other)
        tell("merge")
        home.people.split(may, faces[1:2])
        tell("split")
        home.people.undo()
        tell("undo")


def consent(tell: Tell, path: str, link: str, photograph: str) -> None:
    """A guest agrees by a link, with a toy photograph."""
    with opened(path) as home:
        tell(home.guests.consent(link, photograph.encode(), agreed=VERSION)[1])


def search_for_guests(tell: Tell, path: str, name: str) -> None:
    """`countenance guest search`, recorded by one thread: whether a second is needed depends on the clock."""
    with opened(path) as home, patch("countenance.pipeline.pictures.ingest.RECORDINGS", 1):
        tell(home.search_for_guests(name).pictures)


def withdraw(tell: Tell, path: str, token: str) -> None:
    """A guest withdraws."""
    with opened(path) as home:
        report = home.guests.withdraw(token)
        tell(None if report is None else report.as_dict())


def by_amazons_door(tell: Tell, path: str, token: str, operation: str, params: dict[str, Any]) -> None:
    """An operation of the Rekognition door, asked with an access key. Told: its answer. Bytes are said as text."""
    from countenance.api.rekognition.operations import OPERATIONS, Asked
    from countenance.api.rekognition.wire import Params

    with opened(path) as home:
        asked = Asked(home, home.access_keys.bearer(token), "eu-west-1", Params(params))
        tell(OPERATIONS[operation].act(asked))


def search(tell: Tell, path: str, probe: str, question: dict[str, Any]) -> None:
    """`countenance search`, of a toy picture."""
    with opened(path) as home:
        tell(home.search(probe.encode(), **question).as_dict())


def rotate(tell: Tell, path: str) -> None:
    """`countenance keyring rotate`, with the master key beside the home, so that a copy of both is one copy."""
    os.environ[KEYFILE_VARIABLE] = f"{path}/home.key"
    with opened(f"{path}/home") as home:
        tell(home.keyring.rotate().after)


def back_up(tell: Tell, folder: str) -> None:
    """`countenance backup` of `folder`/home to `folder`/backup."""
    os.environ[KEYFILE_VARIABLE] = f"{folder}/home.key"
    with opened(f"{folder}/home") as home:
        tell(home.backups.write(f"{folder}/backup").sha256)


def restore(tell: Tell, folder: str) -> None:
    """`countenance restore` of `folder`/backup to `folder`/again, with the log of `folder`/home."""
    os.environ[KEYFILE_VARIABLE] = f"{folder}/home.key"
    with toy_eyes():
        tell(restore_backup(f"{folder}/backup", f"{folder}/again", log=f"{folder}/home/log.db").as_dict())


def begin_reindex(tell: Tell, path: str, model: str) -> None:
    """`countenance reindex --model`."""
    with opened(path) as home:
        tell(home.reindexing.begin_or_go_on(model))


def reindex_step(tell: Tell, path: str, step: str) -> None:
    """`countenance reindex --switch`, `--roll-back` or `--finish`."""
    with opened(path) as home:
        options: dict[str, Any] = {"unmeasured": True} if step == "switch" else {}
        tell(getattr(home.reindexing, step)(**options))


def enrol_again(tell: Tell, path: str, name: str, subjects: str) -> None:
    """`countenance source references`."""
    with opened(path) as home:
        tell(home.references.add(name, subjects))


def evaluate_and_use(tell: Tell, path: str, people: str) -> None:
    """`countenance evaluate --use`."""
    with opened(path) as home:
        found = home.evaluate(people=people, use=True)
        assert found.calibration is not None
        tell(found.calibration.id)


def apply_order(tell: Tell, path: str, order: str) -> None:
    """`countenance order apply`."""
    with opened(path) as home:
        tell(home.orders.apply(order).as_dict())


def decide_order(tell: Tell, path: str, what: str, order: str, document: str) -> None:
    """`countenance order stay`, `resume` or `lift`."""
    with opened(path) as home:
        tell(home.orders.describe(getattr(home.orders, what)(order, document)))
