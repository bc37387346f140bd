"""How to go on after an error: a closed list of remedies, and how each door words them.

An error names the thing and the reason; how to go on depends on where it is read. The command line says a flag or a
command, /v1 a JSON pointer or an operation, a page a label or another page, a library user's traceback an argument or a
method. So an error carries a `Remedy` and the library's name of a parameter, and each door has one table (`Door`) that
words both. What reads the same everywhere is worded once, in `COMMON`.
"""

from __future__ import annotations

import errno
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any, Final


class Remedy(StrEnum):
    """What to do about an error. `values` and `field` of the error say with what."""

    # a parameter
    ADD_FIELD = auto()  # field; values: an example
    ADD_ONE_OF = auto()  # values: names of parameters
    ADD_SOME_OF = auto()  # values: names of parameters
    ADD_ALL_OF = auto()  # values: names of parameters
    KEEP_ONE_OF = auto()  # values: names of parameters
    OMIT_FIELD = auto()  # field; or values: names of parameters
    USE_ONE_OF = auto()  # values: all that is accepted
    USE_SOME_OF = auto()  # values: all that is accepted
    USE_FORMAT = auto()  # values: an example
    USE_RANGE = auto()  # values: the lowest and the highest
    USE_AT_MOST = auto()  # values: the most
    USE_FUTURE_DATE = auto()
    CHOOSE_ANOTHER_NAME = auto()
    GIVE_LONGER_ID = auto()
    # a file or folder
    USE_NEW_FILE = auto()
    USE_EXISTING_FILE = auto()
    USE_EMPTY_FOLDER = auto()
    USE_EXISTING_FOLDER = auto()
    USE_WRITABLE_FOLDER = auto()
    USE_OTHER_DISK = auto()
    USE_SMALLER_FILE = auto()  # values: the most
    USE_ANOTHER_COPY = auto()
    CORRECT_FILE = auto()
    SPLIT_FILE = auto()
    SAVE_AS_UTF8 = auto()
    # a picture
    SAVE_AS_JPEG = auto()
    SCALE_DOWN = auto()
    SEND_PICTURE = auto()
    USE_ANOTHER_PICTURE = auto()
    USE_PICTURE_OF_ONE = auto()
    USE_CLEARER_PICTURE = auto()
    TAKE_PHOTOGRAPH = auto()
    CHOOSE_FACE = auto()  # field
    NUMBER_FACES = auto()
    NAME_JURISDICTION = auto()
    FIND_ID = auto()
    SEARCH_AGAIN = auto()
    # the machine
    FREE_SPACE = auto()
    FREE_MEMORY = auto()
    CHECK_PERMISSION = auto()
    MAKE_WRITABLE = auto()
    MOUNT_DISK = auto()
    SET_CLOCK = auto()
    SET_VARIABLE = auto()  # values: the environment variable
    UNSET_VARIABLE = auto()  # values: the environment variable
    INSTALL = auto()  # values: what to install
    INSTALL_WEIGHTS = auto()  # values: the version
    UPGRADE = auto()
    RESTORE_FROM_BACKUP = auto()
    MAKE_BACKUP_AGAIN = auto()
    RUN_DOCTOR = auto()
    RUN_DOCTOR_ALONE = auto()
    DELETE_INDEX = auto()
    TRY_AGAIN = auto()
    TRY_AGAIN_LATER = auto()
    WAIT_FOR_OTHER = auto()
    SHOW_STATUS = auto()
    REPORT_BUG = auto()
    # the master key
    RESTORE_KEY_FILE = auto()
    PROTECT_KEY_FILE = auto()
    NAME_NEW_KEY_FILE = auto()
    MOVE_KEY_FILE = auto()
    USE_ORGANISATION_HOME = auto()
    # who asks
    SIGN_IN = auto()
    GET_SIGN_IN_LINK = auto()
    ASK_KEY_MANAGER = auto()
    USE_ANOTHER_KEY = auto()
    LIST_ACCESS_KEYS = auto()
    MAKE_ACCESS_KEY = auto()  # values: names of parameters that it is to be bound by
    LIST_ACCOUNTS = auto()
    ADD_ACCOUNT = auto()
    USE_NEW_IDEMPOTENCY_KEY = auto()
    RELOAD_PAGE = auto()
    # sources, clients, guests
    LIST_SOURCES = auto()
    SHOW_SOURCE = auto()
    ADD_SOURCE = auto()
    ADD_UPLOAD_SOURCE = auto()
    RESUME_SOURCE = auto()
    INGEST_SOURCE = auto()
    INGEST_UPLOADS = auto()  # values: the source's name
    SEARCH_FOR_GUESTS = auto()  # values: the source's name
    ERASE_SOURCE = auto()  # values: its name
    ERASE_LOST_SOURCE = auto()  # values: its name
    ENROL_REFERENCES = auto()  # values: its name
    LIST_CLIENTS = auto()
    SHOW_CLIENT = auto()
    LIST_GUEST_LINKS = auto()
    ASK_FOR_LINK = auto()
    ASK_ORGANISER = auto()
    # persons
    LIST_PERSONS = auto()
    SHOW_PERSON = auto()
    SHOW_PERSON_HISTORY = auto()
    SUGGEST_AGAIN = auto()
    MERGE_PERSONS = auto()
    MAKE_PERSON = auto()
    # orders, requests, receipts
    LIST_ORDERS = auto()
    SHOW_ORDER = auto()  # values: its id
    DRAFT_ORDER = auto()
    SIMULATE_ORDER = auto()
    APPLY_ORDER = auto()  # values: its id
    RESUME_ORDER = auto()
    LIST_REQUESTS = auto()
    SHOW_REQUEST = auto()  # values: its id
    VERIFY_REQUEST = auto()  # values: its id
    REFUSE_REQUEST = auto()  # values: its id
    USE_OTHER_PROOF = auto()
    CHECK_TRACKING_CODE = auto()
    LIST_RECEIPTS = auto()
    LIST_RECIPIENTS = auto()
    GIVE_RECEIPT_FILE = auto()
    # the log
    LIST_LOG_ENTRIES = auto()
    VERIFY_LOG = auto()
    COMPARE_LOG = auto()
    REPORT_LOG = auto()
    ASK_FOR_IT_AGAIN = auto()
    ASK_FOR_RIGHT_ONE = auto()
    GIVE_CHECKPOINT = auto()
    GET_TRUSTED_KEY = auto()
    LIST_WITNESSES = auto()
    TRUST_WITNESS = auto()
    MAKE_WITNESS_KEY = auto()
    REQUEST_COSIGNATURE = auto()
    GIVE_NEWEST_LOG = auto()
    # models
    LIST_MODELS = auto()
    ADD_MODEL = auto()
    REMOVE_MODEL = auto()  # values: its name
    REPLACE_MODEL = auto()  # values: its name
    GET_MODEL_AGAIN = auto()
    USE_ANOTHER_DETECTOR = auto()
    CORRECT_MODEL_ENTRY = auto()
    EXPORT_MODEL_AGAIN = auto()
    MEASURE_MODEL = auto()  # values: its name
    REMOVE_CALIBRATION = auto()
    BEGIN_REINDEX = auto()
    CONTINUE_REINDEX = auto()
    SWITCH_REINDEX = auto()
    END_REINDEX = auto()
    ROLL_BACK_REINDEX = auto()
    COMPARE_MODELS = auto()
    ACCEPT_LOSS = auto()
    # jobs, permits
    LIST_JOBS = auto()
    MAKE_PERMIT = auto()

    @classmethod
    def of(cls, name: object) -> Remedy | None:
        """The remedy of that name; None: there is none here, or none was named."""
        return cls(name) if name in _ALL else None


