"""Removing what a killed command left behind: of an ingest, a source's evidence, a probe, a segment's key.

Run before every ingest and not only after one that was killed, since the others leave no trace in the records. A second
for some 100,000 faces.
"""

from __future__ import annotations

from countenance.pipeline.stores import Stores


def sweep(stores: Stores) -> tuple[int, int]:
    """(blobs, keys) that no row names are gone. Only under the ingest lock.

    Whoever makes a key elsewhere holds `naming_keys` or the segments' lock until a row names it, so that nothing in the
    making is taken for left over.
    """
    with stores.naming_keys(), stores.segments.resting() as segment_keys:
        named = set(stores.records.gallery.blob_names())
        blobs = [name for name in stores.blobs.names() if name not in named]
        needed = {*stores.records.gallery.key_ids(), *segment_keys}
        keys = [key for key in stores.keys.ids() if key not in needed]
        stores.blobs.delete_many(blobs)
        stores.keys.destroy(keys)
    return len(blobs), len(keys)
