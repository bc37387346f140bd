"""What regulators, courts and platforms demand: drafted, simulated, applied, stayed, lifted."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import File, Line, Shape
from countenance.app.access.identity import Right
from countenance.errors import WrongUse
from countenance.pipeline.orders.plan import plan_of
from countenance.remedies import Remedy
from countenance.types import ClientClass

router = operations("orders")
Obeying = Annotated[ApiContext, may(Right.ORDERS)]
OrderId = Annotated[UUID, Path(description="The order's id.")]


class OrderTarget(Shape):
    """A target of an order."""

    scope: str
    value: str


class Paper(Shape):
    """A document of an order."""

    kind: str
    at: str
    sha256: str


class Order(Shape):
    """Show an order: its demands, its state, and what it changed."""

    id: str
    state: str
    unfinished: bool
    authority: str
    dated: str
    stops: list[str]
    deletes: bool
    deletes_unknown: bool
    ends_contracts: bool
    targets: list[OrderTarget]
    drafted_at: str
    in_force_since: str | None
    ends_at: str | None
    stayed_at: str | None
    lifted_at: str | None
    done_at: str | None
    outcome: dict[str, Any] | None
    papers: list[Paper]


class NewOrder(Shape):
    """An order with its document. It has no effect until it is applied."""

    document: File
    authority: Line
    dated: Annotated[str, Field(max_length=10, description="The date on the document, such as 2021-02-02.")]
    until: Annotated[str, Field(max_length=10)] | None = None
    stop_collecting: bool = False
    stop_offering: bool = False
    delete: bool = False
    delete_unknown: bool = False
    end_contracts: bool = False
    jurisdictions: list[Line] = Field(default=[])
    sources: list[Line] = Field(default=[])
    clients: list[Line] = Field(default=[])
    client_classes: list[ClientClass] = Field(default=[])


class SourceChange(Shape):
    """What changes for one source."""

    source: str
    stops_collecting: bool
    pictures_out_of_search: int
    faces_out_of_search: int
    pictures_deleted: int
    faces_deleted: int
    goes: bool


class ClientChange(Shape):
    """What changes for one client."""

    client: str
    stops_offering: bool
    ends_contract: bool


class Plan(Shape):
    """What an order would change."""

    order: str
    policy_version: int
    sources: list[SourceChange]
    clients: list[ClientChange]
    pictures_out_of_search: int
    faces_out_of_search: int
    pictures_deleted: int
    faces_deleted: int
    pictures_unclear: int
    leads_erased: int
    searches_under_way: int


class Applying(Shape):
    """The plan that a person checked. Each difference from it is explained."""

    simulated: Plan | None = None


class Applied(Shape):
    """What an applied order changed."""

    order: str
    in_force_since: str | None
    done_at: str | None
    plan: Plan
    pictures_deleted: int
    faces_deleted: int
    contracts_ended: int
    pending: list[str]
    as_simulated: bool
    differences: list[str]
    receipt: str | None


class SignedDecision(Shape):
    """A decision about an order."""

    document: File


@operation(router, "GET", "/orders", answer=Page[Order])
async def list_orders(ask: Obeying, limit: Limit = 100, after: After = None) -> Response:
    """List the orders, oldest first, each with its demands and its state."""
    desk = await ask.call(lambda: ask.home.orders)
    found = await ask.call(lambda: [desk.describe(order) for order in desk.all()])
    return answer(page(found, lambda each: (each["drafted_at"], each["id"]), limit, after))


@operation(router, "POST", "/orders", answer=Order, status=201, body=NewOrder, form=True)
async def draft_order(ask: Obeying, new: Annotated[NewOrder, sent(NewOrder)]) -> Response:
    """Record an order with its document, which is stored encrypted. It has no effect yet."""

    def draft() -> dict[str, Any]:
        desk = ask.home.orders
        return desk.describe(desk.draft(**new.model_dump()))

    return answer(await ask.call(draft), 201)


@operation(router, "GET", "/orders/{order_id}", answer=Order)
async def show_order(ask: Obeying, order_id: OrderId) -> Response:
    """Show an order: its demands, its state, and what it changed."""
    return answer(await ask.call(_shown, ask, order_id))


def _shown(ask: ApiContext, order_id: UUID) -> dict[str, Any]:
    desk = ask.home.orders
    return desk.describe(desk.get(str(order_id)))


PAPER: dict[str, dict[str, Any]] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@operation(router, "GET", "/orders/{order_id}/papers/{number}", media=PAPER)
async def order_paper(ask: Obeying, order_id: OrderId, number: Annotated[int, Path(ge=1, le=1000)]) -> Response:
    """Show one document of an order, as uploaded. Number 1 is the order itself."""

    def paper() -> bytes:
        desk = ask.home.orders
        return desk.paper(str(order_id), number)

    # Always saved, never shown: it is what somebody handed in.
    headers = {"content-disposition": "attachment"}
    return Response(await ask.call(paper), media_type="application/octet-stream", headers=headers)


@operation(router, "POST", "/orders/{order_id}/simulate", answer=Plan)
async def simulate_order(ask: Obeying, order_id: OrderId) -> Response:
    """Count what the order would change now. It changes nothing."""
    return answer((await ask.call(lambda: ask.home.orders.simulate(str(order_id)))).as_dict())


@operation(router, "POST", "/orders/{order_id}/apply", answer=Applied, body=Applying, optional=True)
async def apply_order(
    ask: Obeying, order_id: OrderId, applying: Annotated[Applying, sent(Applying, optional=True)]
) -> Response:
    """Put an order in force, and carry it out at once. A repeated call gives the same answer."""
    plan = None if applying.simulated is None else plan_of(applying.simulated.model_dump())
    if plan is not None and plan.order != str(order_id):
        raise WrongUse("the plan is of another order", Remedy.SIMULATE_ORDER)
    return answer((await ask.call(lambda: ask.home.orders.apply(str(order_id), simulated=plan))).as_dict())


@operation(router, "POST", "/orders/{order_id}/stay", answer=Order, body=SignedDecision, form=True)
async def stay_order(ask: Obeying, order_id: OrderId, by: Annotated[SignedDecision, sent(SignedDecision)]) -> Response:
    """Stay an order by a decision. It has no effect until `resume`."""
    return answer(await ask.call(_decided, ask, "stay", order_id, by.document))


@operation(router, "POST", "/orders/{order_id}/resume", answer=Order, body=SignedDecision, form=True)
async def resume_order(
    ask: Obeying, order_id: OrderId, by: Annotated[SignedDecision, sent(SignedDecision)]
) -> Response:
    """End a stay by a decision. The order is in force again."""
    return answer(await ask.call(_decided, ask, "resume", order_id, by.document))


@operation(router, "POST", "/orders/{order_id}/lift", answer=Order, body=SignedDecision, form=True)
async def lift_order(ask: Obeying, order_id: OrderId, by: Annotated[SignedDecision, sent(SignedDecision)]) -> Response:
    """Lift an order for good. Deleted pictures do not come back, and ended contracts stay ended."""
    return answer(await ask.call(_decided, ask, "lift", order_id, by.document))


def _decided(ask: ApiContext, what: str, order_id: UUID, document: bytes) -> dict[str, Any]:
    desk = ask.home.orders
    return desk.describe(getattr(desk, what)(str(order_id), document))
