"""`countenance order`: what a regulator, a court or a platform demands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from countenance.cli.base import CommandGroup, Session, note, pass_session, several

if TYPE_CHECKING:
    from countenance.pipeline.orders.orders import Applied
    from countenance.pipeline.orders.plan import Plan

DOCUMENT = click.option(
    "--document", required=True, type=click.Path(readable=False), metavar="FILE",
    help="The signed decision; kept sealed, its hash in the log.",
)  # fmt: skip


@click.group(cls=CommandGroup, short_help="Obey a regulator, a court or a platform: stop, delete, end contracts.")
def command() -> None:
    """What a regulator, a court or a platform demands: stop collecting, stop offering, delete, end contracts.

    An order is drafted, simulated and applied. From then on it binds every search and every ingest, also those that
    are under way, until it is stayed or lifted by a decision that you record.
    """


@command.command(short_help="Record an order; it stops nothing until it is applied.")
@click.option("--stop-collecting", is_flag=True, help="No picture is taken and no template made there.")
@click.option("--stop-offering", is_flag=True, help="Nobody finds what is there, and no client there may search.")
@click.option("--delete", is_flag=True, help="What was taken there is erased for good.")
@click.option("--delete-unknown", is_flag=True,
              help="And what may be from there: of an unknown place, or of one that only overlaps.")  # fmt: skip
@click.option("--end-contracts", is_flag=True, help="The contracts of the clients that it names, or there, end.")
@click.option("--jurisdiction", "jurisdictions", multiple=True, metavar="CODE",
              help="With all its parts: CA covers CA-ON. Again for more.")  # fmt: skip
@click.option("--source", "sources", multiple=True, metavar="NAME", help="A source. Again for more.")
@click.option("--client", "clients", multiple=True, metavar="NAME", help="A client. Again for more.")
@click.option("--client-class", "client_classes", multiple=True, metavar="CLASS",
              help="Every client of a class: private-company. Again for more.")  # fmt: skip
@click.option("--authority", required=True, metavar="TEXT", help="Whose order it is.")
@click.option("--dated", required=True, metavar="DATE",
              help="The day on the document, 2021-02-02; it binds from when it is applied.")  # fmt: skip
@click.option("--document", required=True, type=click.Path(readable=False), metavar="FILE",
              help="The order itself; kept sealed, its hash in the log.")  # fmt: skip
@click.option("--until", metavar="DATE", help="The last day of its own term, where it has one.")
@click.option("--apply", "at_once", is_flag=True, help="And apply it at once.")
@click.option("--yes", is_flag=True, help="With --apply: do not ask.")
@pass_session
def draft(session: Session, /, at_once: bool, yes: bool, **terms: Any) -> None:
    """Record an order with its document; it stops nothing until it is applied.

    \b
    Canada's commissioners, February 2021:
    countenance order draft --stop-collecting --stop-offering --delete \\
      --jurisdiction CA --authority "Privacy Commissioner of Canada" \\
      --dated 2021-02-02 --document findings.pdf --apply

    \b
    Every private company:
    countenance order draft --end-contracts --client-class private-company \\
      --authority "Circuit Court of Cook County" --dated 2022-05-09 \\
      --document settlement.pdf --apply
    """
    with session.open() as home:
        order = home.orders.draft(**terms)
        if at_once:
            _apply(session, home, order.uid, None, yes)
            return
        about = home.orders.describe(order)

        def text() -> None:
            _tell_order(about)
            click.echo(f"Next: countenance order simulate {order.uid[:8]}")

        session.answer(about, text)


@command.command()
@click.argument("order", metavar="ID")
@pass_session
def simulate(session: Session, order: str) -> None:
    """Count what applying an order would change, and change nothing."""
    with session.open() as home:
        about = home.orders.describe(home.orders.get(order))
        plan = home.orders.simulate(order)

        def text() -> None:
            _tell_order(about)
            _tell_plan(plan)
            click.echo("Nothing was changed.")

        session.answer(plan.as_dict(), text)


@command.command()
@click.argument("order", metavar="ID")
@click.option("--simulated", type=click.Path(readable=False), metavar="FILE",
              help="What `order simulate --json` wrote: each difference from it is explained.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def apply(session: Session, order: str, simulated: str | None, yes: bool) -> None:
    """Put an order in force, and do all that it demands at once.

    Interrupted, it goes on with the next apply or ingest. Applying it twice gives the same answer.
    """
    with session.open() as home:
        _apply(session, home, order, simulated, yes)


def _apply(session: Session, home: Any, order: str, simulated: str | None, yes: bool) -> None:
    from countenance.cli.erasure.erase import asks

    found = home.orders.get(order)
    about = home.orders.describe(found)
    if asks(session, yes) and about["state"] == "draft":
        _tell_order(about, err=True)
        _tell_plan(home.orders.simulate(order), err=True)
        if not click.confirm("Apply it?", err=True):
            note(f"Nothing was changed; it stays a draft: countenance order apply {found.uid[:8]}")
            raise click.exceptions.Exit(1)
    done = home.orders.apply(order, simulated=simulated)
    about = home.orders.describe(home.orders.get(order))
    session.answer(done.as_dict(), lambda: _tell_applied(about, done))


@command.command(short_help="Stay an order by a decision: what it stops goes on.")
@click.argument("order", metavar="ID")
@DOCUMENT
@pass_session
def stay(session: Session, order: str, document: str) -> None:
    """Record a decision that stays an order: what it stops goes on, until `resume`.

    What it deleted does not come back, nor does a contract that it ended.
    """
    _decide(session, "stay", order, document)


@command.command(short_help="End a stay by a decision: it is in force again.")
@click.argument("order", metavar="ID")
@DOCUMENT
@pass_session
def resume(session: Session, order: str, document: str) -> None:
    """Record a decision that ends a stay: the order is in force again."""
    _decide(session, "resume", order, document)


@command.command(short_help="End an order for good by a decision.")
@click.argument("order", metavar="ID")
@DOCUMENT
@pass_session
def lift(session: Session, order: str, document: str) -> None:
    """Record a decision that ends an order for good: offering and collecting go on.

    What it deleted does not come back, nor does a contract that it ended.
    """
    _decide(session, "lift", order, document)


def _decide(session: Session, what: str, order: str, document: str) -> None:
    with session.open() as home:
        before = home.orders.get(order)
        after = getattr(home.orders, what)(order, document)
        about = home.orders.describe(after)

        def text() -> None:
            _tell_order(about)
            if len(after.papers) == len(before.papers):
                click.echo("It stood so already; the document was not kept.")

        session.answer(about, text)


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the orders, each with what it demands and where it stands."""
    with session.open() as home:
        found = [home.orders.describe(order) for order in home.orders.all()]

        def text() -> None:
            for about in found:
                _tell_order(about)
            if not found:
                click.echo("No order.")

        session.answer({"orders": found}, text)


