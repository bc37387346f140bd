"""Lists in pages: a cursor names the last item that was given, so nothing is skipped or told twice when others join."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import Field

from countenance.api.shapes import Shape
from countenance.errors import WrongUse

T = TypeVar("T")
MOST = 1000

Limit = Annotated[int, Query(ge=1, le=MOST, description="The most items in the answer.")]
After = Annotated[str | None, Query(max_length=1000, description="The `next` of the previous page.")]


class Page(Shape, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(None, description="Pass it as `after` to get the next page. Null: this is the last page.")


def page(items: Iterable[T], key: Callable[[T], tuple[Any, ...]], limit: int, after: str | None) -> dict[str, Any]:
    """The `limit` items after the cursor, by `key`: JSON values that order the list and name an item.

    Raises WrongUse: no cursor of such a list.
    """
    ordered = sorted(items, key=key)
    if after is not None:
        last = _opened(after)
        try:
            ordered = [item for item in ordered if key(item) > last]
        except TypeError as error:
            raise _no_cursor() from error
    shown = ordered[:limit]
    if len(ordered) <= limit:
        return {"items": shown, "next": None}
    return {"items": shown, "next": base64.urlsafe_b64encode(json.dumps(key(shown[-1])).encode()).decode().rstrip("=")}


def _opened(cursor: str) -> tuple[Any, ...]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise _no_cursor() from error
    if not isinstance(found, list):
        raise _no_cursor()
    return tuple(found)


def _no_cursor() -> WrongUse:
    return WrongUse("the cursor is not of this list: send the value of next from the page before, unchanged")
