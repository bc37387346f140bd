"""Every error of every room, at every door: no flag, no command and no backtick where there is no shell."""

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

import click
import pytest

from countenance import errors, remedies
from countenance.api.app import rest
from countenance.api.rekognition import remedies as rekognition_remedies
from countenance.api.remedies import DOOR as API
from countenance.app.home import open_home
from countenance.cli import remedies as cli_remedies
from countenance.cli.main import COMMANDS, cli
from countenance.errors import CountenanceError, NotFound, SeveralFaces, StorageFailed, WrongUse
from countenance.remedies import COMMON, LIBRARY, NAMES_FIELDS, Door, Remedy
from countenance.web.remedies import FIELDS, door
from support.disk_home import toy_eyes

SRC = Path(errors.__file__).parent
ROOT = SRC.parents[1]
CLI = cli_remedies.DOOR
PAGES, ANYBODY = door("en", signed_in=True), door("en", signed_in=False)
DOORS = {"library": LIBRARY, "cli": CLI, "api": API, "pages": PAGES, "anybody": ANYBODY}
NO_SHELL = {**DOORS, "rekognition": rekognition_remedies.DOOR}
del NO_SHELL["cli"]
SHELL = re.compile(rf"(^|[\s(`])--[a-z]|`|\bcountenance ({'|'.join(COMMANDS)})\b")
PLACEHOLDERS = {"quoted", "field", "for_field", "it", "fields", "value", "values", "last", "example"}

# Parameters that a door has no place for: there the error can't happen, or the parameter is in the path.
_SERVE = {"host", "port", "proxy", "certificate", "key"}
_OPERATOR = {"out", "pairs", "log", "without_log"}
_ELSEWHERE = {"erase_within_days", "fpir", "retain_days", "retain_from", "retain_rule", "subjects"}
NOT_IN: dict[str, set[str]] = {
    "cli": {"place"},
    "api": _SERVE | _OPERATOR,
    "pages": _SERVE | _OPERATOR | _ELSEWHERE | {"client", "face", "face_a", "face_b", "old"},
}


def kinds(base=CountenanceError):
    for error in base.__subclasses__():
        yield error
        yield from kinds(error)


@dataclass(frozen=True)
class Site:
    """A place in the code that makes an error."""

    file: str
    line: int
    kind: type[CountenanceError]
    message: str  # its constant parts
    remedies: tuple[str, ...]  # the members of Remedy that its second argument names
    worded: bool  # whether it says how to go on in words
    field: str
    values: tuple[str, ...] | None  # None: they are made when it runs

    @property
    def place(self):
        return f"{self.file}:{self.line}"


def texts(node):
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


