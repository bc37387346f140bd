"""Orders: drafted with their document, simulated, applied as they were simulated, stayed, resumed, lifted."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any, Final

import structlog
from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.errors import CountenanceError, WrongUse
from countenance.pipeline.documents import MAX_DOCUMENT_BYTES
from countenance.pipeline.orders.orders import Applied
from countenance.pipeline.orders.plan import TOTALS, Plan
from countenance.types import ClientClass
from countenance.web.context import PageContext, page

PATIENCE_S: Final = 5.0  # after which the page says how far it is, while the order goes on
_DEMANDS: Final = ("stop_collecting", "stop_offering", "delete", "delete_unknown", "end_contracts")
_PASSES: Final = frozenset({"searches_under_way", "policy_version"})  # of a plan, what another moment makes another
_running: set[asyncio.Task[Applied]] = set()  # asyncio itself holds no strong reference


@page(Right.ORDERS)
async def listed(ask: PageContext) -> Response:
    """Every order, the newest first."""
    return ask.page("orders.html.jinja", orders=(await ask.call(_all, ask))[::-1])


async def _form(ask: PageContext, error: CountenanceError | None = None) -> Response:
    given = {
        **{name: ask.field(name) or "" for name in (*_DEMANDS, "jurisdictions", "authority", "dated", "until")},
        **{name: _chosen(ask, name) for name in ("source", "client", "client_class")},
    }
    sources = [source.name for source in await ask.call(ask.home.sources)]
    clients = [client.name for client in await ask.call(ask.home.clients.all)]
    return ask.page(
        "order_new.html.jinja", given=given, error=error,
        sources=sources, clients=clients, classes=[str(each) for each in ClientClass],
    )  # fmt: skip


form = page(Right.ORDERS)(_form)  # the form of a draft


@page(Right.ORDERS, max_files=1, refused=_form)
async def draft(ask: PageContext) -> Response:
    """It is recorded with its document, and stops nothing yet."""
    document = await ask.file("document", max_bytes=MAX_DOCUMENT_BYTES)
    if not document:
        raise WrongUse(ask.text("the document is missing: choose the signed order"))
    order = await ask.call(
        ask.home.orders.draft, document=document, authority=ask.field("authority") or "",
        dated=ask.field("dated") or "", until=ask.field("until"),
        jurisdictions=[ask.field("jurisdictions") or ""] if ask.field("jurisdictions") else [],
        sources=_chosen(ask, "source"), clients=_chosen(ask, "client"), client_classes=_chosen(ask, "client_class"),
        **{name: ask.field(name) is not None for name in _DEMANDS},
    )  # fmt: skip
    return ask.go(f"/orders/{order.uid}", ask.text("The draft is stored. It has no effect until you apply it."))


async def _shown(
    ask: PageContext, error: CountenanceError | None = None, *, plan: Plan | None = None, applied: Applied | None = None
) -> Response:
    desk = ask.home.orders
    order = await ask.call(lambda: desk.describe(desk.get(ask.id)))
    receipt = await ask.call(ask.home.receipts.of, ask.id)
    return ask.page(
        "order.html.jinja", order=order, plan=plan, applied=applied, error=error,
        receipt=receipt, totals=TOTALS, seen="" if plan is None else seen(plan), url=f"/orders/{ask.id}",
    )  # fmt: skip


show = page(Right.ORDERS)(_shown)  # one order


@page(Right.ORDERS, refused=_shown)
async def simulate(ask: PageContext) -> Response:
    """What applying it would change now; nothing is changed."""
    plan = await ask.call(ask.home.orders.simulate, ask.id)
    return await _shown(ask, plan=plan)


@page(Right.ORDERS, refused=_shown)
async def apply(ask: PageContext) -> Response:
    """It is applied, if it still changes what was shown; else what it would change now is shown instead."""
    orders = ask.home.orders
    plan = await ask.call(orders.simulate, ask.id)
    if ask.field("seen") != seen(plan):
        changed = WrongUse(
            ask.text("nothing was done: the counts have changed. Check the new counts, then apply the order again")
        )
        return await _shown(ask, changed, plan=plan)
    task = asyncio.create_task(ask.call(orders.apply, ask.id, simulated=plan))
    _running.add(task)
    task.add_done_callback(_ended)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
    if not done:
        return ask.go(f"/orders/{ask.param('id')}", ask.text("The order is in force, and is being carried out."))
    return await _shown(ask, applied=task.result())


@page(Right.ORDERS, max_files=1, refused=_shown)
async def ruled(ask: PageContext) -> Response:
    """A decision stays it, ends the stay, or lifts it."""
    acts = {"stay": ask.home.orders.stay, "resume": ask.home.orders.resume, "lift": ask.home.orders.lift}
    act = acts.get(ask.field("what") or "")
    document = await ask.file("document", max_bytes=MAX_DOCUMENT_BYTES)
    if act is None or not document:
        raise WrongUse(ask.text("nothing was done: choose the decision and its document"))
    await ask.call(act, ask.id, document)
    return ask.go(f"/orders/{ask.param('id')}", ask.text("The decision is recorded and has effect now."))


def seen(plan: Plan) -> str:
    """What somebody was shown of a plan, in a word that a form can carry."""
    counts = {name: value for name, value in plan.as_dict().items() if name not in _PASSES}
    return hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()


def _ended(task: asyncio.Task[Applied]) -> None:
    _running.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is not None:  # the order's page says that it is unfinished; the next ingest or apply goes on
        structlog.get_logger().error("order.unfinished", error=type(error).__name__)


def _all(ask: PageContext) -> list[dict[str, Any]]:
    desk = ask.home.orders
    return [desk.describe(order) for order in desk.all()]


def _chosen(ask: PageContext, name: str) -> list[str]:
    return [each for each in ask.form.getlist(name) if isinstance(each, str) and each]


routes = [
    Route("/orders", listed, methods=["GET"]),
    Route("/orders/new", form, methods=["GET"]),
    Route("/orders/new", draft, methods=["POST"]),
    Route("/orders/{id:uuid}", show, methods=["GET"]),
    Route("/orders/{id:uuid}/simulate", simulate, methods=["POST"]),
    Route("/orders/{id:uuid}/apply", apply, methods=["POST"]),
    Route("/orders/{id:uuid}/decision", ruled, methods=["POST"]),
]
