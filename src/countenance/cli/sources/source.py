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


@click.group(cls=CommandGroup, short_help="Add and manage sources of pictures, and the right to use them.")
def command() -> None:
    """Add and manage sources. A source is a set of pictures with a grant: the right to use them."""


@command.command()
@click.argument("name", required=False)
@click.argument("path", required=False)
@click.option("--upload", is_flag=True, help="No folder: you upload the pictures (countenance upload).")
@click.option(
    "--basis", metavar="BASIS", help=f'The right to use them: {", ".join(BASES)}. "Publicly available" is not accepted.'
)
@click.option("--jurisdiction", metavar="CODE", help="Where the people live or were pictured: CA-ON, FR, US-IL. "
              "Separate several with commas. If it is unknown, no face is indexed.")  # fmt: skip
@click.option("--within", metavar="CODES", help="The jurisdictions that the grant covers, if more than --jurisdiction.")
@click.option("--purpose", "purposes", multiple=True, metavar="PURPOSE",
              help=f"An allowed purpose: {', '.join(PURPOSES)}. May be repeated. A household needs none.")  # fmt: skip
@click.option(
    "--evidence",
    type=click.Path(readable=False),
    metavar="FILE",
    help="The signed form, contract, decision or record. It is stored encrypted.",
)
@click.option(
    "--subjects",
    type=click.Path(readable=False),
    metavar="FILE",
    help="For consent and licence: a CSV file with name,evidence,reference. Only these people are indexed.",
)
@click.option("--expires", metavar="DATE", help="The last day of the grant, such as 2027-12-31.")
@click.option("--erase-within", "erase_within", type=int, default=30, show_default=True, metavar="DAYS",
              help="The days allowed to erase everything after the grant ends.")  # fmt: skip
@click.option("--retain-days", type=int, metavar="N", help="The retention period: erase everything after N days.")
@click.option(
    "--retain-from", metavar="WHEN", help="When the period starts: added (the default), interaction, purpose."
)
@click.option("--retain-rule", metavar="RULE",
              help="Or a law's period: bipa is purpose met, or 3 years after the last interaction.")  # fmt: skip
@click.option("--law", metavar="TEXT", help="For statute: the law and article.")
@click.option("--authority", metavar="TEXT", help="For statute: the authority that it empowers.")
@pass_session
def add(session: Session, /, name: str | None, path: str | None, upload: bool, **grant: Any) -> None:
    """Add a source under a grant: a folder of pictures, or uploads.


    \b
    A family:
    countenance source add album ~/Pictures --basis household --jurisdiction CA-ON

    \b
    An archive:
    countenance source add glass-plates /data/plates --basis historical \\
      --jurisdiction FR --evidence deed.pdf --purpose archive-description

    On a terminal, the command asks for what is missing.
    """
    if on_terminal() and not session.json:
        with session.open() as home:
            household = home.kind == "household"
        name = name or click.prompt("Name of the source", default="album", err=True)
        if not upload:
            path = path or click.prompt("Folder with the pictures", value_proc=_folder, err=True)
        _ask(grant, household=household)
    if upload and path:
        raise click.UsageError("--upload is for a source without a folder; give --upload or PATH")
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
                click.echo("  Its jurisdiction is unknown. A face is indexed only if its picture names a jurisdiction.")
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
    grant["jurisdiction"] = grant["jurisdiction"] or click.prompt(where, value_proc=parse_places, err=True)
    if grant["basis"] == "household":
        return
    evidence = "File with the evidence: the signed form, contract, decision or record"
    grant["evidence"] = grant["evidence"] or click.prompt(evidence, value_proc=_file, err=True)
    if grant["basis"] in {"consent", "licence"}:
        subjects = "CSV file of the people who agreed, with name,evidence,reference"
        grant["subjects"] = grant["subjects"] or click.prompt(subjects, value_proc=_file, err=True)
    if grant["basis"] == "statute":
        grant["law"] = grant["law"] or click.prompt("The law and its article", err=True)
        grant["authority"] = grant["authority"] or click.prompt("The authority that the law empowers", err=True)
    grant["purposes"] = grant["purposes"] or (click.prompt("Purpose", type=click.Choice(PURPOSES), err=True),)


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


def parse_places(text: str) -> str:
    """An answer that is asked for again until it names jurisdictions."""
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
    """List the sources, each with its grant and its state."""
    with session.open() as home:
        session.answer_list(
            "sources", home.sources(), describe,
            lambda one: f"{click.style(one.name, bold=True)}  {describe(one)['location']}\n  {_grant_line(one)}",
            none="No source yet. Add one: countenance source add album ~/Pictures --basis household "
                 "--jurisdiction CA-ON",
        )  # fmt: skip


@command.command(short_help="Show one source: its grant, its counts, its rejections.")
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show one source: its grant, its counts, and why files were refused or rejected."""
    with session.open() as home:
        source = home.source(name)
        document = home.grants.counted(source)
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
    """Suspend a source: no search finds it until `resume`."""
    _act(
        session,
        name,
        "suspend",
        "{name} is suspended: no search finds its faces. `countenance source resume` ends this.",
    )


@command.command(short_help="Record that the people pictured dealt with you today.")
@click.argument("name")
@pass_session
def interaction(session: Session, name: str) -> None:
    """Record that the people pictured dealt with you today. The retention period starts again."""
    _act(session, name, "interaction", "{name}: its terms of retention run from now.")


@command.command("purpose-met", short_help="Record that the purpose of a source is met.")
@click.argument("name")
@pass_session
def purpose_met(session: Session, name: str) -> None:
    """Record that the purpose of a source is met. The retention period starts."""
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
    with session.open() as home:
        told = home.references.add(name, subjects)

        def text() -> None:
            click.echo(f"{several(told['enrolled'], 'reference')} of {name} enrolled.")
            if told["lacking"]:
                click.echo(f"  still lacking: {', '.join(told['lacking'])}")

        session.answer(told, text)


@command.command()
@click.argument("name")
@pass_session
def resume(session: Session, name: str) -> None:
    """Resume a suspended source: searches find it again."""
    _act(session, name, "resume", "The grant of {name} is in force again.")


@command.command(short_help="End a grant for good; its pictures must then be erased.")
@click.argument("name")
@pass_session
def withdraw(session: Session, name: str) -> None:
    """End a grant for good. No search finds its pictures; you must erase them by the deadline."""
    said = "The grant of {name} is withdrawn: no search finds its faces. Erase everything within {days} days."
    _act(session, name, "withdraw", said + "\nErase it now: countenance erase --source {name}")


@command.command(short_help="End a grant and erase all its pictures at once.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def takedown(session: Session, name: str, yes: bool) -> None:
    """End a grant, and erase at once everything that was added under it."""
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
