"""What is said to programs and in pages holds no path of the machine that serves."""

from __future__ import annotations

import re
from typing import Final

from countenance.app.settings import backups_folder
from countenance.app.wiring import Parts
from countenance.keys import master as masters

# An absolute path, where no URL or word stands before it. One with a blank in it is cut there: those that are known
# to be spoken of are replaced whole.
_ABSOLUTE: Final = re.compile(r"(?<![\w/.:~-])(?:~?/[\w.@+%~-]+)(?:/[\w.@+%~-]+)*")


def without_paths(parts: Parts, text: str) -> str:
    """The same sentence, with words in place of where things lie."""
    known = {str(masters.keyfile_path(parts.id)): "the key file", str(parts.path): "the home"}
    if (backups := backups_folder()) is not None:
        known[str(backups)] = "the folder for backups"
    for path in sorted(known, key=len, reverse=True):
        text = re.sub(re.escape(path) + r"(?![\w.-])", known[path], text)
    return _ABSOLUTE.sub("a path of its machine", text)
