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
    help="The signed decision. It is stored encrypted; the log holds its hash.",
)  # fmt: skip


@click.group(cls=CommandGroup, short_help="Obey orders of regulators and courts: stop, delete.")
def command() -> None:
    """Obey the orders of regulators, courts and platforms: stop collecting, stop offering, delete, end contracts.

    You draft an order, simulate it, and apply it. It then applies to every search and every ingest, even if already
    running. It ends when you record a decision that stays or lifts it.
    """


@command.command(short_help="Record an order. It has no effect until you apply it.")
@click.option(
    "--stop-collecting", is_flag=True, help="Add no pictures and make no templates in the scope of the order."
)
@click.option(
    "--stop-offering", is_flag=True, help="Hide the pictures in scope, and stop the searches of clients in scope."
)
@click.option("--delete", is_flag=True, help="Erase the pictures in scope for good.")
@click.option("--delete-unknown", is_flag=True, help="Also erase pictures of an unknown or overlapping jurisdiction.")
@click.option("--end-contracts", is_flag=True, help="End the contracts of the clients in scope.")
@click.option("--jurisdiction", "jurisdictions", multiple=True, metavar="CODE",
              help="A jurisdiction with its regions: CA includes CA-ON. May be repeated.")  # fmt: skip
@click.option("--source", "sources", multiple=True, metavar="NAME", help="A source. May be repeated.")
@click.option("--client", "clients", multiple=True, metavar="NAME", help="A client. May be repeated.")
@click.option("--client-class", "client_classes", multiple=True, metavar="CLASS",
              help="Every client of a class, such as private-company. May be repeated.")  # fmt: skip
@click.option("--authority", required=True, metavar="TEXT", help="Who issued the order.")
@click.option("--dated", required=True, metavar="DATE", help="The date on the document, such as 2021-02-02.")
@click.option("--document", required=True, type=click.Path(readable=False), metavar="FILE",
              help="The signed order. It is stored encrypted; the log holds its hash.")  # fmt: skip
@click.option("--until", metavar="DATE", help="The last day of the order, if it has one.")
@click.option("--apply", "at_once", is_flag=True, help="Apply the order at once.")
@click.option("--yes", is_flag=True, help="With --apply: do not ask for confirmation.")
@pass_session
def draft(session: Session, /, at_once: bool, yes: bool, **terms: Any) -> None:
    """Record an order with its document. It has no effect until you apply it.

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
            click.echo(_lines(about))
            click.echo(f"Next: countenance order simulate {order.uid[:8]}")

        session.answer(about, text)


@command.command()
@click.argument("order", metavar="ID")
@pass_session
def simulate(session: Session, order: str) -> None:
    """Count what an order would change. It changes nothing."""
    with session.open() as home:
        about = home.orders.describe(home.orders.get(order))
        plan = home.orders.simulate(order)

        def text() -> None:
            click.echo(_lines(about))
            _tell_plan(plan)
            click.echo("Nothing was changed.")

        session.answer(plan.as_dict(), text)


@command.command()
@click.argument("order", metavar="ID")
@click.option("--simulated", type=click.Path(readable=False), metavar="FILE",
              help="The output of `order simulate --json`. Each difference is explained.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def apply(session: Session, order: str, simulated: str | None, yes: bool) -> None:
    """Put an order in force, and carry it out at once.

    If it is interrupted, the next apply or ingest continues. Applying an order twice gives the same answer.
    """
    with session.open() as home:
        _apply(session, home, order, simulated, yes)


def _apply(session: Session, home: Any, order: str, simulated: str | None, yes: bool) -> None:
    from countenance.cli.erasure.erase import asks

    found = home.orders.get(order)
    about = home.orders.describe(found)
    if asks(session, yes) and about["state"] == "draft":
        click.echo(_lines(about), err=True)
        _tell_plan(home.orders.simulate(order), err=True)
        if not click.confirm("Apply it?", err=True):
            note(f"Nothing was changed. The order is still a draft: countenance order apply {found.uid[:8]}")
            raise click.exceptions.Exit(1)
    done = home.orders.apply(order, simulated=simulated)
    about = home.orders.describe(home.orders.get(order))
    session.answer(done.as_dict(), lambda: _tell_applied(about, done))


@command.command(short_help="Record a decision that stays an order.")
@click.argument("order", metavar="ID")
@DOCUMENT
@pass_session
def stay(session: Session, order: str, document: str) -> None:
    """Record a decision that stays an order. The order has no effect until `resume`.

    Deleted pictures do not come back. Ended contracts stay ended.
    """
    _decide(session, "stay", order, document)


@command.command(short_help="Record a decision that ends a stay.")
@click.argument("order", metavar="ID")
@DOCUMENT
@pass_session
def resume(session: Session, order: str, document: str) -> None:
    """Record a decision that ends a stay. The order is in force again."""
    _decide(session, "resume", order, document)


@command.command(short_help="Record a decision that ends an order for good.")
@click.argument("order", metavar="ID")
@DOCUMENT
@pass_session
def lift(session: Session, order: str, document: str) -> None:
    """Record a decision that ends an order for good. Collecting and searching may continue.

    Deleted pictures do not come back. Ended contracts stay ended.
    """
    _decide(session, "lift", order, document)


def _decide(session: Session, what: str, order: str, document: str) -> None:
    with session.open() as home:
        before = home.orders.get(order)
        after = getattr(home.orders, what)(order, document)
        about = home.orders.describe(after)

        def text() -> None:
            click.echo(_lines(about))
            if len(after.papers) == len(before.papers):
                click.echo("The order was already in this state. The document was not stored.")

        session.answer(about, text)


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the orders, each with its demands and its state."""
    with session.open() as home:
        found = [home.orders.describe(order) for order in home.orders.all()]
        session.answer_list("orders", found, dict, _lines, none="No order yet.")


