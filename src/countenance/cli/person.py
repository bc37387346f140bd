"""`countenance person`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, note, pass_session, several

if TYPE_CHECKING:
    from countenance.pipeline.people.persons import NamedPerson
    from countenance.pipeline.people.suggest import SuggestedGroup

MOST_FACES = 6  # lines of a suggested group on a terminal


@click.group("person", cls=CommandGroup, short_help="Group faces into persons, and name them.")
def command() -> None:
    """Group faces into persons. You decide which faces are one person, and you can undo each decision.

    \b
    countenance person suggest                  # shows groups of similar faces
    countenance person accept GROUP --name May
    countenance person list

    A search then also shows which persons the probe resembles.
    """


@command.command("list", short_help="List the persons.")
@pass_session
def list_persons(session: Session) -> None:
    """List the persons. The person with the most faces comes first."""
    with session.open() as home:
        none = "No person yet. `countenance person suggest` shows groups of like faces."
        session.answer_list("persons", home.people.all(), lambda person: person.as_dict(), _line, none=none)


@command.command("show", short_help="Show a person's faces and their pictures.")
@click.argument("person", metavar="PERSON")
@pass_session
def show(session: Session, person: str) -> None:
    """Show a person's faces and their pictures. PERSON is an ID, or a name if it is unique."""
    with session.open() as home:
        found = home.people.get(person)
        faces = home.faces_of(found.id)

        def tell() -> None:
            click.echo(_line(found))
            for face, uri in faces:
                _tell_face(face, uri)

        document = {**found.as_dict(), "shown": [{"face_id": face, "uri": uri} for face, uri in faces]}
        session.answer(document, tell)


@command.command("new", short_help="Make a person from these faces.")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@click.option("--name", metavar="NAME", help="The person's name. It is stored encrypted.")
@pass_session
def new(session: Session, faces: tuple[str, ...], name: str | None) -> None:
    """Make a person from these faces. FACE is the face_id of a lead."""
    with session.open() as home:
        _answer(session, home.people.new(faces, name))


@command.command("name", short_help="Rename a person.")
@click.argument("person", metavar="PERSON")
@click.argument("name", required=False)
@pass_session
def rename(session: Session, person: str, name: str | None) -> None:
    """Rename a person. Omit NAME to clear it."""
    with session.open() as home:
        _answer(session, home.people.name(person, name))


@command.command("add", short_help="Add faces to a person.")
@click.argument("person", metavar="PERSON")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@pass_session
def add(session: Session, person: str, faces: tuple[str, ...]) -> None:
    """Add faces to a person."""
    with session.open() as home:
        _answer(session, home.people.add(person, faces))


@command.command("remove", short_help="Remove faces from a person.")
@click.argument("person", metavar="PERSON")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@pass_session
def remove(session: Session, person: str, faces: tuple[str, ...]) -> None:
    """Remove faces from a person. They are not suggested for this person again."""
    with session.open() as home:
        _answer(session, home.people.remove(person, faces))


@command.command("merge", short_help="Merge two persons.")
@click.argument("person", metavar="PERSON")
@click.argument("other", metavar="OTHER")
@pass_session
def merge(session: Session, person: str, other: str) -> None:
    """Move all faces of OTHER to PERSON. PERSON keeps its name."""
    with session.open() as home:
        _answer(session, home.people.merge(person, other))


@command.command("split", short_help="Split a person in two.")
@click.argument("person", metavar="PERSON")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@pass_session
def split(session: Session, person: str, faces: tuple[str, ...]) -> None:
    """Make a new person from some of a person's faces."""
    with session.open() as home:
        _answer(session, home.people.split(person, faces))


@command.command("undo", short_help="Undo the newest decision.")
@pass_session
def undo(session: Session) -> None:
    """Undo the newest decision. Run it again to undo the one before."""
    with session.open() as home:
        done = home.people.undo()
        document = {"act": str(done.act), "person_id": done.person, "other": done.other, "faces": done.faces}
        session.answer(document, lambda: click.echo(f"Undone: {_told(document)}"))


@command.command("history", short_help="List the decisions, newest first.")
@click.option(
    "--top", type=click.IntRange(1), default=20, show_default=True, metavar="K", help="The number of decisions."
)
@pass_session
def history(session: Session, top: int) -> None:
    """List the newest decisions about persons."""
    with session.open() as home:
        acts: list[dict[str, Any]] = [
            {"at": act.at.isoformat(timespec="seconds"), "act": str(act.act), "person_id": act.person,
             "other": act.other, "faces": act.faces, "undone": act.undone_at is not None}
            for act in home.people.history(top)
        ]  # fmt: skip

        def tell() -> None:
            for act in acts:
                click.echo(f"{act['at'][:19]}  {_told(act)}{'  (undone)' if act['undone'] else ''}")
            if not acts:
                click.echo("No decision yet.")

        session.answer({"decisions": acts}, tell)


@command.command("suggest", short_help="Suggest groups of similar faces.")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, metavar="K", help="The number of groups.")
@pass_session
def suggest(session: Session, top: int) -> None:
    """Suggest which faces are one person. It changes nothing.

    In a household's home it compares all faces. In an organisation's home it compares only people who consented or gave
    a licence.
    """
    with session.open() as home:
        groups = home.suggest_people()

        def tell() -> None:
            names = {person.id: _line(person) for person in home.people.all()}
            for group in groups[:top]:
                _tell_group(group, names)
            if len(groups) > top:
                click.echo(f"... and {several(len(groups) - top, 'group')} more: --top")
            if groups:
                note("Look at the pictures, then run: countenance person accept GROUP [--name NAME]")
            else:
                click.echo("Nothing to suggest: no two ungrouped faces are similar enough.")

        session.answer({"groups": [group.as_dict() for group in groups]}, tell)


@command.command("accept", short_help="Accept a suggested group as one person.")
@click.argument("group", metavar="GROUP")
@click.option("--name", metavar="NAME", help="The name of the new person.")
@pass_session
def accept(session: Session, group: str, name: str | None) -> None:
    """Make a person from a suggested group. A group suggested for a person is added to that person."""
    with session.open() as home:
        _answer(session, home.people.accept(group, name))


def _answer(session: Session, person: NamedPerson) -> None:
    session.answer(person.as_dict(), lambda: click.echo(_line(person)))


def _line(person: NamedPerson) -> str:
    from countenance.present.labels import visible

    return f"{person.id}  {several(person.faces, 'face'):>9}  {visible(person.name or '(no name)')}"


def _told(act: dict[str, Any]) -> str:
    other = f" with {act['other']}" if act["other"] else ""
    return f"{act['act']} {act['person_id']}{other}" + (f", {several(act['faces'], 'face')}" if act["faces"] else "")


def _tell_group(group: SuggestedGroup, names: dict[str, str]) -> None:
    whom = "a new person" if group.person_id is None else f"for {names[group.person_id].strip()}"
    click.secho(f"{group.id}  {several(len(group.faces), 'face')}, {whom}", bold=True)
    for face, uri in group.faces[:MOST_FACES]:
        _tell_face(face, uri)
    if len(group.faces) > MOST_FACES:
        click.echo(f"     ... and {len(group.faces) - MOST_FACES:,} more; --json lists all of them")


def _tell_face(face: str, uri: str) -> None:
    from countenance.present import labels

    click.echo(f"     {labels.visible(labels.path(uri))}")
    click.echo(click.style(f"       face {face}", dim=True))
