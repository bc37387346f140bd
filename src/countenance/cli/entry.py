"""The program's first lines: until the command line is there to answer it, Ctrl-C ends the process without a word."""

from __future__ import annotations

import os
import signal

INTERRUPTED = 130


def main() -> None:
    """Run the command line (`cli.main`). While that is imported nothing has been done, and nothing need be told."""
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where the caller had it ignored
    if hears:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from countenance.cli.main import main as command_line

    if hears:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line()


if __name__ == "__main__":
    main()
