"""`countenance witness`: for somebody else, on another machine. Needs no home."""

from __future__ import annotations

from pathlib import Path

import click

from countenance.cli.base import CommandGroup, Session, pass_session


@click.group("witness", cls=CommandGroup, short_help="Cosign other people's logs, on another machine.")
def command() -> None:
    """Confirm that someone's log has only grown. A witness remembers the last checkpoint that it saw.

    \b
    countenance witness init witness.key --name witness.example.org
    countenance witness cosign request.txt --key witness.key \\
      --log-key KEY --state seen.json
    """


@command.command("init", short_help="Make a witness's key.")
@click.argument("keyfile", type=click.Path(path_type=Path))
@click.option("--name", required=True, metavar="NAME", help="The name of the witness, such as witness.example.org.")
@pass_session
def init(session: Session, keyfile: Path, name: str) -> None:
    """Make a key in KEYFILE and print its public key. The owner of the log must trust that key."""
    import countenance

    key = countenance.make_witness_key(keyfile, name)
    session.answer({"name": name, "key": key}, lambda: click.echo(key))


@command.command("cosign", short_help="Cosign a log's newest checkpoint.")
@click.argument("request", type=click.Path(path_type=Path))
@click.option("--key", "keyfile", required=True, type=click.Path(path_type=Path), help="The witness's key.")
@click.option("--log-key", required=True, metavar="KEY", help="The log's public key, from `countenance log key`.")
@click.option(
    "--state",
    required=True,
    type=click.Path(path_type=Path),
    help="The file that remembers the last checkpoint of this log.",
)
@pass_session
def cosign(session: Session, request: Path, keyfile: Path, log_key: str, state: Path) -> None:
    """Print the cosignature for REQUEST, if the log has only grown since the last one. `-` is standard input.

    The state file is written before the signature is printed. Keep this file: without it, the witness can't detect a
    rewritten log.
    """
    import countenance

    line = countenance.cosign(request, keyfile=keyfile, log_key=log_key, state=state)
    session.answer({"cosignature": line}, lambda: click.echo(line, nl=False))
