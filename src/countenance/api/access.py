"""Clients of an organisation, access keys, and who can sign in."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import Line, Moment, Shape
from countenance.app.access.access_keys import described as described_key
from countenance.app.access.access_keys import described_once
from countenance.app.access.clients import described as described_client
from countenance.app.access.identity import Binding, Right
from countenance.errors import NotAllowed, NotFound
from countenance.records.access.accounts import Account
from countenance.remedies import Remedy
from countenance.types import ClientClass, Purpose

router = operations("managing")
Managing = Annotated[ApiContext, may(Right.MANAGE)]
ClientName = Annotated[str, Path(min_length=1, max_length=200, description="The client's name.")]


KeyId = Annotated[str, Path(min_length=1, max_length=100, description="The key's ID, its public part.")]


class Client(Shape):
    """A client of an organisation's home."""

    name: str
    id: str
    class_: ClientClass = Field(alias="class")
    jurisdiction: str
    contract: str
    added_at: str
    ended_at: str | None
    ended_by: str | None = Field(description="The order that ended it. Null: the operator ended it.")


class NewClient(Shape):
    """A new client. It may search while its contract is active."""

    name: Line
    client_class: ClientClass
    jurisdiction: Line = Field(description="Where the client is established: one code, or unknown.")


class Key(Shape):
    """An access key, without its secret."""

    id: str
    name: str
    state: str
    rights: list[Right]
    source: str | None
    purpose: str | None
    client: str | None
    case: str | None
    made_at: str
    expires_at: str | None
    used_at: str | None
    revoked_at: str | None


class MadeKey(Key):
    """A new key. Its secret and token are shown only once."""

    secret: str = Field(description="For programs that sign their requests.")
    token: str = Field(description="For programs that use /v1: Authorization: Bearer TOKEN. The ID, `.`, the secret.")


class NewKey(Shape):
    """A new access key: the program, its rights and its limits."""

    name: Line
    rights: list[Right] = Field(default=[Right.SEARCH], min_length=1)
    source: Line | None = None
    purpose: Purpose | None = None
    client: Line | None = None
    case: Line | None = None
    expires: Annotated[str, Field(max_length=10)] | None = Field(
        None, description="The last day of the key, such as 2027-12-31."
    )


class User(Shape):
    """An account of an organisation's home. It never shows the password or the second factor."""

    model_config = ConfigDict(json_schema_extra={"examples": [
        {"id": "0b6f3e5c-8a55-4f0b-9d1e-0c7d3f8f5d11", "name": "Ada", "made_at": "2026-11-24T03:00:00+00:00"},
    ]})  # fmt: skip

    id: str
    name: str
    made_at: Moment


@operation(router, "GET", "/clients", answer=Page[Client])
async def list_clients(ask: Managing, limit: Limit = 100, after: After = None) -> Response:
    """List the clients by name, including those whose contract has ended."""
    found = [described_client(client) for client in await ask.call(ask.home.clients.all)]
    return answer(page(found, lambda each: (each["name"],), limit, after))


@operation(router, "POST", "/clients", answer=Client, status=201, body=NewClient)
async def add_client(ask: Managing, new: Annotated[NewClient, sent(NewClient)]) -> Response:
    """Add a client. It may search from now on."""
    return answer(described_client(await ask.call(ask.home.clients.add, **new.model_dump())), 201)


@operation(router, "GET", "/clients/{name}", answer=Client)
async def show_client(ask: Managing, name: ClientName) -> Response:
    """Show one client."""
    return answer(described_client(await ask.call(ask.home.clients.get, name)))


@operation(router, "POST", "/clients/{name}/end", answer=Client)
async def end_client(ask: Managing, name: ClientName) -> Response:
    """End the contract of a client for good. Its next search is refused."""
    return answer(described_client(await ask.call(ask.home.clients.end, name)))


@operation(router, "GET", "/keys", answer=Page[Key])
async def list_keys(ask: Managing, limit: Limit = 100, after: After = None) -> Response:
    """List the access keys, oldest first, each with its rights and state, without secrets."""
    now = ask.home.now()
    found = [described_key(key, now) for key in await ask.call(ask.home.access_keys.all)]
    return answer(page(found, lambda each: (each["made_at"], each["id"]), limit, after))


@operation(router, "POST", "/keys", answer=MadeKey, status=201, body=NewKey)
async def make_key(ask: Managing, new: Annotated[NewKey, sent(NewKey)]) -> Response:
    """Make a key for another program. It can't have rights that this key lacks."""
    for right in new.rights:
        ask.who.require(right)
    if ask.who.binding != Binding():
        raise NotAllowed("a key that is bound makes no others", Remedy.USE_ANOTHER_KEY)
    said: dict[str, Any] = new.model_dump(exclude_none=True)
    made = await ask.call(ask.home.access_keys.make, **said)
    return answer(described_once(made, ask.home.now()), 201)


@operation(router, "GET", "/keys/{key_id}", answer=Key)
async def show_key(ask: Managing, key_id: KeyId) -> Response:
    """Show one access key, even if it has ended, without its secret."""
    found = await ask.call(ask.home.access_keys.get, key_id)
    return answer(described_key(found, ask.home.now()))


@operation(router, "POST", "/keys/{key_id}/revoke", answer=Key)
async def revoke_key(ask: Managing, key_id: KeyId) -> Response:
    """Revoke a key for good, in every process."""
    revoked = await ask.call(ask.home.access_keys.revoke, key_id)
    return answer(described_key(revoked, ask.home.now()))


@operation(router, "GET", "/users", answer=Page[User])
async def list_users(ask: Managing, limit: Limit = 100, after: After = None) -> Response:
    """List the accounts that can sign in to an organisation's pages, by name."""
    found = [_user(account) for account in await ask.call(ask.home.sign_in.accounts)]
    return answer(page(found, lambda each: (each["name"],), limit, after))


@operation(router, "DELETE", "/users/{user_id}", answer=User)
async def remove_user(ask: Managing, user_id: Annotated[UUID, Path(description="The account's id.")]) -> Response:
    """Remove an account. It can no longer sign in, and its sessions end in every process."""

    def remove() -> dict[str, Any]:
        for account in ask.home.sign_in.accounts():
            if account.uid == str(user_id):
                ask.home.sign_in.remove(account.name)
                return _user(account)
        raise NotFound(f"there is no account {user_id}", Remedy.LIST_ACCOUNTS)

    return answer(await ask.call(remove))


def _user(account: Account) -> dict[str, Any]:
    return {"id": account.uid, "name": account.name, "made_at": account.made_at.isoformat(timespec="seconds")}
