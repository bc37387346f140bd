"""What every command shares: its options, where its answer goes, and how an error ends it.

Only `click` is imported at the top, here and in every command's module: `countenance --help` must not wait.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from countenance.app.home import Home

T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """What the options before or after a command's name said."""

    home: str | None = None
    json: bool = False
    verbose: int = 0  # how often -v was given
    lines: bool = False  # JSON Lines: the command gives several documents, and an error is the last of them
    command: click.Command | None = None  # the one that runs: errors name its parameters

    def open(self, *, kind: str | None = None) -> Home:
        """The home that is meant."""
        from countenance.app.home import open_home

        return open_home(self.home, kind=kind)

    def public_key(self) -> str:
        """The public key of the home that is meant; none is made. Raises: WrongUse: there is no home."""
        from countenance.app import manifest as manifests
        from countenance.app.settings import Settings
        from countenance.errors import WrongUse
        from countenance.remedies import Remedy

        where = Settings.read(self.home).home
        if manifests.read(where) is None:
            raise WrongUse("there is no home here whose key could check it", Remedy.GET_TRUSTED_KEY, path=where)
        with self.open() as home:
            return home.audit.verifier_key()

    def answer(self, document: Mapping[str, Any], text: Callable[[], None]) -> None:
        """One JSON document on standard output, or what `text` prints. Raises: AnswerUnwritten."""
        try:
            if self.json:
                print_json(document, line=self.lines)
            else:
                text()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise AnswerUnwritten(error) from error

    def answer_list(
        self, name: str, items: Sequence[T], document: Callable[[T], Mapping[str, Any]], line: Callable[[T], str], *,
        none: str = "",
    ) -> None:  # fmt: skip
        """One JSON document with the items under `name`, or a line for each item; `none` if there are no items."""

        def text() -> None:
            for item in items:
                click.echo(line(item))
            if none and not items:
                click.echo(none)

        self.answer({name: [document(item) for item in items]}, text)


class AnswerUnwritten(Exception):
    """The command has done what it was to do, and its answer can't be written to standard output."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(f"the answer can't be written to standard output: {reason.strerror}")


def print_json(document: Mapping[str, Any], *, line: bool = False) -> None:
    """The document on standard output, in UTF-8 whatever the locale.

    A byte of a file name that was no UTF-8 (surrogateescape) is written as JSON's own escape, \\udc80 to \\udcff.
    """
    text = json.dumps(document, ensure_ascii=False, indent=None if line else 2, default=str)
    click.echo(text.encode("utf-8", "backslashreplace"))


pass_session = click.make_pass_decorator(Session, ensure=True)


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        if value:
            setattr(ctx.ensure_object(Session), name, value)

    return keep


def _log_to_stderr(ctx: click.Context, _param: click.Parameter, value: int) -> None:
    """Show the log of this process on standard error: its steps, or with a second -v its details."""
    session = ctx.ensure_object(Session)
    if value:
        import logging

        logger = logging.getLogger("countenance")
        if not session.verbose:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
            logger.addHandler(handler)
        session.verbose += value
        logger.setLevel(logging.INFO if session.verbose == 1 else logging.DEBUG)


def shared_options() -> list[click.Parameter]:
    """--home, --json and -v, as the group and each command take them: they may stand before or after its name."""
    return [
        click.Option(
            ["--home"],
            metavar="DIR",
            expose_value=False,
            callback=_keep("home"),
            is_eager=True,
            help="The home to use. Default: COUNTENANCE_HOME, or else your system's folder for user data.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_keep("json"),
            is_eager=True,
            help="Print one JSON document on standard output, and nothing else.",
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_log_to_stderr,
            is_eager=True,
            help="Print what happens, such as waiting for a lock, to standard error. -vv prints more.",
        ),
    ]


class Command(click.Command):
    """A command that also takes --home, --json and -v after its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += shared_options()

    def invoke(self, ctx: click.Context) -> Any:
        """Runs it; from now on errors are worded by its parameters."""
        ctx.ensure_object(Session).command = self
        return super().invoke(ctx)


class CommandGroup(click.Group):
    """A group whose commands take --home, --json and -v too, in the order in which they are written."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += shared_options()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the source, which is that of a user's way."""
        del ctx
        return list(self.commands)


def on_terminal() -> bool:
    """Somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def note(text: str) -> None:
    """A line to standard error, beside the answer."""
    click.echo(text, err=True)


def several(count: int, one: str, many: str | None = None) -> str:
    """'1 face', '2 faces'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
