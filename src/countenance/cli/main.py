"""The command line's door: finds the command, runs it, and turns what was raised into a message and an exit code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any, Final

import click

from countenance import __version__
from countenance.cli.base import Group, Session
from countenance.errors import CountenanceError, SeveralFaces

# name -> module under countenance.cli; in the order of a user's way
COMMANDS: Final = {
    "init": "init",
    "source": "source",
    "ingest": "ingest",
    "search": "search",
    "detect": "detect",
    "compare": "compare",
    "erase": "erase",
    "status": "status",
    "doctor": "doctor",
    "log": "log",
    "demo": "demo",
    "completion": "completion",
}
INTERRUPTED: Final = 130


class LazyGroup(Group):
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

    \b
    Pictures enter under a grant: a recorded right to use them.
      countenance source add album ~/Pictures --basis household --jurisdiction CA-ON
      countenance ingest
      countenance search face.jpg

    What a search gives is a lead with its source and its odds, never an identification.

    Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused by policy, 4 not found, 130 interrupted.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    session = Session()
    try:
        status = cli.main(args=argv, prog_name="countenance", standalone_mode=False, obj=session)
    except CountenanceError as error:
        status = _tell(session, error.as_dict(), error.exit_code, error)
    except click.exceptions.Abort:
        status = INTERRUPTED
        click.echo("\ninterrupted; what was recorded stays, and running again goes on from there", err=True)
    except click.ClickException as error:
        hint = (
            f"`{error.ctx.command_path} --help` explains it"
            if isinstance(error, click.UsageError) and error.ctx
            else ""
        )
        as_dict = {"kind": "wrong_use", "message": error.format_message(), "hint": hint}
        status = _tell(session, as_dict, 2)
    except KeyboardInterrupt:
        status = INTERRUPTED
        click.echo("\ninterrupted; what was recorded stays, and running again goes on from there", err=True)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        as_dict = {"kind": "storage_failed", "message": f"{error.filename or 'a file'}: {error.strerror}", "hint": ""}
        status = _tell(session, as_dict, 1)
    sys.exit(status if isinstance(status, int) else 0)


def _tell(session: Session, error: dict[str, Any], status: int, raised: CountenanceError | None = None) -> int:
    if session.json:
        click.echo(json.dumps({"error": error}, ensure_ascii=False, indent=2))
        return status
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error['message']}", err=True)
    if isinstance(raised, SeveralFaces):
        for number, box in enumerate(raised.boxes):
            x1, y1, x2, y2 = (round(v) for v in box)
            click.echo(f"  --face {number}   {x2 - x1} x {y2 - y1} px at {x1}, {y1}", err=True)
    if error["hint"]:
        click.echo(f"  {error['hint']}", err=True)
    return status


if __name__ == "__main__":
    main()
