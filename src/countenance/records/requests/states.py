"""The states of a request, as the records spell them; `rights/requests.py` says what each means."""

from __future__ import annotations

from typing import Final

OPEN: Final = "open"
VERIFIED: Final = "verified"
DECIDING: Final = "deciding"
DECIDED: Final = "decided"
WITHDRAWN: Final = "withdrawn"