@command.command(short_help="Show an order and what it changed.")
@click.argument("order", metavar="ID")
@click.option("--papers", type=click.Path(readable=False), metavar="DIR",
              help="Also write its document and the decisions about it there.")  # fmt: skip
@pass_session
def show(session: Session, order: str, papers: str | None) -> None:
    """Show an order: what it demands, where it stands, what it changed, its papers."""
    with session.open() as home:
        about = home.orders.describe(home.orders.get(order))
        if papers is not None:
            for path in home.orders.papers(order, papers):
                note(f"written: {path}")

        def text() -> None:
            _tell_order(about)
            for name in ("id", "drafted_at", "in_force_since", "ends_at", "stayed_at", "lifted_at", "done_at"):
                if about[name] is not None:
                    click.echo(f"  {name.replace('_', ' ')}: {about[name]}")
            for what, amount in (about["outcome"] or {}).items():
                if amount and isinstance(amount, int):
                    click.echo(f"  {what.replace('_', ' ')}: {amount:,}")
            for paper in about["papers"]:
                click.echo(f"  {paper['kind']} of {paper['at'][:10]}, sha256 {paper['sha256'][:16]}")

        session.answer(about, text)


# --- for people ------------------------------------------------------------------------------------------------------
STATES = {
    "draft": ("a draft", "yellow"),
    "in_force": ("in force", "red"),
    "stayed": ("stayed", "yellow"),
    "expired": ("over: its term has ended", "white"),
    "lifted": ("lifted", "white"),
}
SCOPES = {"jurisdiction": "", "source": "source ", "client": "client ", "client_class": "every "}


