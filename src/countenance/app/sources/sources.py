"""Sources as JSON, for the command line and the service alike."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from countenance.present.labels import visible
from countenance.records.sources.sources import Source


def described(source: Source) -> dict[str, Any]:
    """A source with its grant."""
    grant = source.grant
    now = datetime.now(UTC)
    return {
        "name": source.name,
        "id": source.uid,
        "location": visible(os.fsdecode(source.location)),
        "jurisdictions": sorted(source.jurisdictions),
        "within": sorted(grant.jurisdictions),
        "basis": str(grant.basis),
        "purposes": sorted(grant.purposes),
        "state": str(grant.state(now)),
        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
        "days_left": (grant.expires_at - now).days if grant.expires_at else None,
        "erase_within_days": grant.erase_within_days,
        "evidence_sha256": grant.evidence_sha256,
        "terms": dict(grant.terms),
    }
