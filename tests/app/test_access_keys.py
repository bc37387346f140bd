"""Access keys: made once, known by their secret alone, and over for good."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from countenance.app.access.access_keys import ID_LENGTH, ID_LETTERS, PREFIX
from countenance.app.access.identity import Binding, Right, WhoKind
from countenance.associated_data import access_key_aad
from countenance.errors import KeyDestroyed, NotFound, SignInNeeded, WrongUse
from countenance.pipeline.garbage_collect import collect_garbage

HOUSEHOLD = {"basis": "household", "jurisdiction": "CA-ON"}


@pytest.fixture
def home(toy_home, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, **HOUSEHOLD)
        yield home


@pytest.fixture
def office(toy_home):
    with toy_home(kind="organisation") as home:
        home.clients.add("gazette", client_class="newsroom", jurisdiction="FR")
        yield home


def later(home, monkeypatch, **by):
    then = home.parts.stores.clock() + timedelta(**by)
    object.__setattr__(home.parts.stores, "clock", lambda: then)
    return then


def test_a_key_is_known_by_its_secret_alone(home):
    made = home.access_keys.make("helper", rights=["collect", "search", "search"], source="album")
    who = home.access_keys.bearer(made.token)
    assert (who.kind, who.name, who.id) == (WhoKind.KEY, "helper", made.key.uid)
    assert who.rights == {Right.SEARCH, Right.COLLECT}
    assert who.binding == Binding(source="album")
    assert home.access_keys.signing(made.key.key) == (made.secret, who)


def test_ids_look_like_amazons_and_are_never_taken_for_one(home):
    key = home.access_keys.make("helper").key.key
    assert len(key) == ID_LENGTH
    assert key.startswith(PREFIX)
    assert not key.startswith(("AKIA", "ASIA"))
    assert set(key) <= set(ID_LETTERS)


def test_the_secret_stands_nowhere_in_the_clear(home):
    made = home.access_keys.make("helper")
    assert len(made.secret) == 40
    assert "." not in made.secret
    home.close()
    for file in home.path.rglob("*"):
        if file.is_file():
            assert made.secret.encode() not in file.read_bytes(), file.name
    assert made.secret not in repr(made.key)


def test_what_is_no_key_gets_one_answer(home, monkeypatch):
    made = home.access_keys.make("helper")
    revoked = home.access_keys.make("old")
    home.access_keys.revoke(revoked.key.key)
    over = home.access_keys.make("short", expires=str(home.parts.stores.clock().date() + timedelta(days=1)))
    later(home, monkeypatch, days=3)
    said = set()
    for token in (
        "", ".", "nonsense", made.key.key, f"{made.key.key}.", f"{made.key.key}.{'x' * 40}", f"{made.token}x",
        f"CKEY.{made.secret}", f"{made.key.key}.{revoked.secret}", revoked.token, over.token, "CKÉY.ß",
    ):  # fmt: skip
        with pytest.raises(SignInNeeded) as refused:
            home.access_keys.bearer(token)
        said.add((refused.value.message, refused.value.hint))
    assert len(said) == 1
    assert home.access_keys.bearer(made.token)


def test_revoking_destroys_the_secrets_data_key_and_may_be_repeated(home):
    made = home.access_keys.make("helper")
    first = home.access_keys.revoke(made.key.key)
    assert first.revoked_at
    with pytest.raises(KeyDestroyed):
        home.parts.keys.open(made.key.seal_id, access_key_aad(made.key.uid), made.key.sealed)
    assert home.access_keys.revoke(made.key.key).revoked_at == first.revoked_at
    assert [e.kind for e in home.parts.log.entries() if e.kind.startswith("key.")] == ["key.made", "key.revoked"]


def test_a_crash_between_row_and_data_key_is_mended_by_a_sweep(home):
    made, kept = home.access_keys.make("helper"), home.access_keys.make("other")
    home.parts.stores.records.access_keys.revoke(made.key.uid, home.parts.stores.clock())
    collect_garbage(home.parts.stores, whole=True)
    assert made.key.seal_id not in set(home.parts.keys.ids())
    assert home.access_keys.bearer(kept.token), "a sweep takes no key that counts"


def test_the_last_use_is_known_to_a_minute(home, monkeypatch):
    made = home.access_keys.make("helper")
    assert made.key.used_at is None
    home.access_keys.bearer(made.token)
    first = home.access_keys.get(made.key.key).used_at
    later(home, monkeypatch, seconds=50)
    home.access_keys.bearer(made.token)
    assert home.access_keys.get(made.key.key).used_at == first
    later(home, monkeypatch, seconds=15)
    home.access_keys.bearer(made.token)
    assert home.access_keys.get(made.key.key).used_at > first


def test_the_log_names_no_secret_and_no_name(home):
    made = home.access_keys.make("helper", rights=["collect"], source="album")
    [entry] = [entry for entry in home.parts.log.entries() if entry.kind == "key.made"]
    assert entry.record["key"] == made.key.uid
    assert entry.record["rights"] == ["collect"]
    assert entry.record["source"] == home.source("album").uid
    assert "helper" not in str(entry)
    assert made.key.key not in str(entry)


def test_a_key_whose_source_is_erased_is_bound_to_none(home):
    made = home.access_keys.make("helper", rights=["collect"], source="album")
    home.ingest()
    home.erase(source="album")
    assert home.access_keys.bearer(made.token).binding.source is None


def test_an_organisations_key_says_for_whom_and_why(office):
    made = office.access_keys.make("desk", purpose="editorial-verification", client="gazette", case=" 2026-17 ")
    assert office.access_keys.bearer(made.token).binding == Binding(
        None, "editorial-verification", "gazette", "2026-17"
    )
    [entry] = [entry for entry in office.parts.log.entries() if entry.kind == "key.made"]
    assert "2026-17" not in str(entry)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"name": " "}, WrongUse),
        ({"name": "a\nb"}, WrongUse),
        ({"rights": []}, WrongUse),
        ({"rights": ["search", "everything"]}, WrongUse),
        ({"purpose": "curiosity"}, WrongUse),
        ({"purpose": "research"}, WrongUse),
        ({"case": "2026-1"}, WrongUse),
        ({"expires": "soon"}, WrongUse),
        ({"expires": "2020-01-01"}, WrongUse),
        ({"source": "nowhere"}, NotFound),
        ({"client": "nobody"}, NotFound),
    ],
)
def test_what_cannot_be_a_key_is_refused_and_leaves_nothing(home, asked, error):
    keys, entries = set(home.parts.keys.ids()), len(home.parts.log)
    with pytest.raises(error):
        home.access_keys.make(**{"name": "helper", **asked})
    assert home.access_keys.all() == ()
    assert (set(home.parts.keys.ids()), len(home.parts.log)) == (keys, entries)


def test_an_id_that_is_none_is_not_found(home):
    with pytest.raises(NotFound):
        home.access_keys.get("CKEYNOTTHERE")
    with pytest.raises(NotFound):
        home.access_keys.revoke("CKEYNOTTHERE")


def test_a_secret_moved_to_another_row_opens_nothing(home):
    a, b = home.access_keys.make("a"), home.access_keys.make("b")
    with home.parts.stores.records.database.write() as connection:
        connection.execute(
            text("UPDATE access_keys SET secret = :s, seal_id = :i WHERE key = :k"),
            {"s": a.key.sealed, "i": a.key.seal_id, "k": b.key.key},
        )
    from countenance.errors import SealBroken

    with pytest.raises(SealBroken):
        home.access_keys.bearer(f"{b.key.key}.{a.secret}")
