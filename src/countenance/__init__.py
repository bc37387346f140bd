"""Countenance: a face search engine that asks permission first.

    import countenance
    home = countenance.open("path/to/home")           # opens or makes it; a context manager
    home.add_source("album", "~/Pictures", basis="household", jurisdiction="CA-ON")
    report = home.ingest("album")
    result = home.search("probe.jpg", top=10)

Names are imported when they are first used: `import countenance` costs nothing.
"""

from __future__ import annotations

import os

from countenance.version import __version__ as __version__

# Nothing here calls home. ONNX Runtime 1.32's wheels do, once a process has run for some seconds (OneCollector at
# mobile.events.data.microsoft.com); it reads this when it is loaded, so it stands before anything can load it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

TYPE_CHECKING = False  # as type checkers read it; `typing` is slow to import, and `cli.entry` is to be there at once
if TYPE_CHECKING:
    from typing import Any

    from countenance.app.home import Home as Home
    from countenance.app.home import open_home as open  # noqa: A004, F401  # countenance.open, as in the design
    from countenance.app.search.lookups import Comparison as Comparison
    from countenance.app.sources.ingests import Ingested as Ingested
    from countenance.app.upkeep.restore import restore as restore
    from countenance.errors import *  # noqa: F403  # every error is the package's

_FROM_APP = {
    "Comparison": "countenance.app.search.lookups:Comparison",
    "Home": "countenance.app.home:Home",
    "Ingested": "countenance.app.sources.ingests:Ingested",
    "open": "countenance.app.home:open_home",
    "restore": "countenance.app.upkeep.restore:restore",
}


def __getattr__(name: str) -> Any:
    """`open`, `restore`, `Home`, `Ingested`, `Comparison` and every error of `countenance.errors`."""
    if name in _FROM_APP:
        from importlib import import_module

        module, _, found = _FROM_APP[name].partition(":")
        return getattr(import_module(module), found)
    if name[:1].isupper():
        from countenance import errors

        if hasattr(errors, name):
            return getattr(errors, name)
    raise AttributeError(f"module 'countenance' has no attribute {name!r}")
