"""The command line's door: finds the command, runs it, and turns what was raised into a message and an exit code."""

from __future__ import annotations

import errno
import importlib
import io
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from countenance import __version__
from countenance.cli.base import AnswerUnwritten, CommandGroup, Session, print_json
from countenance.errors import CountenanceError

# name -> module under countenance.cli; in the order of a user's way
COMMANDS: Final = {
    "init": "init",
    "source": "sources.source",
    "upload": "sources.upload",
    "ingest": "sources.ingest",
    "search": "search.search",
    "detect": "search.detect",
    "compare": "search.compare",
    "evaluate": "upkeep.evaluate",
    "duplicates": "search.duplicates",
    "client": "access.client",
    "guest": "guest",
    "person": "person",
    "order": "order",
    "erase": "erasure.erase",
    "receipt": "erasure.receipt",
    "retain": "erasure.retain",
    "request": "request",
    "model": "upkeep.model",
    "reindex": "upkeep.reindex",
    "status": "upkeep.status",
    "doctor": "upkeep.doctor",
    "log": "upkeep.log",
    "witness": "upkeep.witness",
    "backup": "upkeep.backup",
    "restore": "upkeep.restore",
    "keyring": "upkeep.keyring",
    "serve": "serve",
    "user": "access.user",
    "key": "access.key",
    "demo": "demo",
    "completion": "completion",
}
INTERRUPTED: Final = 130
_MOST_BOXES: Final = 16  # of several faces, in an error for people: a terminal of 24 lines keeps the message in sight
_DISK_REMEDIES: Final = {
    errno.ENOSPC: "free some space and run the same command again; no confirmed work is lost",
    errno.EDQUOT: "free some space and run the same command again; no confirmed work is lost",
    errno.EROFS: "the disk is mounted read-only; choose a path that can be written",
    errno.EACCES: "check the permissions of this user",
}


class LazyGroup(CommandGroup):
    """Imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"countenance.cli.{COMMANDS[cmd_name]}").command
        return found


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="countenance")
def cli() -> None:
    """A face search engine that asks permission first.

    Every picture is added under a grant: a recorded right to use it.

    \b
    countenance source add album ~/Pictures --basis household --jurisdiction CA-ON
    countenance ingest
    countenance search face.jpg

    A search returns leads, each with its source and its odds. A lead is never an identification.

    Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused by policy, 4 not found, 130 interrupted.
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    # Known before anything is parsed: an error in the options is a JSON document too.
    session = Session(json="--json" in itertools.takewhile(lambda arg: arg != "--", args))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's wish to end is a Ctrl-C
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that this terminal has no letters for breaks nothing
    sys.exit(_run(session, args))


def _run(session: Session, args: list[str]) -> int:
    """The exit code, after whatever was raised is told."""
    try:
        status = cli.main(args=args, prog_name="countenance", standalone_mode=False, obj=session, color=_color())
        sys.stdout.flush()  # what can't be written is told
        return status if isinstance(status, int) else 0
    except CountenanceError as error:
        from countenance.cli.remedies import door_of

        return _tell(session, door_of(session.command).document(error.as_dict()), error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        said = "interrupted; finished work is kept, and the same command continues from there"
        if isinstance(error.__context__, EOFError) and not sys.stdin.isatty():
            said = "nothing was done: this command asks a question, and nobody can answer it here"
        if session.json:
            return _tell(session, {"kind": "interrupted", "message": said, "hint": ""}, INTERRUPTED)
        click.echo(f"\n{said}", err=True)
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        if not session.json:
            click.echo(error.format_message(), err=True)
            return 2
        return _tell(session, _misused("a command is missing", error.ctx), 2)
    except click.ClickException as error:
        return _tell(session, _misused(error.format_message(), getattr(error, "ctx", None)), 2)
    except (SystemExit, BrokenPipeError):  # the reader of our output has gone, as `| head` does; click exits then
        _drop_output()
        return 0
    except AnswerUnwritten as error:
        hint = "what the command was to do is done; look before you run it again"
        return _tell(session, {"kind": "storage_failed", "message": str(error), "hint": hint}, 1)
    except UnicodeEncodeError as error:  # a byte of an argument, which a path may have and a name may not
        return _tell(session, _misused(f"{str(error.object)[:200]!r} is not text in UTF-8", None), 2)
    except OSError as error:
        what = f"{os.fsdecode(error.filename)}: {error.strerror}" if error.filename else f"{error.strerror}"
        hint = _DISK_REMEDIES.get(error.errno or 0, "")
        return _tell(session, {"kind": "storage_failed", "message": what, "hint": hint}, 1)


def _color() -> bool | None:
    """None: colours on a terminal and nowhere else. Source: no-color.org."""
    return False if os.environ.get("NO_COLOR") else None


def _misused(message: str, ctx: click.Context | None) -> dict[str, str]:
    hint = f"`{ctx.command_path} --help` explains it" if ctx else ""
    return {"kind": "wrong_use", "message": message, "hint": hint}


def _tell(session: Session, error: dict[str, Any], status: int) -> int:
    """The error, where it belongs; on standard error too where standard output can't take it."""
    try:
        if session.json:
            print_json({"error": error}, line=session.lines)
        sys.stdout.flush()
    except OSError:
        _drop_output()
    else:
        if session.json:
            return status
    from countenance.present.labels import visible  # a name in a message may hold what steers a terminal

    said = error["message"] + (f" ({error['path']})" if "path" in error else "")
    click.echo(f"{click.style('error:', fg='red', bold=True)} {visible(said)}", err=True, color=_color())
    boxes = error.get("boxes", [])
    for number, box in enumerate(boxes[:_MOST_BOXES]):
        x1, y1, x2, y2 = (round(v) for v in box)
        click.echo(f"  {error.get('field', '')} {number}   {x2 - x1} x {y2 - y1} px at {x1}, {y1}", err=True)
    if len(boxes) > _MOST_BOXES:
        click.echo(f"  ... and {len(boxes) - _MOST_BOXES} more; --json lists all of them", err=True)
    if error["hint"]:
        click.echo(f"  {visible(error['hint'])}", err=True)
    if error.get("partly"):
        from countenance.cli.remedies import PARTLY

        click.echo(f"  {PARTLY}", err=True)
    return status


def _drop_output() -> None:
    """What Python still holds of standard output goes nowhere, so that leaving raises nothing more."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open until the process ends


if __name__ == "__main__":
    main()
