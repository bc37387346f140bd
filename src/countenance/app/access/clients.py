"""Clients as JSON, for the command line and the service alike."""

from __future__ import annotations

from typing import Any

from countenance.types import Client


def described(client: Client) -> dict[str, Any]:
    """A client as JSON."""
    return {
        "name": client.name,
        "id": client.uid,
        "class": str(client.client_class),
        "jurisdiction": client.jurisdiction,
        "contract": "active" if client.ended_at is None else "ended",
        "added_at": client.added_at.isoformat(timespec="seconds"),
        "ended_at": None if client.ended_at is None else client.ended_at.isoformat(timespec="seconds"),
        "ended_by": client.ended_by,  # the order that ended it; null: the operator
    }
