"""Outside witnesses of the log: whom to believe, what to give them, what they gave back."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import Shape
from countenance.api.upkeep.log import Cosigned
from countenance.app.access.identity import Right
from countenance.errors import LogBroken, NotFound, WrongUse
from countenance.remedies import Remedy

router = operations("log")
Overseeing = Annotated[ApiContext, may(Right.OVERSEE, Right.MANAGE)]
Managing = Annotated[ApiContext, may(Right.MANAGE)]
Hash = Annotated[str, Path(pattern="^[0-9a-f]{8}$", description="The hash in the witness's verifier key.")]
Text = Annotated[str, Field(min_length=1, max_length=100_000)]
KEY: Final = "witness.example.org+4a1b2c3d+BPR2Qm9vbGVhbiBzaWduYXR1cmVzIGFyZSBub3QgYSB0aGluZw=="


class Witness(Shape):
    """A trusted witness."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{
            "name": "witness.example.org", "hash": "4a1b2c3d", "key": KEY,
            "cosigned": {"entries": 4211, "at": "2026-11-24T03:00:00+00:00"},
        }]}
    )  # fmt: skip

    name: str
    hash: str = Field(description="The hash of its verifier key. It identifies the witness here.")
    key: str = Field(description="Its verifier key (C2SP signed note).")
    cosigned: Cosigned | None = Field(description="The newest checkpoint that it cosigned. Null: none yet.")


class NewWitness(Shape):
    """The witness to trust."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"key": KEY}]})

    key: Annotated[str, Field(min_length=1, max_length=1000)] = Field(
        description="The output of `countenance witness init` on the witness's computer."
    )


class CosignRequest(Shape):
    """A request for a witness to cosign (C2SP tlog-witness)."""

    request: str


class GivenCosignature(Shape):
    """The answer of a witness to a request."""

    request: Text = Field(description="The request that was sent to the witness.")
    cosignature: Text


class CosignedNow(Shape):
    """The newest checkpoint that each trusted witness cosigned, by name."""

    cosigned: dict[str, Cosigned]


@operation(router, "GET", "/log/witnesses", answer=Page[Witness])
async def list_witnesses(ask: Overseeing, limit: Limit = 100, after: After = None) -> Response:
    """List the trusted witnesses by name, and what each has cosigned."""
    return answer(page(await ask.call(_witnesses, ask), lambda each: (each["name"],), limit, after))


@operation(router, "POST", "/log/witnesses", answer=Witness, status=201, body=NewWitness)
async def trust_witness(ask: Managing, new: Annotated[NewWitness, sent(NewWitness)]) -> Response:
    """Trust a witness. It replaces an older key of the same name."""

    def trust() -> dict[str, Any]:
        try:
            name = ask.home.audit.trust(new.key)
        except LogBroken as error:
            raise _wrong(error) from error
        [found] = [each for each in _witnesses(ask) if each["name"] == name]
        return found

    return answer(await ask.call(trust), 201)


@operation(router, "DELETE", "/log/witnesses/{hash}", answer=Witness)
async def distrust_witness(ask: Managing, hash: Hash) -> Response:  # noqa: A002 - the name in the path
    """Stop trusting a witness. The log still shows the earlier trust."""

    def distrust() -> dict[str, Any]:
        for each in _witnesses(ask):
            if each["hash"] == hash:
                ask.home.audit.distrust(each["name"])
                return each
        raise NotFound(f"no witness with the hash {hash} is trusted", Remedy.LIST_WITNESSES)

    return answer(await ask.call(distrust))


@operation(router, "GET", "/log/cosign-request", answer=CosignRequest)
async def request_cosignature(
    ask: Overseeing,
    old: Annotated[int | None, Query(ge=0, le=2**53, description="The number of entries that it has cosigned.")] = None,
) -> Response:
    """Make a request for a witness: the newest checkpoint, and a proof that it continues the last one."""
    return answer({"request": await ask.call(ask.home.audit.request, old)})


@operation(router, "POST", "/log/cosignatures", answer=CosignedNow, body=GivenCosignature)
async def accept_cosignature(ask: Managing, given: Annotated[GivenCosignature, sent(GivenCosignature)]) -> Response:
    """Store the cosignature of a trusted witness. A check of the log also checks it."""

    def accept() -> dict[str, Any]:
        try:
            return ask.home.audit.accept(given.request, given.cosignature)
        except LogBroken as error:
            raise _wrong(error) from error

    return answer({"cosigned": await ask.call(accept)})


def _witnesses(ask: ApiContext) -> list[dict[str, Any]]:
    cosigned, trusted = ask.home.audit.cosigned(), ask.home.audit.trusted()
    return [
        {"name": name, "hash": key.removeprefix(f"{name}+")[:8], "key": key, "cosigned": cosigned.get(name)}
        for name, key in trusted.items()
    ]


def _wrong(error: LogBroken) -> WrongUse:
    """What was sent does not fit; that is no failure of the service."""
    return WrongUse(error.message, error.remedy, field=error.field, values=error.values)
