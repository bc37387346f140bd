"""How the command line words remedies: by its own flags and commands."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import click

from countenance.remedies import Door, Remedy

DOOR: Final = Door(
    {
        Remedy.USE_CLEARER_PICTURE: "crop closer to the face, turn the picture upright, or use a sharper one; "
        "`countenance detect` shows what is found",
        Remedy.CHOOSE_FACE: "choose one with {field} N: 0 is the first of these boxes. `countenance detect PICTURE "
        "--export DIR` saves each face with its number",
        Remedy.NUMBER_FACES: "faces are counted from 0; `countenance detect` shows them",
        Remedy.FREE_SPACE: "free some space on the disk, then run the same command again; no confirmed work is lost",
        Remedy.TRY_AGAIN: "run the same command again",
        Remedy.INSTALL: "install it: pip install '{value}'",
        Remedy.INSTALL_WEIGHTS: "install the Python package countenance-weights {value} with pip install "
        "--force-reinstall; README.md says where to get it",
        Remedy.UPGRADE: "install the newer version that wrote it: pip install --upgrade countenance",
        Remedy.RESTORE_FROM_BACKUP: "restore the home from a backup (`countenance restore`), then run `countenance "
        "doctor`",
        Remedy.MAKE_BACKUP_AGAIN: "make the backup again: `countenance backup`",
        Remedy.RUN_DOCTOR: "run `countenance doctor`",
        Remedy.RUN_DOCTOR_ALONE: "run `countenance doctor` again when no other process uses the home",
        Remedy.SHOW_STATUS: "`countenance status` shows its state",
        Remedy.PROTECT_KEY_FILE: "let only its owner read and write the key file (chmod 600). If someone else may "
        "have read it, make a new home and ingest again",
        Remedy.USE_ORGANISATION_HOME: "use an organisation's home: `countenance init --kind organisation`",
        Remedy.GET_SIGN_IN_LINK: "`countenance serve --link` prints a new link",
        Remedy.LIST_ACCESS_KEYS: "`countenance key list` lists the access keys",
        Remedy.MAKE_ACCESS_KEY: "make a key with these: {fields} (`countenance key add`)",
        Remedy.LIST_ACCOUNTS: "`countenance user list` lists the accounts",
        Remedy.ADD_ACCOUNT: "add an account: `countenance user add`",
        Remedy.LIST_SOURCES: "`countenance source list` lists the sources",
        Remedy.SHOW_SOURCE: "`countenance source show` shows its state",
        Remedy.ADD_SOURCE: "add one: `countenance source add album ~/Pictures --basis household --jurisdiction CA-ON`",
        Remedy.ADD_UPLOAD_SOURCE: "put the picture into its folder, or add a source for uploads: `countenance source "
        "add uploads --upload --basis household --jurisdiction CA-ON`",
        Remedy.RESUME_SOURCE: "`countenance source resume` puts its grant in force again",
        Remedy.INGEST_SOURCE: "ingest its source again: `countenance ingest`",
        Remedy.INGEST_UPLOADS: "countenance ingest {quoted}",
        Remedy.SEARCH_FOR_GUESTS: "countenance guest search {quoted}",
        Remedy.ERASE_SOURCE: "countenance erase --source {quoted}",
        Remedy.ERASE_LOST_SOURCE: "check that its disk is mounted. To erase its pictures: `countenance erase --source "
        "{quoted}`",
        Remedy.ENROL_REFERENCES: "enrol its people again from the same list: `countenance source references {quoted} "
        "LIST.csv`",
        Remedy.LIST_CLIENTS: "`countenance client list` lists the clients",
        Remedy.SHOW_CLIENT: "`countenance client show` shows the date",
        Remedy.LIST_GUEST_LINKS: "`countenance guest list SOURCE` lists the links",
        Remedy.LIST_PERSONS: "`countenance person list` lists the persons",
        Remedy.SHOW_PERSON: "`countenance person show` lists a person's faces",
        Remedy.SHOW_PERSON_HISTORY: "`countenance person history` lists the decisions",
        Remedy.SUGGEST_AGAIN: "ask for suggestions again: `countenance person suggest`",
        Remedy.MAKE_PERSON: "choose the faces of a person yourself: `countenance person new`",
        Remedy.MERGE_PERSONS: "merge the two persons (`countenance person merge`), or remove the face from its person "
        "first (`countenance person remove`)",
        Remedy.LIST_ORDERS: "`countenance order list` lists the orders",
        Remedy.SHOW_ORDER: "`countenance order show {value}` shows its state",
        Remedy.SIMULATE_ORDER: "simulate it: `countenance order simulate ID --json > plan.json`",
        Remedy.APPLY_ORDER: "`countenance order apply {value}` continues",
        Remedy.RESUME_ORDER: "record the decision that ends the stay: `countenance order resume`",
        Remedy.LIST_REQUESTS: "`countenance request list` lists the requests",
        Remedy.VERIFY_REQUEST: "`countenance request verify {value}` verifies who asks, by photo, code or document",
        Remedy.SHOW_REQUEST: "`countenance request show {value}` shows its state",
        Remedy.REFUSE_REQUEST: "refuse it, with a reason: `countenance request decide {value} --refuse --reason TEXT`",
        Remedy.LIST_RECEIPTS: "`countenance receipt list` lists the receipts",
        Remedy.LIST_RECIPIENTS: "`countenance receipt recipients` lists who saw it",
        Remedy.GIVE_RECEIPT_FILE: "`countenance receipt export ID receipt.json` writes that file where the home is",
        Remedy.GIVE_CHECKPOINT: "give a file that holds what `countenance log checkpoint` printed for this log",
        Remedy.LIST_LOG_ENTRIES: "`countenance log show` lists the entries",
        Remedy.VERIFY_LOG: "run `countenance log verify`, and compare the log with a backup",
        Remedy.GET_TRUSTED_KEY: "get the public key from someone you trust: `countenance log key` prints it where the "
        "home is",
        Remedy.LIST_WITNESSES: "`countenance log verify` lists the trusted witnesses",
        Remedy.TRUST_WITNESS: "trust its key first: `countenance log trust-witness KEY`",
        Remedy.REQUEST_COSIGNATURE: "`countenance log request-cosign` writes one; --old says from which entry on",
        Remedy.MAKE_WITNESS_KEY: "`countenance witness init` makes one",
        Remedy.GIVE_NEWEST_LOG: "give the newest log with --log: the home's folder, its log.db, or a later backup of "
        "the log (`countenance backup --log-alone`)",
        Remedy.LIST_MODELS: "`countenance model list` lists the models",
        Remedy.ADD_MODEL: "add that model again: `countenance model add`",
        Remedy.REMOVE_MODEL: "remove it first (`countenance model remove {quoted}`), or give this one another name",
        Remedy.REPLACE_MODEL: "remove it (`countenance model remove {quoted}`), then add it again",
        Remedy.USE_ANOTHER_DETECTOR: "use another detector first: `countenance model use`",
        Remedy.MEASURE_MODEL: "measure it: `countenance evaluate --model {quoted} --people DIR --use`",
        Remedy.REMOVE_CALIBRATION: "remove it (`countenance evaluate --use-shipped`), then measure again",
        Remedy.BEGIN_REINDEX: "begin a reindex: `countenance reindex --model NAME`",
        Remedy.CONTINUE_REINDEX: "let it continue first: `countenance reindex`",
        Remedy.SWITCH_REINDEX: "switch to the new model first: `countenance reindex --switch`",
        Remedy.END_REINDEX: "end the reindex first: `countenance reindex --finish`, or `--roll-back`",
        Remedy.ROLL_BACK_REINDEX: "go back to the previous model: `countenance reindex --roll-back`",
        Remedy.COMPARE_MODELS: "compare the models (`countenance reindex --people DIR`), or switch without that "
        "(`--unmeasured`)",
        Remedy.ACCEPT_LOSS: "try again with `countenance reindex`, which lists them, or continue without them "
        "(`--accept-loss`)",
        Remedy.LIST_JOBS: "`countenance status` shows what is running",
    },
    {
        "erase_within_days": "--erase-within", "purposes": "--purpose", "faces": "--face",
        "certificate": "--tls-certificate", "key": "--tls-key", "without_log": "--log-lost",
    },
    rule=lambda name: "--" + name.replace("_", "-"),
    shows_paths=True,
)  # fmt: skip
PARTLY: Final = "part of it may have been done; `countenance status` shows the state of the home"


def door_of(command: click.Command | None) -> Door:
    """How this command words remedies: a parameter that it takes without a flag is named as its usage line does."""
    if command is None:
        return DOOR
    own = {
        param.name: param.opts[0] if isinstance(param, click.Option) else param.human_readable_name
        for param in command.params if param.name
    }  # fmt: skip
    return replace(DOOR, fields={**DOOR.fields, **own})
