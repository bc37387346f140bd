"""Writes src/countenance/data/iso3166.tsv from pycountry, which brings the lists of Debian's iso-codes.

python tools/iso3166.py
"""

from importlib.metadata import version
from pathlib import Path

import pycountry

FILE = Path(__file__).parents[1] / "src" / "countenance" / "data" / "iso3166.tsv"


def text() -> str:
    """A line a code, countries first: the code, its name, then other names of a country, apart by tabs."""
    origin = f"Debian's iso-codes by way of pycountry {version('pycountry')}"
    lines = [
        f"# The codes and names of ISO 3166-1 and 3166-2, from {origin}.",
        "# SPDX-License-Identifier: LGPL-2.1-only. Written by tools/iso3166.py.",
    ]
    for country in pycountry.countries:
        others = [getattr(country, field, "") for field in ("common_name", "official_name", "alpha_3")]
        lines.append("\t".join([country.alpha_2, country.name, *others]))
    lines += [f"{part.code}\t{part.name}" for part in pycountry.subdivisions]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
