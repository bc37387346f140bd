"""`countenance source`: where pictures come from, and the right to use them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, on_terminal, pass_session, several

if TYPE_CHECKING:
    from countenance.records.sources.sources import Source

BASES = ["household", "consent", "licence", "statute", "historical"]
PURPOSES = [
    "archive-description", "editorial-verification", "event-delivery", "missing-person", "victim-identification",
    "criminal-investigation", "research", "own-data",
]  # fmt: skip


@click.group(cls=CommandGroup, short_help="Where pictures come from, and the right to use them.")
def command() -> None:
    """Where pictures come from, and the grant under which each is used."""


@command.command()
@click.argument("name", required=False)
@click.argument("path", required=False)
@click.option("--upload", is_flag=True, help="No folder: its pictures are handed in (countenance upload).")
@click.option("--basis", metavar="BASIS", help=f"The right to use them: {', '.join(BASES)}. Being public is none.")
@click.option("--jurisdiction", metavar="CODE", help="Where the people pictured live or were pictured: CA-ON, FR, "
              "US-IL; several with commas; or unknown, and then they are not indexed.")  # fmt: skip
@click.option("--within", metavar="CODES", help="What the grant covers, where that is wider than --jurisdiction.")
@click.option("--purpose", "purposes", multiple=True, metavar="PURPOSE",
              help=f"What for: {', '.join(PURPOSES)}. Again for more. A household needs none.")  # fmt: skip
@click.option(
    "--evidence",
    type=click.Path(readable=False),
    metavar="FILE",
    help="The signed form, contract, decision or record; kept sealed.",
)
@click.option(
    "--subjects",
    type=click.Path(readable=False),
    metavar="FILE",
    help="For consent and licence: a CSV of name,evidence,reference; only their faces are indexed.",
)
@click.option("--expires", metavar="DATE", help="The last day of the grant: 2027-12-31.")
@click.option("--erase-within", "erase_within", type=int, default=30, show_default=True, metavar="DAYS",
              help="After withdrawal or expiry, all of it is due for erasure within so many days.")  # fmt: skip
@click.option("--retain-days", type=int, metavar="N", help="Keep all of it for so many days, then erase it.")
@click.option("--retain-from", metavar="WHEN", help="From when they run: added (the default), interaction, purpose.")
@click.option("--retain-rule", metavar="RULE",
              help="Or a law's term: bipa is purpose met or 3 years since the last interaction.")  # fmt: skip
@click.option("--law", metavar="TEXT", help="For statute: the law and article.")
@click.option("--authority", metavar="TEXT", help="For statute: whom it empowers.")
@pass_session
def add(session: Session, /, name: str | None, path: str | None, upload: bool, **grant: Any) -> None:
    """Add pictures under a grant: a folder, or handed in.


    \b
    A family:
    countenance source add album ~/Pictures --basis household --jurisdiction CA-ON

    \b
    An archive:
    countenance source add glass-plates /data/plates --basis historical \\
      --jurisdiction FR --evidence deed.pdf --purpose archive-description

    On a terminal you are asked for what is missing.
    """
    if on_terminal() and not session.json:
        with session.open() as home:
            household = home.kind == "household"
        name = name or click.prompt("Name of the source", default="album", err=True)
        if not upload:
            path = path or click.prompt("Folder with the pictures", value_proc=_folder, err=True)
        _ask(grant, household=household)
    if upload and path:
        raise click.UsageError("--upload is for a source without a folder; name one of the two")
    missing = [what for what, value in (("NAME", name), ("PATH", path or upload), ("--basis", grant["basis"]),
                                        ("--jurisdiction", grant["jurisdiction"])) if not value]  # fmt: skip
    if missing or name is None:
        raise click.UsageError(f"missing: {', '.join(missing)}", click.get_current_context())
    with session.open() as home:
        source = home.add_source(name, path, erase_within_days=grant.pop("erase_within"), **grant)

        def text() -> None:
            click.echo(f"Source {click.style(source.name, bold=True)}: {describe(source)['location']}")
            click.echo(f"  {_grant_line(source)}")
            if "unknown" in source.jurisdictions:
                click.echo(
                    "  Its jurisdiction is unknown: pictures are taken but no face is indexed, unless one says its own."
                )
            click.echo(f"Next: countenance ingest {source.name}")

        session.answer(describe(source), text)


def _ask(grant: dict[str, Any], *, household: bool) -> None:
    """`grant` holds what it must; only what was missing is asked for."""
    from countenance.rights.grants import check_basis

    if grant["basis"]:
        check_basis(grant["basis"])  # before anything is asked in vain
    else:
        bases = BASES if household else [basis for basis in BASES if basis != "household"]
        default = "household" if household else None
        grant["basis"] = click.prompt("Your right to use them", type=click.Choice(bases), default=default, err=True)
    where = "Where do the people live? A country or province code, such as CA-ON or FR"
    grant["jurisdiction"] = grant["jurisdiction"] or click.prompt(where, value_proc=_places, err=True)
    if grant["basis"] == "household":
        return
    evidence = "The evidence, a file: the signed form, contract, decision or record"
    grant["evidence"] = grant["evidence"] or click.prompt(evidence, value_proc=_file, err=True)
    if grant["basis"] in {"consent", "licence"}:
        subjects = "The people who agreed, a CSV of name,evidence,reference"
        grant["subjects"] = grant["subjects"] or click.prompt(subjects, value_proc=_file, err=True)
    if grant["basis"] == "statute":
        grant["law"] = grant["law"] or click.prompt("The law and its article", err=True)
        grant["authority"] = grant["authority"] or click.prompt("The authority that it empowers", err=True)
    grant["purposes"] = grant["purposes"] or (click.prompt("What for", type=click.Choice(PURPOSES), err=True),)


def _folder(text: str) -> str:
    """An answer that is asked for again until it names a folder."""
    if "://" not in text and not Path(text).expanduser().is_dir():
        raise click.BadParameter(f"there is no folder {text}")
    return text


def _file(text: str) -> str:
    path = Path(text).expanduser()
    if not path.is_file():
        raise click.BadParameter(f"there is no file {text}")
    return str(path)


def _places(text: str) -> str:
    from countenance import jurisdictions
    from countenance.errors import WrongUse

    try:
        jurisdictions.parse_set(text)
    except WrongUse as error:
        raise click.BadParameter(f"{error.message}: {error.hint}") from error
    return text


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the sources, each with its grant and where it stands."""
    with session.open() as home:
        sources = home.sources()

        def text() -> None:
            for source in sources:
                click.echo(
                    f"{click.style(source.name, bold=True)}  {describe(source)['location']}\n  {_grant_line(source)}"
                )
            if not sources:
                click.echo("No source yet. Add one: countenance source add album ~/Pictures --basis household "
                           "--jurisdiction CA-ON")  # fmt: skip

        session.answer({"sources": [describe(source) for source in sources]}, text)


