"""Clients of an organisation's home: who may search while the contract lasts. Seats, terms and cases join later.

Crash order of each act: the log, then one transaction with the row. A crash between the two leaves an entry for
something that did not come to be, and the command was not acknowledged.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from countenance import jurisdictions
from countenance.errors import WrongUse
from countenance.pipeline.stores import Stores
from countenance.remedies import Remedy
from countenance.types import Client, ClientClass, HomeKind


@dataclass(frozen=True, slots=True)
class ClientWorkflow:
    """The clients of one home."""

    stores: Stores

    def all(self) -> tuple[Client, ...]:
        """Every client, by name; also those whose contract is over."""
        return self.stores.records.clients.all()

    def get(self, name: str) -> Client:
        """Raises NotFound."""
        return self.stores.records.clients.get(name)

    def add(self, name: str, *, client_class: str, jurisdiction: str) -> Client:
        """The client may search from now on.

        Args: client_class: one of `ClientClass`; jurisdiction: where it is established, one code or "unknown".
        Raises: WrongUse: a household's home, a name that is taken or no line of print, no such class or code;
        LogUnwritable, StorageFailed.
        """
        if self.stores.kind is not HomeKind.ORGANISATION:
            raise WrongUse("a household's home has no clients", Remedy.USE_ORGANISATION_HOME)
        name = name.strip()
        if not name or len(name) > 200 or not name.isprintable():
            raise WrongUse("a client's name is one printable line of 1 to 200 characters")
        try:
            kind = ClientClass(client_class)
        except ValueError as error:
            raise WrongUse(
                f"{client_class!r} is not a class of client",
                Remedy.USE_ONE_OF,
                field="client_class",
                values=list(ClientClass),
            ) from error
        place = jurisdictions.parse(jurisdiction)
        if self.stores.records.clients.find(name) is not None:  # the records refuse it too, but after the log
            raise WrongUse(f"a client called {name!r} exists", Remedy.CHOOSE_ANOTHER_NAME, field="name")
        uid = uuid.uuid4()
        self.stores.log.append("client.added", {"client": str(uid), "class": str(kind), "jurisdiction": place})
        return self.stores.records.clients.add(
            uid=uid, name=name, client_class=kind, jurisdiction=place, at=self.stores.clock()
        )

    def end(self, name: str, *, by: str | None = None) -> Client:
        """The contract is over for good: the very next search of the client is refused, in every process.

        Ending it again changes nothing. by: the uuid of the order that ends it. Raises NotFound, LogUnwritable.
        """
        client = self.get(name)
        if client.ended_at is not None:
            return client
        self.stores.log.append("client.ended", {"client": client.uid, "order": by})
        return self.stores.records.clients.end_contract(client, self.stores.clock(), by=by)
