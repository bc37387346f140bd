"""`countenance completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from countenance.cli.base import Command, Session, pass_session


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_session
def command(session: Session, shell: str) -> None:
    """Print the completion script for your shell.

    \b
    bash: countenance completion bash >> ~/.bashrc
    zsh:  countenance completion zsh >> ~/.zshrc
    fish: countenance completion fish >> ~/.config/fish/config.fish
    """
    from countenance.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "countenance", "_COUNTENANCE_COMPLETE").source()
    session.answer({"shell": shell, "script": script}, lambda: click.echo(script))