def demands(about: dict[str, Any]) -> str:
    """'stop collecting, delete: CA, source album'."""
    what = [f"stop {each}" for each in about["stops"]]
    what += ["delete, also where the place is unclear" if about["deletes_unknown"] else "delete"] * about["deletes"]
    what += ["end contracts"] * about["ends_contracts"]
    return f"{', '.join(what)}: {', '.join(SCOPES[each['scope']] + each['value'] for each in about['targets'])}"


def _tell_order(about: dict[str, Any], *, err: bool = False) -> None:
    from countenance.present.labels import visible

    said, colour = STATES[about["state"]]
    state = click.style(said, fg=colour) + (", not all of it done yet" if about["unfinished"] else "")
    click.echo(f"{click.style(about['id'][:8], bold=True)}  {visible(demands(about))}", err=err)
    click.echo(f"  {visible(about['authority'])}, dated {about['dated']}: {state}", err=err)


def _tell_plan(plan: Plan, *, err: bool = False) -> None:
    from countenance.present.labels import visible

    def line(text: str) -> None:
        click.echo(f"  {visible(text)}", err=err)

    for source in plan.sources:
        parts = ["no longer collected from"] * source.stops_collecting
        if source.faces_out_of_search:
            faces, pictures = (
                several(source.faces_out_of_search, "face"),
                several(source.pictures_out_of_search, "picture"),
            )
            parts.append(f"{faces} of {pictures} out of search")
        if source.pictures_deleted or source.faces_deleted:
            faces = several(source.faces_deleted, "face")
            parts.append(f"{several(source.pictures_deleted, 'picture')} with {faces} gone from it")
        parts += ["itself gone, with its grant"] * source.goes
        line(f"{source.source}: {'; '.join(parts)}")
    for client in plan.clients:
        parts = ["no longer offered to"] * client.stops_offering + ["its contract ends"] * client.ends_contract
        line(f"client {client.client}: {'; '.join(parts)}")
    if plan.faces_out_of_search:
        line(f"in all {several(plan.faces_out_of_search, 'face')} of {several(plan.pictures_out_of_search, 'picture')} "
             "that can be found nowhere else")  # fmt: skip
    if plan.pictures_deleted or plan.faces_deleted:
        line(f"in all {several(plan.pictures_deleted, 'picture')} and {several(plan.faces_deleted, 'face')} deleted")
    if plan.pictures_unclear:
        line(f"{several(plan.pictures_unclear, 'picture')} of an unclear place: not deleted (--delete-unknown would)")
    if plan.leads_erased:
        line(f"{several(plan.leads_erased, 'lead')} of earlier searches: gone from them")
    if plan.searches_under_way:
        line(f"{several(plan.searches_under_way, 'search', 'searches')} under way: decided again")
    if not (plan.sources or plan.clients):
        line("nothing that is here now; what comes later is bound all the same")


def _tell_applied(about: dict[str, Any], done: Applied) -> None:
    _tell_order(about)
    _tell_plan(done.plan)
    if done.contracts_ended:
        click.echo(f"  {several(done.contracts_ended, 'contract')} ended")
    if about["deletes"]:
        gone = f"{several(done.pictures_deleted, 'picture')} and {several(done.faces_deleted, 'face')}"
        click.echo(f"Deleted {gone}: from records, index, blobs and keys.")
    for place in done.pending:
        click.echo(f"  pending: {place}")
    if done.receipt is not None:
        click.echo(f"receipt {done.receipt}")
    for difference in done.differences:
        click.echo(f"  differs: {difference}")
    if not done.differences:
        click.echo("Exactly what was simulated.")
