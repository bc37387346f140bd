"""How the pages word remedies: by the labels of their forms and by other pages, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from countenance.remedies import COMMON, Door, Remedy
from countenance.web.texts import later, translations

_OPERATOR: Final = later("ask the operator of this service to do it on the computer that runs it")
_SIGNED_IN: Final[Mapping[Remedy, str]] = {
    Remedy.CHOOSE_FACE: later("choose one of the faces in the picture"),
    Remedy.FIND_ID: later("search first; each lead links to its face and picture"),
    Remedy.RUN_DOCTOR: later("run the health check, from the page Status"),
    Remedy.RUN_DOCTOR_ALONE: later("check again when no other process uses the home"),
    Remedy.SHOW_STATUS: later("the page Status shows the state of the home"),
    Remedy.SIGN_IN: later("sign in again"),
    Remedy.GET_SIGN_IN_LINK: later("ask the operator of this service for a new link"),
    Remedy.ASK_KEY_MANAGER: later("ask the person who manages the accounts of this home"),
    Remedy.LIST_ACCESS_KEYS: later("the page Keys lists the access keys"),
    Remedy.MAKE_ACCESS_KEY: later("make another key on the page Keys, with these: {fields}"),
    Remedy.LIST_SOURCES: later("the page Sources lists the sources"),
    Remedy.SHOW_SOURCE: later("the page of the source shows its state"),
    Remedy.ADD_SOURCE: later("add a source on the page Sources"),
    Remedy.ADD_UPLOAD_SOURCE: later("add a source on the page Sources"),
    Remedy.RESUME_SOURCE: later("put its grant in force again, on the page of the source"),
    Remedy.INGEST_SOURCE: later("ingest its source again, from the page of the source"),
    Remedy.INGEST_UPLOADS: later("ingest its pictures, on the page of the source"),
    Remedy.SEARCH_FOR_GUESTS: later("search for its guests, on the page of its guests"),
    Remedy.ERASE_SOURCE: later("erase it on the page Retention"),
    Remedy.ERASE_LOST_SOURCE: later("check that its disk is mounted; to erase its pictures, use the page Erase"),
    Remedy.LIST_CLIENTS: later("the page Clients lists the clients"),
    Remedy.SHOW_CLIENT: later("the page Clients shows the date"),
    Remedy.LIST_GUEST_LINKS: later("the page of the source lists its links"),
    Remedy.LIST_PERSONS: later("the page People lists the persons"),
    Remedy.SHOW_PERSON: later("the page of a person shows their faces"),
    Remedy.SHOW_PERSON_HISTORY: later("the history of the page People lists the decisions"),
    Remedy.SUGGEST_AGAIN: later("ask for suggestions again, on the page People"),
    Remedy.MAKE_PERSON: later("choose the faces of a person yourself, on the page People"),
    Remedy.MERGE_PERSONS: later("merge the two persons, or first remove the face from the other person"),
    Remedy.LIST_ORDERS: later("the page Orders lists the orders"),
    Remedy.SHOW_ORDER: later("the page of the order shows its state"),
    Remedy.SIMULATE_ORDER: later("first simulate the order on its page"),
    Remedy.APPLY_ORDER: later("apply it again, on the page of the order"),
    Remedy.RESUME_ORDER: later("record the decision that ends the stay, on the page of the order"),
    Remedy.LIST_REQUESTS: later("the page Requests lists the requests"),
    Remedy.SHOW_REQUEST: later("the page of the request shows its state"),
    Remedy.VERIFY_REQUEST: later("verify who asks, on the page of the request"),
    Remedy.REFUSE_REQUEST: later("refuse it on the page of the request, with a reason"),
    Remedy.LIST_RECEIPTS: later("the page Receipts lists the receipts"),
    Remedy.LIST_RECIPIENTS: later("the page of the receipt lists who saw it"),
    Remedy.GIVE_RECEIPT_FILE: later("download the signed file from the page of the receipt"),
    Remedy.LIST_LOG_ENTRIES: later("the page Log lists the entries"),
    Remedy.VERIFY_LOG: later("check the log on the page Log, and compare it with a backup"),
    Remedy.LIST_WITNESSES: later("the page Log lists the witnesses"),
    Remedy.LIST_MODELS: later("the page Status names the models in use"),
    Remedy.LIST_JOBS: later("the page of the source shows what is running"),
    **dict.fromkeys(
        (
            Remedy.USE_ORGANISATION_HOME, Remedy.LIST_ACCOUNTS, Remedy.ADD_ACCOUNT,
            Remedy.ENROL_REFERENCES, Remedy.TRUST_WITNESS, Remedy.REQUEST_COSIGNATURE, Remedy.GIVE_NEWEST_LOG,
            Remedy.MAKE_WITNESS_KEY, Remedy.ADD_MODEL, Remedy.REMOVE_MODEL, Remedy.REPLACE_MODEL,
            Remedy.USE_ANOTHER_DETECTOR, Remedy.MEASURE_MODEL,
            Remedy.REMOVE_CALIBRATION, Remedy.BEGIN_REINDEX, Remedy.CONTINUE_REINDEX, Remedy.SWITCH_REINDEX,
            Remedy.END_REINDEX, Remedy.ROLL_BACK_REINDEX, Remedy.COMPARE_MODELS, Remedy.ACCEPT_LOSS,
        ),
        _OPERATOR,
    ),
}  # fmt: skip
# For those who have no account: pictured people and guests, each alone before a form.
_ANYBODY: Final[Mapping[Remedy, str]] = {
    **_SIGNED_IN,
    Remedy.CHOOSE_FACE: later("send a photograph that shows only you"),
    Remedy.USE_PICTURE_OF_ONE: later("send a photograph that shows only you"),
    Remedy.USE_CLEARER_PICTURE: later("send a clear close-up photograph: good light, looking at the camera"),
    Remedy.SAVE_AS_JPEG: later("send a JPEG, PNG or WebP picture"),
    Remedy.USE_OTHER_PROOF: later("try another proof, or write to the operator of this service"),
    Remedy.REFUSE_REQUEST: later("write to the operator of this service"),
    Remedy.TRY_AGAIN_LATER: later("try again another day, or write to the operator of this service"),
}
# The library's names of parameters, as forms label them; a test looks for each label in the templates.
FIELDS: Final[Mapping[str, str]] = {
    "address": later("The address of a picture, or the id of a face"),
    "authority": later("Authority"),
    "basis": later("Basis"),
    "case": later("Reason"),
    "client": later("Client"),
    "client_class": later("Kind of organisation"),
    "client_classes": later("Client classes"),
    "clients": later("Clients"),
    "code": later("Code"),
    "dated": later("Date on the document"),
    "delete": later("Delete"),
    "delete_unknown": later("Also delete where the jurisdiction is unknown"),
    "document": later("The document"),
    "end_contracts": later("End contracts"),
    "evidence": later("Evidence"),
    "expires": later("Last day"),
    "face": later("Face"),
    "faces": later("Faces"),
    "jurisdiction": later("Jurisdiction"),
    "jurisdictions": later("Jurisdictions"),
    "kind": later("What you ask for"),
    "law": later("Law and article, for statute"),
    "name": later("Name"),
    "organiser": later("Who is responsible, and how to reach them"),
    "people": later("People"),
    "photo": later("A photograph of your face"),
    "place": later("Name"),
    "purpose": later("Purpose"),
    "purposes": later("Purposes"),
    "reason": later("Reason, in plain words for the person"),
    "reasons": later("Reasons, as the person will read them"),
    "receipt": later("Receipt"),
    "rename": later("Name"),
    "rights": later("Rights"),
    "source": later("Source"),
    "sources": later("Sources"),
    "stop_collecting": later("Stop collecting"),
    "stop_offering": later("Stop offering"),
    "text": later("Anything else (optional)"),
    "threshold": later("Threshold"),
    "tier": later("How much data may be kept to keep you out?"),
    "top": later("Leads"),
    "until": later("The last day of the order, if it has one"),
}


@cache
def door(language: str, *, signed_in: bool) -> Door:
    """The pages' table in that language."""
    say, own = translations(language).gettext, _SIGNED_IN if signed_in else _ANYBODY
    return Door(
        {remedy: say(text) for remedy, text in {**COMMON, **own}.items()},
        {name: say(label) for name, label in FIELDS.items()},
        rule=lambda name: name.replace("_", " "),
    )
