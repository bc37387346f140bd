"""Subjects' references made with another model, from the same list: their pictures were not kept. Guests' were.

The list names subjects as it did when the grant was recorded; it adds nobody. The references are made under the permit
of a subject check and sealed under the grant's key. Crash order: the log, then one transaction: all of them stand or
none, and the log may say of some that never came to be.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from countenance.associated_data import evidence_aad, subject_template_aad
from countenance.errors import GrantInvalid
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.sources.grant import read_evidence, reference_templates
from countenance.pipeline.sources.subjects import Reference, key_of, subject_name
from countenance.pipeline.stores import Stores
from countenance.pipeline.vectors import pack_vector
from countenance.protocols import Embedder
from countenance.records.sources.sources import SealedSubject, Source
from countenance.records.upkeep.reindexes import Reindex
from countenance.remedies import Remedy
from countenance.rights.subjects import SubjectLine


def whom_they_name(
    stores: Stores, source: Source, lines: Sequence[SubjectLine]
) -> tuple[tuple[SealedSubject, SubjectLine], ...]:
    """The subject of the source that each line names. Raises: GrantInvalid: it names nobody there, or one twice."""
    known: dict[str, list[SealedSubject]] = defaultdict(list)
    for subject in stores.records.sources.subjects(source.grant.id):
        known[subject_name(stores, source, subject)].append(subject)
    found: dict[int, tuple[SealedSubject, SubjectLine]] = {}
    for line in lines:
        called = known.get(line.name, [])
        if len(called) > 1:  # namesakes are told apart by what they signed
            sha256 = hashlib.sha256(read_evidence(line.evidence)).hexdigest()
            called = [subject for subject in called if subject.evidence_sha256 == sha256]
        if len(called) != 1 or called[0].id in found:
            raise GrantInvalid(
                f"line {line.line}: {line.name!r} is not one of the subjects of {source.name}, each named once; a new "
                "person needs a grant of their own",
                Remedy.CORRECT_FILE,
            )
        found[called[0].id] = called[0], line
    return tuple(found.values())


def guests_of(stores: Stores, source: Source) -> tuple[tuple[SealedSubject, Reference], ...]:
    """The guests among a source's subjects, each with the photograph that they consented by."""

    def photograph(subject: SealedSubject) -> bytes:
        sealed = stores.blobs.get(subject.evidence_blob)
        document = json.loads(stores.keys.open(subject.key_id or b"", evidence_aad(subject.uid), sealed))
        return base64.b64decode(document["photograph"])

    guests = [subject for subject in stores.records.sources.subjects(source.grant.id) if subject.key_id is not None]
    return tuple(
        (guest, Reference(f"the photograph of {subject_name(stores, source, guest)}", partial(photograph, guest)))
        for guest in guests
    )


def enrol_again(
    stores: Stores,
    source: Source,
    reindex: Reindex | None,
    wanted: Sequence[tuple[SealedSubject, Reference, int]],
    embedders: Mapping[int, Embedder],
    analyser_for: Callable[[Embedder], FaceAnalyser],
    kept_out: SuppressionList,
) -> None:
    """Each subject has a reference in the space that is wanted of them, made of that picture.

    Args: reindex: the one under way; wanted: (subject, picture, space id); embedders: of those spaces.
    Raises: GrantInvalid: says whose picture; PolicyDenied, LogUnwritable; WrongUse: a reindex began or ended meanwhile.
    """
    sealed: dict[int, tuple[int, bytes]] = {}
    for space_id in sorted({space for _, _, space in wanted}):
        mine = [(subject, picture) for subject, picture, space in wanted if space == space_id]
        with analyser_for(embedders[space_id]) as analyser:
            rows = reference_templates(
                stores, analyser, embedders[space_id], [picture for _, picture in mine], kept_out=kept_out,
                tenant=source.tenant,
            )  # fmt: skip
        for (subject, _), row in zip(mine, rows, strict=True):
            aad = subject_template_aad(subject.uid)
            sealed[subject.id] = space_id, stores.keys.seal(key_of(source, subject), aad, pack_vector(row))
    stores.log.append(
        "source.references",
        {
            "source": source.uid,
            "grant": source.grant_uid,
            "subjects": [subject.uid for subject, _, _ in wanted],
            "models": sorted({embedders[space].space.model for _, _, space in wanted}),
        },
    )
    stores.records.reindexes.add_references(reindex, sealed)