@cache
def sites():
    made, found = {error.__name__: error for error in kinds()}, []
    for path in sorted(SRC.rglob("*.py")):
        file = str(path.relative_to(SRC))
        if file.startswith("testing/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if name in made and node.args:
                found.append(site(file, node, made[name]))
    return found


def site(file, call, kind):
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    second = call.args[1] if len(call.args) > 1 else ast.Constant(None)
    members = [
        each.attr for each in ast.walk(second)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "Remedy"
    ]  # fmt: skip
    worded = bool(texts(second)) or not (ast.unparse(second) == "None" or "remedy" in ast.unparse(second).lower())
    field, values = named.get("field"), named.get("values", ast.Tuple([]))
    constant = isinstance(values, ast.Tuple | ast.List) and all(isinstance(each, ast.Constant) for each in values.elts)
    return Site(
        file, call.lineno, kind, " ".join(texts(call.args[0])), tuple(members), worded,
        field.value if isinstance(field, ast.Constant) else "?" if field else "",
        tuple(str(each.value) for each in values.elts) if constant else None,
    )  # fmt: skip


def worded_for_one_door(each):
    return each.worded or (not each.file.startswith("cli/") and bool(SHELL.search(each.message)))


def test_errors_are_found():
    assert len(sites()) > 500
    folders = {each.file.split("/")[0] for each in sites()}
    assert {"pipeline", "records", "keys", "web", "api", "app", "rights"} <= folders


def test_each_error_names_a_remedy_and_no_command():
    assert [each.place for each in sites() if worded_for_one_door(each)] == []


def test_no_message_holds_an_os_error_whose_text_names_a_path():
    shown = [
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path in SRC.rglob("*.py") if path.relative_to(SRC).parts[0] not in {"cli", "testing"}
        for handler in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(handler, ast.ExceptHandler) and handler.name and "OSError" in ast.unparse(handler.type)
        for node in ast.walk(handler)
        if isinstance(node, ast.FormattedValue) and ast.unparse(node.value) == handler.name
    ]  # fmt: skip
    assert shown == []  # errors.reason_of(error) says why, without a path


@pytest.mark.parametrize("name", NO_SHELL)
def test_no_error_names_a_flag_or_command_where_there_is_no_shell(name):
    door = NO_SHELL[name]
    for each in sites():
        for member in each.remedies or ("",):
            facts = {
                "kind": each.kind.kind, "message": "" if each.file.startswith("cli/") else each.message,
                "remedy": member and Remedy[member], "field": each.field, "values": each.values or ["x"],
            }  # fmt: skip
            said = door.document(facts)
            assert not SHELL.search(f"{said['message']}\n{said['hint']}"), f"{each.place} {said}"


@pytest.mark.parametrize("name", DOORS)
def test_each_remedy_is_worded_at_each_door(name):
    for remedy in Remedy:
        text = DOORS[name].text(remedy)
        assert text, remedy
        assert text[0].islower() or text.split()[0].isupper() or text[0] == "`", text
        assert not text.endswith("."), text
        assert {part for _, part, _, _ in Formatter().parse(text) if part} <= PLACEHOLDERS, text


def test_no_table_repeats_what_is_worded_alike_everywhere():
    for each in (LIBRARY, CLI, API):
        assert [remedy for remedy, text in each.remedies.items() if COMMON.get(remedy) == text] == []


def test_each_remedy_gets_what_its_words_need():
    for each in sites():
        for member in each.remedies:
            needs = {
                part for table in DOORS.values()
                for _, part, _, _ in Formatter().parse(table.text(Remedy[member])) if part
            }  # fmt: skip
            given = each.values is None or bool(each.values)
            if "field" in needs:
                assert each.field, f"{each.place}: {member} names a field"
            if "fields" in needs:
                assert each.field or given, f"{each.place}: {member} names fields"
            if needs & {"value", "values", "last", "quoted"}:
                assert given, f"{each.place}: {member} needs values"


def test_each_remedy_is_used():
    assert {member for each in sites() for member in each.remedies} <= set(Remedy.__members__)
    used = set(re.findall(r"Remedy\.([A-Z0-9_]+)\b", "\n".join(
        path.read_text("utf-8") for path in SRC.rglob("*.py") if path.name != "remedies.py"
    )))  # fmt: skip
    assert used == set(Remedy.__members__)


# --- names of parameters ---------------------------------------------------------------------------------------------
def parameters_of_the_library():
    return {
        argument.arg
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
        for argument in (*node.args.args, *node.args.kwonlyargs)
    }  # fmt: skip


def commands(command=cli, path="countenance"):
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from commands(command.get_command(click.Context(command), name), f"{path} {name}")


def fields():
    for each in sites():
        if each.field not in {"", "?"}:
            yield each.place, each.field
        for member in each.remedies:
            if Remedy[member] in NAMES_FIELDS:
                yield from ((each.place, name) for name in each.values or ())


def test_each_field_is_a_parameter_of_the_library():
    known = parameters_of_the_library()
    assert [(place, name) for place, name in fields() if name not in known] == []


def test_each_field_has_a_flag_or_an_argument():
    known = {option for _, command in commands() for param in command.params for option in (*param.opts, param.name)}
    assert [(place, name) for place, name in fields()
            if name not in NOT_IN["cli"] and CLI.name(name) not in known and name not in known] == []  # fmt: skip


def test_each_field_is_in_the_description_of_the_api():
    document = rest().openapi()
    names = {name for shape in document["components"]["schemas"].values() for name in shape.get("properties", ())}
    names |= {
        parameter["name"] for operations in document["paths"].values() for operation in operations.values()
        for parameter in operation.get("parameters", ())
    }  # fmt: skip
    assert [(place, name) for place, name in fields()
            if name not in NOT_IN["api"] and API.name(name).removeprefix("/") not in names] == []  # fmt: skip


def test_each_field_has_a_label():
    assert [(place, name) for place, name in fields() if name not in NOT_IN["pages"] and name not in FIELDS] == []


def test_each_label_stands_on_a_page():
    pages = "".join(path.read_text("utf-8") for path in (SRC / "web" / "templates").glob("*.jinja"))
    assert [label for label in FIELDS.values() if f'_("{label}")' not in pages] == []


# --- what the tables name --------------------------------------------------------------------------------------------
def test_each_command_and_flag_that_is_named_exists():
    known = dict(commands())
    for remedy in Remedy:
        text = CLI.text(remedy)
        for quoted in re.findall(r"`([^`]+)`", text):
            words = quoted.split()
            if words[0] == "pip":
                continue
            path = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in known), "countenance")
            flags = {option for param in known[path].params for option in param.opts}
            if path == "countenance":
                assert words[0].startswith("--"), quoted
                flags = {option for _, each in known.items() for param in each.params for option in param.opts}
            assert {word for word in words if word.startswith("--")} <= flags, quoted


