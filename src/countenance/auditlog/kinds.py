"""What can stand in the log: a closed list. docs/audit-log.md has a line for each, and a test compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DETAIL_ERASED: Final = "detail.erased"

KINDS: Final[Mapping[str, str]] = {
    "home.created": "A home was made: its kind.",
    "source.added": "A source stands, under a grant: basis, jurisdictions, purposes, hashes of the evidence.",
    "source.suspended": "A grant was suspended.",
    "source.resumed": "A suspended grant is in force again.",
    "source.withdrawn": "A grant was withdrawn for good.",
    "source.takedown": "A grant was withdrawn and its pictures are to be erased at once.",
    "source.references": "Subjects' references were made with another model too: whose, and with which.",
    "model.added": "A model was brought, and passed its self-test: name, task, sha256, licence.",
    "model.removed": "A model that was brought was removed.",
    "model.chosen": "From now on pictures are looked at with this detector.",
    "reindex.begun": "A change of the model was begun: both models.",
    "reindex.built": "A run made templates with the other model: how many, and how many faces still lack one.",
    "reindex.measured": "Both models were measured on the operator's labelled pictures: by which evaluations.",
    "reindex.switched": "From now on searches use the new model's templates.",
    "reindex.rolled_back": "From now on searches use the old model's templates again.",
    "reindex.finishing": "The templates of the model that is not in use are about to be destroyed.",
    "reindex.finished": "They are destroyed: where bytes may still lie.",
    "collect.decided": "Gate 1 permitted collecting from a source.",
    "collect.denied": "Gate 1 refused it, with the rules.",
    "embed.decided": "Gate 2 permitted templates of a batch: a salted hash of each picture.",
    "embed.denied": "Gate 2 refused it, with the rules.",
    "subject_check.decided": "Faces of a batch may be compared, in memory, with the subjects of their grant.",
    "subject_check.denied": "That was refused, with the rules.",
    "suppression_check.decided": "Faces may be compared, in memory, with suppressed persons.",
    "suppression_check.denied": "That was refused, with the rules.",
    "ingest.committed": "The outcome of a batch: what was recorded.",
    "ingest.ended": "The outcome of a run: its counts.",
    "search.decided": "Gate 3 permitted a search: purpose, classes, pseudonyms of probe and case.",
    "search.denied": "Gate 3 refused it, with the rules.",
    "search.shown": "Gate 4: what a search showed, by face ids, and how many faces it searched.",
    "compare.shown": "The outcome of comparing two pictures.",
    "evaluate.begun": "Labelled pictures are about to be measured with a model; their templates stay in memory.",
    "evaluate.ended": "The outcome: how many pictures gave a template, showed no face, were left out.",
    "calibration.used": "A calibration measured in this home is the one for its model from now on.",
    "calibration.removed": "The home's own calibration of a model was removed; the shipped one stands again, if any.",
    "duplicates.shown": "Which pictures show one photograph was listed: of which sources, how many groups.",
    "erase.begun": "An erasure was asked for: its scope.",
    "erase.done": "An erasure is done: counts, and where bytes may still lie.",
    DETAIL_ERASED: "The sealed details of the entries at these positions were erased.",
}

_DECISION: Final = frozenset({"purpose", "classes", "rules", "rules_sha256", "policy_version"})
_GRANT: Final = frozenset({"source", "grant"})

FIELDS: Final[Mapping[str, frozenset[str]]] = {  # what a record of each kind names at least
    **{kind: _DECISION for kind in KINDS if kind.endswith((".decided", ".denied"))},
    **{kind: _GRANT for kind in KINDS if kind.startswith("source.")},
    "home.created": frozenset({"home", "kind"}),
    **{kind: frozenset({"reindex"}) for kind in KINDS if kind.startswith("reindex.")},
    **dict.fromkeys(("model.added", "model.removed", "model.chosen"), frozenset({"model", "sha256"})),
    "ingest.committed": frozenset({"source", "run", "pictures", "faces", "indexed", "rejected"}),
    "ingest.ended": frozenset({"source"}),
    "search.shown": frozenset({"search", "searched", "threshold", "faces"}),
    "compare.shown": frozenset({"search"}),
    "evaluate.begun": frozenset({"model", "weights_sha256", "pictures"}),
    "evaluate.ended": frozenset({"evaluation", "embedded", "without_face", "excluded"}),
    "calibration.used": frozenset({"calibration", "model", "weights_sha256", "evaluation"}),
    "calibration.removed": frozenset({"model", "weights_sha256"}),
    "duplicates.shown": frozenset({"sources", "pictures", "groups"}),
    "erase.begun": frozenset({"erasure", "scope"}),
    "erase.done": frozenset({"erasure", "scope", "pending"}),
    DETAIL_ERASED: frozenset({"positions"}),
}
