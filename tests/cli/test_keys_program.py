"""`countenance key`, as a user types it."""

import re

from countenance.app.access.identity import Right
from countenance.cli.access.key import RIGHTS


def test_the_rights_that_are_offered_are_all_there_are():
    assert [str(right) for right in Right] == RIGHTS


def test_a_key_is_made_listed_shown_and_revoked(desk):
    quick = desk.quick
    quick.does("init")
    made = quick.does("key", "add", "helper", "--right", "search", "--right", "oversee")
    assert made["token"] == f"{made['id']}.{made['secret']}"
    assert made["rights"] == ["oversee", "search"]
    [listed] = quick.does("key", "list")["keys"]
    assert not {"secret", "token"} & set(listed)
    assert listed == quick.does("key", "show", made["id"])
    said = quick.run("key", "show", made["id"]).ended(0, "helper", "active", "may oversee, search")
    assert made["secret"] not in said.out
    assert quick.does("key", "revoke", made["id"])["state"] == "revoked"
    quick.run("key", "list").ended(0, "revoked")


def test_for_people_the_secret_is_printed_once_and_explained(desk):
    quick = desk.quick
    quick.does("init")
    quick.run("key", "list").ended(0, "No access key yet")
    said = quick.run("key", "add", "helper").ended(0, "shown only once").out
    [token] = re.findall(r"^  token: (CKEY\w{16}\.[\w-]{40})$", said, re.MULTILINE)
    [secret] = re.findall(r"^  secret: (\S+)$", said, re.MULTILINE)
    assert token == f"{quick.does('key', 'list')['keys'][0]['id']}.{secret}"


def test_what_is_no_key_or_right_is_said(desk):
    quick = desk.quick
    quick.does("init")
    quick.fails(4, "not_found", "key", "show", "CKEYNOTHERE")
    quick.fails(2, "wrong_use", "key", "add", "helper", "--right", "all")
