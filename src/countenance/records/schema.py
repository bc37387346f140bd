"""The tables of `records.db`, which holds all but pixels and keys. `tables/` has them by domain.

Portable SQLAlchemy Core, so that PostgreSQL can follow behind the same code. Ids are small integers inside and random
uuids (`uid`, 16 bytes) outside: only a uid ever leaves, and only a uid is in the audit log, so that after an erasure
the log has a name for nothing.

Sealed columns (`template`, `crop_hash`) open only with the data key that `key_id` names; its store is another database.
A change here needs a migration (`records/migrations/versions`); a test compares the two.
"""

from __future__ import annotations

from typing import Final

from countenance.records.tables.access import *  # noqa: F403
from countenance.records.tables.base import *  # noqa: F403
from countenance.records.tables.erasure import *  # noqa: F403
from countenance.records.tables.guests import *  # noqa: F403
from countenance.records.tables.orders import *  # noqa: F403
from countenance.records.tables.people import *  # noqa: F403
from countenance.records.tables.pictures import *  # noqa: F403
from countenance.records.tables.requests import *  # noqa: F403
from countenance.records.tables.search import *  # noqa: F403
from countenance.records.tables.sources import *  # noqa: F403
from countenance.records.tables.upkeep import *  # noqa: F403

SCHEMA_REVISION: Final = "0007"  # newest in migrations/versions