@command.command(short_help="Show one source: its grant, its counts, its rejections.")
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show one source: its grant, what was taken from it, what was refused and rejected, and why."""
    from countenance.app.sources.sources import counted

    with session.open() as home:
        source = home.source(name)
        document = counted(home, source)
        counts = document["counts"]

        def text() -> None:
            click.echo(
                f"{click.style(source.name, bold=True)}  {describe(source)['location']}\n  {_grant_line(source)}"
            )
            for key, value in document.items():
                if key not in {"name", "location", "counts"} and value not in (None, [], {}):
                    click.echo(
                        f"  {key.replace('_', ' ')}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
                    )
            for key, value in counts.items():
                shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
                if shown not in ("", 0):
                    click.echo(f"  {key}: {shown}")

        session.answer(document, text)


def _act(session: Session, name: str, act: str, said: str) -> None:
    with session.open() as home:
        source = getattr(home, act)(name)
        session.answer(
            describe(source), lambda: click.echo(said.format(name=name, days=source.grant.erase_within_days))
        )


@command.command()
@click.argument("name")
@pass_session
def suspend(session: Session, name: str) -> None:
    """Take a source out of every search, until `resume`."""
    _act(session, name, "suspend", "{name} is suspended: its faces are in no search from now on. `resume` ends that.")


@command.command(short_help="Somebody pictured dealt with you: terms run from today.")
@click.argument("name")
@pass_session
def interaction(session: Session, name: str) -> None:
    """Record that the people pictured dealt with you today: a term of retention that runs from it begins anew."""
    _act(session, name, "interaction", "{name}: its terms of retention run from now.")


@command.command("purpose-met", short_help="What the pictures were for is done.")
@click.argument("name")
@pass_session
def purpose_met(session: Session, name: str) -> None:
    """Record that what the pictures were for is done: a term of retention that runs from it begins."""
    _act(session, name, "purpose_met", "{name}: its purpose is met. `countenance retain` says what is due.")


@command.command(short_help="Enrol the references of its subjects again, for another model.")
@click.argument("name")
@click.argument("subjects", metavar="[FILE]", required=False, type=click.Path(readable=False))
@pass_session
def references(session: Session, name: str, subjects: str | None) -> None:
    """Enrol the reference pictures of a source's subjects again, from the list with which it was added.

    Their pictures are not kept, so a change of the model (`countenance reindex`) needs them once more. Guests' are,
    and need no list.
    """
    from countenance.app.upkeep.references import add_references

    with session.open() as home:
        told = add_references(home, name, subjects)

        def text() -> None:
            click.echo(f"{several(told['enrolled'], 'reference')} of {name} enrolled.")
            if told["lacking"]:
                click.echo(f"  still lacking: {', '.join(told['lacking'])}")

        session.answer(told, text)


@command.command()
@click.argument("name")
@pass_session
def resume(session: Session, name: str) -> None:
    """Put a suspended grant in force again."""
    _act(session, name, "resume", "{name} is in force again.")


@command.command(short_help="End a grant for good; all of it is due for erasure.")
@click.argument("name")
@pass_session
def withdraw(session: Session, name: str) -> None:
    """End a grant for good: out of every search now, due for erasure within its term."""
    said = (
        "{name} is withdrawn: its faces are in no search from now on; all of it is due for erasure within {days} days."
    )
    _act(session, name, "withdraw", said + "\nErase it now: countenance erase --source {name}")


@command.command(short_help="End a grant and erase what was taken under it, now.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def takedown(session: Session, name: str, yes: bool) -> None:
    """End a grant and erase everything taken under it, at once."""
    from countenance.cli.erasure.erase import amount, asks, confirm, tell

    with session.open() as home:
        if asks(session, yes):
            would = home.erase(source=name, dry_run=True)
            confirm(f"End the grant of {name} and erase {amount(would)} for good")
        report = home.takedown(name)
        session.answer(report.as_dict(), lambda: tell(report))


def describe(source: Source) -> dict[str, Any]:
    """A source as JSON."""
    from countenance.app.sources.sources import described

    return described(source)


def _grant_line(source: Source) -> str:
    about = describe(source)
    left = "" if about["days_left"] is None else f", {several(max(about['days_left'], 0), 'day')} left"
    return (
        f"{about['basis']}, {', '.join(about['jurisdictions'])}, for {', '.join(about['purposes'])}: "
        f"{about['state'].replace('_', ' ')}{left}"
    )
