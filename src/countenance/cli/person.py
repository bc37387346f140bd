"""`countenance person`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, note, pass_session, several
from countenance.errors import NotFound

if TYPE_CHECKING:
    from countenance.app.home import Home
    from countenance.pipeline.people.persons import NamedPerson
    from countenance.pipeline.people.suggest import SuggestedGroup

MOST_FACES = 6  # lines of a suggested group on a terminal


@click.group("person", cls=CommandGroup, short_help="Several faces that are one person, by your decision.")
def command() -> None:
    """Several faces are one person because somebody decided so, and every decision can be undone.

    \b
    countenance person suggest                  # groups of like faces, to look at
    countenance person accept GROUP --name May
    countenance person list

    A search then also says which persons the probe is like, by all their faces together.
    """


@command.command("list", short_help="List the persons.")
@pass_session
def list_persons(session: Session) -> None:
    """List the persons, the one with most faces first."""
    with session.open() as home:
        found = home.people.all()

        def tell() -> None:
            for person in found:
                click.echo(_line(person))
            if not found:
                click.echo("No person yet. `countenance person suggest` shows groups of like faces.")

        session.answer({"persons": [person.as_dict() for person in found]}, tell)


@command.command("show", short_help="A person's faces, and where they stand.")
@click.argument("person", metavar="PERSON")
@pass_session
def show(session: Session, person: str) -> None:
    """Show a person's faces with their pictures. PERSON is an id, or a name that one person alone has."""
    with session.open() as home:
        found = _meant(home, person)
        faces = home.faces_of(found.id)

        def tell() -> None:
            click.echo(_line(found))
            for face, uri in faces:
                _tell_face(face, uri)

        document = {**found.as_dict(), "shown": [{"face_id": face, "uri": uri} for face, uri in faces]}
        session.answer(document, tell)


@command.command("new", short_help="These faces are one person.")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@click.option("--name", metavar="NAME", help="What you call the person; sealed like everything else.")
@pass_session
def new(session: Session, faces: tuple[str, ...], name: str | None) -> None:
    """Make a person of these faces, named by a lead's face_id."""
    with session.open() as home:
        _answer(session, home.people.new(faces, name))


@command.command("name", short_help="Name a person.")
@click.argument("person", metavar="PERSON")
@click.argument("name", required=False)
@pass_session
def rename(session: Session, person: str, name: str | None) -> None:
    """Call the person NAME; without NAME, nothing any more."""
    with session.open() as home:
        _answer(session, home.people.name(_meant(home, person).id, name))


@command.command("add", short_help="These faces are the person's too.")
@click.argument("person", metavar="PERSON")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@pass_session
def add(session: Session, person: str, faces: tuple[str, ...]) -> None:
    """Add faces to a person."""
    with session.open() as home:
        _answer(session, home.people.add(_meant(home, person).id, faces))


@command.command("remove", short_help="Not this person: these faces are somebody else's.")
@click.argument("person", metavar="PERSON")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@pass_session
def remove(session: Session, person: str, faces: tuple[str, ...]) -> None:
    """Take faces out of a person, or say that they never belonged; they are not suggested for it again."""
    with session.open() as home:
        _answer(session, home.people.remove(_meant(home, person).id, faces))


@command.command("merge", short_help="Two persons are one.")
@click.argument("person", metavar="PERSON")
@click.argument("other", metavar="OTHER")
@pass_session
def merge(session: Session, person: str, other: str) -> None:
    """Give all faces of OTHER to PERSON, which keeps its name."""
    with session.open() as home:
        _answer(session, home.people.merge(_meant(home, person).id, _meant(home, other).id))


@command.command("split", short_help="These faces are another person.")
@click.argument("person", metavar="PERSON")
@click.argument("faces", nargs=-1, required=True, metavar="FACE...")
@pass_session
def split(session: Session, person: str, faces: tuple[str, ...]) -> None:
    """Make a person of their own of some of a person's faces."""
    with session.open() as home:
        _answer(session, home.people.split(_meant(home, person).id, faces))


@command.command("undo", short_help="Take back the newest decision.")
@pass_session
def undo(session: Session) -> None:
    """Take back the newest decision that stands; again, the one before."""
    with session.open() as home:
        done = home.people.undo()
        document = {"act": str(done.act), "person_id": done.person, "other": done.other, "faces": done.faces}
        session.answer(document, lambda: click.echo(f"Undone: {_told(document)}"))


@command.command("history", short_help="What was decided, newest first.")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, metavar="K", help="So many.")
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
                click.echo("Nothing was decided yet.")

        session.answer({"decisions": acts}, tell)


@command.command("suggest", short_help="Groups of like faces, for you to decide on.")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, metavar="K", help="So many groups.")
@pass_session
def suggest(session: Session, top: int) -> None:
    """Suggest which faces are one person. Nothing is decided by it.

    In a household's home, or among the subjects of a consent or licence grant; never across an organisation's gallery.
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
                note("Look at the pictures, then: countenance person accept GROUP [--name NAME]")
            else:
                click.echo("No two faces that belong to nobody yet are alike enough.")

        session.answer({"groups": [group.as_dict() for group in groups]}, tell)


@command.command("accept", short_help="A suggested group is one person.")
@click.argument("group", metavar="GROUP")
@click.option("--name", metavar="NAME", help="What you call a new person.")
@pass_session
def accept(session: Session, group: str, name: str | None) -> None:
    """Make a suggested group a person, or add its faces to the person that it was suggested for."""
    with session.open() as home:
        chosen = next((found for found in home.suggest_people() if found.id == group), None)
        if chosen is None:
            raise NotFound(
                f"there is no suggested group {group}", "faces have changed since: `countenance person suggest`"
            )
        faces = [face for face, _ in chosen.faces]
        if chosen.person_id is None:
            _answer(session, home.people.new(faces, name))
            return
        if name is not None:
            home.people.name(chosen.person_id, name)
        _answer(session, home.people.add(chosen.person_id, faces))


def _meant(home: Home, text: str) -> NamedPerson:
    """By id, or by a name that one person alone has. Raises: NotFound."""
    found = [person for person in home.people.all() if text in {person.id, person.name}]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"{len(found)} persons are called {text!r}", "use an id: `countenance person list`")
    raise NotFound(f"there is no person {text!r}", "`countenance person list` names them")


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
        click.echo(f"     ... and {len(group.faces) - MOST_FACES:,} more; --json names all")


def _tell_face(face: str, uri: str) -> None:
    from countenance.present import labels

    click.echo(f"     {labels.visible(labels.path(uri))}")
    click.echo(click.style(f"       face {face}", dim=True))
