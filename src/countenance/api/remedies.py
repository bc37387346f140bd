"""How /v1 words remedies: by JSON pointers (RFC 6901) into the request, and by its operations."""

from __future__ import annotations

from typing import Final

from countenance.remedies import Door, Remedy


def _pointer(name: str) -> str:
    return f"/{name}"


DOOR: Final = Door(
    {
        Remedy.CHOOSE_FACE: "send {field}: 0 is the first of the boxes",
        Remedy.SEND_PICTURE: "send the bytes of the picture, in base64",
        Remedy.FIND_ID: "POST /v1/search shows the ids of faces and pictures in its leads",
        Remedy.SEARCH_AGAIN: "search again with POST /v1/search",
        Remedy.RUN_DOCTOR: "POST /v1/doctor examines the home",
        Remedy.RUN_DOCTOR_ALONE: "POST /v1/doctor again when no other process uses the home",
        Remedy.SHOW_STATUS: "GET /v1/status shows where the home stands",
        Remedy.SIGN_IN: "send an access key in the header: Authorization: Bearer KEYID.SECRET",
        Remedy.MAKE_ACCESS_KEY: "make a key with these: {fields} (POST /v1/keys)",
        Remedy.LIST_ACCESS_KEYS: "GET /v1/keys lists the access keys",
        Remedy.LIST_ACCOUNTS: "GET /v1/users lists the accounts",
        Remedy.LIST_SOURCES: "GET /v1/sources lists the sources",
        Remedy.SHOW_SOURCE: "GET /v1/sources/NAME shows its state",
        Remedy.ADD_SOURCE: "add a source with POST /v1/sources",
        Remedy.ADD_UPLOAD_SOURCE: "put the picture into its folder, or add a source without a path: POST /v1/sources",
        Remedy.RESUME_SOURCE: "POST /v1/sources/NAME/resume puts its grant in force again",
        Remedy.INGEST_SOURCE: "ingest its source again with POST /v1/jobs",
        Remedy.INGEST_UPLOADS: "ingest the source with POST /v1/jobs",
        Remedy.SEARCH_FOR_GUESTS: "search for its guests with POST /v1/jobs (kind guests)",
        Remedy.ERASE_SOURCE: "erase the source with POST /v1/erasures",
        Remedy.ERASE_LOST_SOURCE: "check that its disk is mounted; POST /v1/erasures erases its pictures",
        Remedy.ENROL_REFERENCES: "enrol its people again from the same list: POST /v1/sources/{value}/references",
        Remedy.LIST_CLIENTS: "GET /v1/clients lists the clients",
        Remedy.SHOW_CLIENT: "GET /v1/clients/NAME shows since when",
        Remedy.LIST_GUEST_LINKS: "GET /v1/sources/NAME/guest-links lists the links",
        Remedy.LIST_PERSONS: "GET /v1/persons lists the persons",
        Remedy.SHOW_PERSON: "GET /v1/persons/ID lists a person's faces",
        Remedy.SHOW_PERSON_HISTORY: "GET /v1/persons/history lists the decisions",
        Remedy.SUGGEST_AGAIN: "ask for suggestions again: GET /v1/persons/suggestions",
        Remedy.MAKE_PERSON: "make a person of faces that you choose with POST /v1/persons",
        Remedy.MERGE_PERSONS: "merge the two persons (POST /v1/persons/ID/merge), or remove the face from its person "
        "first (POST /v1/persons/ID/remove)",
        Remedy.LIST_ORDERS: "GET /v1/orders lists the orders",
        Remedy.SHOW_ORDER: "GET /v1/orders/{value} shows its state",
        Remedy.DRAFT_ORDER: "draft the order again with POST /v1/orders",
        Remedy.SIMULATE_ORDER: "simulate it with POST /v1/orders/ID/simulate",
        Remedy.APPLY_ORDER: "POST /v1/orders/{value}/apply goes on",
        Remedy.RESUME_ORDER: "record the decision that ends the stay: POST /v1/orders/ID/resume",
        Remedy.LIST_REQUESTS: "GET /v1/requests lists the requests",
        Remedy.VERIFY_REQUEST: "POST /v1/requests/{value}/verify verifies who asks, by photo, code or document",
        Remedy.SHOW_REQUEST: "GET /v1/requests/{value} shows its state",
        Remedy.REFUSE_REQUEST: "refuse it, and say why: POST /v1/requests/{value}/decide",
        Remedy.LIST_RECEIPTS: "GET /v1/receipts lists the receipts",
        Remedy.LIST_RECIPIENTS: "GET /v1/receipts/ID/recipients lists who was shown it",
        Remedy.GIVE_RECEIPT_FILE: "GET /v1/receipts/ID gives the receipt to verify",
        Remedy.GIVE_CHECKPOINT: "give a checkpoint of this log, as GET /v1/log/checkpoint gives one to keep",
        Remedy.LIST_LOG_ENTRIES: "GET /v1/log/entries lists the entries",
        Remedy.VERIFY_LOG: "check the log with POST /v1/log/verify, and compare it with a backup",
        Remedy.LIST_WITNESSES: "GET /v1/log/witnesses lists the witnesses",
        Remedy.TRUST_WITNESS: "trust the witness first with POST /v1/log/witnesses",
        Remedy.REQUEST_COSIGNATURE: "GET /v1/log/cosign-request gives one",
        Remedy.MAKE_BACKUP_AGAIN: "make the backup again with POST /v1/backups",
        Remedy.LIST_MODELS: "GET /v1/models lists the models",
        Remedy.BEGIN_REINDEX: "begin a reindex with POST /v1/jobs",
        Remedy.CONTINUE_REINDEX: "let the reindex go on first, with POST /v1/jobs",
        Remedy.RELOAD_PAGE: "send a form whole, with its boundary; with a session, send its token in X-Form-Token",
        Remedy.LIST_JOBS: "GET /v1/jobs lists the jobs",
        **dict.fromkeys(
            (
                Remedy.USE_ORGANISATION_HOME, Remedy.GET_SIGN_IN_LINK, Remedy.ADD_ACCOUNT,
                Remedy.GIVE_NEWEST_LOG, Remedy.MAKE_WITNESS_KEY, Remedy.ADD_MODEL, Remedy.REMOVE_MODEL,
                Remedy.REPLACE_MODEL, Remedy.USE_ANOTHER_DETECTOR,
                Remedy.MEASURE_MODEL, Remedy.REMOVE_CALIBRATION, Remedy.SWITCH_REINDEX, Remedy.END_REINDEX,
                Remedy.ROLL_BACK_REINDEX, Remedy.COMPARE_MODELS, Remedy.ACCEPT_LOSS,
            ),
            "ask the operator of this service: it is done on its machine",
        ),
    },
    rule=_pointer,
)  # fmt: skip
