"""Removing what a killed command left behind: of an ingest, a source's evidence, a probe, a segment's key.

Run before every ingest. It looks at what the key ring has as in the making, noted there in the commit that makes a key
and until a row names it: nothing, but after a crash. `whole` compares everything with everything, a second for some
100,000 faces; `doctor` does that, if no ingest runs.
"""

from __future__ import annotations

import logging

from countenance.pipeline.stores import Stores

log = logging.getLogger(__name__)


def collect_garbage(stores: Stores, *, whole: bool = False) -> tuple[int, int]:
    """(blobs, keys) that no row names are gone. Only under the ingest lock.

    Whoever makes a key elsewhere shares `naming_keys`, or holds the segments' lock, until a row names it: so nothing in
    the making is taken for left over.
    """
    with stores.nothing_unnamed(), stores.segments.resting() as segment_keys:
        keys, blobs = stores.keys.unconfirmed()
        left_keys, left_blobs = set(keys), set(blobs)
        if whole:
            left_keys.update(stores.keys.ids())
            left_blobs.update(stores.blobs.names())
        if left_keys or left_blobs:  # else nothing need be read
            left_keys.difference_update(stores.records.gallery.key_ids(), segment_keys)
            left_blobs.difference_update(stores.records.gallery.blob_names())
            stores.blobs.delete_many(left_blobs)
            stores.keys.destroy(left_keys)
            stores.keys.confirm(keys, blobs=blobs)
            log.info("collected garbage: %d blobs, %d keys", len(left_blobs), len(left_keys))
    return len(left_blobs), len(left_keys)
