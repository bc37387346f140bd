"""Which collector goes with which source: the one place that knows the kinds of source."""

from __future__ import annotations

import os
from pathlib import Path

from countenance.collect.folder import FolderCollector
from countenance.collect.uploaded import UploadCollector
from countenance.pipeline.address import address_of
from countenance.pipeline.pictures.inbox import Inbox
from countenance.pipeline.stores import Stores
from countenance.protocols import Collector
from countenance.records.pictures.uploads import Upload
from countenance.records.sources.sources import Source

FOLDER, UPLOAD = "folder", "upload"


def collector_of(stores: Stores, source: Source, *, only: Upload | None = None) -> Collector:
    """The collector over the source; `only`: over one picture of those that were handed in."""
    if source.kind != UPLOAD:
        return FolderCollector(Path(os.fsdecode(source.location)))
    inbox = Inbox(stores, source)
    return UploadCollector(
        inbox.listed if only is None else lambda: inbox.one(only),
        inbox.opened,
        lambda place: address_of(source.location, place.encode("utf-8")),
    )
