"""`countenance search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import Command, Session, pass_session, several

if TYPE_CHECKING:
    from countenance.types import Lead, PersonLead, SearchResult


MOST_DUPLICATES = 5  # lines of a stack on a terminal


@click.command(cls=Command)
@click.argument("probe", type=click.Path(readable=False), required=False)
@click.option("--person", metavar="PERSON",
              help="Instead of PROBE: search for all faces of a person. Give the ID, or a unique name.")  # fmt: skip
@click.option(
    "--face",
    type=click.IntRange(0),
    metavar="N",
    help="The face to search for, if PROBE shows several. The first is 0.",
)
@click.option(
    "--top",
    type=int,
    default=10,
    show_default=True,
    metavar="K",
    help="The most leads to show, each with its duplicates.",
)
@click.option("--threshold", type=float, metavar="T", help="The lowest score to show, a cosine from -1 to 1.")
@click.option("--fpir", type=float, metavar="P",
              help="Or how often a search for a stranger may show a false lead. Default: 0.01.")  # fmt: skip
@click.option("--purpose", metavar="PURPOSE", help="The purpose. Organisations only.")
@click.option("--case", metavar="REF", help="The case reference: why you search. Organisations only.")
@click.option("--client", metavar="NAME", help="The client who asks. Default: the operator. Organisations only.")
@click.option(
    "--export",
    type=click.Path(readable=False),
    metavar="DIR",
    help="Also write the leads to DIR: a page, the JSON, and the crops.",
)
@pass_session
def command(session: Session, /, probe: str | None, person: str | None, export: str | None, **question: Any) -> None:
    """Search for the face in PROBE, a picture file.

    Each lead has its source, its score, and the odds that a stranger scores as high. Leads below the threshold are not
    shown. Copies and crops of one photograph are grouped under the best of them.
    """
    from countenance.app.paths import path_of

    if (probe is None) == (person is None):
        raise click.UsageError("give PROBE or --person PERSON", click.get_current_context())
    if person is not None and export is not None:
        raise click.UsageError("--export needs PROBE; it can't be used with --person", click.get_current_context())
    folder = None if export is None else path_of(export)
    with session.open() as home:
        if probe is None:
            result = home.search_person(str(person), **question)
            session.answer(result.as_dict(), lambda: tell(result))
            return
        if folder is None:
            result = home.search(probe, **question)
        else:
            result, looked = home.search_and_look(probe, **question)
            page = home.exports.write(result, looked, folder, probe_name=Path(probe).name)
            click.echo(f"written: {page}", err=True)
        session.answer(result.as_dict(), lambda: tell(result))


def tell(result: SearchResult, *, most: int | None = None) -> None:
    """The leads, for people; the first `most`, if given."""
    how = f"threshold {result.threshold:.3f}{', extrapolated' if result.extrapolated else ''}"
    if not result.searched:
        click.echo(
            "No lead: there is no face that this search may show. `countenance status` shows what the home holds."
        )
    elif not result.leads:
        click.echo(f"No lead among about {result.searched:,} faces ({how}). The person may still be there.")
    else:
        click.echo(f"{several(len(result.leads), 'lead')} among about {several(result.searched, 'face')} ({how})")
    if result.recall is not None:
        from countenance.present import labels

        click.echo(labels.sentence(labels.recall(result.recall)) + ".")
    shown = result.leads if most is None else result.leads[:most]
    for lead in shown:
        _tell_lead(lead)
    if len(shown) < len(result.leads):
        click.echo(f"     ... and {several(len(result.leads) - len(shown), 'lead')} more")
    for person in result.people if most is None else result.people[:most]:
        _tell_person(person)
    click.echo(result.notice)
    click.echo(f"log entry {result.log_entry}")


def _tell_person(person: PersonLead) -> None:
    from countenance.present import labels

    band = click.style(labels.BANDS[person.band], fg="green" if person.band == "strong" else "yellow", bold=True)
    name = labels.visible(person.name or "an unnamed person")
    click.echo(f"resembles {name} ({several(person.faces, 'face')}): {person.score:.3f}  {band}")
    click.echo(f"     {labels.strangers(person.fmr)}")
    click.echo(click.style(f"     person {person.person_id}", dim=True))


def _tell_lead(lead: Lead) -> None:
    from countenance.present import labels

    colour = {"strong": "green", "lead": "yellow", "weak": "white"}[lead.band]
    band = click.style(labels.BANDS[lead.band], fg=colour, bold=True)
    click.echo(f"{lead.rank:3}. {lead.score:.3f}  {band}  {labels.expected_false_leads(lead.expected_false)}")
    click.echo(f"     {labels.visible(labels.path(lead.picture.uri))}")
    x1, y1, x2, y2 = (round(v) for v in lead.box)
    click.echo(
        f"     {x2 - x1} x {y2 - y1} px at {x1}, {y1}; {lead.source}, {lead.basis}, {', '.join(lead.jurisdictions)}"
    )
    click.echo(click.style(f"     face {lead.face_id}  picture {lead.picture.id}", dim=True))
    if lead.duplicates:
        times = several(len(lead.duplicates), "time")
        click.echo(f"     {click.style('duplicates', bold=True)}: the same photograph {times} more")
    for copy in lead.duplicates[:MOST_DUPLICATES]:
        where = labels.visible(labels.path(copy.picture.uri))
        click.echo(f"       {copy.score:.3f}  {where} ({labels.LINKS[copy.link]}; {copy.source})")
    if len(lead.duplicates) > MOST_DUPLICATES:
        click.echo(f"       ... and {len(lead.duplicates) - MOST_DUPLICATES:,} more; --json lists all of them")