@command.command(short_help="Show an order and what it changed.")
@click.argument("order", metavar="ID")
@click.option("--papers", type=click.Path(readable=False), metavar="DIR",
              help="Also write the order and its later decisions to DIR.")  # fmt: skip
@pass_session
def show(session: Session, order: str, papers: str | None) -> None:
    """Show an order: its demands, its state, what it changed, and its documents."""
    with session.open() as home:
        about = home.orders.describe(home.orders.get(order))
        if papers is not None:
            for path in home.orders.papers(order, papers):
                note(f"written: {path}")

        def text() -> None:
            click.echo(_lines(about))
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
    "expired": ("expired", "white"),
    "lifted": ("lifted", "white"),
}
SCOPES = {"jurisdiction": "", "source": "source ", "client": "client ", "client_class": "every "}


def demands(about: dict[str, Any]) -> str:
    """'stop collecting, delete: CA, source album'."""
    what = [f"stop {each}" for each in about["stops"]]
    what += ["delete, also where the jurisdiction is unclear" if about["deletes_unknown"] else "delete"] * about[
        "deletes"
    ]
    what += ["end contracts"] * about["ends_contracts"]
    return f"{', '.join(what)}: {', '.join(SCOPES[each['scope']] + each['value'] for each in about['targets'])}"


def _lines(about: dict[str, Any]) -> str:
    from countenance.present.labels import visible

    said, colour = STATES[about["state"]]
    state = click.style(said, fg=colour) + (", not finished yet" if about["unfinished"] else "")
    return (
        f"{click.style(about['id'][:8], bold=True)}  {visible(demands(about))}\n"
        f"  {visible(about['authority'])}, dated {about['dated']}: {state}"
    )


def _tell_plan(plan: Plan, *, err: bool = False) -> None:
    from countenance.present.labels import visible

    def line(text: str) -> None:
        click.echo(f"  {visible(text)}", err=err)

    for source in plan.sources:
        parts = ["no longer collected"] * source.stops_collecting
        if source.faces_out_of_search:
            faces, pictures = (
                several(source.faces_out_of_search, "face"),
                several(source.pictures_out_of_search, "picture"),
            )
            parts.append(f"{faces} of {pictures} hidden from search")
        if source.pictures_deleted or source.faces_deleted:
            faces = several(source.faces_deleted, "face")
            parts.append(f"{several(source.pictures_deleted, 'picture')} with {faces} deleted")
        parts += ["source and grant deleted"] * source.goes
        line(f"{source.source}: {'; '.join(parts)}")
    for client in plan.clients:
        parts = ["may not search"] * client.stops_offering + ["contract ends"] * client.ends_contract
        line(f"client {client.client}: {'; '.join(parts)}")
    if plan.faces_out_of_search:
        line(f"in all {several(plan.faces_out_of_search, 'face')} of {several(plan.pictures_out_of_search, 'picture')} "
             "that no search will find")  # fmt: skip
    if plan.pictures_deleted or plan.faces_deleted:
        line(f"in all {several(plan.pictures_deleted, 'picture')} and {several(plan.faces_deleted, 'face')} deleted")
    if plan.pictures_unclear:
        line(f"{several(plan.pictures_unclear, 'picture')} of an unclear jurisdiction are kept (see --delete-unknown)")
    if plan.leads_erased:
        line(f"{several(plan.leads_erased, 'lead')} removed from earlier searches")
    if plan.searches_under_way:
        line(f"{several(plan.searches_under_way, 'search', 'searches')} running now: decided again")
    if not (plan.sources or plan.clients):
        line("nothing now; the order also applies to later pictures and searches")


def _tell_applied(about: dict[str, Any], done: Applied) -> None:
    click.echo(_lines(about))
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
        click.echo("The result is exactly what was simulated.")
