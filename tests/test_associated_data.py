"""The texts that seals are bound to are a file format: homes made before must open."""

import inspect

from countenance import associated_data as table

TEXTS = {
    table.REDO_DETAIL: "log|act|detail",
    table.template_aad("u"): "face|u|template",
    table.crop_aad("u"): "face|u|crop",
    table.crop_hash_aad("u"): "face|u|crop hash",
    table.person_name_aad("u"): "person|u|name",
    table.upload_aad("u"): "upload|u|picture",
    table.segment_aad("u"): "index|u|segment",
    table.evidence_aad("u"): "grant|u|evidence",
    table.subject_name_aad("u"): "subject|u|name",
    table.subject_template_aad("u"): "subject|u|template",
    table.collection_user_aad(7): "collection|7|user",
    table.probe_aad("e"): "case|e|probe",
    table.details_aad("u"): "request|u|details",
    table.photograph_aad("u"): "request|u|photograph",
    table.suppressed_person_aad("ab"): "request|ab|suppressed person",
    table.suppressed_hash_aad(b"\xab"): "suppression|ab|hash",
    table.paper_aad("u", "b"): "order|u|b",
    table.totp_aad("u"): "account|u|totp",
    table.access_key_aad("u"): "access key|u|secret",
    table.answer_aad(b"\xab"): "answer|ab",
    table.data_key_aad(b"\xab"): b"data key|\xab",
    table.secret_aad("n"): b"secret|n",
    table.backup_part_aad("h", 3, last=False): "backup|h|3|more",
    table.backup_part_aad("h", 3, last=True): "backup|h|3|last",
}


def test_every_text_is_what_it_was():
    assert list(TEXTS) == list(TEXTS.values())


def test_every_kind_is_in_this_test_and_none_has_anothers_text():
    kinds = [name for name, made in inspect.getmembers(table, inspect.isfunction) if name.endswith("_aad")]
    assert len(TEXTS) == len(kinds) + 2  # the constant; the last part of a backup and the others