NAMES_FIELDS: Final = frozenset({
    Remedy.ADD_ONE_OF, Remedy.ADD_SOME_OF, Remedy.ADD_ALL_OF, Remedy.KEEP_ONE_OF, Remedy.OMIT_FIELD,
    Remedy.MAKE_ACCESS_KEY,
})  # fmt: skip  # their values are names of parameters

# Worded alike at every door, unless its own table says otherwise. {field}: the parameter; {it}, {for_field}: the same
# where there may be none; {fields}: the parameters that `values` names, or else `field`; {value}, {last}, {values}: of
# `values`; {quoted}: the first as a shell takes it; {example}: the first, if there is any.
COMMON: Final[Mapping[Remedy, str]] = {
    Remedy.ADD_FIELD: "add {field}{example}",
    Remedy.ADD_ONE_OF: "add one of these: {fields}",
    Remedy.ADD_SOME_OF: "add one or more of these: {fields}",
    Remedy.ADD_ALL_OF: "give these together: {fields}",
    Remedy.KEEP_ONE_OF: "give only one of these: {fields}",
    Remedy.OMIT_FIELD: "remove {fields}",
    Remedy.USE_ONE_OF: "use one of these{for_field}: {values}",
    Remedy.USE_SOME_OF: "use one or more of these{for_field}: {values}",
    Remedy.USE_FORMAT: "write {it} like this: {value}",
    Remedy.USE_RANGE: "use a value from {value} to {last}{for_field}",
    Remedy.USE_AT_MOST: "use at most {value}{for_field}",
    Remedy.USE_FUTURE_DATE: "give a day in the future{for_field}",
    Remedy.CHOOSE_ANOTHER_NAME: "choose another name",
    Remedy.GIVE_LONGER_ID: "give more characters of the id",
    Remedy.USE_NEW_FILE: "name a file that does not exist yet",
    Remedy.USE_EXISTING_FILE: "name a file that exists and can be read",
    Remedy.USE_EMPTY_FOLDER: "name an empty folder, or one that does not exist yet",
    Remedy.USE_EXISTING_FOLDER: "name a folder that exists",
    Remedy.USE_WRITABLE_FOLDER: "name a folder that can be written to",
    Remedy.USE_OTHER_DISK: "name a file or folder on another disk",
    Remedy.USE_SMALLER_FILE: "use a file of at most {value}",
    Remedy.USE_ANOTHER_COPY: "use another copy of the file",
    Remedy.CORRECT_FILE: "correct the file, then try again",
    Remedy.SPLIT_FILE: "split the list, and add a source for each part",
    Remedy.SAVE_AS_UTF8: "save the file as text in UTF-8",
    Remedy.SAVE_AS_JPEG: "save the picture as JPEG or PNG, then try again",
    Remedy.SCALE_DOWN: "scale the picture down, or cut it into parts",
    Remedy.SEND_PICTURE: "send the picture itself",
    Remedy.USE_ANOTHER_PICTURE: "use another picture",
    Remedy.USE_PICTURE_OF_ONE: "use a picture that shows this person alone",
    Remedy.USE_CLEARER_PICTURE: "crop closer to the face, turn the picture upright, or use a sharper one",
    Remedy.TAKE_PHOTOGRAPH: "take a photograph of yourself from near, in good light, facing the camera",
    Remedy.NUMBER_FACES: "count the faces from 0",
    Remedy.NAME_JURISDICTION: "name the jurisdiction, of the source or in a sidecar beside the picture",
    Remedy.FIND_ID: "search first: each lead shows the ids of its face and picture",
    Remedy.SEARCH_AGAIN: "search again",
    Remedy.FREE_SPACE: "free some space on the disk, then try again; nothing acknowledged is lost",
    Remedy.FREE_MEMORY: "free some memory, then try again",
    Remedy.CHECK_PERMISSION: "give the user that runs Countenance the right to read it",
    Remedy.MAKE_WRITABLE: "make it writable for the user that runs Countenance; each act writes to the home",
    Remedy.MOUNT_DISK: "check that its disk is mounted",
    Remedy.SET_CLOCK: "set the clock of this machine right",
    Remedy.SET_VARIABLE: "set the environment variable {value}",
    Remedy.UNSET_VARIABLE: "unset the environment variable {value}",
    Remedy.INSTALL: "install {value}",
    Remedy.INSTALL_WEIGHTS: "install the Python package countenance-weights {value}; README.md says where to get it",
    Remedy.UPGRADE: "install the newer version of Countenance that wrote it",
    Remedy.RESTORE_FROM_BACKUP: "restore the home from a backup",
    Remedy.MAKE_BACKUP_AGAIN: "make the backup again",
    Remedy.TRY_AGAIN: "try again",
    Remedy.TRY_AGAIN_LATER: "try again later",
    Remedy.WAIT_FOR_OTHER: "wait until the other process has finished, then try again",
    Remedy.REPORT_BUG: "report it, please: this is a fault in Countenance",
    Remedy.RESTORE_KEY_FILE: "put the key file back from its copy, or name the right one in COUNTENANCE_KEYFILE",
    Remedy.PROTECT_KEY_FILE: "let only its owner read and write the key file (mode 0600)",
    Remedy.DELETE_INDEX: "delete its folder: it is a cache, and is made again from the records",
    Remedy.MOVE_KEY_FILE: "move it to another folder, and name it in COUNTENANCE_KEYFILE",
    Remedy.NAME_NEW_KEY_FILE: "name a new file in COUNTENANCE_KEYFILE, in a writable folder; each home has its own",
    Remedy.SIGN_IN: "sign in again, or send a valid access key",
    Remedy.ASK_KEY_MANAGER: "ask the person who manages the access keys of this home",
    Remedy.USE_ANOTHER_KEY: "use another access key",
    Remedy.USE_NEW_IDEMPOTENCY_KEY: "use a new idempotency key for each request",
    Remedy.RELOAD_PAGE: "load the page again, and send it from there",
    Remedy.ASK_FOR_LINK: "ask for a new link where you got this one",
    Remedy.ASK_ORGANISER: "ask the organiser for it",
    Remedy.USE_OTHER_PROOF: "use another proof, or refuse the request and say why",
    Remedy.CHECK_TRACKING_CODE: "check the code: it has 20 letters and digits, as on the receipt",
    Remedy.DRAFT_ORDER: "draft the order again",
    Remedy.COMPARE_LOG: "compare the log with a backup, and report it to the person who supervises this home",
    Remedy.REPORT_LOG: "keep what you have, and report it to the person who supervises this home",
    Remedy.ASK_FOR_IT_AGAIN: "ask the person who gave it to you for a complete copy",
    Remedy.ASK_FOR_RIGHT_ONE: "ask the person who gave it to you for the right one",
    Remedy.GIVE_RECEIPT_FILE: "ask the person who gave it to you for the .json file of the receipt",
    Remedy.GIVE_CHECKPOINT: "give a checkpoint of this log as it was handed out: lines of text, the last a signature",
    Remedy.GET_TRUSTED_KEY: "get the public key from someone you trust",
    Remedy.CORRECT_MODEL_ENTRY: "correct the model's entry; docs/models.md has an example",
    Remedy.GET_MODEL_AGAIN: "get the file again from where its sha256 was published, or correct the model's entry",
    Remedy.EXPORT_MODEL_AGAIN: "export the model with standard operators into one file, then add it again",
    Remedy.MAKE_PERMIT: "ask policy.decide for a permit, and use it within 60 s",
}


