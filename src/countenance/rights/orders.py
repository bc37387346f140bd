"""What an order must hold before it is recorded. Rules without IO.

The case to serve: PIPEDA Findings 2021-001 (Clearview AI), "Recommendations": cease offering to clients in Canada,
cease collecting from individuals there, delete what was collected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from countenance import jurisdictions
from countenance.errors import WrongUse
from countenance.remedies import Remedy
from countenance.types import ClientClass, OrderTerms


def check_order(
    *,
    now: datetime,
    stop_collecting: bool = False,
    stop_offering: bool = False,
    delete: bool = False,
    delete_unknown: bool = False,
    end_contracts: bool = False,
    places: Sequence[str] = (),
    sources: Sequence[str] = (),
    clients: Sequence[str] = (),
    client_classes: Sequence[str] = (),
    authority: str,
    dated: str,
    until: str | None = None,
) -> OrderTerms:
    """The terms of an order, or the first thing that is wrong with it.

    Args: now: aware; places: codes, also several in one with commas; sources: names; clients: uuids; dated: the day on
    the document, "2021-02-02"; until: the last day of its own term.
    Raises: WrongUse.
    """
    targets = {
        *(("jurisdiction", code) for text in places for code in jurisdictions.parse_set(text)),
        *(("source", name) for name in sources),
        *(("client", uid) for uid in clients),
        *(("client_class", str(_client_class(text))) for text in client_classes),
    }
    if ("jurisdiction", jurisdictions.UNKNOWN) in targets:
        raise WrongUse(
            "an order needs a jurisdiction, and unknown is not one; each order covers pictures of an unknown one too",
            field="jurisdictions",
        )
    if not (stop_collecting or stop_offering or delete or end_contracts):
        raise WrongUse(
            "the order demands nothing",
            Remedy.ADD_SOME_OF,
            values=("stop_collecting", "stop_offering", "delete", "end_contracts"),
        )
    if not targets:
        raise WrongUse(
            "the order does not say what it is about",
            Remedy.ADD_SOME_OF,
            values=("jurisdictions", "sources", "clients", "client_classes"),
        )
    scopes = {scope for scope, _ in targets}
    _aims_somewhere("stop_collecting", stop_collecting, scopes & {"jurisdiction", "source"}, "pictures")
    _aims_somewhere("delete", delete, scopes & {"jurisdiction", "source"}, "pictures")
    _aims_somewhere("end_contracts", end_contracts, scopes & {"jurisdiction", "client", "client_class"}, "clients")
    if delete_unknown and not (delete and "jurisdiction" in scopes):
        raise WrongUse(
            "an order deletes data of unknown jurisdictions only together with data of a known one", Remedy.ADD_ALL_OF,
            values=("delete_unknown", "delete", "jurisdictions"),
        )  # fmt: skip
    return OrderTerms(
        stops=frozenset({"collect"} if stop_collecting else ()) | frozenset({"offer"} if stop_offering else ()),
        targets=tuple(sorted(targets)),
        deletes=delete,
        deletes_unknown=delete_unknown,
        ends_contracts=end_contracts,
        authority=_line(authority),
        dated=_dated(dated, now),
        ends_at=_until(until, now),
    )


def _aims_somewhere(field: str, asked: bool, aimed: set[str], what: str) -> None:
    if asked and not aimed:
        raise WrongUse(
            f"the order demands something about {what}, and does not say which",
            Remedy.ADD_SOME_OF,
            field=field,
            values=("jurisdictions", *(("sources",) if what == "pictures" else ("clients", "client_classes"))),
        )


def _client_class(text: str) -> ClientClass:
    try:
        return ClientClass(text)
    except ValueError as error:
        raise WrongUse(
            f"{text!r} is not a class of client", Remedy.USE_ONE_OF, field="client_classes", values=tuple(ClientClass)
        ) from error


def _line(text: str) -> str:
    if not text.strip() or len(text) > 200 or not text.isprintable():
        raise WrongUse(
            "the authority is one printable line of 1 to 200 characters",
            Remedy.ADD_FIELD,
            field="authority",
            values=("Office of the Privacy Commissioner of Canada",),
        )
    return text.strip()


def _dated(text: str, now: datetime) -> str:
    day = _day("dated", text)
    if day > now.astimezone(UTC).date() + timedelta(days=1):  # where the sun rises first it is tomorrow already
        raise WrongUse(
            f"{text} is a day in the future, and the order has the date of its document; it binds once it is applied",
            field="dated",
        )
    return day.isoformat()


def _until(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    moment = datetime.combine(_day("until", text), time.max, tzinfo=UTC)  # the whole of that day still counts
    if moment <= now:
        raise WrongUse(f"the order would have expired already, on {text}", Remedy.USE_FUTURE_DATE, field="until")
    return moment


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WrongUse(f"{text!r} is not a date", Remedy.USE_FORMAT, field=field, values=("2021-02-02",)) from error
