"""Whatever is given for an id or a name, a method of the library answers or says what is wrong; it never falls over."""

import inspect
import itertools
import types

import pytest

from countenance.app.access.identity import Binding, Right, Who, WhoKind
from countenance.errors import CountenanceError, NotFound, WrongUse

RUBBISH = ("x", "", "\0", "7f2d0e47", "\udc80", "6f1c2a34-7b0a-4b8e-9d39-0f4d8d3f3d44", "é" * 300)
NAMED = {"str", "str | None", "Sequence[str]", "Sequence[str] | None", "Source | str", "OrderRecord | str"}
GIVEN = {"bytes": b"x", "PictureLike": b"x", "DocumentLike": b"x", "TextLike": "x", "bool": True, "int": 1,
         "int | None": 1, "float": 0.5, "Binding": Binding()}  # fmt: skip
LEFT_OUT = {
    "close",
    "watch",
    "search_soon",
}  # they end the home, wait for ever, or start a job for what is not looked at


def services(home):
    """Name -> each service of the home, and the home itself."""
    found = {name: value for name, value in vars(home).items() if not inspect.ismethod(value)}
    who = Who(WhoKind.KEY, "CKEYX", "a program", frozenset(Right), Binding(source="album"))
    return {
        **{name: each for name, each in found.items() if type(each).__module__.startswith("countenance.app.")},
        "people": home.people, "clients": home.clients, "collections": home.collections(who), "home": home,
    }  # fmt: skip


def calls(service, missing):
    """(method, positional, named, which parameters are rubbish) of each method that takes an id or a name."""
    for name, method in inspect.getmembers(type(service), inspect.isfunction):
        taken = list(inspect.signature(method).parameters.values())[1:]
        taken = [each.replace(annotation=str(each.annotation)) for each in taken]
        needed = [each for each in taken if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
        ids = [each for each in taken if each.annotation in NAMED]
        simple = all(each.annotation in NAMED | GIVEN.keys() or "PathLike" in each.annotation for each in needed)
        if name.startswith("_") or name in LEFT_OUT or not ids or not simple:
            continue
        for rubbish, also in itertools.product(RUBBISH, [None, *(each for each in ids if each not in needed)]):
            positional, named = [], {}
            for each in [*needed, *([also] if also else [])]:
                value = missing if "PathLike" in each.annotation else GIVEN.get(each.annotation, rubbish)
                value = [value] if each.annotation.startswith("Sequence") else value
                if each.kind is each.KEYWORD_ONLY or each is also:
                    named[each.name] = value
                else:
                    positional.append(value)
            yield name, positional, named


def test_no_rubbish_for_an_id_is_more_than_an_error_of_ours(toy_home, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked, fell = set(), {}
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.ingest()
        for where, service in services(home).items():
            for name, positional, named in calls(service, tmp_path / "missing"):
                asked.add(f"{where}.{name}")
                try:
                    found = getattr(service, name)(*positional, **named)
                    if isinstance(found, types.GeneratorType):
                        list(found)
                except CountenanceError:
                    pass
                except Exception as error:  # noqa: BLE001  # each that is left is a finding
                    fell[f"{where}.{name}({positional}, {named})"[:160]] = f"{type(error).__name__}: {error}"[:100]
    assert fell == {}
    assert {"pictures.crop", "receipts.of", "receipts.get", "lookups.shown_face", "people.accept", "orders.describe",
            "grants.counted", "erasures.erase", "jobs.get", "guests.close_link", "audit.prove"} <= asked  # fmt: skip


def test_a_face_is_named_in_any_form_of_its_id(toy_home, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.ingest()
        face = home.search(pictures / "carol.jpg").leads[0].face_id
        assert home.crop(face.upper()) == home.crop(face.replace("-", "")) == home.crop(face)
        with pytest.raises(WrongUse, match="'x' is not the id of a face"):
            home.crop("x")
        assert home.erase(face=face.upper()).already is False
        assert home.erase(face=face).already


def test_a_source_is_counted_by_its_name(toy_home, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.ingest()
        assert home.grants.counted("album") == home.grants.counted(home.source("album"))
        with pytest.raises(NotFound):
            home.grants.counted("nothing")


def test_a_household_is_told_how_an_organisations_home_is_opened(toy_home):
    with toy_home() as home, pytest.raises(CountenanceError) as refused:
        home.clients.add("Acme", client_class="newsroom", jurisdiction="FR")
    assert 'countenance.open(folder, kind="organisation")' in refused.value.hint
