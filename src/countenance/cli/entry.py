"""The program's first lines: until the command line is there to answer it, Ctrl-C ends the process without a word."""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line (`cli.main`). While that is imported nothing has been done, and nothing need be told."""
    _open_closed_streams()
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where the caller had it ignored
    if hears:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from countenance.cli.main import main as command_line

    if hears:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line()


def _open_closed_streams() -> None:
    """What the caller closed, as some supervisors do: else the first file to be opened took its number.

    To write to such a standard output fails, as it would have.
    """
    for name, flags, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8"))


if __name__ == "__main__":
    main()
