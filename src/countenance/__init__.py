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

    from countenance.app.erasure.receipts import check_file
    from countenance.app.home import Home as Home
    from countenance.app.home import open_home
    from countenance.app.looking import detect_faces as detect_faces
    from countenance.app.search.lookups import Comparison as Comparison
    from countenance.app.sources.ingests import Ingested as Ingested
    from countenance.app.upkeep.audit import check_export_file, check_log, check_proof_file
    from countenance.app.upkeep.restore import restore as restore
    from countenance.app.upkeep.witnessing import cosign as cosign
    from countenance.app.upkeep.witnessing import make_witness_key as make_witness_key
    from countenance.errors import *  # noqa: F403  # every error is the package's
    from countenance.present.faces_page import export_faces as export_faces

    open, verify_receipt = open_home, check_file  # noqa: A001  # countenance.open, as in the design
    verify_log, verify_proof, verify_export = check_log, check_proof_file, check_export_file

_FROM_APP = {
    "Comparison": "countenance.app.search.lookups:Comparison",
    "Home": "countenance.app.home:Home",
    "Ingested": "countenance.app.sources.ingests:Ingested",
    "cosign": "countenance.app.upkeep.witnessing:cosign",
    "detect_faces": "countenance.app.looking:detect_faces",
    "export_faces": "countenance.present.faces_page:export_faces",
    "make_witness_key": "countenance.app.upkeep.witnessing:make_witness_key",
    "open": "countenance.app.home:open_home",
    "restore": "countenance.app.upkeep.restore:restore",
    "verify_export": "countenance.app.upkeep.audit:check_export_file",
    "verify_log": "countenance.app.upkeep.audit:check_log",
    "verify_proof": "countenance.app.upkeep.audit:check_proof_file",
    "verify_receipt": "countenance.app.erasure.receipts:check_file",
}


def __getattr__(name: str) -> Any:
    """What `_FROM_APP` names, and every error of `countenance.errors`."""
    if name in _FROM_APP:
        from importlib import import_module

        module, _, found = _FROM_APP[name].partition(":")
        return getattr(import_module(module), found)
    if name[:1].isupper():
        from countenance import errors

        if hasattr(errors, name):
            return getattr(errors, name)
    raise AttributeError(f"module 'countenance' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What the package offers, for whoever looks around in it."""
    from countenance import errors

    raised = (name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, Exception))
    return sorted({*_FROM_APP, *raised, *(name for name in globals() if name.startswith("__"))})