def test_each_operation_that_is_named_exists():
    paths = rest().openapi()["paths"]
    known = {f"{method.upper()} /v1{re.sub('{[a-z_]+}', '*', path)}" for path in paths for method in paths[path]}
    for remedy in Remedy:
        for named in re.findall(r"\b(?:GET|POST|PUT|DELETE) /v1[\w/{}-]*", API.text(remedy)):
            assert re.sub(r"\{value\}|NAME|ID", "*", named) in known, named


def test_each_method_that_is_named_exists(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    with toy_eyes(), open_home(tmp_path / "home") as home:
        for remedy in Remedy:
            for chain in re.findall(r"\bhome((?:\.\w+)+)\(", LIBRARY.text(remedy)):
                found = home
                for name in chain[1:].split("."):
                    found = getattr(found, name)
                assert callable(found), chain


def test_the_page_is_made_from_the_tables():
    run = subprocess.run([sys.executable, ROOT / "tools" / "docs_errors.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


# --- how it is worded ------------------------------------------------------------------------------------------------
def test_one_error_at_each_door():
    error = WrongUse("the top 0 is not from 1 to 100", Remedy.USE_RANGE, field="top", values=(1, 100))
    assert str(error) == "the top 0 is not from 1 to 100; use a value from 1 to 100 for top"
    facts = error.as_dict()
    for table, name in ((CLI, "--top"), (API, "/top"), (LIBRARY, "top")):
        hint = f"use a value from 1 to 100 for {name}"
        told = {"kind": "wrong_use", "message": error.message, "hint": hint, "field": name}
        assert table.document(facts) == told


def test_fields_are_named_by_each_door():
    facts = WrongUse("both say one thing", Remedy.KEEP_ONE_OF, values=("threshold", "fpir")).as_dict()
    assert CLI.hint(facts) == "give only one of these: --threshold, --fpir"
    assert API.hint(facts) == "give only one of these: /threshold, /fpir"
    assert LIBRARY.hint(facts) == "give only one of these: threshold, fpir"


def test_a_command_names_what_it_takes_without_a_flag_as_its_usage_does():
    add = dict(commands())["countenance source add"]
    assert [cli_remedies.door_of(add).name(name) for name in ("name", "purposes", "erase_within_days")] == [
        "NAME", "--purpose", "--erase-within",
    ]  # fmt: skip


def test_a_path_is_shown_where_it_can_be_reached():
    facts = StorageFailed("the key file can't be read", Remedy.CHECK_PERMISSION, path="/home/ada/key").as_dict()
    assert CLI.document(facts)["path"] == "/home/ada/key"
    assert "(/home/ada/key)" in str(StorageFailed("it can't be read", path="/home/ada/key"))
    for name in ("api", "pages", "anybody"):
        assert "ada" not in str(DOORS[name].document(facts))


def test_what_may_be_half_done_says_so():
    assert CLI.document(StorageFailed("full").as_dict())["partly"] is True
    assert "partly" not in CLI.document(StorageFailed("full", partly=False).as_dict())
    assert "partly" not in CLI.document(NotFound("there is no source").as_dict())


def test_a_remedy_of_a_newer_version_or_an_older_text_is_no_error():
    assert CLI.hint({"remedy": "of_a_newer_version"}) == ""
    assert CLI.hint({"hint": "as it was worded once"}) == "as it was worded once"


def test_several_faces_say_which_parameter_chooses():
    error = SeveralFaces("two faces", Remedy.CHOOSE_FACE, field="face_a", boxes=((0.0, 0.0, 1.0, 1.0),) * 2)
    assert "--face-a N" in CLI.hint(error.as_dict())
    assert "/face_a" in API.hint(error.as_dict())
    assert ANYBODY.hint(error.as_dict()) == "send a photograph that shows only you"


def test_pages_say_remedies_in_the_readers_language(monkeypatch):
    from countenance.web import remedies as pages

    class Shouting:
        def gettext(self, text):
            return re.sub(r"[a-z]+(?![^{]*\})", lambda word: word[0].upper(), text)

    monkeypatch.setattr(pages, "translations", lambda _: Shouting())
    pages.door.cache_clear()
    try:
        facts = {"remedy": Remedy.ADD_FIELD, "field": "purpose", "values": ["research"]}
        assert pages.door("xx", signed_in=True).hint(facts) == "ADD PURPOSE, for example research"
    finally:
        pages.door.cache_clear()


assert remedies.Door is Door