def remedy_of_reading(error: OSError) -> Remedy:
    """What to do where a file that somebody named can't be read."""
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Remedy.CHECK_PERMISSION
    return Remedy.USE_ANOTHER_COPY if error.errno == errno.EIO else Remedy.USE_EXISTING_FILE


def remedy_of_storage(error: Exception) -> Remedy:
    """What to do where a disk or a database refused, by the words of the operating system or of SQLite."""
    said = str(error).lower()
    for words, remedy in (
        (("full", "no space", "quota"), Remedy.FREE_SPACE),
        (("readonly", "read-only", "unable to open", "permission denied", "not permitted"), Remedy.MAKE_WRITABLE),
        (("locked",), Remedy.WAIT_FOR_OTHER),
    ):
        if any(each in said for each in words):
            return remedy
    return Remedy.RUN_DOCTOR


@dataclass(frozen=True, slots=True)
class Door:
    """How one door words remedies and names of parameters."""

    remedies: Mapping[Remedy, str]  # what COMMON lacks, or words otherwise
    fields: Mapping[str, str] = field(default_factory=dict)  # names that the rule gets wrong here
    rule: Callable[[str], str] = str  # from the library's name of a parameter to this door's
    shows_paths: bool = False  # whether paths of this machine are shown

    def name(self, parameter: str) -> str:
        """The parameter's name at this door."""
        return self.fields.get(parameter) or self.rule(parameter)

    def text(self, remedy: Remedy) -> str:
        """The remedy's text, with its placeholders; "": there is nothing that can be done from here."""
        return self.remedies.get(remedy, COMMON.get(remedy, ""))

    def hint(self, facts: Mapping[str, Any]) -> str:
        """How to go on; "": nothing is known. facts: as `CountenanceError.as_dict` gives them."""
        remedy = Remedy.of(facts.get("remedy"))
        if remedy is None:
            return str(facts.get("hint", ""))  # in words: of a page's own, or stored by a version before remedies
        values, named = [str(value) for value in facts.get("values", ())], str(facts.get("field", ""))
        fields = values if remedy in NAMES_FIELDS and values else [named]
        return self.text(remedy).format(
            field=self.name(named), it=self.name(named) if named else "it",
            for_field=f" for {self.name(named)}" if named else "",
            fields=", ".join(map(self.name, fields)), values=", ".join(values),
            value=values[0] if values else "", last=values[-1] if values else "",
            quoted=shlex.quote(values[0]) if values else "",
            example=f", for example {values[0]}" if values else "",
        )  # fmt: skip

    def advised(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with what to `do` in words: the facts of a remedy, or a list of them; paths only where shown."""
        do = document["do"]
        shown = {name: value for name, value in document.items() if name != "path" or self.shows_paths}
        return {**shown, "do": list(map(self.hint, do)) if isinstance(do, list) else self.hint(do)}

    def advised_lists(self, document: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """The document, and each item in its lists of these names as `advised` words it."""
        return {**document, **{name: list(map(self.advised, document[name])) for name in names}}

    def document(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts as this door tells them: `hint` in words, `field` by its name here, paths only where shown."""
        told = {name: value for name, value in facts.items() if name not in _WORDED}
        told["hint"] = self.hint(facts)
        if facts.get("field"):
            told["field"] = self.name(facts["field"])
        if facts.get("path") and self.shows_paths:
            told["path"] = facts["path"]
        return told


_ALL: Final = frozenset(map(str, Remedy))
_WORDED: Final = frozenset({"remedy", "field", "values", "path", "hint"})

# What a user of the library reads: arguments, and methods of the Home that `countenance.open` returns.
LIBRARY: Final = Door(
    {
        Remedy.CHOOSE_FACE: "pass {field}: 0 is the first of error.boxes",
        Remedy.RUN_DOCTOR: "examine the home with home.health.examine()",
        Remedy.RUN_DOCTOR_ALONE: "examine the home again when no other process uses it",
        Remedy.SHOW_STATUS: "see home.health.status()",
        Remedy.USE_ORGANISATION_HOME: 'open the home of an organisation: countenance.open(folder, kind="organisation")',
        Remedy.GET_SIGN_IN_LINK: "make another link with home.sign_in.link()",
        Remedy.LIST_ACCESS_KEYS: "home.access_keys.all() lists the access keys",
        Remedy.MAKE_ACCESS_KEY: "make a key with home.access_keys.make() that is bound by {fields}",
        Remedy.LIST_ACCOUNTS: "home.sign_in.accounts() lists the accounts",
        Remedy.ADD_ACCOUNT: "add an account with home.sign_in.add()",
        Remedy.LIST_SOURCES: "home.sources() lists the sources",
        Remedy.SHOW_SOURCE: "home.source(name) shows where it stands",
        Remedy.ADD_SOURCE: "add a source with home.add_source()",
        Remedy.ADD_UPLOAD_SOURCE: "put the picture into its folder, or add a source whose path is None with "
        "home.add_source()",
        Remedy.RESUME_SOURCE: "home.resume() puts its grant in force again",
        Remedy.INGEST_SOURCE: "ingest its source again with home.ingest()",
        Remedy.INGEST_UPLOADS: "home.ingest({value!r})",
        Remedy.SEARCH_FOR_GUESTS: "home.search_for_guests({value!r})",
        Remedy.ERASE_SOURCE: "home.erase(source={value!r})",
        Remedy.ERASE_LOST_SOURCE: "check that its disk is mounted; home.erase(source={value!r}) erases its pictures",
        Remedy.ENROL_REFERENCES: "enrol its people again from the same list of subjects",
        Remedy.LIST_CLIENTS: "home.clients.all() lists the clients",
        Remedy.SHOW_CLIENT: "home.clients.all() shows since when",
        Remedy.LIST_GUEST_LINKS: "home.guests.links() lists the links of a source",
        Remedy.LIST_PERSONS: "home.people.all() lists the persons",
        Remedy.SHOW_PERSON: "home.people.shown() lists a person's faces",
        Remedy.SHOW_PERSON_HISTORY: "home.people.history() lists the decisions",
        Remedy.SUGGEST_AGAIN: "ask home.suggest_people() for suggestions again",
        Remedy.MERGE_PERSONS: "merge them with home.people.merge(), or remove the face from its person first",
        Remedy.MAKE_PERSON: "make a person of faces that you choose with home.people.new()",
        Remedy.LIST_ORDERS: "home.orders.all() lists the orders",
        Remedy.SHOW_ORDER: "home.orders.get({value!r}) shows where it stands",
        Remedy.SIMULATE_ORDER: "simulate it with home.orders.simulate()",
        Remedy.APPLY_ORDER: "home.orders.apply({value!r}) goes on",
        Remedy.RESUME_ORDER: "record the decision that ends the stay with home.orders.resume()",
        Remedy.LIST_REQUESTS: "home.requests.listed() lists the requests",
        Remedy.SHOW_REQUEST: "home.requests.show({value!r}) shows where it stands",
        Remedy.VERIFY_REQUEST: "verify who asks: home.requests.verify({value!r}), with photo, code or document",
        Remedy.REFUSE_REQUEST: "refuse it, and say why: home.requests.decide({value!r}, grant=False, reason=...)",
        Remedy.LIST_RECEIPTS: "home.receipts.all() lists the receipts",
        Remedy.LIST_RECIPIENTS: "home.receipts.recipients() lists who was shown it",
        Remedy.GIVE_RECEIPT_FILE: 'home.receipts.export(receipt, "receipt.json") writes that file where the home is',
        Remedy.GIVE_CHECKPOINT: "give a checkpoint of this log: home.audit.checkpoint() gives one to keep",
        Remedy.LIST_LOG_ENTRIES: "home.audit.entries() lists the entries",
        Remedy.VERIFY_LOG: "check the log with home.verify_log(), and compare it with a backup",
        Remedy.LIST_WITNESSES: "home.audit.trusted() lists the witnesses",
        Remedy.TRUST_WITNESS: "trust the witness first with home.audit.trust()",
        Remedy.MAKE_WITNESS_KEY: "make one with countenance.make_witness_key()",
        Remedy.REQUEST_COSIGNATURE: "home.audit.request() writes one",
        Remedy.GIVE_NEWEST_LOG: "give the newest log there is: of the home itself, or a later backup of the log alone",
        Remedy.LIST_MODELS: "home.models.all() lists the models",
        Remedy.ADD_MODEL: "add that model again",
        Remedy.REMOVE_MODEL: "remove the model {value} first, or give this one another name",
        Remedy.REPLACE_MODEL: "remove the model {value}, then add it again",
        Remedy.USE_ANOTHER_DETECTOR: "let the home use another detector first",
        Remedy.MEASURE_MODEL: "measure it on labelled pictures of your own with home.evaluate()",
        Remedy.REMOVE_CALIBRATION: "remove it with home.use_shipped_calibration(), then measure again",
        Remedy.BEGIN_REINDEX: "begin a reindex to another model",
        Remedy.CONTINUE_REINDEX: "let the reindex go on first",
        Remedy.SWITCH_REINDEX: "switch to the new model first",
        Remedy.END_REINDEX: "finish the reindex, or roll it back, first",
        Remedy.ROLL_BACK_REINDEX: "roll the reindex back to the model before",
        Remedy.COMPARE_MODELS: "compare the models on labelled pictures, or switch without that (unmeasured=True)",
        Remedy.ACCEPT_LOSS: "let the reindex try again, or go on without them (accept_loss=True)",
        Remedy.LIST_JOBS: "home.jobs.newest() lists the jobs",
    },
    shows_paths=True,
)
